"""The generated tables are the standard's: complete, unchanged, and every code in them known."""

import hashlib
import json

from studies.deid.dataset import public_vrs, swapped
from studies.deid.profile import Option
from studies.deid.resolve import table_rows
from studies.deid.tables import codes, confidentiality, iod_types, safe_private, sr_content

CODES = {"X", "Z", "D", "U", "K", "C", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*"}


def digest(rows: object) -> str:
    text = json.dumps(rows, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_row_counts_are_those_of_the_edition() -> None:
    assert confidentiality.EDITION == "2026d"
    assert len(confidentiality.ROWS) == 657
    assert len(safe_private.ROWS) == 479
    assert len(codes.MEANINGS) == 13
    assert len(sr_content.ROWS) == 214


def test_the_rows_are_what_was_generated() -> None:
    for table in (confidentiality, safe_private, sr_content):
        assert digest(list(table.ROWS)) == table.DIGEST


def test_every_action_is_a_code_of_table_e1_1a() -> None:
    for _tag, _name, basic, cells in confidentiality.ROWS:
        assert basic in CODES
        assert set(cells.values()) <= {"K", "C"}
        assert set(cells) <= {option.value for option in Option}


def test_every_option_has_its_code() -> None:
    assert {option.code for option in Option} | {codes.BASIC} == set(codes.MEANINGS)


def test_every_listed_attribute_has_a_vr() -> None:
    missing = [
        f"{tag:08X}"
        for tag in table_rows()
        if tag >> 16 not in (0, 2, 4)
        and swapped(tag) not in public_vrs()
        and tag not in (0xFFFAFFFA, 0xFFFCFFFC)
    ]
    assert missing == []


def test_every_sop_class_has_an_iod_with_modules() -> None:
    assert len(iod_types.SOP_CLASSES) == 183
    assert {iod for iod, _name in iod_types.SOP_CLASSES.values()} <= set(iod_types.IODS)
    for members in iod_types.IODS.values():
        assert all(module.rstrip("?") in iod_types.MODULES for module in members.split())


def test_repeating_groups_are_the_even_ones_of_ps3_5_7_6() -> None:
    overlays = {tag >> 16 for tag in table_rows() if 0x6000 <= tag >> 16 <= 0x60FF}
    assert overlays == set(range(0x6000, 0x6020, 2))
