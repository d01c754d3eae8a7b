"""REST over what the pages do: a machine takes a batch from its opening to its manifest."""

import json
from typing import Any

import pytest
from django.test import Client

from audit.models import Event
from studies.models import Batch, Replay, Report, Scope
from tests import datasets
from tests.api.conftest import client_for
from tests.studies.hospital import Hospital, delivered_files, work_off

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])
JSON = "application/json"


def send(client: Client, method: str, path: str, said: Any = None, **headers: str) -> Any:
    body = b"" if said is None else json.dumps(said).encode()
    call = getattr(client, method)
    return call(f"/api{path}", body, content_type=JSON, headers=headers)


def files(*contents: bytes) -> tuple[bytes, str]:
    body = b"".join(
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="IM%d"\r\n\r\n%b\r\n'
        % (number, content)
        for number, content in enumerate(contents)
    )
    return body + b"--edge--\r\n", "multipart/form-data; boundary=edge"


@pytest.fixture
def client(hospital: Hospital, redis_server: object) -> Client:
    return client_for(hospital.organization)


def fill(client: Client, batch_id: str, *contents: bytes) -> None:
    body, kind = files(*contents)
    answer = client.post(f"/api/batches/{batch_id}/files", body, content_type=kind)
    assert answer.status_code == 200, answer.content
    assert [part["problem"] for part in answer.json()["parts"]] == [""] * len(contents)


def opened(client: Client, **said: Any) -> str:
    answer = send(client, "post", "/batches", said)
    assert answer.status_code == 201, answer.content
    assert answer["Location"] == f"/api/batches/{answer.json()['batchId']}"
    return str(answer.json()["batchId"])


def test_a_machine_takes_a_batch_from_its_opening_to_its_signed_manifest(
    client: Client, hospital: Hospital
) -> None:
    markers = datasets.Markers()
    batch_id = opened(client, priority="HIGH", release="when-clean", destination="Readers")
    fill(client, batch_id, *(datasets.part10(datasets.ct(markers, number=n)) for n in (1, 2)))
    assert client.get(f"/api/batches/{batch_id}/upload").json()["wholeFiles"] == 2
    assert send(client, "post", f"/batches/{batch_id}/submit").json()["state"] == "queued"
    work_off()
    said = client.get(f"/api/batches/{batch_id}").json()
    assert said["state"] == "delivered"
    assert (said["counts"]["delivered"], said["counts"]["total"]) == (2, 2)
    (study,) = client.get(f"/api/batches/{batch_id}/studies").json()["items"]
    assert (study["images"], study["modality"]) == (2, "CT")
    (delivery,) = client.get(f"/api/batches/{batch_id}/deliveries").json()
    assert (delivery["outcome"], delivery["objectsSent"]) == ("delivered", 2)
    manifest = client.get(f"/api/batches/{batch_id}/manifest")
    lying = hospital.outbox / batch_id / "manifest.json"
    assert manifest.content == lying.read_bytes()
    signature = client.get(f"/api/batches/{batch_id}/manifest/signature")
    assert signature.content == lying.with_name("manifest.json.sig").read_bytes()
    assert len(delivered_files(hospital, Batch.objects.get())) == 2
    (work,) = client.get("/api/worklist").json()["items"]
    assert (work["cloudStudyId"], work["reportState"]) == (study["cloudStudyId"], "waiting")
    whole = json.dumps([said, study, delivery, work])
    assert not [token for token in markers.tokens() if token in whole]
    kinds = Event.objects.filter(action__in=["batch.opened", "batch.submitted"])
    assert {(event.actor_kind, event.actor_label) for event in kinds} == {("token", "test machine")}
    assert Event.objects.filter(action="manifest.downloaded", actor_kind="token").count() == 2


