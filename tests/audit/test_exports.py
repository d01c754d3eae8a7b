"""Exports hold the events, no more; other programs read them; an outsider proves them."""

import base64
import csv
import dataclasses
import hashlib
import io
import json
import xml.etree.ElementTree as ET

import pytest
from django.db import transaction
from django.urls import reverse
from fhir.resources.auditevent import AuditEvent
from fhir.resources.bundle import Bundle

from audit import Outcome, record
from audit.exporting import path_of, run_export
from audit.exports import FORMATS
from audit.models import Event, Export
from audit.sealer import seal_all
from tests.audit.conftest import ALICE, BOB, JOB
from tests.audit.dicom_form import faults

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.audit.urls")]


@pytest.fixture
def trail(carol):
    with transaction.atomic():
        record("batch.started", actor=ALICE, chain="org-1", subject="B1", subject_kind="batch")
        record(
            "study.deidentified",
            actor=JOB,
            chain="org-1",
            subject="5T23P9Z9DEM7N",
            subject_kind="study",
            context="B1",
            detail={"images": 88, "root": "9e41", "of": ["CT", 2]},
        )
        record("report.reidentified", Outcome.REFUSED, actor=BOB, chain="org-1", subject="S")
        record("person.signed_in", Outcome.FAILED, actor=BOB, chain="org-1")
        record("batch.started", actor=ALICE, chain="org-1", detail={"name": "=1+1 \x01 山田"})
        record("batch.started", actor=ALICE, chain="org-2", subject="SECRET")
    seal_all()
    return "org-1"


def export(client, chain, name, **filters):
    answer = client.post(reverse("audit:export", args=[chain]), {"format": name, **filters})
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-')
    content = b"".join(answer.streaming_content)
    assert b"SECRET" not in content
    return content


def test_csv_has_a_row_per_event_and_no_formula(client, trail):
    rows = list(csv.DictReader(io.StringIO(export(client, trail, "csv").decode())))
    assert [row["action"] for row in rows[:5]] == [
        "batch.started",
        "study.deidentified",
        "report.reidentified",
        "person.signed_in",
        "batch.started",
    ]
    assert rows[1]["subject"] == "5T23P9Z9DEM7N"
    assert not any(value[:1] in "=+-@" for row in rows for value in row.values() if value)


def test_filters_narrow_an_export_and_no_format_is_an_error(client, trail):
    rows = list(csv.DictReader(io.StringIO(export(client, trail, "csv", who="18").decode())))
    assert {row["actor"] for row in rows} == {"Dr. Bob Example"}
    assert client.post(reverse("audit:export", args=[trail]), {"format": "x"}).status_code == 422
    wrong = {"format": "csv", "first": "soon"}
    assert client.post(reverse("audit:export", args=[trail]), wrong).status_code == 422


def test_an_export_is_recorded_before_it_is_sent(client, trail):
    export(client, trail, "csv", outcome="refused")
    event = Event.objects.get(action="audit.exported")
    assert event.detail == {"format": "csv", "limit": 100000, "outcome": "refused"}


def test_an_export_is_bounded_and_takes_the_newest(client, trail, audit_settings):
    audit_settings(EXPORT_LIMIT=2)
    lines = export(client, trail, "jsonl").splitlines()
    places = [json.loads(line)["sequence"] for line in lines[1:] if b'"kind":"event"' in line]
    assert places == [6, 7], "the newest two: the checkpoint's event and the export's own"


def test_fhir_is_a_bundle_of_valid_audit_events(client, trail):
    bundle = json.loads(export(client, trail, "fhir"))
    Bundle.model_validate(bundle)
    resources = [entry["resource"] for entry in bundle["entry"]]
    for resource in resources:
        AuditEvent.model_validate(resource)
    deidentified = resources[1]
    assert deidentified["code"]["coding"][0]["code"] == "deidentify"
    assert deidentified["entity"][0]["what"]["identifier"]["value"] == "5T23P9Z9DEM7N"
    assert "patient" not in deidentified
    assert [one["outcome"]["code"]["code"] for one in resources[2:4]] == ["warning", "error"]
    login = resources[3]
    assert login["category"][0]["coding"][0]["code"] == "110114"
    assert login["code"]["coding"][0]["code"] == "110122"


