"""`python -m studies.deid IN OUT`: folders, report, key file, mapping, exit status."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from studies.deid.command import main

from .builders import FAMILY, PATIENT_ID, ROOT, base, ct, encoded


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "in"
    (source / f"{FAMILY} study").mkdir(parents=True)
    for number in (1, 2, 3):
        ds = ct(SOPInstanceUID=f"{ROOT}.1.1.{number}")
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        (source / f"{FAMILY} study" / f"IM{number}").write_bytes(encoded(ds))
    return tmp_path


def outputs(folder: Path) -> list[Path]:
    return sorted((folder / "out").rglob("*.dcm"))


def command(folder: Path, *more: str) -> int:
    return main([str(folder / "in"), str(folder / "out"), "--key-file", str(folder / "key"), *more])


def test_a_folder_is_written_by_new_uids_only(folder: Path, capsys) -> None:
    assert command(folder) == 0
    files = outputs(folder)
    assert len(files) == 3
    for path in files:
        ds = pydicom.dcmread(path)
        parts = path.relative_to(folder / "out").parts
        assert parts == (ds.StudyInstanceUID, ds.SeriesInstanceUID, f"{ds.SOPInstanceUID}.dcm")
    assert "3 deidentified, 0 held, 0 refused" in capsys.readouterr().out
    assert [path.name for path in (folder / "out").iterdir() if path.is_file()] == []


def test_the_report_lists_every_input_and_the_terminal_no_path(folder: Path, capsys) -> None:
    (folder / "in" / "notes.txt").write_text("no DICOM")
    (folder / "in" / "held").write_bytes(encoded(ct(Modality="US", SOPInstanceUID=f"{ROOT}.4")))
    report = folder / "report.json"
    assert command(folder, "--report", str(report), "--checksums") == 1
    entries = json.loads(report.read_text(encoding="utf-8"))
    assert len(entries) == 5
    states = {Path(entry["input"]).name: (entry["state"], entry["code"]) for entry in entries}
    assert states["notes.txt"] == ("refused", "not-dicom")
    assert states["held"] == ("held", "pixel-text-unchecked")
    for entry in entries:
        assert {"input", "output", "state", "code", "message"} <= set(entry)
        if entry["state"] == "deidentified":
            data = (folder / "out" / entry["output"]).read_bytes()
            assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert PATIENT_ID not in entry["message"]
    shown = "".join(capsys.readouterr())
    assert FAMILY not in shown
    assert "notes.txt" not in shown


def test_a_dicomdir_is_skipped_as_such(folder: Path) -> None:
    ds = base("1.2.840.10008.1.3.10")
    (folder / "in" / "DICOMDIR").write_bytes(encoded(ds))
    assert command(folder) == 0
    assert len(outputs(folder)) == 3


def test_the_same_key_file_gives_the_same_identities(folder: Path) -> None:
    assert command(folder) == 0
    first = {path.name: path.read_bytes() for path in outputs(folder)}
    assert (folder / "key").stat().st_mode & 0o777 == 0o600
    assert command(folder, "--workers", "2") == 0
    assert {path.name: path.read_bytes() for path in outputs(folder)} == first


def test_more_workers_do_the_same(folder: Path) -> None:
    for number in range(10, 90):
        ds = ct(SOPInstanceUID=f"{ROOT}.1.1.{number}")
        (folder / "in" / f"{number}").write_bytes(encoded(ds))
    assert command(folder, "--workers", "2") == 0
    assert len(outputs(folder)) == 83


def test_mapping_files_are_merged_over_runs(folder: Path) -> None:
    mapping = folder / "map"
    assert command(folder, "--mapping-csv", str(mapping)) == 0
    later = folder / "in" / "later"
    later.write_bytes(encoded(ct(PatientID="OTHER-9", SOPInstanceUID=f"{ROOT}.8")))
    for path in (folder / "in" / f"{FAMILY} study").iterdir():
        path.unlink()
    assert command(folder, "--mapping-csv", str(mapping)) == 0
    rows = {
        name: list(csv.DictReader((mapping / f"{name}_mapping.csv").read_text().splitlines()))
        for name in ("uid", "patid")
    }
    assert [row["id_old"] for row in rows["patid"]] == ["OTHER-9", PATIENT_ID]
    assert {f"{ROOT}.1.1.1", f"{ROOT}.8"} <= {row["id_old"] for row in rows["uid"]}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in mapping.iterdir())


def test_one_uid_with_two_contents_is_a_conflict(folder: Path) -> None:
    (folder / "in" / "again").write_bytes(encoded(ct(PixelData=bytes(128))))
    report = folder / "report.json"
    assert command(folder, "--report", str(report)) == 1
    codes = [entry["code"] for entry in json.loads(report.read_text())]
    assert codes.count("identity-conflict") == 1


def test_one_file_may_stand_in_place_of_a_folder(folder: Path) -> None:
    one = folder / "in" / f"{FAMILY} study" / "IM1"
    assert main([str(one), str(folder / "out"), "--key-file", str(folder / "key")]) == 0
    assert len(outputs(folder)) == 1


def test_options_and_profile_files_are_understood(folder: Path) -> None:
    profile = folder / "own.yaml"
    profile.write_text("name: own\nbase: basic\noptions: [retain-device-identity]\n")
    assert command(folder, "--profile", str(profile), "--option", "retain-full-dates") == 0
    assert pydicom.dcmread(outputs(folder)[0]).StudyDate == "20240314"


@pytest.mark.parametrize(
    "more",
    [
        ["--profile", "nowhere"],
        ["--option", "keep-everything"],
        ["--option", "retain-full-dates", "--option", "retain-modified-dates"],
        ["--option", "clean-recognizable-visual-features"],
        ["--workers", "-1"],
        ["--prefix", "lower"],
    ],
)
def test_wrong_use_ends_with_two(folder: Path, more: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as raised:
        command(folder, *more)
    assert raised.value.code == 2
    assert capsys.readouterr().err


def test_folders_that_cannot_be_right_are_wrong_use(folder: Path, capsys) -> None:
    (folder / "file").write_text("")
    for source, target in (("nowhere", "out"), ("in", "in"), ("in", "in/out"), ("in", "file")):
        with pytest.raises(SystemExit) as raised:
            main([str(folder / source), str(folder / target)])
        assert raised.value.code == 2
    capsys.readouterr()


def test_unreadable_files_are_reported_not_raised(folder: Path) -> None:
    if os.geteuid() == 0:
        (folder / "in" / "dangling").symlink_to(folder / "nowhere")
    else:
        (folder / "in" / "locked").write_bytes(b"")
        (folder / "in" / "locked").chmod(0)
    assert command(folder) in (0, 1)
    assert len(outputs(folder)) == 3


def test_it_runs_as_a_program_without_django(folder: Path) -> None:
    program = (
        "import sys, studies.deid.command as c; code = c.main(sys.argv[1:]);"
        " assert 'django' not in sys.modules; assert 'pydicom' not in sys.modules; sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder / "in"), str(folder / "out")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "No --key-file" in done.stderr


@pytest.mark.parametrize(("spoil", "status"), [(False, 0), (True, 1)])
def test_the_program_ends_with_its_status_and_has_said_all(
    folder: Path, spoil: bool, status: int
) -> None:
    if spoil:
        (folder / "in" / "note.txt").write_text("no DICOM")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "studies.deid", str(folder / "in"), str(folder / "out")),
            *("--report", str(folder / "report.json")),
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status
    assert done.stdout == f"3 deidentified, 0 held, {status} refused\n"
    assert ("input " in done.stderr) == spoil
    assert len(json.loads((folder / "report.json").read_text())) == 3 + status
