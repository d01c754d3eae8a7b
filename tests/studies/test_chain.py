"""A batch from the hospital's folder to the reader's, and the report back, all through services."""

import io
import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from django.core import mail
from django.utils import timezone

from audit.models import Event
from studies import jobs
from studies.delivery.manifest import is_signed
from studies.faults import PermanentError
from studies.models import (
    Batch,
    BatchState,
    Chunk,
    IllegalTransition,
    Instance,
    InstanceState,
    Manifest,
    PixelCheck,
    ReportState,
    Role,
    Study,
)
from studies.services import batches, places, releasing, restoring, returning, review, signing
from studies.services.reidentification import Request, reidentify
from studies.vault import service as vault
from tests import datasets
from tests.studies.finders import text_finder
from tests.studies.hospital import Hospital, counts, delivered_files, make_hospital, work_off

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
]


@pytest.fixture
def hospital(tmp_path: Path, settings) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    return make_hospital(tmp_path)


def put_study(hospital: Hospital, name: str, objects: list, **more: bytes) -> None:
    folder = hospital.inbox / name
    datasets.write_series(folder, objects)
    for file, content in more.items():
        (folder / file).write_bytes(content)


def test_a_clean_batch_goes_from_folder_to_folder_and_its_manifest_says_so(hospital) -> None:
    markers = datasets.Markers()
    put_study(
        hospital, "one", [datasets.ct(markers, number=n) for n in range(1, 6)], notes=b"no dicom"
    )

    batch = hospital.submit()
    work_off()
    batch.refresh_from_db()
    assert batch.state == BatchState.REVIEW
    assert counts(batch) == {"deidentified": 5, "skipped": 1}

    releasing.release(batch, hospital.viewer(Role.COORDINATOR).actor)
    jobs.continue_batch(batch)
    work_off()
    batch.refresh_from_db()
    assert batch.state == BatchState.DELIVERED
    assert counts(batch) == {"delivered": 5, "skipped": 1}

    files = delivered_files(hospital, batch)
    study = Study.objects.get(batch=batch)
    assert len(files) == 5
    for path in files:
        sent = pydicom.dcmread(path)
        assert sent.PatientID == f"NORTH-{study.cloud_patient_id}"
        assert str(sent.PatientName) == f"CloudStudy^{study.cloud_patient_id}"
        assert sent.AccessionNumber == sent.StudyID == study.cloud_study_id
        assert sent.PatientIdentityRemoved == "YES"
        assert path.parts[-3] == study.cloud_study_id
        assert path.stem == sent.SOPInstanceUID

    folder = hospital.outbox / str(batch.pk)
    body = (folder / "manifest.json").read_bytes()
    said = json.loads(body)
    assert said["Version"] == "1.0"
    assert said["TotalImages"] == 5
    assert said["Studies"][0]["CloudStudyId"] == study.cloud_study_id
    signature = (folder / "manifest.json.sig").read_bytes()
    assert is_signed(body, signature, signing.signer().public_key)
    assert bytes(Manifest.objects.get(batch=batch).body) == body


def test_what_is_held_keeps_the_batch_until_a_person_decides(hospital) -> None:
    markers = datasets.Markers()
    put_study(hospital, "one", [datasets.ct(markers, number=1), datasets.capture(markers)])
    batch = hospital.submit()
    work_off()
    batch.refresh_from_db()
    assert counts(batch) == {"deidentified": 1, "held": 1}
    actor = hospital.viewer(Role.COORDINATOR).actor

    with pytest.raises(PermanentError) as refused:
        releasing.release(batch, actor)
    assert refused.value.code == "held-remaining"

    held = Instance.objects.get(batch=batch, state=InstanceState.HELD)
    assert held.code == "pixel-text-unchecked"
    with pytest.raises(PermanentError):
        review.exclude(batch, [held.number], "  ", actor)
    assert review.exclude(batch, [held.number], "not needed", actor) == 1
    assert review.restore(batch, [held.number], actor) == 1
    held.refresh_from_db()
    assert held.state == InstanceState.HELD
    review.exclude(batch, [held.number], "not needed", actor)
    releasing.release(batch, actor)
    jobs.continue_batch(batch)
    work_off()
    batch.refresh_from_db()
    assert batch.state == BatchState.DELIVERED
    assert counts(batch) == {"delivered": 1, "excluded": 1}


