"""anonymize-stream: an instance in, the same one de-identified and verified out, or a problem."""

import io
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pydicom
import pytest
from django.test import Client

from audit.models import Event
from studies.models import Batch, Instance, LinkageDomain, Scope
from studies.services.spooling import IN_MEMORY, Spool
from studies.vault import service as vault
from studies.vault.models import InstanceRow
from tests import datasets
from tests.api.conftest import client_for
from tests.studies.hospital import Hospital

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])

ADDRESS = "/api/anonymize-stream"
DICOM = "application/dicom"


def send(client: Client, body: bytes, query: str = "", **headers: Any) -> Any:
    return client.post(f"{ADDRESS}{query}", body, content_type=DICOM, **headers)


def form(data: bytes, name: str = "file", boundary: str = "edge", **fields: str) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="x.dcm"\r\n'
    parts.append(head.encode() + b"Content-Type: application/dicom\r\n\r\n" + data + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


def send_form(client: Client, body: bytes, query: str = "", boundary: str = "edge") -> Any:
    kind = f"multipart/form-data; boundary={boundary}"
    return client.post(f"{ADDRESS}{query}", body, content_type=kind)


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    said = response.json()
    assert (said["status"], said["code"]) == (status, code)
    assert said["detail"]
    return dict(said)


def test_an_instance_comes_back_de_identified_with_its_cloud_id(hospital: Hospital) -> None:
    markers = datasets.Markers()
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    response = send(client, datasets.part10(datasets.ct(markers)), "?profile=basic")
    assert response.status_code == 200
    assert response["Content-Type"] == DICOM
    cloud_id = response["X-Cloud-Study-Id"]
    assert response["Content-Disposition"] == f'attachment; filename="{cloud_id}.dcm"'
    assert datetime.fromisoformat(response["X-Processed-At"]).tzinfo is not None
    assert response["Cache-Control"] == "no-store"
    found = pydicom.dcmread(io.BytesIO(response.content))
    assert found.AccessionNumber == cloud_id
    assert found.PatientIdentityRemoved == "YES"
    assert not [token for token in markers.tokens() if token.encode() in response.content]


def test_what_leads_back_is_in_the_vault_and_nothing_else_is_kept(hospital: Hospital) -> None:
    markers = datasets.Markers()
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    body = datasets.part10(datasets.ct(markers))
    cloud_id = send(client, body)["X-Cloud-Study-Id"]
    again = send(client, body)
    assert again["X-Cloud-Study-Id"] == cloud_id
    domains = list(LinkageDomain.objects.values_list("pk", flat=True))
    known = vault.find_study(domains, cloud_id)
    assert known is not None
    assert known.patient["PatientID"] == (markers.patient_id,)
    assert known.study["AccessionNumber"] == (markers.accession,)
    assert InstanceRow.objects.count() == 1
    assert (Batch.objects.count(), Instance.objects.count()) == (0, 0)


def test_the_trail_has_one_event_for_each_instance_with_the_token_as_actor(
    hospital: Hospital,
) -> None:
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    cloud_id = send(client, datasets.part10(datasets.ct()))["X-Cloud-Study-Id"]
    event = Event.objects.get(action="gateway.deidentified")
    assert (event.actor_kind, event.actor_label) == ("token", "test machine")
    assert (event.subject, event.outcome) == (cloud_id, "success")
    assert event.chain == str(hospital.organization.pk)


def test_a_form_is_taken_with_profile_and_domain_before_or_behind_the_file(
    hospital: Hospital,
) -> None:
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    body = datasets.part10(datasets.ct(PatientSex="F"))
    default = send_form(client, form(body))
    basic = send_form(client, form(body, profile="basic", domain="default"))
    assert (default.status_code, basic.status_code) == (200, 200)
    sex = [pydicom.dcmread(io.BytesIO(r.content)).PatientSex for r in (default, basic)]
    assert sex == ["F", ""]


def test_profile_and_domain_may_be_parameters_of_the_address(hospital: Hospital) -> None:
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    body = datasets.part10(datasets.ct(PatientSex="F"))
    response = send(client, body, "?profile=basic&domain=default")
    assert pydicom.dcmread(io.BytesIO(response.content)).PatientSex == ""


def test_a_large_instance_passes_sealed_spools_and_is_the_same_as_from_memory(
    hospital: Hospital, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    small = datasets.part10(datasets.ct(size=64))
    from_memory = send(client, small)
    monkeypatch.setattr("studies.api.anonymize.Spool", lambda: Spool(1024))
    spooled = send(client, small)
    assert spooled.streaming
    assert b"".join(spooled.streaming_content) == from_memory.content
    assert list((Path(settings.DATA_DIR) / "spool").iterdir()) == []


def test_nothing_of_a_spool_lies_on_disk_in_clear(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_DIR = str(tmp_path)
    written: list[bytes] = []
    spool = Spool(16)
    for _ in range(40):
        spool.write(b"a name that must not be seen")
    reader = spool.rewind()
    raw = spool._file
    assert raw is not None
    position = raw.tell()
    raw.seek(0)
    written.append(raw.read())
    raw.seek(position)
    assert b"a name" not in written[0]
    assert list((tmp_path / "spool").iterdir()) == []
    assert reader.read() == b"a name that must not be seen" * 40
    spool.close()


def test_more_than_the_memory_limit_goes_to_disk_and_less_does_not() -> None:
    with Spool() as spool:
        spool.write(bytes(IN_MEMORY))
        assert spool.is_in_memory
        spool.write(b"x")
        assert not spool.is_in_memory


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?profile=nobodys", "profile-unknown"),
        ("?domain=nobodys", "domain-unknown"),
        ("?profile=6b0f7d9e-8a75-4a6e-9f2e-0d2b3a4c5d6e", "profile-unknown"),
    ],
)
def test_what_the_organization_does_not_have_is_not_found(
    hospital: Hospital, query: str, code: str
) -> None:
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    problem(send(client, datasets.part10(datasets.ct()), query), 404, code)


def test_a_foreign_organizations_profile_and_domain_do_not_exist(
    hospital: Hospital, foreign: Hospital
) -> None:
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    body = datasets.part10(datasets.ct())
    profile = foreign.organization.default_profile_id
    domain = LinkageDomain.objects.get(organization=foreign.organization).pk
    problem(send(client, body, f"?profile={profile}"), 404, "profile-unknown")
    problem(send(client, body, f"?domain={domain}"), 404, "domain-unknown")


def test_no_file_is_400_and_no_dicom_is_415(hospital: Hospital) -> None:
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    problem(send(client, b""), 400, "file-missing")
    problem(send_form(client, form(b"data", name="other")), 400, "file-missing")
    problem(send_form(client, form(b"")), 400, "file-missing")
    problem(send(client, b"this is a letter, and no DICOM at all"), 415, "not-dicom")
    problem(client.post(ADDRESS, b"{}", content_type="application/json"), 415, "content-type")


def test_too_large_is_413_before_and_while_reading(hospital: Hospital, settings: Any) -> None:
    settings.GATEWAY_MAX_BYTES = 1000
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    problem(send(client, bytes(1001)), 413, "body-too-large")


def test_held_and_refused_are_422_with_code_and_place(hospital: Hospital) -> None:
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    nobody = datasets.part10(datasets.ct(PatientID=""))
    said = problem(send(client, nobody), 422, "patient-id-missing")
    assert said["where"] == "(0010,0020)"
    cut = datasets.part10(datasets.ct())[:-100]
    problem(send(client, cut), 422, "truncated")
    events = Event.objects.filter(action="gateway.deidentified", outcome="refused")
    assert {event.detail["code"] for event in events} == {"patient-id-missing", "truncated"}


def test_no_problem_quotes_the_instance(hospital: Hospital) -> None:
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    for broken in (
        datasets.ct(markers := datasets.Markers(), PatientID=""),
        datasets.pdf(markers),
        datasets.ct(markers, SeriesInstanceUID=""),
    ):
        response = send(client, datasets.part10(broken))
        text = response.content.decode(errors="replace")
        assert response.status_code == 422, text
        assert not [token for token in markers.tokens() if token in text]


FORM = "multipart/form-data; boundary=edge"
HEAD = b"--edge\r\nContent-Disposition: form-data; name=file\r\n\r\n"


def test_a_malformed_form_is_400(hospital: Hospital) -> None:
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    for body, kind, code in (
        (HEAD + b"no end", FORM, "multipart-cut"),
        (b"nothing of it", FORM, "multipart-cut"),
        (b"--edge--\r\n", FORM, "file-missing"),
        (b"data", "multipart/form-data", "multipart-unreadable"),
        (b"data", "multipart/form-data; boundary=" + "x" * 300, "multipart-unreadable"),
        (b"--edge\r\nA: " + b"x" * 100_000 + b"\r\n\r\nd", FORM, "multipart-unreadable"),
        (b"--edge\r\n" + b"no header\r\n\r\nd\r\n--edge--\r\n", FORM, "multipart-unreadable"),
        (form(b"x", profile="p" * 5000), FORM, "multipart-unreadable"),
    ):
        problem(client.post(ADDRESS, body, content_type=kind), 400, code)


def test_only_post_is_taken(hospital: Hospital) -> None:
    client = client_for(hospital.organization)
    for method in ("get", "put", "delete", "patch"):
        response = getattr(client, method)(ADDRESS)
        problem(response, 405, "method-not-allowed")
        assert response["Allow"] == "POST"


def test_no_log_holds_anything_of_the_instance(hospital: Hospital, caplog: Any) -> None:
    markers = datasets.Markers()
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    send(client, datasets.part10(datasets.ct(markers)))
    send(client, datasets.part10(datasets.ct(markers))[:-50])
    assert not re.search("|".join(map(re.escape, markers.tokens())), caplog.text)