def test_what_is_held_is_listed_decided_and_released(client: Client) -> None:
    batch_id = opened(client)
    clean = datasets.part10(datasets.ct())
    nobody = datasets.part10(datasets.ct(PatientID=""))
    risky = datasets.part10(datasets.pdf())
    fill(client, batch_id, clean, nobody, risky)
    send(client, "post", f"/batches/{batch_id}/submit")
    work_off()
    listed = client.get(f"/api/batches/{batch_id}/instances?state=held").json()["items"]
    codes = {entry["number"]: entry["code"] for entry in listed}
    assert codes[2] == "patient-id-missing"
    refused = send(client, "post", f"/batches/{batch_id}/release")
    assert (refused.status_code, refused.json()["code"]) == (409, "held-remaining")
    study = next(entry["studyId"] for entry in listed if entry["number"] == 2)
    said = {"patientId": "MR5550001", "issuer": "NORTH"}
    assert send(client, "post", f"/studies/{study}/patient", said).json() == {"count": 1}
    work_off()
    path = f"/batches/{batch_id}/instances"
    wrong = {"numbers": [3], "reason": "not sent"}
    assert send(client, "post", f"{path}/exclude", wrong).json() == {"count": 1}
    assert send(client, "post", f"{path}/restore", {"numbers": [3]}).json() == {"count": 1}
    assert send(client, "post", f"{path}/retry", {"numbers": [3]}).json() == {"count": 1}
    work_off()
    assert send(client, "post", f"{path}/exclude", wrong).json() == {"count": 1}
    assert send(client, "post", f"{path}/exclude", {"reason": "why"}).status_code == 422
    assert send(client, "post", f"/batches/{batch_id}/release").json()["state"] == "releasing"
    work_off()
    said = client.get(f"/api/batches/{batch_id}").json()
    assert (said["state"], said["counts"]["delivered"], said["counts"]["excluded"]) == (
        "delivered",
        2,
        1,
    )
    assert "MR5550001" not in json.dumps(said)


def test_a_folder_source_is_chosen_from_but_never_listed(
    client: Client, hospital: Hospital
) -> None:
    datasets.write_series(hospital.inbox / "one", [datasets.ct()])
    batch_id = opened(client)
    path = f"/batches/{batch_id}/select"
    chosen = send(client, "post", path, {"source": "Share", "entries": ["one"]})
    assert chosen.json() == {"files": 1}
    outside = send(client, "post", path, {"source": "Share", "entries": ["../.."]})
    assert outside.status_code == 422
    assert send(client, "post", path, {"source": "Upload", "entries": ["one"]}).status_code == 422
    assert send(client, "post", path, {"source": "Other", "entries": ["one"]}).status_code == 404


def test_a_batch_is_changed_only_as_it_was_seen(client: Client) -> None:
    batch_id = opened(client)
    seen = client.get(f"/api/batches/{batch_id}")
    tag = seen["ETag"]
    unchanged = client.get(f"/api/batches/{batch_id}", headers={"if-none-match": tag})
    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", tag)
    path = f"/batches/{batch_id}"
    changed = send(client, "patch", path, {"priority": "STAT"}, **{"if-match": tag})
    assert (changed.status_code, changed.json()["priority"]) == (200, "STAT")
    late = send(client, "patch", path, {"priority": "HIGH"}, **{"if-match": tag})
    assert (late.status_code, late.json()["code"]) == (412, "changed-meanwhile")
    now = client.get(f"/api/batches/{batch_id}", headers={"if-none-match": tag})
    assert (now.status_code, now["ETag"]) == (200, changed["ETag"])


