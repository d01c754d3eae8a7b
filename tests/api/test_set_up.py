"""Listener rules and the organization's settings over REST, as the pages change them."""

import json
from typing import Any

import pytest
from django.test import Client

from audit.models import Event
from studies.api.set_up import RULES, OrganizationIn
from studies.models import ListenerRule, Organization, Scope
from studies.services import listening
from studies.web.forms import OrganizationForm
from studies.web.source_forms import RuleForm
from tests import datasets
from tests.api.conftest import client_for
from tests.studies.hospital import Hospital

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])
RULE = {
    "name": "CT 1",
    "kind": "dimse",
    "callingAe": "CT1",
    "calledAe": "NORTH",
    "networks": ["10.1.0.0/16"],
    "destination": "Readers",
    "priority": "STAT",
}


@pytest.fixture
def client(hospital: Hospital, redis_server: object) -> Client:
    return client_for(hospital.organization, Scope.SETTINGS_WRITE, Scope.ORGANIZATION_WRITE)


def send(client: Client, method: str, path: str, body: dict[str, Any], **headers: str) -> Any:
    call = getattr(client, method)
    return call(f"/api/{path}", json.dumps(body), content_type="application/json", headers=headers)


def test_a_rule_is_added_lets_its_sender_in_and_is_switched_off(
    client: Client, hospital: Hospital
) -> None:
    answer = send(client, "post", "listeners", RULE)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert made["destinationId"] == str(hospital.destination.pk)
    assert made["profileVersionId"] == str(hospital.organization.default_profile_id)
    rule = listening.dimse_rule("CT1", "NORTH", "10.1.2.3")
    assert rule is not None
    assert (str(rule.pk), rule.priority) == (made["listenerId"], "STAT")
    assert listening.dimse_rule("CT1", "NORTH", "10.2.0.1") is None
    assert client.get("/api/listeners").json() == [made]
    off = send(client, "put", f"listeners/{rule.pk}", RULE | {"isActive": False})
    assert (off.status_code, off.json()["isActive"]) == (200, False)
    assert listening.dimse_rule("CT1", "NORTH", "10.1.2.3") is None
    events = Event.objects.filter(subject=made["listenerId"]).order_by("pk")
    assert [(one.action, one.actor_kind) for one in events] == [
        ("listener.created", "token"),
        ("listener.changed", "token"),
    ]


def test_a_network_is_kept_as_the_network_it_is(client: Client) -> None:
    said = {"networks": ["10.1.2.3/16", "192.0.2.7", "2001:db8::/32", "2001:db8::7"]}
    answer = send(client, "post", "listeners", RULE | said)
    assert answer.status_code == 201, answer.content
    assert answer.json()["networks"] == [
        *("10.1.0.0/16", "192.0.2.7/32", "2001:db8::/32", "2001:db8::7/128"),
    ]


def test_a_rule_for_stow_takes_what_comes(hospital: Hospital, redis_server: object) -> None:
    client = client_for(hospital.organization, Scope.SETTINGS_WRITE, Scope.STOW)
    body = {"name": "web", "kind": "stow", "destination": str(hospital.destination.pk)}
    assert send(client, "post", "listeners", body).status_code == 201
    part = b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + datasets.part10(datasets.ct())
    kind = 'multipart/related; type="application/dicom"; boundary=edge'
    stored = client.post("/api/dicom-web/studies", part + b"\r\n--edge--\r\n", content_type=kind)
    assert stored.status_code == 200, stored.content


