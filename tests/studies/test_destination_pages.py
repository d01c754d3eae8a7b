"""Pages of destinations: each kind is set up, tested and judged there; no secret comes back."""

import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import Event
from studies.models import Destination, DestinationKind, ObjectReceipt, Role
from studies.services import places
from tests.studies.hospital import REGION, Hospital, make_hospital
from tests.studies.orthanc import free_port

pytestmark = [pytest.mark.django_db(databases=["default", "vault"])]
COMMON = {"name": "New one", "operator": "Readers", "region": REGION, "agreement": "A-9"}
SECRET = "s3cret-of-the-recipient"
KINDS = {
    "s3": {
        "bucket": "recipient",
        "auth": "keys",
        "access_key": "AKIA-TEST",
        "secret_key": SECRET,
        "aws_region": "eu-central-1",
        "parallel": "3",
        "megabits": "50",
    },
    "azure": {
        "container": "recipient",
        "auth": "sas",
        "account_url": "https://account.example",
        "sas": SECRET,
    },
    "stow": {"url": "https://archive.example/dicom-web", "auth": "bearer", "token": SECRET},
    "dimse": {"host": "pacs.example", "port": "2762", "called_ae": "ARCHIVE", "calling_ae": "P",
              "tls": "on"},
}  # fmt: skip


@pytest.fixture
def hospital(tmp_path, settings) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    return make_hospital(tmp_path)


@pytest.fixture
def dave(hospital: Hospital) -> Client:
    client = Client()
    client.force_login(hospital.people[Role.ADMINISTRATOR])
    return client


def add(client: Client, kind: str, **values: str):
    url = f"{reverse('destination_new')}?kind={kind}"
    return client.post(url, COMMON | KINDS[kind] | values)


def test_a_new_one_begins_with_its_kind(dave) -> None:
    page = dave.get(reverse("destination_new")).content.decode()
    assert set(re.findall(r'href="\?kind=(\w+)"', page)) == set(DestinationKind.values)
    for kind in DestinationKind.values:
        answer = dave.get(f"{reverse('destination_new')}?kind={kind}")
        assert answer.status_code == 200
        assert "The test" in answer.content.decode()


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_is_entered_is_stored_and_secrets_are_sealed_and_never_shown(dave, kind) -> None:
    assert add(dave, kind).status_code == 302
    row = Destination.objects.get(name="New one")
    assert (row.kind, row.region, row.operator, row.state) == (
        kind,
        REGION,
        "Readers",
        "not-tested",
    )
    stored = json.dumps(row.config)
    assert SECRET not in stored
    if kind != "dimse":
        assert SECRET in places.credentials(row).values()
        assert SECRET.encode() not in bytes(row.sealed_credentials)
    page = dave.get(reverse("destination", args=[row.pk])).content.decode()
    assert SECRET not in page
    assert not Event.objects.filter(detail_json__icontains=SECRET).exists()


def test_a_secret_left_empty_stays_and_one_of_another_way_is_dropped(dave) -> None:
    add(dave, "stow")
    row = Destination.objects.get(name="New one")
    url = reverse("destination", args=[row.pk])
    dave.post(url, COMMON | KINDS["stow"] | {"token": "", "operator": "Others"})
    row.refresh_from_db()
    assert row.operator == "Others"
    assert places.credentials(row) == {"token": SECRET}
    dave.post(
        url, COMMON | KINDS["stow"] | {"auth": "basic", "user": "u", "password": "w", "token": ""}
    )
    row.refresh_from_db()
    assert places.credentials(row) == {"user": "u", "password": "w"}
    dave.post(url, COMMON | KINDS["stow"] | {"auth": "none", "token": ""})
    row.refresh_from_db()
    assert row.sealed_credentials is None


@pytest.mark.parametrize(
    ("kind", "values", "sentence"),
    [
        ("s3", {"secret_key": ""}, "has no credentials"),
        ("s3", {"endpoint": "http://minio.example"}, "Without TLS nothing is sent"),
        ("s3", {"auth": "role"}, "ANONPORTAL_MACHINE_IDENTITY"),
        ("s3", {"region": "elsewhere"}, "region"),
        ("azure", {"sas": "se=2020-01-01&sig=x"}, "have expired"),
        ("stow", {"url": "archive.example"}, "https://"),
        ("stow", {"ca": "no certificate"}, "PEM"),
        ("dimse", {"tls": ""}, "Without TLS nothing is sent"),
    ],
)
def test_what_can_never_work_is_said_in_the_form_and_not_kept(dave, kind, values, sentence) -> None:
    answer = add(dave, kind, **values)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Destination.objects.filter(name="New one").exists()


def test_a_test_that_fails_stands_on_the_page_with_what_to_do(dave, hospital, settings) -> None:
    add(dave, "stow", url=f"http://127.0.0.1:{free_port()}/dicom-web")
    row = Destination.objects.get(name="New one")
    answer = dave.post(reverse("destination_test", args=[row.pk]), {"page": "1"})
    assert answer["Location"] == reverse("destination", args=[row.pk])
    page = dave.get(answer["Location"]).content.decode()
    assert "Nobody answers at the destination" in page
    assert "Failing" in page
    row.refresh_from_db()
    assert row.last_error_at is not None
    told = Event.objects.filter(action="destination.tested").latest("pk")
    assert told.outcome == "failed"


def test_what_another_archive_confirmed_is_forgotten_with_its_address(dave, hospital) -> None:
    from tests.studies.batches import make_batch

    add(dave, "stow")
    row = Destination.objects.get(name="New one")
    batch = make_batch(hospital.organization)
    ObjectReceipt.objects.create(batch=batch, destination=row, object_key="k", sha256="0" * 64)
    url = reverse("destination", args=[row.pk])
    dave.post(url, COMMON | KINDS["stow"] | {"operator": "Others"})
    assert ObjectReceipt.objects.exists()
    dave.post(url, COMMON | KINDS["stow"] | {"url": "https://other.example/dicom-web"})
    assert not ObjectReceipt.objects.exists()
