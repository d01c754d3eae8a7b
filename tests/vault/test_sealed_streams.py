"""A sealed stream gives back exactly what went in, or an error: nothing less, nothing else."""

import io
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.sealing import (
    CHUNK,
    KeyWrong,
    SealedCorrupt,
    SealedReader,
    SealedTruncated,
    SealedWriter,
    SealError,
)

KEY = bytes(range(32))
HEADER = 6 + 2 + len("batch-7") + 16 + 16
SEALED_CHUNK = CHUNK + 16


def sealed(data: bytes, key: bytes = KEY) -> bytes:
    raw = io.BytesIO()
    with SealedWriter(raw, key, "batch-7") as writer:
        writer.write(data)
    return raw.getvalue()


class Trickle(io.RawIOBase):
    """A source that can't seek, and gives few bytes at a time, as a socket does."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 70_001))


SIZES = [0, 1, 15, 16, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5]


@pytest.mark.parametrize("size", SIZES)
def test_what_went_in_comes_out(size):
    data = secrets.token_bytes(size)
    blob = sealed(data)
    assert SealedReader(io.BytesIO(blob), KEY).read() == data
    assert SealedReader(Trickle(blob), KEY).read() == data


def test_a_stream_says_which_key_opens_it_and_hides_all_else():
    data = b"MARKER^PATIENT" * 1000
    blob = sealed(data)
    assert SealedReader(io.BytesIO(blob), KEY).key_id == "batch-7"
    assert b"MARKER" not in blob
    assert blob != sealed(data)


@given(st.lists(st.integers(0, CHUNK + 77), max_size=6), st.integers(1, 2 * CHUNK))
def test_pieces_written_and_pieces_read_need_not_agree(pieces, step):
    data = secrets.token_bytes(sum(pieces))
    raw, start = io.BytesIO(), 0
    with SealedWriter(raw, KEY) as writer:
        for piece in pieces:
            assert writer.write(memoryview(data)[start : start + piece]) == piece
            start += piece
        assert writer.tell() == len(data)
    assert writer.sealed_size == len(raw.getvalue())
    reader = SealedReader(io.BytesIO(raw.getvalue()), KEY)
    parts = iter(lambda: reader.read(step), b"")
    assert b"".join(parts) == data


@given(
    st.integers(0, 3 * CHUNK), st.lists(st.tuples(st.integers(0, 3 * CHUNK), st.integers(0, 99)))
)
def test_a_seekable_source_is_read_from_any_place(size, jumps):
    data = secrets.token_bytes(size)
    reader = SealedReader(io.BytesIO(sealed(data)), KEY)
    plain = io.BytesIO(data)
    for place, length in jumps:
        assert reader.seek(place) == plain.seek(place)
        assert reader.read(length) == plain.read(length)
        assert reader.tell() == plain.tell()
    assert reader.seek(0, io.SEEK_END) == size
    target = bytearray(40)
    assert reader.seek(-min(size, 40), io.SEEK_END) == max(size - 40, 0)
    assert target[: reader.readinto(target)] == data[-40:]


def test_a_source_that_cant_seek_says_so():
    reader = SealedReader(Trickle(sealed(b"abc")), KEY)
    assert not reader.seekable()
    with pytest.raises(io.UnsupportedOperation):
        reader.seek(1)


@pytest.mark.parametrize("size", [0, 10, CHUNK, CHUNK + 10, 2 * CHUNK])
def test_a_stream_cut_anywhere_is_an_error(size):
    blob = sealed(bytes(size))
    cuts = {0, 3, HEADER - 1, HEADER, HEADER + 15, len(blob) - 1, len(blob) // 2}
    cuts |= {HEADER + number * SEALED_CHUNK for number in range(size // CHUNK)}
    for cut in cuts:
        if cut < len(blob):
            with pytest.raises(SealedTruncated):
                SealedReader(io.BytesIO(blob[:cut]), KEY).read()


def test_the_size_of_a_cut_stream_is_an_error_too():
    blob = sealed(bytes(2 * CHUNK + 5))
    for cut in (HEADER + SEALED_CHUNK, HEADER + 2 * SEALED_CHUNK, HEADER + SEALED_CHUNK + 30):
        with pytest.raises(SealedTruncated):
            SealedReader(io.BytesIO(blob[:cut]), KEY).seek(0, io.SEEK_END)


@given(st.integers(0, CHUNK + 100), st.integers(0), st.integers(0, 7))
def test_one_changed_bit_anywhere_is_an_error(size, place, bit):
    blob = bytearray(sealed(bytes(size)))
    blob[place % len(blob)] ^= 1 << bit
    with pytest.raises(SealError):
        SealedReader(io.BytesIO(bytes(blob)), KEY).read()


def test_chunks_dont_open_in_another_order_or_in_another_stream():
    first, second = sealed(bytes(3 * CHUNK)), sealed(bytes(3 * CHUNK))
    one, two = HEADER + SEALED_CHUNK, HEADER + 2 * SEALED_CHUNK
    swapped = first[:HEADER] + first[one:two] + first[HEADER:one] + first[two:]
    mixed = first[:one] + second[one:two] + first[two:]
    doubled = first[:one] + first[HEADER:]
    for blob in (swapped, mixed, doubled, first + b"x", first + second):
        with pytest.raises(SealedCorrupt):
            SealedReader(io.BytesIO(blob), KEY).read()


def test_another_key_is_told_from_a_changed_stream():
    with pytest.raises(KeyWrong, match=r"the original of batch 7.*key batch-7"):
        SealedReader(io.BytesIO(sealed(b"x")), bytes(32), name="the original of batch 7")


def test_a_writer_left_by_an_error_or_forgotten_never_looks_whole():
    left = io.BytesIO()
    with pytest.raises(RuntimeError, match="cut"), SealedWriter(left, KEY) as writer:
        writer.write(bytes(CHUNK + 10))
        raise RuntimeError("cut")
    forgotten = io.BytesIO()
    SealedWriter(forgotten, KEY).write(b"abc")
    for raw in (left, forgotten):
        with pytest.raises(SealedTruncated):
            SealedReader(io.BytesIO(raw.getvalue()), KEY).read()


def test_nothing_is_written_after_the_end():
    raw = io.BytesIO()
    writer = SealedWriter(raw, KEY)
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"x")
    assert SealedReader(io.BytesIO(raw.getvalue()), KEY).read() == b""


def test_a_stream_sealed_in_the_past_still_opens():
    golden = bytes.fromhex(
        "41505345414c010762617463682d37aca2fdd6e09478ceec96465e45e5c3a6501f38e9ba18ef2fd0"
        "c7395a18230b21f696b9d5984992b3a2e288f2fc6e2eef6345bc8e664e"
    )
    reader = SealedReader(io.BytesIO(golden), KEY)
    assert (reader.key_id, reader.read()) == ("batch-7", b"golden")
