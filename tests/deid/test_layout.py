"""Verification remembers where the elements of a header stand, and judges as if it did not."""

import re
from itertools import product

import pytest

from studies.deid import verify as verification
from studies.deid import walk
from studies.deid.errors import LeakFound
from studies.deid.layout import Layout, Layouts
from studies.deid.verify import verify
from tests.counts import count

from .test_verify import EXPECT, encode, output


def judged(header: bytes) -> str:
    """Return what verification says of a header."""
    try:
        verify(EXPECT, header=header, transfer_syntax="1.2.840.10008.1.2.1")
    except LeakFound as leak:
        return f"{leak.code} {leak.where} {leak.message}"
    return ""


@pytest.fixture
def header() -> bytes:
    """Return a header in order, and have nothing remembered."""
    verification._wanted.cache_clear()
    return encode(output())[0]


def test_a_second_walk_is_saved_from_the_third_header_on(
    header: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks: list[int] = []
    read = walk.TopLevel._explicit

    def counted(top: walk.TopLevel, data: bytes, start: int, wanted: frozenset[int]) -> None:
        walks.append(start)
        read(top, data, start, wanted)

    monkeypatch.setattr(walk.TopLevel, "_explicit", counted)
    for number in range(6):
        time = b"%06d" % (101112 + number)
        other = re.sub(rb"(?<=TM\x0a\0)\d{6}", time, header)  # another value of the same length
        assert (other != header, judged(other)) == (True, "")
    assert len(walks) == 2


def test_every_other_byte_is_judged_as_by_who_remembers_nothing(header: bytes) -> None:
    for at, change in product(range(0, len(header), count(3, 1)), (0x01, 0x20, 0xFF)):
        verification._wanted.cache_clear()
        other = header[:at] + bytes((header[at] ^ change,)) + header[at + 1 :]
        alone = judged(other)
        verification._wanted.cache_clear()
        verification._GOOD_UIDS.clear()
        assert [judged(header) for _ in range(3)] == [""] * 3
        assert judged(other) == alone, at


def test_another_instance_is_never_taken_for_the_one_that_was_remembered(header: bytes) -> None:
    assert [judged(header) for _ in range(3)] == [""] * 3
    meta, data = re.finditer(rb"2\.25\.111", header)
    for place, where in ((meta, "(0002,0003)"), (data, "(0008,0018)")):
        other = header[: place.start()] + b"2.25.112" + header[place.end() :]
        assert where in judged(other)
    assert "verify-uid" in judged(header.replace(b"2.25.3", b"02.5.3"))


def test_what_is_remembered_is_bounded() -> None:
    layouts = Layouts()
    for size in range(1000):
        assert not layouts.is_worth_learning((size, "", False))
    assert len(layouts._known) <= 256
    assert not layouts.is_worth_learning((1 << 20, "", False))
    key = (8, "", False)
    layouts.is_worth_learning(key)
    lessons = 0
    for number in range(400):  # headers that never come again must not be learned each time
        assert layouts.find(number.to_bytes(8, "little"), key) is None
        if layouts.is_worth_learning(key):
            layouts.learn(key, Layout(1, 2, 0, (), ()))
            lessons += 1
    assert 1 <= lessons < 15
