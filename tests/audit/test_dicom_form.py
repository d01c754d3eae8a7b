"""Every act of the product, however it ended and whoever did it, is a DICOM audit message."""

import copy
import uuid
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest

from audit import conf
from audit.canonical import canonical_json
from audit.dicom import audit_message
from audit.models import Event
from audit.terms import ACTOR_KINDS, Outcome
from studies.acts import ACTIONS
from tests.audit.dicom_form import faults

# Line breaks, markup, a control character that XML can't hold, blanks at the ends, no Latin.
AWKWARD = ' a\n"<&>\x01  山田 '


@pytest.fixture
def product(settings):
    settings.AUDIT = {**settings.AUDIT, "ACTIONS": "studies.acts.ACTIONS"}


def event(action, outcome, kind, **more):
    named = {
        "actor_id": "17",
        "actor_label": "Alice",
        "actor_role": "auditor",
        "subject": "5T23P9Z9DEM7N",
        "subject_kind": "study",
        "context": "B1",
        "detail_json": canonical_json({"images": 88, "of": ["CT", None], "text": AWKWARD}),
    }
    return Event(
        uid=uuid.UUID(int=1),
        at=datetime(2026, 11, 21, 7, 0, 0, 5, tzinfo=UTC),
        chain="org-1",
        action=action,
        outcome=outcome,
        actor_kind=kind,
        **(named | more),
    )


def written(one):
    return ET.fromstring(audit_message(one))


def test_every_act_has_the_form_of_ps3_15_a5_1(product):
    vocabulary = conf.vocabulary()
    assert set(ACTIONS) < set(vocabulary)
    found = {
        (action, fault)
        for action in vocabulary
        for outcome in Outcome.values
        for kind in ACTOR_KINDS
        for fault in faults(written(event(action, outcome, kind)))
    }
    assert found == set()


@pytest.mark.parametrize(
    "more",
    [
        {"actor_label": AWKWARD, "actor_id": AWKWARD, "actor_role": AWKWARD},
        {"subject": AWKWARD, "subject_kind": AWKWARD, "context": AWKWARD},
        {"actor_role": "", "actor_address": "2001:db8::7"},
        {"subject": "", "subject_kind": "", "context": ""},
        {"subject": ""},
        {"context": "", "detail_json": "{}"},
        {"detail_json": canonical_json({" a <&> ": AWKWARD})},
    ],
)
def test_no_text_breaks_the_form(product, more):
    for kind in ACTOR_KINDS:
        assert faults(written(event("study.held", "refused", kind, **more))) == []


def test_an_act_that_left_the_vocabulary_is_still_a_message(product):
    assert faults(written(event("gone.long-ago", "success", "job"))) == []


MISTAKES = {
    "an element too many": lambda m: m.append(copy.deepcopy(m[0])),
    "another order": lambda m: m.__setitem__(slice(None), list(m)[::-1]),
    "no participant": lambda m: m.remove(m.find("ActiveParticipant")),
    "no source": lambda m: m.remove(m.find("AuditSourceIdentification")),
    "an unknown element": lambda m: ET.SubElement(m, "Patient"),
    "an unknown attribute": lambda m: m[0].set("Patient", "1"),
    "no outcome": lambda m: m[0].attrib.pop("EventOutcomeIndicator"),
    "an outcome of another table": lambda m: m[0].set("EventOutcomeIndicator", "1"),
    "no moment": lambda m: m[0].set("EventDateTime", "2026-11-21T07:00:00"),
    "an action code of another event": lambda m: m[0].set("EventActionCode", "D"),
    "a code without its scheme": lambda m: m[0][0].attrib.pop("codeSystemName"),
    "a code with another meaning": lambda m: m[0][0].set("originalText", "Import"),
    "a code of another group": lambda m: m[0][0].attrib.update(
        {"csd-code": "110122", "originalText": "Login"}
    ),
    "text where none belongs": lambda m: setattr(m[0], "text", "x"),
    "an id of an object missing": lambda m: m.find(
        "ParticipantObjectIdentification"
    ).attrib.clear(),
    "a detail in clear": lambda m: m.find(".//ParticipantObjectDetail").set("value", "ä"),
    "an object without a name": lambda m: m.find("ParticipantObjectIdentification").remove(
        m.find(".//ParticipantObjectName")
    ),
    "an address without its kind": lambda m: m.find("ActiveParticipant").set(
        "NetworkAccessPointID", "192.0.2.7"
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_checker_finds(product, mistake):
    message = written(event("study.held", "success", "job"))
    assert faults(message) == []
    MISTAKES[mistake](message)
    assert faults(message) != []