def test_names_burnt_into_pictures_are_blanked_before_they_leave(hospital, settings) -> None:
    markers = datasets.Markers()
    capture = datasets.capture(markers, rows=300, columns=500)
    cine = datasets.us(markers, rows=300, columns=500, frames=3, SOPInstanceUID="1.2.826.0.77")
    put_study(hospital, "one", [capture, cine, datasets.ct(markers, number=9)])
    with text_finder(settings):
        batch = hospital.submit(release="when-clean")
        work_off()
    assert counts(batch) == {"delivered": 3}
    checks = list(PixelCheck.objects.filter(batch=batch))
    assert {check.state for check in checks} == {"blanked"}
    assert {check.frames for check in checks} == {1, 3}
    assert set(Instance.objects.filter(batch=batch).values_list("pixels", flat=True)) == {
        "blanked",
        "not-at-risk",
    }
    for path in delivered_files(hospital, batch):
        sent = pydicom.dcmread(path)
        if sent.Modality == "CT":
            continue
        assert sent.BurnedInAnnotation == "NO"
        original = capture if sent.Modality == "OT" else cine
        check = next(one for one in checks if one.frames == int(sent.get("NumberOfFrames", 1)))
        before = frames_of(pydicom.dcmread(io.BytesIO(datasets.part10(original))))
        after = frames_of(sent)
        assert len(before) == len(after)
        for was, made in zip(before, after, strict=True):
            for x, y, width, height, *_rest in check.boxes:
                place = np.s_[y : y + height, x : x + width]
                assert was[place].max() > 100, "something bright was written there"
                # The rim of a box is compressed together with what is beside it.
                inside = np.s_[y + 8 : y + height - 8, x + 8 : x + width - 8]
                assert made[inside].max(initial=0) < 40


def test_a_chunk_gives_way_when_its_time_is_up_and_loses_nothing(hospital, monkeypatch) -> None:
    hurried = SimpleNamespace(JOB_SECONDS=-1)
    monkeypatch.setattr("studies.services.processing.settings", hurried)
    markers = datasets.Markers()
    put_study(hospital, "one", [datasets.ct(markers, number=n) for n in (1, 2, 3)])
    batch = hospital.submit()
    work_off()
    assert counts(batch) == {"deidentified": 3}
    assert Event.objects.filter(action="study.deidentified").count() == 3, "one image at a time"
    assert Chunk.objects.filter(batch=batch, kind="deidentify").count() == 1
    mapped = list(vault.batch_mapping(batch.destination.domain_id, batch.pk))
    assert len(mapped) == 3


def frames_of(dataset: pydicom.Dataset) -> list[np.ndarray]:
    """Return the frames of an image as they look, whatever their number."""
    values = dataset.pixel_array
    is_one = int(dataset.get("NumberOfFrames", 1)) == 1
    return [values] if is_one else list(values)


def test_held_images_of_a_stat_batch_alert_at_once_and_follow_as_a_supplement(hospital) -> None:
    markers = datasets.Markers()
    put_study(hospital, "one", [datasets.ct(markers, number=1), datasets.ct(markers, number=2)])
    nameless = datasets.ct(datasets.Markers(patient_id="UNKNOWN"), number=1)
    put_study(hospital, "two", [nameless])
    batch = hospital.submit(priority="STAT", release="when-clean")
    work_off()
    batch.refresh_from_db()

    assert batch.state == BatchState.DELIVERED
    assert counts(batch) == {"delivered": 2, "held": 1}
    assert [message.to for message in mail.outbox] == [["coordinator@north.example"]]
    assert batch.short_id in mail.outbox[0].subject
    assert not any(token in mail.outbox[0].body for token in markers.tokens())

    study = Study.objects.get(batch=batch, instances__state=InstanceState.HELD)
    actor = hospital.viewer(Role.COORDINATOR).actor
    review.enter_patient(batch, study, "MR-4711", "", actor)
    jobs.continue_batch(batch)
    work_off()
    assert counts(batch) == {"delivered": 2, "deidentified": 1}
    batch.refresh_from_db()
    releasing.release(batch, actor)
    jobs.continue_batch(batch)
    work_off()
    batch.refresh_from_db()
    assert batch.state == BatchState.DELIVERED
    assert counts(batch) == {"delivered": 3}
    assert sorted(Manifest.objects.filter(batch=batch).values_list("revision", flat=True)) == [1, 2]
    body = (hospital.outbox / str(batch.pk) / "manifest.json").read_bytes()
    assert json.loads(body)["TotalImages"] == 3


