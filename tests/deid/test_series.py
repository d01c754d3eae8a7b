"""A series' common elements come from memory: never another patient's, and never unasked.

Everything that a run with memory gives out is compared with what an engine gives that has seen
nothing before.
"""

import io
import random
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filereader import data_element_generator
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian

from studies.deid import (
    Held,
    KeyedIdentities,
    Option,
    Outcome,
    builtin_profile,
    compile_plan,
    engine,
    filemeta,
    risk,
    survey,
)
from studies.deid.command import main
from studies.deid.pixels import Box, PixelPolicy
from studies.deid.plan import Plan
from studies.deid.series import FREE
from tests.counts import count

from .builders import FAMILY, ROOT, ct, encoded, run

PEOPLE = (
    ("Quillfeather^Ambrosine", "QF-8841207", "19610823"),
    ("Quillfeather^Benedicta", "QF-8841208", "19610824"),  # equal lengths: only bytes differ
    ("Strandhaug^Ole", "77120", "19400101"),
)
KEYS = (b"0123456789abcdef0123456789abcdef", b"fedcba9876543210fedcba9876543210")
PROFILES = {
    "basic": builtin_profile("basic"),
    "cloud": builtin_profile("cloud"),
    "teleradiology": builtin_profile("teleradiology"),
    "uids": builtin_profile("basic").with_options(Option.RETAIN_UIDS),
}


# Caches of the standard's tables, which hold nothing of a data set.
TABLES = frozenset(("clinical", "dataset", "plan", "profile", "resolve", "survey", "walk"))

Work = tuple[bytes, int, tuple[str, str] | None]


@st.composite
def one_series(draw: st.DrawFn) -> list[Work]:
    """Draw some instances of one series of one shape, whose key, and maybe an entered id."""
    who, study, series = draw(st.tuples(*[st.integers(0, 2)] * 3))
    root = f"{ROOT}.{who}.{study}.{series}"
    name, patient_id, birth = PEOPLE[who]
    comment = draw(st.sampled_from(["", "axial", f"for {FAMILY}", "for Strandhaug"]))
    has_reference, has_private, has_author = draw(st.tuples(*[st.booleans()] * 3))
    author_changes, comment_changes = draw(st.tuples(*[st.booleans()] * 2))
    syntax = draw(st.sampled_from(["", ImplicitVRLittleEndian]))
    key, entered = draw(st.integers(0, 1)), draw(st.sampled_from([None, None, ("ENTERED-1", "S")]))
    made: list[Work] = []
    for number in draw(st.lists(st.integers(1, 120), min_size=1, max_size=5)):
        ds = ct(PatientName=name, PatientID=patient_id, PatientBirthDate=birth)
        ds.StudyInstanceUID, ds.SeriesInstanceUID = root.rpartition(".")[0], root
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{root}.{number}"
        ds.InstanceNumber, ds.ContentTime = str(number), f"1012{number % 60:02d}"
        ds.AcquisitionDateTime = f"202403{14 + number // 100}{number % 24:02d}0000"
        ds.ImageComments = f"{comment} {number}" if comment_changes else comment
        if has_reference:
            ds.ReferencedImageSequence = Sequence([Dataset()])
            ds.ReferencedImageSequence[0].ReferencedSOPClassUID = ds.SOPClassUID
            ds.ReferencedImageSequence[0].ReferencedSOPInstanceUID = f"{root}.{number + 1}"
        if has_private:
            block = ds.private_block(0x0019, "GEMS_ACQU_01", create=True)
            block.add_new(0x02, "SL", number)
            block.add_new(0x99, "LO", f"{name} {number}")
        if has_author:
            ds.ReferringPhysicianIdentificationSequence = Sequence([Dataset()])
            author = "Rook^Ada" if author_changes and number % 2 else "Lark^Bo"
            ds.ReferringPhysicianIdentificationSequence[0].ReferringPhysicianName = author
            ds.SeriesDescription = "axial for Rook"
        made.append((encoded(ds, syntax), key, entered))
    return made


def forget() -> None:
    """Forget everything that the engine has learned of data sets in this process."""
    for name, module in list(sys.modules.items()):
        if name.startswith("studies.deid.") and name.rpartition(".")[2] not in TABLES:
            for found in vars(module).values():
                if hasattr(found, "cache_clear"):
                    found.cache_clear()
    filemeta._KNOWN.clear()


