"""STOW-RS in: part by part into a rule's batch; the answer says what became of each object."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.conf import settings as project
from django.test import Client

from studies.models import Batch, Gathering, Instance, Report, Scope, UploadPart
from studies.services import listening, receiving, room
from tests import datasets
from tests.api.conftest import client_for
from tests.studies.hospital import Hospital
from tests.studies.test_listening import make_quiet, make_rule

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])
KIND = 'multipart/related; type="application/dicom"; boundary=edge'
STORED, FAILED, REASON = "00081199", "00081198", "00081197"


def body(*objects: bytes, kind: str = "application/dicom") -> bytes:
    parts = (b"--edge\r\nContent-Type: %b\r\n\r\n%b\r\n" % (kind.encode(), o) for o in objects)
    return b"".join(parts) + b"--edge--\r\n"


def store(
    client: Client, data: bytes, path: str = "studies", kind: str = KIND, **headers: str
) -> Any:
    return client.post(f"/api/dicom-web/{path}", data, content_type=kind, headers=headers)


def uids(answer: Any, sequence: str) -> list[str]:
    return [item["00081155"].get("Value", [""])[0] for item in answer.json()[sequence]["Value"]]


@pytest.fixture
def client(hospital: Hospital) -> Client:
    room.counted.forget()
    make_rule(hospital, name="Main", kind="stow", calling_ae="", called_ae="")
    return client_for(hospital.organization, Scope.STOW)


def test_objects_are_stored_sealed_and_named_in_the_answer(
    client: Client, hospital: Hospital, settings: Any
) -> None:
    markers = datasets.Markers()
    objects = [datasets.ct(markers, number=number) for number in (1, 2)]
    answer = store(client, body(*map(datasets.part10, objects)))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/dicom+json"
    assert uids(answer, STORED) == [str(o.SOPInstanceUID) for o in objects]
    classes = [item["00081150"]["Value"][0] for item in answer.json()[STORED]["Value"]]
    assert classes == [str(o.SOPClassUID) for o in objects]
    assert UploadPart.objects.count() == 2
    for path in Path(settings.SEALED_DIR).rglob("*"):
        if path.is_file():
            assert markers.family.encode() not in path.read_bytes()
    make_quiet()
    (batch,) = listening.start_quiet()
    receiving.complete_files(batch)
    assert Instance.objects.filter(batch=batch).count() == 2


def test_what_is_no_dicom_fails_alone_and_the_rest_is_stored(client: Client) -> None:
    good = datasets.ct()
    answer = store(client, body(b"a letter, no DICOM", datasets.part10(good)))
    assert answer.status_code == 202
    assert uids(answer, STORED) == [str(good.SOPInstanceUID)]
    (failed,) = answer.json()[FAILED]["Value"]
    assert failed[REASON]["Value"] == [0xC000]
    none = store(client, body(b"a letter"))
    assert none.status_code == 409
    assert STORED not in none.json()
    wrong = store(client, body(datasets.part10(good), kind="image/jpeg"))
    assert wrong.status_code == 409


def test_an_object_of_another_study_than_the_addressed_one_fails(client: Client) -> None:
    markers = datasets.Markers()
    mine, other = datasets.ct(markers), datasets.ct()
    data = body(datasets.part10(mine), datasets.part10(other))
    answer = store(client, data, f"studies/{markers.study_uid}")
    assert answer.status_code == 202
    assert uids(answer, STORED) == [str(mine.SOPInstanceUID)]
    assert uids(answer, FAILED) == [str(other.SOPInstanceUID)]
    assert answer.json()[FAILED]["Value"][0][REASON]["Value"] == [0xA900]


def test_an_object_over_the_limit_fails_alone(client: Client, settings: Any) -> None:
    settings.OBJECT_MAX_BYTES = 1 << 20
    good = datasets.part10(datasets.ct())
    answer = store(client, body(datasets.part10(datasets.ct(size=1024)), good))
    assert answer.status_code == 202
    assert answer.json()[FAILED]["Value"][0][REASON]["Value"] == [0xA700]


def test_the_address_may_name_the_rule(client: Client, hospital: Hospital) -> None:
    make_rule(hospital, name="Second", kind="stow", calling_ae="", called_ae="")
    data = body(datasets.part10(datasets.ct()))
    assert store(client, data).json()["code"] == "no-listener-rule"
    assert store(client, data, "Second/studies").status_code == 200
    assert Gathering.objects.get().rule.name == "Second"
    assert store(client, data, "Third/studies").status_code == 409


def test_a_rule_of_another_organization_takes_nothing(client: Client, foreign: Hospital) -> None:
    other = client_for(foreign.organization, Scope.STOW)
    answer = store(other, body(datasets.part10(datasets.ct())), "Main/studies")
    assert answer.json()["code"] == "no-listener-rule"
    assert Batch.objects.count() == 0


def test_a_body_that_is_cut_leaves_nothing(client: Client) -> None:
    whole = body(datasets.part10(datasets.ct()), datasets.part10(datasets.ct()))
    answer = store(client, whole[:-40])
    assert (answer.status_code, answer.json()["code"]) == (400, "multipart-cut")
    assert UploadPart.objects.count() == 0


def test_other_content_types_and_answers_are_refused(client: Client) -> None:
    data = body(datasets.part10(datasets.ct()))
    for kind in (
        "application/dicom",
        "multipart/form-data; boundary=edge",
        KIND.replace("dicom", "dicom+json"),
    ):
        assert store(client, data, kind=kind).status_code == 415, kind
    assert store(client, data, accept="text/html").status_code == 406
    assert store(client, body()).json()["code"] == "file-missing"
    assert store(client, data, "studies/1.2.3.4.5" + "1" * 70).status_code == 404


def test_the_answer_is_xml_for_who_takes_nothing_else(client: Client) -> None:
    good = datasets.ct()
    answer = store(client, body(datasets.part10(good)), accept="application/dicom+xml")
    assert answer["Content-Type"] == "application/dicom+xml"
    root = ElementTree.fromstring(answer.content.decode())
    values = [element.text for element in root.iter("Value")]
    assert values == [str(good.SOPClassUID), str(good.SOPInstanceUID)]


def test_a_full_store_asks_to_try_again_later(client: Client, settings: Any) -> None:
    settings.MIN_FREE_BYTES = 1 << 60
    answer = store(client, body(datasets.part10(datasets.ct())))
    assert (answer.status_code, answer.json()["code"]) == (503, "no-room")
    assert int(answer["Retry-After"]) > 0
    assert UploadPart.objects.count() == 0


def test_nothing_of_an_object_is_logged(client: Client, caplog: Any) -> None:
    markers = datasets.Markers()
    store(client, body(datasets.part10(datasets.ct(markers)), b"no DICOM"))
    assert not re.search("|".join(map(re.escape, markers.tokens())), caplog.text)


def test_reports_as_dicom_objects_come_in_by_an_address_of_their_own(hospital: Hospital) -> None:
    client = client_for(hospital.organization, Scope.REPORTS_WRITE)
    report = datasets.sr()
    data = body(datasets.part10(report), b"no DICOM")
    answer = client.post("/api/reports/dicom-web/studies", data, content_type=KIND)
    assert answer.status_code == 202
    assert uids(answer, STORED) == [str(report.SOPInstanceUID)]
    assert Report.objects.get().channel == "stow"


def test_a_small_request_whose_batch_is_started_meanwhile_goes_into_the_next(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = datasets.part10(datasets.ct()), datasets.part10(datasets.ct(number=2))
    assert store(client, body(first)).status_code == 200
    (before,) = Batch.objects.all()

    class Started(listening.PartPack):
        """Has its batch started once, when its objects are sealed and not yet recorded."""

        def finish(self, *args: Any, **values: Any) -> Any:
            if self.batch.pk == before.pk:
                make_quiet()
                assert listening.start_quiet() == [before]
            return super().finish(*args, **values)

    monkeypatch.setattr(listening, "PartPack", Started)
    assert store(client, body(second)).status_code == 200
    after = Batch.objects.exclude(pk=before.pk).get()
    assert UploadPart.objects.filter(batch=after).count() == 1
    receiving.complete_files(before)
    assert Instance.objects.filter(batch=before).count() == 1
    sealed = Path(project.SEALED_DIR) / str(before.pk)
    assert len([path for path in sealed.rglob("*") if path.is_file()]) == 1


def test_a_request_larger_than_what_is_read_ahead_is_taken_whole(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "SMALL_BYTES", 40_000)
    objects = [datasets.part10(datasets.ct(number=n, size=64)) for n in range(1, 12)]
    assert sum(map(len, objects)) > 2 * listening.SMALL_BYTES
    answer = store(client, body(*objects))
    assert answer.status_code == 200
    assert len(uids(answer, STORED)) == 11
    assert UploadPart.objects.count() == 11
    assert sorted(UploadPart.objects.values_list("length", flat=True)) == sorted(map(len, objects))
    assert listening.Arrival.objects.count() == 0
