"""Statements whose SQL is made once: what they read is as fresh as any query, and the caller's."""

from pathlib import Path
from typing import Any

import pytest

from studies.models import DeviceTemplate, ListenerRule, UploadPart
from studies.services import statements
from studies.services.statements import Rows
from tests.studies.hospital import Hospital, make_hospital

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

TEMPLATES = Rows(DeviceTemplate, "organization_id = %s AND columns > %s", without=["created_by"])


@pytest.fixture
def hospital(tmp_path: Path, settings: Any) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    return make_hospital(tmp_path)


def make_template(hospital: Hospital) -> DeviceTemplate:
    return DeviceTemplate.objects.create(
        organization=hospital.organization,
        manufacturer="Acme",
        model="One",
        rows=512,
        columns=640,
        boxes=[{"left": 1}],
        created_by="alice",
    )


def test_a_row_is_what_a_query_returns(hospital: Hospital) -> None:
    made = make_template(hospital)
    for _again in range(2):
        (read,) = TEMPLATES.read(hospital.organization.pk, 500)
        assert read == made
        assert (read.boxes, read.created) == (made.boxes, made.created)
        assert read.organization_id == hospital.organization.pk
        assert read.created_by == "alice"  # read when it is asked for
    assert TEMPLATES.read(hospital.organization.pk, 640) == []


def test_a_change_is_seen_at_once(hospital: Hospital) -> None:
    made = make_template(hospital)
    (before,) = TEMPLATES.read(hospital.organization.pk, 0)
    DeviceTemplate.objects.filter(pk=made.pk).update(boxes=[])
    (after,) = TEMPLATES.read(hospital.organization.pk, 0)
    assert (before.boxes, after.boxes) == ([{"left": 1}], [])
    made.delete()
    assert TEMPLATES.read(hospital.organization.pk, 0) == []


def test_what_one_caller_does_to_a_row_no_other_sees(hospital: Hospital) -> None:
    make_template(hospital)
    (one,) = TEMPLATES.read(hospital.organization.pk, 0)
    one.manufacturer = "Other"
    assert one.organization.slug == hospital.organization.slug
    (two,) = TEMPLATES.read(hospital.organization.pk, 0)
    assert two.manufacturer == "Acme"
    assert not DeviceTemplate.organization.is_cached(two)  # type: ignore[attr-defined]


def test_no_more_rows_are_remembered_than_allowed(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "REMEMBERED", 1)
    made = make_template(hospital)
    rows = Rows(DeviceTemplate, "organization_id = %s")
    for model in ("One", "Two", "Three"):
        DeviceTemplate.objects.filter(pk=made.pk).update(model=model)
        assert [row.model for row in rows.read(hospital.organization.pk)] == [model]
        assert len(rows._known) == 1


def test_nothing_to_insert_is_no_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        statements.insert(UploadPart() for _none in ())


def test_a_rule_switched_off_takes_nothing_from_that_moment(hospital: Hospital) -> None:
    from studies.services import listening, rules

    rule = rules.save_rule(
        hospital.organization,
        listening.LISTENER,
        values={
            "name": "web",
            "kind": "stow",
            "destination": hospital.destination,
            "profile_version": hospital.organization.default_profile,
        },
    )
    assert listening.stow_rule(hospital.organization, "10.0.0.1") == rule
    ListenerRule.objects.filter(pk=rule.pk).update(networks=["192.0.2.0/24"])
    assert listening.stow_rule(hospital.organization, "10.0.0.1") is None
    ListenerRule.objects.filter(pk=rule.pk).update(networks=[], is_active=False)
    assert listening.stow_rule(hospital.organization, "10.0.0.1") is None
