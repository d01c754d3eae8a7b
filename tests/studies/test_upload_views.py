"""Uploads over HTTP: who may, what is answered, and that nothing in clear touches the disk."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from studies.models import Batch, Instance, Membership, UploadPart
from studies.services import keys
from studies.services.receiving import complete_files, submit
from studies.storage import BatchStore
from tests.studies.batches import ALICE, frame, make_batch, make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch(settings, tmp_path):
    settings.SEALED_DIR = tmp_path / "sealed"
    return make_batch()


def person(batch: Batch, role: str = "coordinator", **values: object) -> Client:
    users = get_user_model().objects
    user = users.create_user(email=f"p{users.count()}@example.org", password=None, name="Alice")
    Membership.objects.create(user=user, organization=batch.organization, role=role)
    client = Client(**values)
    client.force_login(user)
    return client


@pytest.fixture
def alice(batch):
    return person(batch)


def url(name: str, batch: Batch) -> str:
    return reverse(f"upload_{name}", args=[batch.pk])


def announce(client: Client, batch: Batch, body: object):
    return client.post(url("announce", batch), json.dumps(body), content_type="application/json")


def put(client: Client, batch: Batch, *frames: bytes):
    return client.put(
        url("parts", batch), b"".join(frames), content_type="application/octet-stream"
    )


def contents(batch: Batch) -> dict[str, bytes]:
    complete_files(batch)
    sealer = keys.batch_sealer(batch)
    found = {}
    with BatchStore(batch.pk, sealer.root) as store:
        for row in Instance.objects.filter(batch=batch).order_by("number"):
            with store.open_original(row.original) as stream:
                found[sealer.open("path", row.sealed_path).decode()] = stream.read()
    return found


def test_announce_send_ask_and_resume(alice, batch):
    files = [{"path": "CT/a", "size": 4, "modified": 9}, {"path": "CT/b", "size": 2}]
    answer = announce(alice, batch, {"files": files}).json()
    assert answer["numbers"] == [0, 1]
    assert answer["received"] == {}
    sent = put(
        alice, batch, frame(0, "CT/a", b"aa", size=4, modified=9), frame(1, "CT/b", b"bb")
    ).json()
    assert sent["parts"] == [
        {"file": 0, "offset": 0, "length": 2, "problem": "",
         "sha256": hashlib.sha256(b"aa").hexdigest()},
        {"file": 1, "offset": 0, "length": 2, "problem": "",
         "sha256": hashlib.sha256(b"bb").hexdigest()},
    ]  # fmt: skip
    assert alice.get(url("status", batch)).json() == {
        "announced": {"files": 2, "bytes": 6},
        "received": {"files": 1, "bytes": 4},
        "whole": [[1, 1]],
        "partial": {"0": [[0, 2]]},
    }
    again = announce(alice, batch, {"files": files}).json()
    assert again["received"]["0"] == [[0, 2, hashlib.sha256(b"aa").hexdigest()]]
    put(alice, batch, frame(0, "CT/a", b"AA", offset=2, size=4, modified=9))
    assert contents(batch) == {"CT/a": b"aaAA", "CT/b": b"bb"}


def test_a_file_taken_back_is_gone(alice, batch):
    announce(alice, batch, {"files": [{"path": "a", "size": 1}]})
    put(alice, batch, frame(0, "a", b"a"))
    announce(alice, batch, {"files": [], "removed": [0]})
    assert alice.get(url("status", batch)).json()["received"] == {"files": 0, "bytes": 0}


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        [],
        {"files": {}},
        {"files": [5]},
        {"files": [{"path": 5, "size": 1}]},
        {"files": [{"path": "a"}]},
        {"files": [{"path": "a", "size": -1}]},
        {"files": [{"path": "a", "size": 1, "file": "x"}]},
        {"files": [], "removed": ["x"]},
    ],
)
def test_a_list_that_is_not_readable_is_refused(alice, batch, body):
    answer = announce(alice, batch, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-frame")


def test_refusals_have_the_status_a_script_can_act_on(alice, batch, settings):
    assert put(alice, batch, b"\0\0\0\0").status_code == 400
    too_large = alice.put(
        url("parts", batch), b"", content_type="application/octet-stream", CONTENT_LENGTH="99999999"
    )
    assert too_large.status_code == 413
    no_number = alice.put(
        url("parts", batch), b"", content_type="application/octet-stream", CONTENT_LENGTH="many"
    )
    assert no_number.status_code == 400
    put(alice, batch, frame(0, "a", b"a"))
    submit(batch, ALICE)
    answer = put(alice, batch, frame(1, "b", b"b"))
    assert (answer.status_code, answer.json()["code"]) == (409, "batch-not-receiving")
    assert "Open a new one" in answer.json()["message"]


def test_a_full_disk_is_worth_a_retry(alice, batch, monkeypatch):
    def full(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    answer = put(alice, batch, frame(0, "a", b"a"))
    assert (answer.status_code, answer.json()["code"]) == (503, "storage-full")


@pytest.mark.parametrize("name", ["announce", "parts", "status", "form"])
def test_only_coordinators_of_the_organization_may(batch, name):
    method = {"parts": "put", "status": "get"}.get(name, "post")

    def status_of(client: Client) -> int:
        return getattr(client, method)(url(name, batch)).status_code

    assert status_of(Client()) == 302
    assert status_of(person(make_batch(make_organization()))) == 404
    for role in ("radiologist", "auditor", "administrator"):
        assert status_of(person(batch, role)) == 403


@pytest.mark.parametrize(
    ("name", "method"),
    [("announce", "get"), ("parts", "post"), ("status", "post"), ("form", "get")],
)
def test_each_address_takes_its_own_method_only(alice, batch, name, method):
    assert getattr(alice, method)(url(name, batch)).status_code == 405


@pytest.mark.parametrize("name", ["announce", "parts", "form"])
def test_writing_needs_the_token(batch, name):
    strict = person(batch, enforce_csrf_checks=True)
    method = "put" if name == "parts" else "post"
    assert getattr(strict, method)(url(name, batch)).status_code == 403


# --- the plain form ------------------------------------------------------------------------------


def test_a_plain_form_sends_files(alice, batch):
    big = os.urandom(6_000_000)
    answer = alice.post(
        url("form", batch),
        {"files": [SimpleUploadedFile("a.dcm", big), SimpleUploadedFile("b.dcm", b"small")]},
    )
    assert answer.status_code == 302
    assert answer["Location"] == reverse("batch", args=[batch.pk])
    submit(batch, ALICE)
    assert contents(batch) == {"a.dcm": big, "b.dcm": b"small"}


def test_no_file_of_a_form_lies_in_clear_anywhere(alice, batch, monkeypatch, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    opened = []
    monkeypatch.setattr(
        tempfile, "NamedTemporaryFile", lambda *a, **k: opened.append(a) or pytest.fail("spooled")
    )
    mark = b"DOE^JOHN^MARKER" * 400_000
    alice.post(url("form", batch), {"files": SimpleUploadedFile("a.dcm", mark)})
    assert UploadPart.objects.filter(batch=batch).count() == 1
    assert opened == []
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"DOE^JOHN^MARKER" not in path.read_bytes()


def test_a_form_without_its_token_leaves_nothing_behind(batch):
    strict = person(batch, enforce_csrf_checks=True)
    answer = strict.post(url("form", batch), {"files": SimpleUploadedFile("a.dcm", b"a" * 100_000)})
    assert answer.status_code == 403
    assert UploadPart.objects.count() == 0
    root: Path = BatchStore(batch.pk, b"").root
    assert [path for path in root.rglob("*") if path.is_file()] == []


def test_a_form_with_its_token_passes_the_check(batch):
    strict = person(batch, enforce_csrf_checks=True)
    page = strict.get(reverse("batch", args=[batch.pk]))
    token = page.context["csrf_token"]
    answer = strict.post(
        url("form", batch),
        {"csrfmiddlewaretoken": str(token), "files": SimpleUploadedFile("a.dcm", b"abc")},
    )
    assert answer.status_code == 302
    assert contents(batch) == {"a.dcm": b"abc"}


def test_a_form_without_a_file_and_one_with_too_many_are_told(alice, batch, settings):
    answer = alice.post(url("form", batch), {"files": ""}, follow=True)
    assert "No file was chosen" in answer.text
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    files = [SimpleUploadedFile(str(n), b"x") for n in range(3)]
    answer = alice.post(url("form", batch), {"files": files}, follow=True)
    assert "Too many files" in answer.text
    assert UploadPart.objects.count() == 0


def test_a_form_for_a_batch_that_was_started_is_told(alice, batch):
    put(alice, batch, frame(0, "a", b"a"))
    submit(batch, ALICE)
    answer = alice.post(url("form", batch), {"files": SimpleUploadedFile("b", b"b")})
    assert answer.status_code == 302
    assert UploadPart.objects.count() == 1