def test_two_patients_in_one_study_stop_the_batch_until_somebody_says_whose_it_is(hospital) -> None:
    first = datasets.Markers()
    second = datasets.Markers(study_uid=first.study_uid)
    put_study(hospital, "one", [datasets.ct(first, number=1)])
    put_study(hospital, "two", [datasets.ct(second, number=2)])
    batch = hospital.submit()
    work_off()
    batch.refresh_from_db()
    assert batch.state == BatchState.ATTENTION
    assert set(Instance.objects.filter(batch=batch).values_list("code", flat=True)) == {
        "two-patients"
    }
    actor = hospital.viewer(Role.COORDINATOR).actor
    review.enter_patient(batch, Study.objects.get(batch=batch), first.patient_id, "", actor)
    jobs.continue_batch(batch)
    work_off()
    batch.refresh_from_db()
    assert batch.state == BatchState.REVIEW
    assert counts(batch) == {"deidentified": 2}


def test_one_uid_with_two_contents_is_held_and_the_first_can_be_kept(hospital) -> None:
    markers = datasets.Markers()
    same, other = datasets.ct(markers, number=1), datasets.ct(markers, number=1)
    other.PixelData = bytes(len(other.PixelData))
    put_study(hospital, "one", [same, datasets.ct(markers, number=1), other])
    batch = hospital.submit()
    work_off()
    batch.refresh_from_db()
    assert counts(batch) == {"held": 2, "duplicate": 1}
    assert batch.state == BatchState.ATTENTION
    numbers = list(Instance.objects.filter(batch=batch).values_list("number", flat=True))
    review.keep_first(batch, numbers, hospital.viewer(Role.COORDINATOR).actor)
    jobs.continue_batch(batch)
    work_off()
    assert counts(batch) == {"deidentified": 1, "duplicate": 1, "excluded": 1}


def test_a_destination_that_fails_puts_the_batch_before_a_person_and_loses_nothing(
    hospital,
) -> None:
    put_study(hospital, "one", [datasets.ct(datasets.Markers(), number=n) for n in (1, 2)])
    batch = hospital.submit()
    work_off()
    batch.refresh_from_db()
    releasing.release(batch, hospital.viewer(Role.COORDINATOR).actor)
    away = hospital.outbox.rename(hospital.outbox.with_name("away"))
    hospital.outbox.write_text("a file where the folder was")
    jobs.continue_batch(batch)
    for _attempt in range(releasing.MAX_DELIVERY_ATTEMPTS + 1):
        Chunk.objects.filter(batch=batch).update(not_before=None)
        work_off()
    batch.refresh_from_db()
    assert batch.state == BatchState.ATTENTION
    assert counts(batch) == {"deidentified": 2}

    hospital.outbox.unlink()
    away.rename(hospital.outbox)
    releasing.take_up(batch, hospital.viewer(Role.COORDINATOR).actor)
    jobs.continue_batch(batch)
    work_off()
    batch.refresh_from_db()
    assert batch.state == BatchState.DELIVERED
    assert len(delivered_files(hospital, batch)) == 2


def test_a_source_that_is_gone_puts_the_batch_before_a_person_and_can_be_taken_up(
    hospital,
) -> None:
    put_study(hospital, "one", [datasets.ct(datasets.Markers(), number=1)])

    def take_the_share_away() -> None:
        hospital.source.config = {"root": "/elsewhere"}
        hospital.source.save()

    batch = hospital.submit(["one"], before_work=take_the_share_away)
    work_off()
    batch.refresh_from_db()
    assert batch.state == BatchState.ATTENTION
    hospital.source.config = {"root": str(hospital.inbox)}
    hospital.source.save()
    releasing.take_up(batch, hospital.viewer(Role.COORDINATOR).actor)
    jobs.continue_batch(batch)
    work_off()
    batch.refresh_from_db()
    assert batch.state == BatchState.REVIEW, batch.attention_code
    assert counts(batch) == {"deidentified": 1}


