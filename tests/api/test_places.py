"""Destinations and sources over REST: added, changed and tested; secrets go in and stay sealed."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from django.db import connection
from django.test import Client

from audit.models import Event
from studies.api import place_schemas
from studies.models import Destination, Scope, Source
from studies.services import places
from studies.web import destination_forms, source_forms
from tests.api.conftest import client_for
from tests.studies.hospital import REGION, Hospital

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])
SECRET = "kr4kadil-open-sesame"
RECIPIENT = {"operator": "Readers Ltd", "region": REGION, "agreement": "C-1"}


@pytest.fixture
def client(hospital: Hospital, redis_server: object) -> Client:
    return client_for(hospital.organization, Scope.SETTINGS_WRITE, Scope.BATCHES_READ)


def send(client: Client, method: str, path: str, body: dict[str, Any], **headers: str) -> Any:
    call = getattr(client, method)
    return call(f"/api/{path}", json.dumps(body), content_type="application/json", headers=headers)


def stow(**more: Any) -> dict[str, Any]:
    config = {"url": "https://archive.example/dicom-web", "auth": "bearer"}
    base = {"name": "Archive", "kind": "stow", "config": config, "secrets": {"token": SECRET}}
    return {**base, **RECIPIENT, **more}


def test_a_folder_is_added_tested_and_used(
    client: Client, hospital: Hospital, tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    body = {"name": "Second", "kind": "folder", "config": {"root": str(tmp_path / "second")}}
    answer = send(client, "post", "destinations", body | RECIPIENT)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["name"], made["kind"], made["state"]) == ("Second", "folder", "not-tested")
    tested = send(client, "post", f"destinations/{made['destinationId']}/test", {})
    assert tested.json()["state"] == "ready"
    names = [row["name"] for row in client.get("/api/destinations").json()]
    assert "Second" in names
    row = Destination.objects.get(pk=made["destinationId"])
    assert row.organization == hospital.organization
    assert row.config == {"root": str(tmp_path / "second")}


def test_secrets_are_sealed_never_shown_and_kept_where_they_are_left_out(client: Client) -> None:
    answer = send(client, "post", "destinations", stow())
    assert answer.status_code == 201, answer.content
    key = answer.json()["destinationId"]
    changed = stow(operator="Another Ltd")
    del changed["secrets"]
    assert send(client, "put", f"destinations/{key}", changed).status_code == 200
    row = Destination.objects.get(pk=key)
    assert (row.operator, places.credentials(row)) == ("Another Ltd", {"token": SECRET})
    shown = [answer.content, client.get("/api/destinations").content]
    events = Event.objects.filter(subject=key)
    assert [event.action for event in events.order_by("pk")] == [
        "destination.created",
        "destination.changed",
    ]
    assert {event.actor_kind for event in events} == {"token"}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            shown.append(repr(cursor.fetchall()).encode())
    assert not any(SECRET.encode() in text for text in shown)


def test_the_same_key_adds_one_destination(client: Client) -> None:
    answers = [
        send(client, "post", "destinations", stow(), **{"idempotency-key": "k1"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert Destination.objects.filter(name="Archive").count() == 1


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"region": "elsewhere"}, 422, "region-not-allowed"),
        ({"name": "Readers"}, 409, "name-taken"),
        ({"kind": "folder"}, 422, "invalid"),
        ({"config": {"url": "https://a.example", "auth": "bearer", "other": 1}}, 422, "invalid"),
        ({"config": {"url": "ftp://a.example", "auth": "bearer"}}, 422, "destination-incomplete"),
        ({"config": {"url": "https://a..b", "auth": "bearer"}}, 422, "destination-incomplete"),
        ({"config": {"url": "https://[", "auth": "bearer"}}, 422, "destination-incomplete"),
        ({"kind": "folder", "config": {"root": "/etc"}, "secrets": {}}, 422, "destination-outside"),
    ],
)
def test_what_the_forms_refuse_is_refused(
    client: Client, change: dict[str, Any], status: int, code: str
) -> None:
    before = Destination.objects.count()
    answer = send(client, "post", "destinations", stow(**change))
    assert answer.status_code == status, answer.content
    assert answer.json()["code"] == code
    assert SECRET not in answer.content.decode()
    assert Destination.objects.count() == before


def test_a_place_stays_of_its_kind(client: Client, hospital: Hospital) -> None:
    answer = send(client, "put", f"destinations/{hospital.destination.pk}", stow())
    assert (answer.status_code, answer.json()["code"]) == (409, "kind-fixed")
    hospital.destination.refresh_from_db()
    assert hospital.destination.kind == "folder"


def test_sources_are_added_changed_and_tested(client: Client) -> None:
    config = {"host": "pacs.example", "port": 104, "calledAe": "PACS", "callingAe": "US"}
    body = {"name": "PACS", "kind": "dimse", "config": config | {"method": "get"}}
    answer = send(client, "post", "sources", body)
    assert answer.status_code == 201, answer.content
    key = answer.json()["sourceId"]
    body["config"]["calledAe"] = "TOO LONG FOR AN AE"
    assert send(client, "put", f"sources/{key}", body).status_code == 422
    body["config"]["calledAe"] = "OTHER"
    for wrong, code in (
        ({"host": "pacs example"}, "address-invalid"),
        ({"host": "médecine\x82"}, "address-invalid"),
        ({"tls": True, "issuers": "añ"}, "certificate-unreadable"),
    ):
        refused = send(client, "put", f"sources/{key}", body | {"config": body["config"] | wrong})
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert send(client, "put", f"sources/{key}", body).status_code == 200
    assert Source.objects.get(pk=key).config["called_ae"] == "OTHER"
    web = {"name": "Web", "kind": "dicomweb", "secrets": {"password": SECRET}}
    url = {"url": "https://pacs.example/dicom-web", "user": "portal"}
    added = send(client, "post", "sources", web | {"config": url})
    assert added.status_code == 201
    row = Source.objects.get(pk=added.json()["sourceId"])
    closed = web | {"config": url | {"url": "http://127.0.0.1:9/dicom-web"}}
    del closed["secrets"]
    assert send(client, "put", f"sources/{row.pk}", closed).status_code == 200
    tested = send(client, "post", f"sources/{row.pk}/test", {})
    assert (tested.status_code, tested.json()["code"]) == (409, "source-unavailable")
    row.refresh_from_db()
    assert places.credentials(row) == {"password": SECRET}
    assert SECRET not in repr(row.__dict__)
    for wrong, code in (
        ({"url": "https://user:word@pacs.example"}, "address-invalid"),
        ({"url": "https://[::1"}, "address-invalid"),
        ({"url": "https://pacs..example"}, "address-invalid"),
        (url | {"issuers": "no certificate"}, "certificate-unreadable"),
    ):
        refused = send(client, "post", "sources", web | {"name": "Other", "config": wrong})
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    outside = {"name": "Etc", "kind": "folder", "config": {"root": "/etc"}}
    assert send(client, "post", "sources", outside).json()["code"] == "folder-outside"


def test_the_fields_are_those_of_the_forms() -> None:
    """A field that a page asks for can be given here too, under the same name."""

    def fields(model: Any) -> set[str]:
        inner = {name for part in ("config", "secrets") for name in _inner(model, part)}
        return (set(model.model_fields) - {"kind", "config", "secrets"}) | inner

    def _inner(model: Any, part: str) -> set[str]:
        return set(cast(Any, model.model_fields[part].annotation).model_fields)

    here = {kind_of(model): fields(model) for model in place_schemas.DESTINATIONS}
    forms: dict[str, Any] = dict(destination_forms.FORMS)
    assert here == {kind: set(form.base_fields) for kind, form in forms.items()}
    here = {kind_of(model): fields(model) for model in place_schemas.SOURCES}
    assert here == {kind: set(form.base_fields) for kind, form in source_forms.SOURCE_FORMS.items()}


def kind_of(model: Any) -> str:
    (kind,) = model.model_fields["kind"].annotation.__args__
    return str(kind)


def test_the_page_of_the_documentation_lists_the_fields_of_each_kind() -> None:
    text = Client().get("/api/docs").content.decode()
    for name in ("s3: config.bucket", "azure: secrets.sas", "dimse: config.calledAe"):
        assert name in text
