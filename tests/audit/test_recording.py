"""An event is there if and only if its act is, and carries its own digest."""

import hashlib
import json

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError
from hypothesis import given
from hypothesis import strategies as st

from audit import Actor, Outcome, record, record_alone
from audit.canonical import NotCanonical, canonical_event, canonical_json
from audit.models import EVENT_FIELDS, Event
from audit.recording import UnknownAction
from tests.audit.conftest import ALICE

pytestmark = pytest.mark.django_db


def test_an_event_of_a_rolled_back_act_is_not_there():
    with pytest.raises(RuntimeError, match="changed my mind"), transaction.atomic():
        record("batch.started", actor=ALICE, chain="org-1")
        raise RuntimeError("changed my mind")
    assert not Event.objects.exists()


def test_outside_a_transaction_nothing_is_recorded():
    with pytest.raises(TransactionManagementError):
        record("batch.started", actor=ALICE, chain="org-1")
    assert not Event.objects.exists()


def test_an_act_outside_the_vocabulary_raises():
    with pytest.raises(UnknownAction), transaction.atomic():
        record("batch.exploded", actor=ALICE, chain="org-1")


def test_a_refusal_is_recorded_in_a_transaction_of_its_own():
    record_alone("report.reidentified", Outcome.REFUSED, actor=ALICE, chain="org-1")
    assert Event.objects.get().outcome == "refused"
    with pytest.raises(RuntimeError), transaction.atomic():
        record_alone("report.reidentified", Outcome.REFUSED, actor=ALICE, chain="org-1")


def test_the_digest_is_sha256_over_the_mark_and_the_canonical_json():
    event = record_alone(
        "study.held",
        actor=ALICE,
        chain="org-1",
        subject="5T23P9Z9DEM7N",
        subject_kind="study",
        context="3f9c21aa",
        detail={"code": "pixel-text-unchecked", "count": 11, "who": 'Zoë 山田 "x" \\ \n \x1f'},
    )
    event.refresh_from_db()
    document = {
        "action": "study.held",
        "actor": {
            "address": "192.0.2.7",
            "id": "17",
            "kind": "person",
            "label": "Alice Sample",
            "role": "coordinator",
        },
        "at": event.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "chain": "org-1",
        "context": "3f9c21aa",
        "detail": {"code": "pixel-text-unchecked", "count": 11, "who": 'Zoë 山田 "x" \\ \n \x1f'},
        "outcome": "success",
        "subject": "5T23P9Z9DEM7N",
        "subject_kind": "study",
        "uid": event.uid.hex,
        "v": 1,
    }
    spelled = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert event.canonical().decode() == spelled
    assert bytes(event.digest) == hashlib.sha256(b"audit event 1\n" + spelled.encode()).digest()


@pytest.mark.parametrize(
    "value",
    [1.5, 2**53, b"x", {"é": 1}, {1: 1}, "a\x00b", "\ud800", {"a": [{"b": object()}]}],
)
def test_what_has_no_single_spelling_is_refused(value):
    with pytest.raises(NotCanonical), transaction.atomic():
        record("batch.started", actor=ALICE, chain="org-1", detail={"value": value})


@pytest.mark.parametrize(
    "change", [{"subject": "x" * 129}, {"chain": "a b"}, {"chain": ""}, {"context": "\x00"}]
)
def test_what_a_column_can_not_hold_is_refused_not_cut(change):
    with pytest.raises(ValueError), transaction.atomic():
        record("batch.started", actor=ALICE, **({"chain": "org-1"} | change))


def test_an_actor_has_a_known_kind_an_id_and_a_label():
    for wrong in (("ghost", "1", "x"), ("person", "", "x"), ("person", "1", "")):
        with pytest.raises(ValueError):
            Actor(*wrong)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


@given(values=st.tuples(*[texts] * 12))
def test_the_written_out_form_equals_the_general_one(values):
    names = [name.removesuffix("_json") for name in EVENT_FIELDS[:12]]
    fields = dict(zip(names, values, strict=True))
    general = {name: value for name, value in fields.items() if not name.startswith("actor_")}
    general["actor"] = {
        name.removeprefix("actor_"): value
        for name, value in fields.items()
        if name.startswith("actor_")
    }
    general |= {"context": "c", "detail": {"n": [1, None, True]}, "v": 1}
    written = canonical_event(**fields, context="c", detail='{"n":[1,null,true]}')
    assert written == canonical_json(general).encode()