def told(outcome: Outcome) -> tuple[object, ...]:
    """Return all that an outcome says."""
    ours = outcome.originals
    return (
        *(outcome.state, outcome.code, outcome.where, outcome.message, outcome.sop_instance_uid),
        *(outcome.series_instance_uid, outcome.study_instance_uid, outcome.instance_number),
        *(outcome.series_number, outcome.modality, outcome.body_part, outcome.sop_class_uid),
        *(outcome.cloud_study_id, outcome.cloud_patient_id, outcome.size, outcome.sha256),
        *(outcome.transfer_syntax_uid, outcome.risk, outcome.pixels, list(outcome.changes)),
        *(ours.patient, ours.study, sorted(ours.dates), ours.uids, ours.sop_instance_uid),
        *(ours.series_instance_uid, ours.study_instance_uid, ours.frame_of_reference_uids),
    )


@settings(max_examples=count(30, 1500), deadline=None)
@given(
    batch=st.lists(one_series(), min_size=1, max_size=4).map(lambda all: list(chain(*all))),
    order=st.randoms(use_true_random=False),
    profile=st.sampled_from(list(PROFILES)),
)
def test_what_comes_from_memory_is_what_the_whole_way_gives(
    batch: list[Work], order: random.Random, profile: str
) -> None:
    """Patients, series, keys and entered ids in any order: byte for byte what each gives alone."""
    alone = {}
    for data, key, entered in set(batch):
        forget()
        identities = KeyedIdentities(KEYS[key], prefix="TEST")
        outcome, output = run(data, Plan(PROFILES[profile]), identities, patient=entered)
        alone[data, key, entered] = told(outcome), output
    work = batch * 2
    order.shuffle(work)
    shared, ours = Plan(PROFILES[profile]), [KeyedIdentities(key, prefix="TEST") for key in KEYS]
    for data, key, entered in work:
        outcome, output = run(data, shared, ours[key], patient=entered)
        assert (told(outcome), output) == alone[data, key, entered]


def series(**attributes: object) -> list[bytes]:
    """Return four instances of one series that differ in UID, number and time."""
    made = []
    for number in range(1, 5):
        ds = ct(InstanceNumber=str(number), ContentTime=f"10120{number}", **attributes)
        ds.SOPInstanceUID = f"{ROOT}.1.1.{number}"
        made.append(encoded(ds))
    return made