def test_the_same_key_adds_one_rule(client: Client) -> None:
    key = {"idempotency-key": "k1"}
    answers = [send(client, "post", "listeners", RULE, **key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert ListenerRule.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"name": "Other"}, 409, "rule-exists"),
        ({"callingAe": "CT2"}, 409, "rule-exists"),
        ({"name": "Other", "callingAe": ""}, 422, "invalid"),
        ({"name": "Other", "callingAe": "A\\B"}, 422, "invalid"),
        ({"name": "Other", "callingAe": "CT2", "networks": ["10.1"]}, 422, "invalid"),
        ({"name": "Other", "kind": "stow"}, 422, "invalid"),
        ({"name": "Other", "callingAe": "CT2", "destination": "None"}, 404, "not-found"),
        ({"name": "Other", "callingAe": "CT2", "profile": "none"}, 404, "profile-unknown"),
        ({"quietSeconds": 0}, 422, "invalid"),
        ({"other": 1}, 422, "invalid"),
    ],
)
def test_what_the_form_refuses_is_refused(
    client: Client, change: dict[str, Any], status: int, code: str
) -> None:
    assert send(client, "post", "listeners", RULE).status_code == 201
    answer = send(client, "post", "listeners", RULE | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ListenerRule.objects.count() == 1


def test_rules_places_and_profiles_of_others_do_not_exist(
    client: Client, foreign: Hospital
) -> None:
    theirs = client_for(foreign.organization, Scope.SETTINGS_WRITE)
    made = send(theirs, "post", "listeners", RULE | {"callingAe": "MR9"})
    assert made.status_code == 201, made.content
    assert client.get("/api/listeners").json() == []
    stolen = send(client, "put", f"listeners/{made.json()['listenerId']}", RULE)
    assert (stolen.status_code, stolen.json()["code"]) == (404, "not-found")
    for change in (
        {"destination": str(foreign.destination.pk)},
        {"profile": str(foreign.organization.default_profile_id)},
    ):
        assert send(client, "post", "listeners", RULE | change).status_code == 404
    assert ListenerRule.objects.get().organization == foreign.organization


def test_settings_are_shown_and_changed_and_the_trail_knows(
    client: Client, hospital: Hospital, foreign: Hospital
) -> None:
    before = client.get("/api/organization").json()
    assert before["slug"] == hospital.organization.slug
    change = {"retentionDays": 3, "samplingConfidence": 95, "release": "when-clean"}
    answer = send(client, "patch", "organization", change)
    assert answer.status_code == 200, answer.content
    assert answer.json() == before | change
    row = Organization.objects.get(pk=hospital.organization.pk)
    assert (row.retention_days, row.sampling_confidence) == (3, 95)
    assert row.release_policy == "when-clean"
    event = Event.objects.get(action="organization.changed")
    assert event.actor_kind == "token"
    theirs = Organization.objects.get(pk=foreign.organization.pk)
    assert theirs.retention_days == 7


def test_a_setting_changed_a_moment_ago_is_not_changed_back(
    client: Client, hospital: Hospital
) -> None:
    assert client.get("/api/organization").status_code == 200
    Organization.objects.filter(pk=hospital.organization.pk).update(four_eyes_bulk=True)
    assert send(client, "patch", "organization", {"retentionDays": 1}).status_code == 200
    row = Organization.objects.get(pk=hospital.organization.pk)
    assert (row.retention_days, row.four_eyes_bulk) == (1, True)


@pytest.mark.parametrize(
    "change",
    [
        {"retentionDays": 91},
        {"samplingConfidence": 50},
        {"samplingConfidence": False},
        {"documents": "keep"},
        {"name": ""},
        {"secondFactorRequired": False},
        {"fourEyesBulk": False},
        {"defaultIssuer": "\x00"},
    ],
)
def test_what_no_setting_can_be_or_only_people_change_is_refused(
    client: Client, change: dict[str, Any]
) -> None:
    answer = send(client, "patch", "organization", change)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert not Event.objects.filter(action="organization.changed").exists()


def test_a_token_that_sets_up_places_does_not_change_the_organization(hospital: Hospital) -> None:
    client = client_for(hospital.organization, Scope.SETTINGS_WRITE)
    answer = send(client, "patch", "organization", {"allowedRegions": ["anywhere"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")


def test_the_fields_are_those_of_the_forms() -> None:
    said = {"profile": "profile_version", "release": "release_policy"}
    fields = {name for rule in RULES for name in rule.model_fields}
    assert {said.get(name, name) for name in fields} == set(RuleForm.base_fields)
    said["sampling_permille"] = "sampling_percent"
    here = {said.get(name, name) for name in OrganizationIn.model_fields}
    for_people = {"second_factor_required", "four_eyes_bulk"}
    assert here == set(OrganizationForm.base_fields) - for_people
