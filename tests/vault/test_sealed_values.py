"""A sealed value opens under its key, at its place, unchanged; derived keys are HKDF's."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.sealing import (
    SealedCorrupt,
    SealedTruncated,
    SealError,
    new_key,
    open_value,
    seal_value,
    subkey,
)

KEY = bytes(range(32))


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_a_value_comes_back_at_its_place_only(plaintext, place):
    blob = seal_value(KEY, plaintext, place)
    assert open_value(KEY, blob, place) == plaintext
    assert blob != seal_value(KEY, plaintext, place)
    with pytest.raises(SealedCorrupt):
        open_value(KEY, blob, place + b"!")
    with pytest.raises(SealedCorrupt):
        open_value(new_key(), blob, place)


@given(st.binary(max_size=60), st.integers(0), st.integers(0, 7))
def test_one_changed_bit_or_a_cut_is_an_error_that_names_the_row(plaintext, place, bit):
    blob = bytearray(seal_value(KEY, plaintext, b"row"))
    for cut in range(len(blob)):
        with pytest.raises((SealedTruncated, SealedCorrupt), match="row 12, key version 3"):
            open_value(KEY, bytes(blob[:cut]), b"row", name="row 12, key version 3")
    blob[place % len(blob)] ^= 1 << bit
    with pytest.raises(SealError, match="row 12, key version 3"):
        open_value(KEY, bytes(blob), b"row", name="row 12, key version 3")


def test_a_derived_key_is_hkdf_with_sha_256():
    def by_hand(salt: bytes, info: bytes) -> bytes:
        extracted = hmac.digest(salt or bytes(32), KEY, hashlib.sha256)
        return hmac.digest(extracted, info + b"\x01", hashlib.sha256)

    assert subkey(KEY, "uid") == by_hand(b"", b"anonportal/1/uid")
    assert subkey(KEY, "stream", b"salt") == by_hand(b"salt", b"anonportal/1/stream")
    assert len({subkey(KEY, name) for name in ("uid", "date", "index", "seal")}) == 4


def test_a_key_has_32_bytes_and_a_purpose():
    with pytest.raises(ValueError, match="32 bytes"):
        subkey(b"short", "uid")
    with pytest.raises(ValueError, match="32 bytes"):
        seal_value(b"short", b"x", b"")
    with pytest.raises(ValueError, match="purpose"):
        subkey(KEY, "")


def test_what_was_sealed_and_derived_in_the_past_is_the_same_today():
    assert (
        subkey(KEY, "uid").hex()
        == "a5286868f7dee041498c774e343b1301a3c50526005ca8d1e7d7a3e22a3c42c0"
    )
    golden = bytes.fromhex("01c94908570a4cd18a5ab1e2d6b0cfff422276aa269995e26a2bde5869e7673cffb85a")
    assert open_value(KEY, golden, b"row 1") == b"golden"
