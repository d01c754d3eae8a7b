"""A machine searches a PACS, chooses what it found, and learns nothing of any patient."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit.models import Event
from studies.models import Batch
from tests import datasets
from tests.api.conftest import client_for
from tests.studies.hospital import Hospital, counts, make_hospital, work_off
from tests.studies.orthanc import Orthanc, needs_orthanc, run_orthanc
from tests.studies.test_sources import fill, make_source

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
    # pynetdicom leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore:.*socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with run_orthanc(tmp_path_factory.mktemp("pacs"), {}) as running:
        yield running


@pytest.fixture
def client(hospital: Hospital) -> Client:
    return client_for(hospital.organization)


def send(client: Client, path: str, body: Any = None) -> Any:
    sent = b"" if body is None else json.dumps(body).encode()
    return client.post(f"/api/{path}", sent, content_type="application/json")


def opened(client: Client) -> str:
    return str(send(client, "batches", {}).json()["batchId"])


@needs_orthanc
@pytest.mark.peers
@pytest.mark.parametrize("kind", ["dicomweb", "get"])
def test_a_study_is_found_by_its_accession_and_one_series_brought(
    hospital: Hospital, client: Client, pacs: Orthanc, kind: str
) -> None:
    pacs.empty()
    markers = datasets.Markers()
    fill(pacs, markers)
    make_source(hospital, pacs, kind)
    batch = opened(client)
    said = {"source": "PACS", "accession": markers.accession, "dateFrom": "1990-01-01"}
    answer = send(client, f"batches/{batch}/find", said)
    assert answer.status_code == 200, answer.content
    (study,) = answer.json()["items"]
    assert (study["modalities"], study["series"], study["instances"]) == (["CT"], 2, 4)
    chosen = {"source": "PACS", "choice": study["choice"]}
    series = send(client, f"batches/{batch}/find/series", chosen)
    one = next(row for row in series.json()["items"] if row["instances"] == 1)
    taken = send(client, f"batches/{batch}/take", {"source": "PACS", "choices": [one["choice"]]})
    assert taken.json() == {"series": 1}
    send(client, f"batches/{batch}/submit")
    work_off()
    assert counts(Batch.objects.get()) == {"deidentified": 1}
    rows = client.get(f"/api/batches/{batch}/series")
    (row,) = rows.json()
    assert (row["expected"], row["received"], row["state"]) == (1, 1, "complete")
    whole = b"".join(one.content for one in (answer, series, taken, rows)).decode()
    assert not [token for token in markers.tokens() if token in whole]
    searched = Event.objects.filter(action="source.searched").order_by("pk")
    assert [event.detail["asked"] for event in searched] == [["accession", "date_from"], ["series"]]
    assert {event.actor_kind for event in searched} == {"token"}


@needs_orthanc
@pytest.mark.peers
def test_a_choice_serves_the_batch_alone_that_it_was_found_for(
    hospital: Hospital, client: Client, pacs: Orthanc
) -> None:
    pacs.empty()
    markers = datasets.Markers()
    fill(pacs, markers)
    make_source(hospital, pacs, "dicomweb")
    said = {"source": "PACS", "patientId": markers.patient_id}
    found = send(client, f"batches/{opened(client)}/find", said).json()["items"]
    taken = {"source": "PACS", "choices": [found[0]["choice"]]}
    answer = send(client, f"batches/{opened(client)}/take", taken)
    assert (answer.status_code, answer.json()["code"]) == (409, "choice-stale")


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"source": "PACS"}, 409, "query-empty"),
        ({"source": "PACS", "patientId": "MR1"}, 409, "source-unavailable"),
        ({"source": "PACS", "dateFrom": "2026-02-30"}, 422, "invalid"),
        ({"source": "PACS", "dateFrom": "30.11.2026"}, 422, "invalid"),
        ({"source": "PACS", "patientId": "MR*"}, 422, "invalid"),
        ({"source": "PACS", "accession": "A?"}, 422, "invalid"),
        ({"source": "PACS", "patientId": "MR1\\MR2"}, 422, "invalid"),
        ({"source": "PACS", "patientName": "MULLER"}, 422, "invalid"),
        ({"source": "Share", "patientId": "MR1"}, 409, "source-kind"),
        ({"source": "None", "patientId": "MR1"}, 404, "not-found"),
    ],
)
def test_what_cannot_be_asked_has_a_code(
    hospital: Hospital, client: Client, said: dict[str, str], status: int, code: str
) -> None:
    source = {"name": "PACS", "kind": "dicomweb", "config": {"url": "http://127.0.0.1:9"}}
    assert send(client, "sources", source).status_code == 201
    answer = send(client, f"batches/{opened(client)}/find", said)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert b"MR1" not in answer.content


def test_a_study_is_found_again_by_what_the_reader_sees(
    hospital: Hospital, client: Client, tmp_path: Path
) -> None:
    datasets.write_series(hospital.inbox / "one", [datasets.ct(datasets.Markers())])
    batch = hospital.submit(["one"])
    work_off()
    study = batch.studies.get()
    for cloud_id in (study.cloud_study_id, study.cloud_patient_id):
        (found,) = send(client, "studies/find", {"cloudId": cloud_id}).json()
        assert (found["studyId"], found["batchId"]) == (str(study.pk), str(batch.pk))
    assert send(client, "studies/find", {"cloudId": "MR1234567"}).json() == []
    south = make_hospital(tmp_path, "south", "SOUTH")
    theirs = client_for(south.organization)
    assert send(theirs, "studies/find", {"cloudId": study.cloud_study_id}).json() == []