def test_dicom_messages_have_the_form_of_ps3_15_a5(client, trail):
    root = ET.fromstring(export(client, trail, "dicom"))
    messages = root.findall("AuditMessage")
    assert len(messages) == Event.objects.filter(chain=trail).count()
    for message in messages:
        assert faults(message) == []
    second = messages[1]
    thing = second.find("ParticipantObjectIdentification")
    assert thing.get("ParticipantObjectID") == "5T23P9Z9DEM7N"
    assert thing.get("ParticipantObjectDataLifeCycle") == "7"
    details = {
        detail.get("type"): base64.b64decode(detail.get("value")).decode()
        for detail in thing.findall("ParticipantObjectDetail")
    }
    assert details == {"images": "88", "root": "9e41", "of": '["CT",2]'}
    assert messages[2].find("EventIdentification").get("EventOutcomeIndicator") == "4"


QUEUED = []


def queue(export_id):
    QUEUED.append(export_id)


@pytest.fixture
def background(audit_settings, trail, django_capture_on_commit_callbacks):
    QUEUED.clear()
    audit_settings(QUEUE="tests.audit.test_exports.queue")
    return django_capture_on_commit_callbacks


def test_with_a_queue_an_export_is_made_in_the_background(client, trail, background):
    page = reverse("audit:export", args=[trail])
    with background(execute=True):
        answer = client.post(page, {"format": "jsonl"})
    assert answer.headers["Location"] == page
    made = Export.objects.get()
    assert [str(made.pk)] == QUEUED
    assert 'data-poll="2"' in client.get(page).content.decode()
    file = reverse("audit:export-file", args=[trail, made.pk])
    assert client.get(file).status_code == 404, "not before it is finished"
    run_export(QUEUED[0])
    run_export(QUEUED[0])
    made.refresh_from_db()
    assert made.state == "done"
    content = b"".join(client.get(file).streaming_content)
    assert hashlib.sha256(content).hexdigest() == made.sha256
    assert len(content) == made.size
    part = client.get(reverse("audit:exports", args=[trail])).content.decode()
    assert made.sha256 in part
    assert "data-poll" not in part, "what is finished is not asked for again"
    assert Event.objects.filter(action="audit.exported").count() == 2, "asked for, and fetched"


def test_an_export_of_another_chain_is_not_there(client, trail, background):
    other = Export.objects.create(chain="org-2", format="csv", state="done")
    for chain in (trail, "org-2"):
        url = reverse("audit:export-file", args=[chain, other.pk])
        assert client.get(url).status_code == 404


def test_a_failure_is_shown_and_leaves_no_file(client, trail, background, monkeypatch, tmp_path):
    with background(execute=True):
        client.post(reverse("audit:export", args=[trail]), {"format": "csv"})

    def broken(chain, filters, limit):
        yield b"half"
        raise OSError("no space left")

    csv_format = dataclasses.replace(FORMATS["csv"], write=broken)
    monkeypatch.setattr("audit.exporting.FORMATS", {"csv": csv_format})
    with pytest.raises(OSError, match="no space"):
        run_export(QUEUED[0])
    assert Export.objects.get().state == "failed"
    assert list((tmp_path / "audit" / "exports").iterdir()) == []


def test_old_files_are_removed(client, trail, background, audit_settings):
    with background(execute=True):
        client.post(reverse("audit:export", args=[trail]), {"format": "csv"})
    run_export(QUEUED[0])
    path = path_of(Export.objects.get())
    assert path.stat().st_mode & 0o77 == 0
    audit_settings(EXPORT_DAYS=-1)
    with background(execute=True):
        client.post(reverse("audit:export", args=[trail]), {"format": "csv"})
    assert not path.exists()
