"""Identity written into every attribute of the dictionary, at the top and nested: none comes out.

Table E.1-1 names 657 attributes; people write names into others, too. Here each attribute that can
hold text, a date or a UID holds some, and the whole output is searched.
"""

from io import BytesIO

import pytest
from pydicom import config, dcmread
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from studies.deid import KeyedIdentities, builtin_profile, compile_plan, deidentify
from tests import datasets
from tests.counts import PROVE

KEY = b"a key for tests, 32 bytes long.."
CHUNK = 400
STUDY_DATE = "20240314"
UID = "1.2.3.77."
# The character set decides how all the rest is read; an object that lies about it is held. Earlier
# marks are kept as they are, and hold an object if they name someone.
HELD_FOR = {0x00080005, 0x00120063}
# UIDs of classes, coding schemes and syntaxes; of devices, under Retain Device Identity.
CLASSES = {0x00081150, 0x0008115A, 0x00083002, 0x00340003, 0x04000010, 0x04000510, 0x30100052}
CLASSES |= {0x30100053, 0x0008001A, 0x0008001B, 0x00080062, 0x0008010C, 0x0008010D, 0x00080117}
CLASSES |= {0x00080118, 0x0008040E}
DEVICES = {0x00181002, 0x0018100B}


def writable() -> list[tuple[int, str]]:
    """Every public attribute outside of meta, image pixel and pixel groups, with its VR."""
    return [
        (tag, str(entry[0]).split(" or ")[0])
        for tag, entry in sorted(DicomDictionary.items())
        if 0x0008 <= tag >> 16 < 0x7FE0 and tag >> 16 != 0x0028 and tag & 0xFFFF
    ]


TAGS = writable()


def telling(vr: str, tag: int, m: datasets.Markers) -> str | None:
    """A value of a VR that tells who, when or which."""
    return {
        "LO": f"at {m.family}",
        "SH": f"{m.family[:12]} 1",
        "CS": m.family.upper()[:16],
        "LT": f"text {m.patient_id} by {m.given}",
        "ST": f"{m.family}, {m.given}",
        "UT": f"for {m.family} {m.patient_id}",
        "UC": m.patient_id,
        "UR": f"http://pacs/{m.patient_id}",
        "PN": f"{m.family}^{m.given}",
        "AE": m.family[:16],
        "IS": m.patient_id[2:],
        "UI": f"{UID}{tag}",
        "DA": STUDY_DATE,
        "DT": f"{STUDY_DATE}120000",
        "AS": "095Y",
    }.get(vr)


def filled(m: datasets.Markers, chunk: int, *, nested: bool) -> Dataset:
    """A CT with a part of the dictionary filled in, at the top or in a sequence item."""
    ds = datasets.ct(m)
    target = Dataset() if nested else ds
    for tag, vr in TAGS[chunk : chunk + CHUNK]:
        value = telling(vr, tag, m)
        if value is not None and tag not in ds and tag not in HELD_FOR:
            target.add_new(tag, vr, value)
    if nested:
        ds.ReferencedImageSequence = Sequence([target])
    return ds


@pytest.fixture(autouse=True)
def values_that_the_standard_would_not_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.settings, "_writing_validation_mode", config.IGNORE)
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.IGNORE)


@pytest.mark.parametrize("nested", [False, True], ids=["top", "nested"])
@pytest.mark.parametrize("chunk", range(0, len(TAGS), CHUNK))
def test_identity_in_any_attribute_does_not_come_out(chunk: int, nested: bool) -> None:
    for profile in ("basic", "cloud", "teleradiology") if PROVE else ("teleradiology",):
        m = datasets.Markers()
        output = BytesIO()
        plan = compile_plan(builtin_profile(profile))
        data = datasets.part10(filled(m, chunk, nested=nested))
        outcome = deidentify(BytesIO(data), output, plan, KeyedIdentities(KEY))
        assert outcome.state == "deidentified", (outcome.code, outcome.where, outcome.message)
        whole = output.getvalue()
        # Retain Device Identity keeps the station's name and the device's number.
        searched = {*m.tokens(), m.family.upper()} - {m.station, m.serial}
        assert [token for token in searched if token.encode() in whole] == []
        output.seek(0)
        for element in dcmread(output).iterall():
            if element.tag not in CLASSES | DEVICES:
                assert not str(element.value).startswith(UID), element.tag
            if element.VR in ("DA", "DT", "AS"):
                assert STUDY_DATE not in str(element.value), element.tag
                assert element.value != "095Y", element.tag
