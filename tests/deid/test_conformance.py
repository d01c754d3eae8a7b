"""What leaves is DICOM to everyone: pydicom, DCMTK, GDCM open it; dciodvfy finds no new error.

Objects of every kind go through the engine in every transfer syntax that the installed tools can
write. An error that the input already had is not the engine's; a new one fails.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from studies.deid import KeyedIdentities, Outcome, builtin_profile, compile_plan, deidentify
from studies.demo import DemoStudy, make_studies
from tests import datasets
from tests.counts import PROVE

KEY = b"a key for tests, 32 bytes long.."
PROFILES = ("basic", "cloud", "teleradiology")
TOOLS = (
    "dcmdump",
    "gdcminfo",
    "dciodvfy",
    "dcmconv",
    "dcmcjpeg",
    "dcmcjpls",
    "dcmcrle",
    "gdcmconv",
)

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(
        any(shutil.which(tool) is None for tool in TOOLS),
        reason="DCMTK, GDCM tools and dicom3tools are not installed",
    ),
]

# How each transfer syntax is written, and whether 16-bit, 8-bit or no pixels can be put into it.
SYNTAXES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "explicit-little": ("1.2.840.10008.1.2.1", ("dcmconv", "+te"), "16 8 none"),
    "implicit-little": ("1.2.840.10008.1.2", ("dcmconv", "+ti"), "16 8 none"),
    "explicit-big": ("1.2.840.10008.1.2.2", ("dcmconv", "+tb"), "16 8 none"),
    "deflated": ("1.2.840.10008.1.2.1.99", ("dcmconv", "+td"), "16 8 none"),
    "undefined-lengths": ("1.2.840.10008.1.2.1", ("dcmconv", "+te", "-e"), "16 8 none"),
    "group-lengths": ("1.2.840.10008.1.2.1", ("dcmconv", "+te", "+g"), "16 8 none"),
    "jpeg-baseline": ("1.2.840.10008.1.2.4.50", ("dcmcjpeg", "+eb"), "8"),
    "jpeg-extended": ("1.2.840.10008.1.2.4.51", ("dcmcjpeg", "+ee"), "8"),
    "jpeg-lossless": ("1.2.840.10008.1.2.4.70", ("dcmcjpeg", "+e1"), "16 8"),
    "jpeg-ls": ("1.2.840.10008.1.2.4.80", ("dcmcjpls",), "16 8"),
    "jpeg-2000": ("1.2.840.10008.1.2.4.90", ("gdcmconv", "--j2k"), "16 8"),
    "rle": ("1.2.840.10008.1.2.5", ("dcmcrle",), "16 8"),
}


def eight_bit_radiograph(markers: datasets.Markers) -> Dataset:
    """A radiograph with 8-bit pixels, which baseline JPEG can hold, and no sign of text."""
    ds = datasets.dx(markers)
    narrow = bytes(value >> 4 for value in memoryview(ds.PixelData).cast("H"))
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
    ds.PixelData = narrow
    ds["PixelData"].VR = "OB"
    return ds


KINDS: dict[str, tuple[Callable[[datasets.Markers], Dataset], str]] = {
    "ct": (datasets.ct, "16"),
    "ge-ct": (datasets.ge_ct, "16"),
    "mr": (datasets.mr, "16"),
    "enhanced-mr": (datasets.enhanced_mr, "16"),
    "pet": (datasets.pet, "16"),
    "dx": (datasets.dx, "16"),
    "dx-8-bit": (eight_bit_radiograph, "8"),
    "sr": (datasets.sr, "none"),
    "comprehensive-sr": (datasets.comprehensive_sr, "none"),
}
SCRIPTS = {
    "latin": ("ISO_IR 100", "Inventado^José"),
    "cyrillic": ("ISO_IR 144", "Выдуманный^Пётр"),
    "japanese": (("", "ISO 2022 IR 87"), "Kakuu^Tarou=架空^太郎=かくう^たろう"),
    "korean": (("", "ISO 2022 IR 149"), "Gasang^Inmul=假像^人物=가상^인물"),
    "gb18030": ("GB18030", "Jiaming^Shili=假名^示例"),
    "utf-8": ("ISO_IR 192", "Zmyślona^Łucja"),
}


def pairs() -> Iterator[tuple[str, str]]:
    for kind, (_, pixels) in KINDS.items():
        for syntax, (_, _, able) in SYNTAXES.items():
            if pixels in able.split():
                yield kind, syntax


def transcoded(ds: Dataset, syntax: str, folder: Path) -> Path:
    """Write an object and have another toolkit put it into a transfer syntax."""
    uid, command, _ = SYNTAXES[syntax]
    plain, out = datasets.write(ds, folder / "plain.dcm"), folder / "input.dcm"
    run([*command, str(plain), str(out)])
    assert dcmread(out, stop_before_pixels=True).file_meta.TransferSyntaxUID == uid
    return out


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, check=False)
    text = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode == 0, f"{command[0]}: {text[-300:]}"
    return text


def deidentified(source: Path, target: Path, profile: str = "teleradiology") -> Outcome:
    plan = compile_plan(builtin_profile(profile))
    with source.open("rb") as reader, target.open("wb") as writer:
        outcome = deidentify(reader, writer, plan, KeyedIdentities(KEY))
    assert outcome.state == "deidentified", (outcome.code, outcome.where, outcome.message)
    return outcome


def errors(path: Path) -> set[str]:
    """What dciodvfy calls an error, without the values that it quotes."""
    if dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID.is_deflated:
        inflated = path.with_suffix(".inflated")  # the validator reads no deflated data set
        run(["dcmconv", "+te", str(path), str(inflated)])
        path = inflated
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, check=False)
    text = (done.stdout + done.stderr).decode("utf-8", "replace")
    found = [line for line in text.splitlines() if line.startswith("Error")]
    return {re.sub(r"= <[^>]*>", "= <…>", line) for line in found}


def assert_everyone_opens(source: Path, target: Path) -> None:
    """Read the output with three toolkits, decode all of it, and compare pixels and errors."""
    before, after = dcmread(source), dcmread(target)
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    assert after.SOPClassUID == before.SOPClassUID
    list(after.iterall())  # decodes every value; a wrong one is a warning, and so an error
    if "PixelData" in before:
        assert (after.pixel_array == before.pixel_array).all()
    again = BytesIO()
    after.save_as(again)
    run(["dcmdump", "-q", str(target)])
    run(["gdcminfo", str(target)])
    assert errors(target) - errors(source) == set()


@pytest.mark.parametrize(("kind", "syntax"), list(pairs()))
# Compressed by chance to as many bytes as uncompressed, which pydicom remarks upon.
@pytest.mark.filterwarnings("ignore:The number of bytes of compressed pixel data")
def test_every_kind_in_every_transfer_syntax(kind: str, syntax: str, tmp_path: Path) -> None:
    source = transcoded(KINDS[kind][0](datasets.Markers()), syntax, tmp_path)
    for profile in PROFILES if PROVE else ("teleradiology",):
        target = tmp_path / f"{profile}.dcm"
        deidentified(source, target, profile)
        assert_everyone_opens(source, target)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_under_every_profile(kind: str, profile: str, tmp_path: Path) -> None:
    source = datasets.write(KINDS[kind][0](datasets.Markers()), tmp_path / "input.dcm")
    deidentified(source, tmp_path / "output.dcm", profile)
    assert_everyone_opens(source, tmp_path / "output.dcm")


@pytest.mark.parametrize(
    "syntax", ["explicit-little", "implicit-little", "explicit-big", "deflated"]
)
@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_every_script_stays_readable(script: str, syntax: str, tmp_path: Path) -> None:
    character_set, name = SCRIPTS[script]
    terms = (character_set,) if isinstance(character_set, str) else character_set
    markers = datasets.Markers(character_set=terms, name=name)
    source = transcoded(datasets.ct(markers), syntax, tmp_path)
    target = tmp_path / "output.dcm"
    outcome = deidentified(source, target)
    assert_everyone_opens(source, target)
    assert outcome.originals.patient["PatientName"] == (name,)
    assert str(dcmread(target).PatientName).startswith("CloudStudy^")


def leaks(study: DemoStudy, whole: bytes) -> list[str]:
    """Every marker of a study that stands in the bytes, in any of the demo's encodings."""
    found = []
    kept = study.visit.station  # Retain Device Identity
    for marker in study.markers:
        for encoding in ("utf-8", "latin-1", "iso8859-5", "gb18030", "iso2022_jp"):
            try:
                raw = marker.encode(encoding)
            except UnicodeEncodeError:
                continue
            raw = raw.removeprefix(b"\x1b$B").removesuffix(b"\x1b(B")
            if len(raw) > 4 and marker != kept and raw in whole:
                found.append(marker)
    return found