def test_release_is_refused_where_the_region_is_not_allowed(hospital) -> None:
    put_study(hospital, "one", [datasets.ct(datasets.Markers(), number=1)])
    batch = hospital.submit()
    work_off()
    batch.refresh_from_db()
    hospital.organization.allowed_regions = ["elsewhere"]
    hospital.organization.save()
    batch = Batch.objects.get(pk=batch.pk)
    with pytest.raises(PermanentError) as refused:
        releasing.release(batch, hospital.viewer(Role.COORDINATOR).actor)
    assert refused.value.code == "region-not-allowed"
    with pytest.raises(PermanentError):
        places.save_destination(
            hospital.organization,
            hospital.viewer(Role.ADMINISTRATOR).actor,
            values={"name": "X", "kind": "folder", "region": "test-region"},
        )


def test_closing_destroys_the_key_and_every_original(hospital, settings) -> None:
    put_study(hospital, "one", [datasets.ct(datasets.Markers(), number=1)])
    batch = hospital.submit(release="when-clean")
    work_off()
    Batch.objects.filter(pk=batch.pk).update(closes=timezone.now() - timedelta(seconds=1))
    assert jobs.close_due() == 1
    batch.refresh_from_db()
    assert batch.state == BatchState.CLOSED
    assert bytes(batch.wrapped_key) == b""
    assert not (Path(settings.SEALED_DIR) / str(batch.pk)).exists()
    assert counts(batch) == {"delivered": 1}
    assert jobs.close_due() == 0


def test_cancelling_keeps_everything_here_and_destroys_it(hospital, settings) -> None:
    put_study(hospital, "one", [datasets.ct(datasets.Markers(), number=1)])
    batch = hospital.submit()
    work_off()
    batch.refresh_from_db()
    batches.cancel(batch, hospital.viewer(Role.COORDINATOR).actor)
    jobs.close_due()
    assert not (Path(settings.SEALED_DIR) / str(batch.pk)).exists()
    assert delivered_files(hospital, batch) == []
    with pytest.raises(IllegalTransition):
        batch.move(BatchState.PROCESSING)


def test_the_report_comes_back_to_its_patient_and_to_nobody_else(hospital) -> None:
    markers, other = datasets.Markers(), datasets.Markers()
    put_study(hospital, "one", [datasets.ct(markers, number=1)])
    put_study(hospital, "two", [datasets.ct(other, number=1)])
    batch = hospital.submit(release="when-clean")
    work_off()
    sent = {
        str(study.cloud_study_id): pydicom.dcmread(next(hospital.outbox.rglob(f"{study}/*/*.dcm")))
        for study in Study.objects.filter(batch=batch)
    }
    radiologist = hospital.viewer(Role.RADIOLOGIST)
    for cloud_id, dataset in sent.items():
        text = (
            f"Study {cloud_id} of {dataset.StudyDate}, patient {dataset.PatientID} "
            f"({dataset.StudyInstanceUID}): no acute finding."
        )
        report = returning.receive_text(hospital.organization, text, radiologist.actor)
        assert report.state == ReportState.ARRIVED
        asked = Request(typed=cloud_id, reason="report")
        restored = restoring.show(radiologist, report, asked, is_fresh=True)
        shown = "".join(piece.text for piece in restored.pieces)
        mine = restored.identified.patient["PatientID"][0]
        owner, stranger = (markers, other) if mine == markers.patient_id else (other, markers)
        assert f"{owner.accession} of {owner.at:%Y%m%d}, patient {owner.patient_id}" in shown
        assert owner.study_uid in shown
        assert not any(token in shown for token in stranger.tokens())

    mixed = returning.receive_text(hospital.organization, " and ".join(sent), radiologist.actor)
    assert (mixed.state, mixed.code) == (ReportState.ATTENTION, "two-patients-in-report")


