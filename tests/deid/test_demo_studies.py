"""The demo studies: real DICOM, invented people, the same bytes for the same seed.

What the rest of the tests and a new user's first look stand on is itself proved here.
"""

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.uid import (
    BasicTextSRStorage,
    ComprehensiveSRStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    EncapsulatedPDFStorage,
    EnhancedMRImageStorage,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundMultiFrameImageStorage,
)
from pypdf import PdfReader

from studies.demo import DISC, DUPLICATE, NOT_DICOM, TRUNCATED, DemoStudy, make_studies
from tests import datasets

Made = tuple[Path, dict[str, DemoStudy]]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("demo")
    return root, {study.key: study for study in make_studies(root, scale="small")}


def objects(study: DemoStudy) -> list[Dataset]:
    return [dcmread(path) for path in study.files]


def every_object(made: Made) -> list[Dataset]:
    return [ds for study in made[1].values() for ds in objects(study)]


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_every_kind_of_object_is_there(small: Made) -> None:
    assert {ds.SOPClassUID for ds in every_object(small)} == {
        CTImageStorage,
        MRImageStorage,
        EnhancedMRImageStorage,
        UltrasoundMultiFrameImageStorage,
        SecondaryCaptureImageStorage,
        DigitalXRayImageStorageForPresentation,
        PositronEmissionTomographyImageStorage,
        BasicTextSRStorage,
        ComprehensiveSRStorage,
        EncapsulatedPDFStorage,
    }


def test_every_script_is_there_and_decodes(small: Made) -> None:
    _, studies = small
    names = {key: str(objects(study)[0].PatientName) for key, study in studies.items()}
    assert names["mr-brain"] == "Kakuu^Tarou=架空^太郎=かくう^たろう"
    assert names["ct-abdomen"] == "Jiaming^Shili=假名^示例"
    assert names["dx-chest"] == "Выдуманный^Пётр^Иванович"
    assert names["us-cine"] == "Inventado Núñez^María José"
    assert names["sc-screen"] == "Zmyślona^Łucja"
    for study in studies.values():
        for ds in objects(study):
            assert str(ds.PatientName) == study.patient.name
            assert ds.StudyInstanceUID == study.study_uid


def test_the_same_seed_writes_the_same_bytes(small: Made, tmp_path: Path) -> None:
    make_studies(tmp_path, scale="small")
    assert tree(tmp_path) == tree(small[0])


def test_a_second_run_into_the_same_folder_changes_nothing(tmp_path: Path) -> None:
    make_studies(tmp_path, scale="small")
    before = tree(tmp_path)
    make_studies(tmp_path, scale="small")
    assert tree(tmp_path) == before


def test_another_seed_shares_no_number_with_the_first(small: Made, tmp_path: Path) -> None:
    for other in make_studies(tmp_path, seed=2, scale="small"):
        first = small[1][other.key]
        assert not set(first.markers.ids) & set(other.markers.ids)
        assert not set(first.markers.uids) & set(other.markers.uids)
        assert not set(first.sop_instance_uids) & set(other.sop_instance_uids)


def test_two_studies_of_one_patient_keep_their_interval(small: Made) -> None:
    prior, current = small[1]["ct-prior"], small[1]["ct-current"]
    assert prior.patient == current.patient
    assert prior.visit.accession != current.visit.accession
    assert (current.visit.at.date() - prior.visit.at.date()).days == 343
    referenced = objects(current)[0].ReferencedStudySequence[0]
    assert referenced.ReferencedSOPInstanceUID == prior.study_uid


@pytest.mark.parametrize("seed", [1, 2, 3, 99])
def test_one_patient_is_ninety_three(tmp_path: Path, seed: int) -> None:
    studies = {s.key: s for s in make_studies(tmp_path, seed=seed, scale="small")}
    assert objects(studies["dx-chest"])[0].PatientAge == "093Y"


def test_markers_list_what_the_objects_hold(small: Made) -> None:
    for study in small[1].values():
        values = set(study.markers)
        for ds in objects(study):
            held = (
                ds.PatientID, ds.AccessionNumber, ds.StudyID, ds.StudyInstanceUID,
                ds.SeriesInstanceUID, ds.SOPInstanceUID, ds.PatientBirthDate, ds.StudyDate,
                ds.InstitutionName, ds.StationName, ds.OtherPatientIDsSequence[0].PatientID,
            )  # fmt: skip
            assert values >= {str(value) for value in held}
            assert values >= set(study.patient.name.split("="))


