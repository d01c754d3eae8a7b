"""DICOMweb and DIMSE sources against a real PACS: found, chosen, brought whole, compared."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid

from audit.models import Event
from studies import jobs
from studies.intake.remote import Query
from studies.models import (
    Batch,
    BatchState,
    Instance,
    InstanceState,
    Retrieval,
    Role,
    Source,
)
from studies.models.places import SourceKind
from studies.services import choosing, organizations, places, receiving, searching, selecting
from tests import datasets
from tests.studies.hospital import Hospital, counts, make_hospital, work_off
from tests.studies.orthanc import AE_TITLE, Orthanc, free_port, needs_orthanc, run_orthanc

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
    pytest.mark.peers,
    needs_orthanc,
    # pynetdicom leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore:.*socket:pytest.PytestUnraisableExceptionWarning"),
]
MOVE_PORT = free_port()
KINDS = ("dicomweb", "get", "move")


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    known = {"portal": ["PORTAL", "127.0.0.1", MOVE_PORT]}
    with run_orthanc(tmp_path_factory.mktemp("pacs"), known) as running:
        yield running


@pytest.fixture
def hospital(tmp_path: Path, settings: Any, pacs: Orthanc) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    settings.DICOM_MOVE_PORT = MOVE_PORT
    pacs.empty()
    return make_hospital(tmp_path)


def make_source(hospital: Hospital, pacs: Orthanc, kind: str, **config: Any) -> Source:
    if kind == "dicomweb":
        config = {"url": pacs.web} | config
    else:
        config = {
            "host": "127.0.0.1",
            "port": pacs.dicom_port,
            "called_ae": AE_TITLE,
            "calling_ae": "PORTAL",
            "method": kind,
        } | config
    return places.save_source(
        hospital.organization,
        organizations.COMMAND,
        values={
            "name": "PACS",
            "kind": SourceKind.DICOMWEB if kind == "dicomweb" else SourceKind.DIMSE,
            "config": config,
        },
    )


def fill(pacs: Orthanc, markers: datasets.Markers, images: int = 3) -> None:
    """Put a study of two series, and one of somebody else, into the PACS."""
    first = [datasets.ct(markers, number=n) for n in range(1, images + 1)]
    second = datasets.ct(markers, number=9)
    second.SeriesInstanceUID = generate_uid()
    second.SeriesNumber = 9
    other = datasets.mr()
    pacs.store(*(datasets.part10(ds) for ds in [*first, second, other]))


def draft(hospital: Hospital) -> Batch:
    return choosing.draft(hospital.viewer(Role.COORDINATOR))


def start(hospital: Hospital, batch: Batch) -> None:
    actor = hospital.viewer(Role.COORDINATOR).actor
    receiving.submit(batch, actor)
    jobs.start(batch)
    work_off()
    batch.refresh_from_db()


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_is_found_chosen_and_brought_whole(
    hospital: Hospital, pacs: Orthanc, kind: str
) -> None:
    markers = datasets.Markers()
    fill(pacs, markers)
    source = make_source(hospital, pacs, kind)
    actor = hospital.viewer(Role.COORDINATOR).actor
    batch = draft(hospital)
    found, is_more = searching.search(batch, source, Query(patient_id=markers.patient_id), actor)
    assert not is_more
    assert [(one.found.uid, one.found.instances) for one in found] == [(markers.study_uid, 4)]
    assert selecting.choose_found(batch, source, [found[0].token], actor) == 2
    start(hospital, batch)
    assert counts(batch) == {"deidentified": 4}
    rows = Retrieval.objects.values_list("state", "expected", "received")
    assert sorted(rows) == [("complete", 1, 1), ("complete", 3, 3)]
    assert pacs.count() == 5


@pytest.mark.parametrize("kind", KINDS)
def test_one_series_of_a_study_is_brought_alone(
    hospital: Hospital, pacs: Orthanc, kind: str
) -> None:
    markers = datasets.Markers()
    fill(pacs, markers)
    source = make_source(hospital, pacs, kind)
    actor = hospital.viewer(Role.COORDINATOR).actor
    batch = draft(hospital)
    found, _more = searching.search(batch, source, Query(accession=markers.accession), actor)
    series = searching.series_of(batch, source, found[0].token, actor)
    assert sorted(one.found.instances or 0 for one in series) == [1, 3]
    one = next(one for one in series if one.found.instances == 1)
    selecting.choose_found(batch, source, [one.token], actor)
    start(hospital, batch)
    assert counts(batch) == {"deidentified": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_the_form_narrows_the_search(
    hospital: Hospital, pacs: Orthanc, kind: str
) -> None:
    markers = datasets.Markers()
    fill(pacs, markers)
    source = make_source(hospital, pacs, kind)
    batch = draft(hospital)
    actor = hospital.viewer(Role.COORDINATOR).actor

    def found(**values: str) -> list[str]:
        return [one.found.uid for one in searching.search(batch, source, Query(**values), actor)[0]]

    day = f"{markers.at:%Y%m%d}"
    mine = [markers.study_uid]
    assert found(patient_name=f"{markers.family}*") == mine
    assert found(patient_id=markers.patient_id, modality="CT") == mine
    assert found(patient_id=markers.patient_id, modality="MR") == []
    assert found(accession=markers.accession, date_from=day, date_to=day) == mine
    assert found(accession=markers.accession, date_to="20000101") == []
    assert found(patient_id="NOBODY") == []


@pytest.mark.parametrize("kind", ["dicomweb", "get"])
def test_a_test_says_whether_the_source_answers(
    hospital: Hospital, pacs: Orthanc, kind: str
) -> None:
    source = make_source(hospital, pacs, kind)
    searching.open_remote(source).check()
    values = {"url": f"http://127.0.0.1:{free_port()}"} if kind == "dicomweb" else {"port": 1}
    Source.objects.filter(pk=source.pk).update(config={**source.config, **values})
    source.refresh_from_db()
    from studies.intake.remote import SourceUnavailable

    with pytest.raises(SourceUnavailable):
        searching.open_remote(source).check()


def test_what_is_searched_and_found_stays_out_of_rows_queue_and_trail(
    hospital: Hospital, pacs: Orthanc, redis: Any
) -> None:
    markers = datasets.Markers()
    fill(pacs, markers)
    source = make_source(hospital, pacs, "dicomweb")
    batch = draft(hospital)
    actor = hospital.viewer(Role.COORDINATOR).actor
    query = Query(patient_id=markers.patient_id, patient_name=f"{markers.family}*")
    found, _more = searching.search(batch, source, query, actor)
    selecting.choose_found(batch, source, [found[0].token], actor)
    receiving.submit(batch, actor)
    jobs.start(batch)
    kept = repr(list(Retrieval.objects.values())) + repr(Batch.objects.values().get())
    kept += repr(list(Event.objects.values())) + found[0].token + repr(found[0].found)
    kept += repr([redis.dump(key) for key in redis.scan_iter()])
    assert [token for token in markers.tokens() if token in kept] == []
    assert Event.objects.get(action="source.searched").detail["found"] == 1


def test_a_token_of_another_batch_or_of_nobody_is_refused(
    hospital: Hospital, pacs: Orthanc
) -> None:
    from studies.faults import PermanentError

    markers = datasets.Markers()
    fill(pacs, markers)
    source = make_source(hospital, pacs, "dicomweb")
    caller = hospital.viewer(Role.COORDINATOR)
    batch = draft(hospital)
    found, _more = searching.search(
        batch, source, Query(patient_id=markers.patient_id), caller.actor
    )
    selecting.choose_found(batch, source, [found[0].token], caller.actor)
    second = draft(hospital)
    assert second != batch
    for token in (found[0].token, "AAAA", "no base64!", ""):
        with pytest.raises(PermanentError):
            selecting.choose_found(second, source, [token], caller.actor)
    assert not Retrieval.objects.filter(batch=second).exists()


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_that_the_source_lost_is_held_and_can_be_fetched_again(
    hospital: Hospital, pacs: Orthanc, kind: str
) -> None:
    markers = datasets.Markers()
    images = [datasets.part10(datasets.ct(markers, number=n)) for n in range(1, 5)]
    ids = pacs.store(*images)
    source = make_source(hospital, pacs, kind)
    actor = hospital.viewer(Role.COORDINATOR).actor
    batch = draft(hospital)
    found, _more = searching.search(batch, source, Query(patient_id=markers.patient_id), actor)
    selecting.choose_found(batch, source, [found[0].token], actor)
    import requests

    requests.delete(f"{pacs.rest}/instances/{ids[2]}", timeout=30).raise_for_status()
    start(hospital, batch)
    assert counts(batch) == {"deidentified": 3, "held": 1}
    lacking = Instance.objects.get(batch=batch, state=InstanceState.HELD)
    assert (lacking.code, lacking.where) == ("source-gap", "study 1, series 1")
    assert batch.state == BatchState.REVIEW

    from studies.services import retrieving

    pacs.store(images[2])
    assert retrieving.fetch_again(batch, actor) == 1
    jobs.continue_batch(batch)
    work_off()
    batch.refresh_from_db()
    assert counts(batch) == {"deidentified": 4}
    assert batch.state == BatchState.REVIEW
