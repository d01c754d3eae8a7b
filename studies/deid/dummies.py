"""Dummy items for sequences whose action is D: type-correct, and the same for everybody.

Sequences not named here are rewritten inside instead: all that identifies in them has an action
of its own in Table E.1-1.
"""

from functools import lru_cache

from .dataset import encode_element, encode_item

CONTENT = 0x0040A730
_GRAPHIC_ANNOTATION = 0x00700001
_OPERATOR = 0x00081072
DUMMY_SEQUENCES = frozenset(
    (CONTENT, _GRAPHIC_ANNOTATION, _OPERATOR, 0x00080082, 0x00401101, 0x0040A168, 0x0040A088)
)


@lru_cache(maxsize=64)
def dummy_item(tag: int, explicit: bool, *, is_key_object: bool = False) -> bytes:
    """Return the content of the one item that stands for a sequence."""
    if tag == CONTENT:
        return _content_item(explicit, is_key_object=is_key_object)
    if tag == _GRAPHIC_ANNOTATION:
        return _annotation_item(explicit)
    if tag == _OPERATOR:
        return _sequence(0x00401101, _code("REMOVED", "99REMOVED", "REMOVED", explicit), explicit)
    return _code("REMOVED", "99REMOVED", "REMOVED", explicit)


def code_item(value: str, scheme: str, meaning: str, explicit: bool) -> bytes:
    """Return a code sequence item, encoded."""
    return encode_item(_code(value, scheme, meaning, explicit))


def _code(value: str, scheme: str, meaning: str, explicit: bool) -> bytes:
    return (
        encode_element(0x00080100, "SH", value.encode(), explicit)
        + encode_element(0x00080102, "SH", scheme.encode(), explicit)
        + encode_element(0x00080104, "LO", meaning.encode(), explicit)
    )


def _sequence(tag: int, content: bytes, explicit: bool) -> bytes:
    return encode_element(tag, "SQ", encode_item(content), explicit)


def _content_item(explicit: bool, *, is_key_object: bool) -> bytes:
    """Return an empty container; a Key Object Selection may hold none, so a text item there."""
    item = encode_element(0x0040A010, "CS", b"CONTAINS", explicit)
    if is_key_object:
        concept = _code("113012", "DCM", "Key Object Description", explicit)
        return (
            item
            + encode_element(0x0040A040, "CS", b"TEXT", explicit)
            + _sequence(0x0040A043, concept, explicit)
            + encode_element(0x0040A160, "UT", b"REMOVED", explicit)
        )
    concept = _code("121111", "DCM", "Summary", explicit)
    return (
        item
        + encode_element(0x0040A040, "CS", b"CONTAINER", explicit)
        + _sequence(0x0040A043, concept, explicit)
        + encode_element(0x0040A050, "CS", b"SEPARATE", explicit)
    )


def _annotation_item(explicit: bool) -> bytes:
    """Return a layer with one point: lines can write names, too."""
    point = (
        encode_element(0x00700005, "CS", b"PIXEL", explicit)
        + encode_element(0x00700020, "US", b"\2\0", explicit)
        + encode_element(0x00700021, "US", b"\1\0", explicit)
        + encode_element(0x00700022, "FL", bytes.fromhex("0000803f0000803f"), explicit)
        + encode_element(0x00700023, "CS", b"POINT", explicit)
    )
    layer = encode_element(0x00700002, "CS", b"REMOVED", explicit)
    return layer + _sequence(0x00700009, point, explicit)