def test_the_search_for_leaks_finds_them_in_every_script(tmp_path: Path) -> None:
    for study in make_studies(tmp_path, scale="small"):
        whole = b"".join(path.read_bytes() for path in study.files)
        found = set(leaks(study, whole))
        assert {*study.patient.name.split("="), study.study_uid, study.visit.accession} <= found


def test_the_demo_studies_leave_conformant_or_are_held(tmp_path: Path) -> None:
    """What may show text, and documents, wait for a person; all else leaves."""
    waiting = set()
    for study in make_studies(tmp_path / "demo", scale="small"):
        for number, source in enumerate(study.files):
            target = tmp_path / f"{study.key}-{number}.dcm"
            plan = compile_plan(builtin_profile("teleradiology"))
            with source.open("rb") as reader, target.open("wb") as writer:
                outcome = deidentify(reader, writer, plan, KeyedIdentities(KEY))
            if outcome.state == "deidentified":
                assert_everyone_opens(source, target)
                assert leaks(study, target.read_bytes()) == [], study.key
            else:
                assert outcome.code in ("pixel-text-unchecked", "document-unchecked")
                waiting.add(study.key)
    assert waiting == {"us-cine", "sc-screen", "pdf-letter"}


def test_two_instances_of_a_series_stay_one_series(tmp_path: Path) -> None:
    markers = datasets.Markers()
    outputs = []
    for number in (1, 2):
        source = datasets.write(datasets.ct(markers, number=number), tmp_path / f"in{number}.dcm")
        deidentified(source, tmp_path / f"out{number}.dcm")
        outputs.append(dcmread(tmp_path / f"out{number}.dcm"))
    one, two = outputs
    assert one.SeriesInstanceUID == two.SeriesInstanceUID
    assert one.StudyInstanceUID == two.StudyInstanceUID
    assert one.FrameOfReferenceUID == two.FrameOfReferenceUID
    assert one.SOPInstanceUID != two.SOPInstanceUID
    assert (one.PatientID, one.AccessionNumber) == (two.PatientID, two.AccessionNumber)