def test_the_same_request_under_one_key_is_done_once(client: Client, hospital: Hospital) -> None:
    key = {"idempotency-key": "order-77"}
    first = send(client, "post", "/batches", {"priority": "HIGH"}, **key)
    again = send(client, "post", "/batches", {"priority": "HIGH"}, **key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Location"] == first["Location"]
    assert again["Idempotent-Replayed"] == "true"
    assert Batch.objects.count() == 1
    other = send(client, "post", "/batches", {"priority": "STAT"}, **key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency-key-reused")
    elsewhere = client_for(hospital.organization)
    assert send(elsewhere, "post", "/batches", {"priority": "HIGH"}, **key).status_code == 201
    assert Batch.objects.count() == 2
    kept = bytes(Replay.objects.first().sealed_answer)  # type: ignore[union-attr]
    assert b"batchId" not in kept


def test_a_request_that_failed_may_be_sent_again_under_its_key(client: Client) -> None:
    batch_id = opened(client)
    key = {"idempotency-key": "start"}
    empty = send(client, "post", f"/batches/{batch_id}/submit", **key)
    assert (empty.status_code, empty.json()["code"]) == (409, "batch-empty")
    fill(client, batch_id, datasets.part10(datasets.ct()))
    assert send(client, "post", f"/batches/{batch_id}/submit", **key).status_code == 200
    assert send(client, "post", f"/batches/{batch_id}/submit", **key).status_code == 200
    work_off()


def test_lists_are_walked_by_cursor_without_gap_or_repeat(client: Client) -> None:
    made = [opened(client) for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = client.get(f"/api/batches?limit=2{cursor}").json()
        seen += [entry["batchId"] for entry in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == made[::-1]


def test_profiles_are_read_and_made_and_destinations_tested_and_switched(client: Client) -> None:
    names = [entry["name"] for entry in client.get("/api/profiles").json()]
    assert names[0] == "teleradiology"
    text = "name: ours\nbase: basic\noptions: []\nrules: []\n"
    made = send(client, "post", "/profiles", {"name": "ours", "text": text})
    assert made.status_code == 201, made.content
    version = made.json()["versionId"]
    assert client.get(f"/api/profiles/{version}").json()["definition"]["base"] == "basic"
    wrong = send(client, "post", "/profiles", {"name": "ours", "text": "base: nobodys"})
    assert wrong.status_code == 422
    (place,) = client.get("/api/destinations").json()
    assert set(place) == {
        *("destinationId", "name", "kind", "region", "operator", "agreement", "state", "tested"),
    }
    path = f"/destinations/{place['destinationId']}"
    assert send(client, "post", f"{path}/test").json()["state"] == "ready"
    assert send(client, "post", f"{path}/pause", {"paused": True}).json()["state"] == "paused"
    assert {entry["kind"] for entry in client.get("/api/sources").json()} == {"upload", "folder"}


def test_a_report_comes_back_by_api_and_never_out_again(client: Client, hospital: Hospital) -> None:
    batch_id = opened(client, release="when-clean")
    fill(client, batch_id, datasets.part10(datasets.ct()))
    send(client, "post", f"/batches/{batch_id}/submit")
    work_off()
    (study,) = client.get(f"/api/batches/{batch_id}/studies").json()["items"]
    text = f"Study {study['cloudStudyId']}: no acute finding. The word is zygomaticus."
    brought = client.post("/api/reports", text.encode(), content_type="text/plain")
    assert brought.status_code == 201, brought.content
    said = client.get(brought["Location"]).json()
    assert (said["state"], said["cloudStudyId"]) == ("arrived", study["cloudStudyId"])
    assert "zygomaticus" not in json.dumps(client.get("/api/reports").json())
    assert Report.objects.get().channel == "api"
    assert client.get("/api/worklist").json()["items"][0]["reportState"] == "arrived"
    empty = client.post("/api/reports", b"  ", content_type="text/plain")
    assert (empty.status_code, empty.json()["code"]) == (422, "report-empty")
    assert client.post("/api/reports", b"x", content_type="image/png").status_code == 415


def test_framed_parts_resume_an_announced_upload(client: Client) -> None:
    from tests.studies.batches import frame

    data = datasets.part10(datasets.ct())
    batch_id = opened(client)
    said = {"files": [{"path": "a/IM1", "size": len(data), "modified": 0}]}
    answer = send(client, "post", f"/batches/{batch_id}/upload/announce", said).json()
    assert answer["numbers"] == [0]
    kind = "application/octet-stream"
    for start, end in ((500, len(data)), (0, 500)):
        body = frame(0, "a/IM1", data[start:end], offset=start, size=len(data), modified=0)
        put = client.put(f"/api/batches/{batch_id}/upload/parts", body, content_type=kind)
        assert put.status_code == 200, put.content
    assert client.get(f"/api/batches/{batch_id}/upload").json()["missingFiles"] == 0


def test_cancelling_and_delivering_again_are_the_scope_of_release(
    client: Client, hospital: Hospital
) -> None:
    batch_id = opened(client)
    writer = client_for(hospital.organization, Scope.BATCHES_WRITE)
    assert send(writer, "post", f"/batches/{batch_id}/cancel").status_code == 403
    assert send(client, "post", f"/batches/{batch_id}/cancel").json()["state"] == "cancelled"
    again = send(client, "post", f"/batches/{batch_id}/deliver-again")
    assert (again.status_code, again.json()["code"]) == (409, "not-stopped")