def test_every_look_is_in_the_trail_before_its_answer_the_refused_too(hospital, settings) -> None:
    put_study(hospital, "one", [datasets.ct(datasets.Markers(), number=1)])
    batch = hospital.submit(release="when-clean")
    work_off()
    cloud_id = Study.objects.get(batch=batch).cloud_study_id
    radiologist = hospital.viewer(Role.RADIOLOGIST)

    def outcomes() -> list[str]:
        rows = Event.objects.filter(action="study.reidentified").order_by("pk")
        return [row.outcome for row in rows]

    reidentify(radiologist, Request(cloud_id.lower(), "report"), is_fresh=True)
    assert outcomes() == ["success"]
    wrong = [
        (radiologist, Request(cloud_id, "report"), False, "not-fresh"),
        (radiologist, Request(cloud_id, "curiosity"), True, "reason-missing"),
        (radiologist, Request(cloud_id, "other", "x"), True, "reason-missing"),
        (radiologist, Request("Quux^Maria", "report"), True, "unknown-id"),
        (radiologist, Request(cloud_id, "report", batch="no such"), True, "unknown-id"),
        (hospital.viewer(Role.COORDINATOR), Request(cloud_id, "report"), True, "role"),
        (hospital.viewer(Role.AUDITOR), Request(cloud_id, "report"), True, "role"),
        (hospital.viewer(Role.ADMINISTRATOR), Request(cloud_id, "report"), True, "role"),
    ]
    for caller, request, is_fresh, code in wrong:
        with pytest.raises(PermanentError) as refused:
            reidentify(caller, request, is_fresh=is_fresh)
        assert refused.value.code == code
    assert outcomes() == ["success"] + ["refused"] * len(wrong)
    assert "Maria" not in "".join(Event.objects.values_list("detail_json", flat=True)) + "".join(
        Event.objects.values_list("subject", flat=True)
    )

    settings.LOOK_UPS_PER_HOUR = 1
    with pytest.raises(PermanentError) as refused:
        reidentify(radiologist, Request(cloud_id, "report"), is_fresh=True)
    assert refused.value.code == "too-many"


def test_another_hospital_finds_nothing_under_a_foreign_cloud_id(hospital, tmp_path) -> None:
    put_study(hospital, "one", [datasets.ct(datasets.Markers(), number=1)])
    batch = hospital.submit(release="when-clean")
    work_off()
    cloud_id = Study.objects.get(batch=batch).cloud_study_id
    south = make_hospital(tmp_path, "south", "SOUTH")
    radiologist = south.viewer(Role.RADIOLOGIST)
    with pytest.raises(PermanentError) as foreign:
        reidentify(radiologist, Request(cloud_id, "report"), is_fresh=True)
    with pytest.raises(PermanentError) as unknown:
        reidentify(radiologist, Request("0" * 13, "report"), is_fresh=True)
    assert str(foreign.value.message) == str(unknown.value.message)
    assert (
        returning.receive_text(south.organization, cloud_id, radiologist.actor).state == "attention"
    )


def test_the_same_patient_keeps_one_cloud_id_over_batches(hospital) -> None:
    markers = datasets.Markers()
    put_study(hospital, "one", [datasets.ct(markers, number=1)])
    first = hospital.submit(["one"], release="when-clean")
    work_off()
    put_study(
        hospital, "two", [datasets.ct(markers.again(markers.at + timedelta(days=9)), number=1)]
    )
    second = hospital.submit(["two"], release="when-clean")
    work_off()
    studies = Study.objects.filter(batch__in=[first, second])
    assert len({study.cloud_patient_id for study in studies}) == 1
    assert len({study.cloud_study_id for study in studies}) == 2


def test_a_column_in_clear_takes_no_free_text_from_a_file(hospital) -> None:
    markers = datasets.Markers()
    image = datasets.ct(markers, BodyPartExamined=markers.family.upper())
    put_study(hospital, "one", [image])
    put_study(hospital, "two", [datasets.ct(datasets.Markers(), BodyPartExamined="CHEST")])
    batch = hospital.submit()
    work_off()
    assert sorted(batch.studies.values_list("body_part", flat=True)) == ["", "CHEST"]
