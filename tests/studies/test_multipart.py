"""Multipart bodies: parts come out as they went in, however the bytes are cut on their way."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.intake.multipart import (
    BadMultipart,
    MultipartCut,
    MultipartReader,
    boundary_of,
)

BOUNDARY = b"frontier-7"


class Dribble(io.RawIOBase):
    """A stream that gives few bytes at a time, as a network does."""

    def __init__(self, data: bytes, most: int) -> None:
        self._data = io.BytesIO(data)
        self._most = most

    def read(self, size: int = -1, /) -> bytes:
        return self._data.read(min(size, self._most))


def body(parts: list[tuple[dict[str, str], bytes]], preamble: bytes = b"") -> bytes:
    out = preamble
    for headers, data in parts:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        out += b"\r\n--" + BOUNDARY + b"\r\n" + head.encode() + b"\r\n" + data
    return out + b"\r\n--" + BOUNDARY + b"--\r\n"


pieces = st.one_of(
    st.binary(max_size=300),
    # Bytes that look like boundaries, and are none.
    st.lists(st.sampled_from([b"\r\n", b"--", BOUNDARY[:5], b"x", b"\r", b"\n"])).map(b"".join),
).filter(lambda data: b"\r\n--" + BOUNDARY not in b"\r\n" + data)


@given(st.lists(pieces, min_size=1, max_size=5), st.integers(1, 40))
def test_parts_come_out_as_they_went_in(datas: list[bytes], most: int) -> None:
    parts = [({"Content-Type": "application/dicom", "N": str(n)}, d) for n, d in enumerate(datas)]
    reader = MultipartReader(Dribble(body(parts), most), BOUNDARY)
    found = [(part.headers, b"".join(part.blocks())) for part in reader]
    assert [data for _headers, data in found] == datas
    assert [headers["n"] for headers, _data in found] == [str(n) for n in range(len(datas))]


@given(st.lists(pieces, min_size=1, max_size=3), st.data())
def test_a_body_that_is_cut_is_never_taken_for_whole(
    datas: list[bytes], draw: st.DataObject
) -> None:
    whole = body([({"A": "b"}, data) for data in datas])
    cut = whole[: draw.draw(st.integers(0, len(whole) - len(BOUNDARY) - 6))]
    reader = MultipartReader(io.BytesIO(cut), BOUNDARY)
    with pytest.raises(MultipartCut):
        for part in reader:
            for _block in part.blocks():
                pass


def test_unread_parts_are_passed_over_and_a_preamble_is_too() -> None:
    data = body([({"Content-Type": "text/plain"}, b"one"), ({}, b"two")], preamble=b"for people")
    parts = list(MultipartReader(io.BytesIO(data), BOUNDARY))
    assert [part.content_type for part in parts] == ["text/plain", ""]


def test_a_body_without_its_boundary_is_refused() -> None:
    with pytest.raises(BadMultipart):
        list(MultipartReader(io.BytesIO(b"x" * 200_000), BOUNDARY))
    with pytest.raises(BadMultipart):
        list(MultipartReader(io.BytesIO(b"--" + BOUNDARY + b"\r\n" + b"h" * 99_999), BOUNDARY))


@pytest.mark.parametrize(
    "content_type",
    ["application/dicom", "multipart/related", 'multipart/related; boundary=""',
     "multipart/related; boundary=" + "x" * 71],
)  # fmt: skip
def test_a_content_type_without_a_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(BadMultipart):
        boundary_of(content_type)


def test_the_boundary_is_read_from_the_content_type() -> None:
    said = 'multipart/related; type="application/dicom"; boundary="a b?c"'
    assert boundary_of(said) == b"a b?c"
