"""One file of a job is proved by a handful of digests, and nothing else is."""

import hashlib

import pytest
from django.db import DatabaseError, transaction
from hypothesis import given
from hypothesis import strategies as st

from audit.merkle import climb, keep_leaves, kept_leaves, leaf, proof, prove, root
from audit.models import Leaves

digests = st.binary(min_size=32, max_size=32)


def rfc6962(leaves):
    """The definition, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + rfc6962(leaves[:split]) + rfc6962(leaves[split:])).digest()


@given(leaves=st.lists(digests, min_size=1, max_size=40), data=st.data())
def test_every_leaf_leads_to_the_root_and_no_other_does(leaves, data):
    index = data.draw(st.integers(0, len(leaves) - 1))
    assert root(leaves) == rfc6962(leaves)
    steps = proof(leaves, index)
    assert len(steps) <= len(leaves).bit_length()
    assert climb(leaves[index], steps) == root(leaves)
    assert climb(hashlib.sha256(leaves[index]).digest(), steps) != root(leaves)


def test_the_bytes_of_a_leaf_are_fixed():
    made = leaf("2.25.1", "11" * 32, "22" * 32)
    assert made == hashlib.sha256(b"\x002.25.1" + b"\x11" * 32 + b"\x22" * 32).digest()
    assert made.hex() == "b6727a24529c3e22858d443d4a2a293e184a3f149c1aef2bcce94c28011ede65"
    with pytest.raises(ValueError, match="SHA-256"):
        leaf("2.25.1", "11", "22" * 32)


def test_leaves_are_kept_beside_the_event_once_and_for_good(db):
    leaves = [leaf(f"2.25.{n}", "11" * 32, "22" * 32) for n in range(7)]
    top = keep_leaves(leaves)
    assert keep_leaves(leaves) == top
    assert kept_leaves(top) == leaves
    shown = prove(top, leaves[4])
    assert (shown["root"], shown["index"], shown["of"], len(shown["path"])) == (top, 4, 7, 3)
    assert prove(top, leaf("2.25.99", "11" * 32, "22" * 32)) is None
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Leaves.objects.update(count=1)