def test_names_are_burnt_into_every_frame_of_the_cine_and_into_the_capture(small: Made) -> None:
    for key in ("us-cine", "sc-screen"):
        assert small[1][key].burnt_in
        (ds,) = objects(small[1][key])
        pixels = ds.pixel_array
        for frame in pixels if pixels.ndim == 4 else pixels[None]:
            banner = frame[: ds.Rows // 9].astype(int)
            assert banner.max() - banner.min() > 150
            assert 0.01 < np.mean(banner.max(axis=2) > 180) < 0.5


def test_an_ultrasound_does_not_say_that_it_has_burnt_in_text(small: Made) -> None:
    (ds,) = objects(small[1]["us-cine"])
    assert "BurnedInAnnotation" not in ds


def test_private_blocks_hold_the_patient_where_manufacturers_put_it(small: Made) -> None:
    study = small[1]["ct-current"]
    siemens = objects(study)[0].private_block(0x0029, "SIEMENS CSA HEADER")
    assert siemens[0x20].value.startswith(b"SV10")
    assert study.patient.patient_id.encode() in siemens[0x20].value
    ge = objects(small[1]["ct-abdomen"])[0]
    assert ge.private_block(0x0043, "GEMS_PARM_01")[0x27].value == "0.984:1"


def test_the_letter_is_a_pdf_that_names_the_patient(small: Made) -> None:
    study = small[1]["pdf-letter"]
    (ds,) = objects(study)
    document = PdfReader(BytesIO(ds.EncapsulatedDocument), strict=True)
    assert study.patient.patient_id in document.pages[0].extract_text()
    assert study.patient.family in str(document.metadata and document.metadata.title)


def test_reports_name_people_in_text_person_and_date_items(small: Made) -> None:
    study = small[1]["ct-current"]
    report = objects(study)[-1]
    items = {item.ValueType: item for item in walk(report)}
    assert str(items["PNAME"].PersonName) == study.patient.name
    assert study.study_uid == items["UIDREF"].UID
    assert items["DATE"].Date == f"{study.patient.birth_date:%Y%m%d}"
    assert any(study.patient.family in i.TextValue for i in walk(report) if i.ValueType == "TEXT")


def walk(ds: Dataset) -> list[Dataset]:
    below = ds.get("ContentSequence", [])
    return [*below, *(item for child in below for item in walk(child))]


def test_pet_injection_and_acquisition_keep_their_distance(small: Made) -> None:
    ds = objects(small[1]["pet"])[0]
    tracer = ds.RadiopharmaceuticalInformationSequence[0]
    assert tracer.RadiopharmaceuticalStartDateTime[:8] == ds.AcquisitionDate
    assert ds.AcquisitionTime > tracer.RadiopharmaceuticalStartTime


def test_the_folder_holds_what_people_bring(small: Made) -> None:
    root, studies = small
    for name in NOT_DICOM:
        with pytest.raises(InvalidDicomError):
            dcmread(root / name)
    assert not (root / DISC / "VIEWER.EXE").read_bytes().startswith(b"MZ")
    assert (root / DUPLICATE).read_bytes() == studies["ct-current"].files[0].read_bytes()
    listed = {path for study in studies.values() for path in study.files}
    on_disk = {p for p in root.rglob("*") if p.is_file()}
    clutter = {root / name for name in (*NOT_DICOM, DUPLICATE, TRUNCATED, f"{DISC}/DICOMDIR")}
    assert on_disk == listed | clutter


def test_the_cut_file_ends_inside_its_pixels(small: Made) -> None:
    content = (small[0] / TRUNCATED).read_bytes()
    assert content[128:132] == b"DICM"
    ds = dcmread(BytesIO(content))
    assert 0 < len(ds.PixelData) < 2 * ds.Rows * ds.Columns


def test_the_dicomdir_leads_to_every_file_of_the_disc(small: Made) -> None:
    root, studies = small
    directory = dcmread(root / DISC / "DICOMDIR")
    records = {r.seq_item_tell: r for r in directory.DirectoryRecordSequence}
    first = directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity
    reached = [record for record in follow(records, first) if record.DirectoryRecordType == "IMAGE"]
    files = {root.joinpath(DISC, *parts(record)) for record in reached}
    assert files == {p for key in ("us-cine", "sc-screen") for p in studies[key].files}


def follow(records: dict[int, Dataset], offset: int) -> list[Dataset]:
    found = []
    while offset:
        record = records[offset]
        found.append(record)
        found.extend(follow(records, record.OffsetOfReferencedLowerLevelDirectoryEntity))
        offset = record.OffsetOfTheNextDirectoryRecord
    return found


def parts(record: Dataset) -> list[str]:
    value = record.ReferencedFileID
    return list(value) if isinstance(value, MultiValue) else [value]


def test_the_command_writes_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("make_demo_studies", str(tmp_path / "set"), "--scale", "small", "--seed", "5")
    assert "10 studies" in capsys.readouterr().out
    assert (tmp_path / "set" / DISC / "DICOMDIR").is_file()


def test_the_command_refuses_a_file_as_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="is not a folder"):
        call_command("make_demo_studies", str(tmp_path / "file"))


@pytest.mark.parametrize("kind", sorted(datasets.KINDS))
def test_test_objects_hold_their_markers(kind: str) -> None:
    markers = datasets.Markers()
    content = datasets.part10(datasets.KINDS[kind](markers))
    missing = [token for token in markers.tokens() if token.encode() not in content]
    assert missing == []
    assert dcmread(BytesIO(content)).PatientID == markers.patient_id


def test_markers_never_repeat() -> None:
    drawn = [token for _ in range(20) for token in datasets.Markers().tokens()]
    assert len(drawn) == len(set(drawn))


@pytest.mark.peers
@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
def test_an_independent_validator_finds_no_error(small: Made) -> None:
    for study in small[1].values():
        for path in study.files:
            done = subprocess.run(["dciodvfy", path], capture_output=True, check=False)
            said = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
            assert [line for line in said if line.startswith("Error")] == [], study.key


@pytest.mark.peers
@pytest.mark.parametrize("tool", ["dcmdump", "gdcminfo"])
def test_other_toolkits_open_every_file(small: Made, tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    for study in small[1].values():
        for path in study.files:
            done = subprocess.run([tool, path], capture_output=True, check=False)
            assert done.returncode == 0, study.key
