"""Objects as broken and hostile senders make them: always an outcome, never a leak."""

import io
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studies.deid import deidentify
from tests.counts import count
from tests.fuzz import mutations
from tests.fuzz.corpus import MARKERS, objects
from tests.fuzz.target import IDENTITIES, PLANS, Reader, check

NAMES = sorted(objects())
CHANCE = st.randoms(use_true_random=False)
TOKENS = (MARKERS.family, MARKERS.given, MARKERS.patient_id, MARKERS.accession)


@pytest.mark.parametrize("name", NAMES)
def test_every_object_of_the_corpus_holds_as_it_is(name: str) -> None:
    assert check(objects()[name]) == "deidentified"


@pytest.mark.parametrize("mutation", mutations.ALL, ids=lambda mutation: mutation.__name__)
@settings(max_examples=count(4, 400), suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(NAMES), CHANCE)
def test_one_kind_of_damage_gives_an_outcome(
    mutation: mutations.Mutation, name: str, chance: Random
) -> None:
    check(mutation(objects()[name], chance))


@settings(max_examples=count(30, 4000), suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(NAMES), CHANCE)
def test_several_kinds_of_damage_give_an_outcome(name: str, chance: Random) -> None:
    check(mutations.mutated(objects()[name], chance))


@settings(max_examples=count(30, 2000), suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(mutations.HARMLESS_TO_IDENTITY), st.sampled_from(("ct", "mr", "sr")), CHANCE)
def test_damage_that_leaves_identity_in_its_place_lets_none_of_it_out(
    mutation: mutations.Mutation, name: str, chance: Random
) -> None:
    data = mutation(objects()[name], chance)
    for plan in PLANS.values():
        writer = io.BytesIO()
        outcome = deidentify(Reader(data), writer, plan, IDENTITIES)  # type: ignore[arg-type]
        if outcome.state == "deidentified":
            assert not [token for token in TOKENS if token.encode() in writer.getvalue()]


@settings(max_examples=count(40, 4000))
@given(st.binary(max_size=600))
def test_any_bytes_give_an_outcome(data: bytes) -> None:
    check(data)
    check(bytes(128) + b"DICM" + data)