def test_from_the_third_instance_on_memory_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two instances teach what is equal; the next ones do not go the whole way."""
    looked: list[object] = []
    whole_way = engine.look
    monkeypatch.setattr(engine, "look", lambda source: (looked.append(1), whole_way(source))[1])
    plan = Plan(PROFILES["basic"])
    outputs = {run(data, plan)[1] for data in series()}
    assert (len(looked), len(outputs)) == (2, 4)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientID", "QF-8841209"),
        ("PatientName", "Quillfeather^Ambrosina"),
        ("StudyInstanceUID", f"{ROOT}.2"),
        ("IssuerOfPatientID", "ELSEWHERE"),
        ("ReferringPhysicianName", "Thistlewood^Barnabas"),
        ("SpecificCharacterSet", "ISO_IR 192"),
        ("BurnedInAnnotation", "YES"),
        ("PatientIdentityRemoved", "NO"),
    ],
)
def test_one_change_of_context_goes_the_whole_way(keyword: str, value: str) -> None:
    """Who and what an instance is must be equal to the last byte, else nothing is taken."""
    plan = Plan(PROFILES["teleradiology"])
    for data in series():
        run(data, plan)
    other = series(**{keyword: value})[3]
    assert run(other, plan)[1] == run(other, Plan(PROFILES["teleradiology"]))[1]


def test_identities_are_asked_for_every_instance() -> None:
    """An identity that changes its mind, or holds a patient, is heard at the very next instance."""

    class Changing(KeyedIdentities):
        key = 0

        def uid(self, uid: str) -> str:
            return f"{super().uid(uid)}{self.key}"

        def patient(self, patient_id: str, issuer: str) -> str:
            if self.key > 1:
                raise Held("identity-conflict", "Two patients share this id.")
            return super().patient(patient_id, issuer)

    plan, identities = Plan(PROFILES["basic"]), Changing(KEYS[0], prefix="TEST")
    first = [run(data, plan, identities)[0].study_instance_uid for data in series()]
    identities.key = 1
    later, _output = run(series()[3], plan, identities)
    assert later.study_instance_uid == first[0][:-1] + "1"
    identities.key = 2
    held, _output = run(series()[3], plan, identities)
    assert (held.state, held.code) == ("held", "identity-conflict")


def alike(number: int, **attributes: object) -> Dataset:
    """Return an instance whose UID, number and time differ from those of others."""
    ds = ct(InstanceNumber=str(number), ContentTime=f"1012{number:02d}", **attributes)
    ds.SOPInstanceUID = f"{ROOT}.1.1.{number}"
    return ds


def assert_as_alone(before: list[Dataset], ds: Dataset, **more: object) -> bytes:
    """Check that an instance comes out behind others as it does alone; return its output."""
    plan = Plan(PROFILES["basic"])
    for other in before:
        assert run(other, plan)[0].state == "deidentified"
    assert plan.series[0].steps
    outcome, output = run(ds, plan, **more)  # type: ignore[arg-type]
    alone, expected = run(ds, Plan(PROFILES["basic"]), **more)  # type: ignore[arg-type]
    assert (told(outcome), output) == (told(alone), expected)
    return output


def test_a_name_in_an_element_that_differs_is_still_caught() -> None:
    """The second net is cast over what is not taken from memory."""
    before = [alike(number, ScanOptions=f"AXIAL {number}") for number in range(1, 5)]
    output = assert_as_alone(before, alike(9, ScanOptions=FAMILY.upper()))
    assert FAMILY.upper().encode() not in output
    assert pydicom.dcmread(io.BytesIO(output)).ScanOptions == "REMOVED"


def test_a_name_that_only_this_instance_knows_is_looked_for_in_what_is_remembered() -> None:
    """A new identifying value makes all that is kept suspicious again."""

    def authored(number: int, author: str) -> Dataset:
        ds = alike(number, ScanOptions="ROOKWOOD")
        ds.ReferringPhysicianIdentificationSequence = Sequence([Dataset()])
        item = ds.ReferringPhysicianIdentificationSequence[0]
        item.ReferringPhysicianName = author
        item.NumberOfFrames = str(number)
        return ds

    before = [authored(number, "Larkspur^Bo") for number in range(1, 5)]
    output = assert_as_alone(before, authored(9, "Rookwood^Ada"))
    assert b"ROOKWOOD" not in output


def test_the_date_of_acquisition_is_looked_for_in_what_is_remembered() -> None:
    """The time may differ, the day may not: it may stand elsewhere."""

    def taken(number: int, day: str) -> Dataset:
        return alike(number, ScanOptions="20240427", AcquisitionDateTime=f"{day}{number:02d}0000")

    before = [taken(number, "20240426") for number in range(1, 5)]
    output = assert_as_alone(before, taken(9, "20240427"))
    assert b"20240427" not in output


def test_what_is_recorded_of_private_data_is_of_this_instance() -> None:
    """(0008,0300) lists the safe elements that are here, not those of others of the series."""

    def made(number: int, *lows: int) -> bytes:
        ds = alike(number)
        block = ds.private_block(0x2001, "Philips Imaging DD 001", create=True)
        for low in lows:
            block.add_new(low, "FL", float(number))
        return encoded(ds)

    plan = Plan(PROFILES["teleradiology"])
    for number in range(1, 5):
        run(made(number, 0x03), plan)
    assert plan.series[0].steps
    other = made(9, 0x03, 0x09)
    alone = run(other, Plan(PROFILES["teleradiology"]))
    assert run(other, plan)[1] == alone[1]
    assert alone[1] != run(made(9, 0x03), plan)[1]


def test_an_id_that_a_person_entered_is_for_that_instance_alone() -> None:
    """What is remembered of instances with their own id serves none with an entered one."""
    before = [alike(number) for number in range(1, 5)]
    own = assert_as_alone(before, alike(9))
    entered = assert_as_alone(before, alike(9), patient=("ENTERED-7", ""))
    assert own != entered


def test_what_a_person_drew_on_one_instance_is_blanked_in_a_known_series() -> None:
    teleradiology = compile_plan(PROFILES["teleradiology"])
    box = Box(0, 0, 4, 4, because="person")
    drawn = PixelPolicy(finder=None, person_boxes=(box,))
    for number in range(1, 7):
        ds = ct(InstanceNumber=str(number), SOPInstanceUID=f"{ROOT}.1.1.{number}")
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        outcome, out = run(ds, teleradiology, pixels=drawn if number in (4, 5) else None)
        assert outcome.pixels is not None
        after = pydicom.pixels.pixel_array(pydicom.dcmread(io.BytesIO(out)), raw=True)
        before = pydicom.pixels.pixel_array(ds, raw=True)
        if number in (4, 5):
            assert outcome.pixels.state == "blanked"
            assert len(np.unique(after[:4, :4])) == 1
            assert np.array_equal(after[4:], before[4:])
        else:
            assert outcome.pixels.state == "not-at-risk"
            assert np.array_equal(after, before)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("BurnedInAnnotation", "YES"), ("Modality", "US"), ("SeriesDescription", "DOSE REPORT")],
)
def test_evidence_of_text_counts_in_a_known_series(keyword: str, value: str) -> None:
    teleradiology = compile_plan(PROFILES["teleradiology"])
    usual = {"BurnedInAnnotation": "NO", "Modality": "CT", "SeriesDescription": "CHEST AXIAL"}
    for number in range(1, 6):
        ds = ct(InstanceNumber=str(number), SOPInstanceUID=f"{ROOT}.1.1.{number}", **usual)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        if number == 5:
            setattr(ds, keyword, value)
        outcome, _out = run(ds, teleradiology)
        code = "pixel-text-unchecked" if number == 5 else ""
        assert outcome.code == code
        assert outcome.pixels is not None


def test_all_that_evidence_of_text_asks_for_is_compared() -> None:
    asked = {*risk.ASKED, *risk.SIZE, *risk.OVERLAY_BITS, 0x00280008}
    assert asked <= set(survey.NOTED)
    assert asked.isdisjoint(FREE)


def test_an_instance_that_names_itself_twice_is_held_as_ever() -> None:
    """A UID that stands there twice, and differs, is no element that may differ."""
    plan = Plan(PROFILES["basic"])
    uid = b"\x08\0\x18\0UI"
    made = []
    for data in series():
        start = data.index(uid)
        end = start + 8 + int.from_bytes(data[start + 6 : start + 8], "little")
        made.append(data[:end] + data[start:end] + data[end:])
    for data in made:
        assert run(data, plan)[0].state == "deidentified"
    start = made[0].rindex(uid)
    length = int.from_bytes(made[0][start + 6 : start + 8], "little")
    twice = made[0][: start + 7 + length] + b"7" + made[0][start + 8 + length :]
    assert run(twice, plan)[0].code == "malformed"


def test_memory_is_bounded() -> None:
    """Few samples are kept, and none of a file that is large."""
    plan = Plan(PROFILES["basic"])
    for number in range(20):
        run(ct(SeriesInstanceUID=f"{ROOT}.1.{number}"), plan)
    assert len(plan.series) == 8
    assert run(ct(PixelData=bytes(1 << 20), Rows=1024, Columns=512), plan)[0].state != "refused"
    assert all(len(sample.header.found.buf) < 1 << 19 for sample in plan.series)


@pytest.mark.parametrize("syntax", ["", ImplicitVRLittleEndian])
def test_what_is_written_stands_in_the_order_of_tags(syntax: str) -> None:
    """Marks come to their places, behind the last element that is changed, too."""
    for profile in PROFILES.values():
        _outcome, output = run(encoded(ct(), syntax), Plan(profile))
        stream = io.BytesIO(output)
        stream.seek(144 + int.from_bytes(output[140:144], "little"))
        tags = [e.tag for e in data_element_generator(stream, bool(syntax), True)]
        assert tags == sorted(tags)


def test_one_run_over_mixed_patients_writes_what_runs_of_one_file_write(tmp_path: Path) -> None:
    """The command, as people run it: a process for each file against one for all."""
    source, together, apart = tmp_path / "in", tmp_path / "together", tmp_path / "apart"
    source.mkdir()
    for number in range(12):
        name, patient_id, birth = PEOPLE[number % 3]
        ds = ct(PatientName=name, PatientID=patient_id, PatientBirthDate=birth)
        ds.StudyInstanceUID = f"{ROOT}.{number % 3}"
        ds.SOPInstanceUID = f"{ROOT}.{number % 3}.1.{number}"
        ds.InstanceNumber = str(number)
        (source / f"IM{number}").write_bytes(encoded(ds))
    key = ["--key-file", str(tmp_path / "key"), "--workers", "1"]
    assert main([str(source), str(together), *key]) == 0
    for path in source.iterdir():
        forget()
        compile_plan(builtin_profile("basic")).series = []
        assert main([str(path), str(apart), *key]) == 0
    assert _files(together) == _files(apart)
    assert len(_files(together)) == 12


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
