"""A value representation that lies: what it holds goes by what it may tell, not by its tag."""

from io import BytesIO

import pytest
from pydicom import dcmread

from studies.deid import KeyedIdentities, builtin_profile, compile_plan, deidentify
from tests import datasets

KEY = b"a key for tests, 32 bytes long.."
CONVOLUTION_KERNEL = b"\x18\x00\x10\x12SH"


@pytest.mark.parametrize("profile", ["basic", "cloud", "teleradiology"])
@pytest.mark.parametrize(
    ("vr", "value"), [(b"PN", b"Quokkaname^Zeb"), (b"DA", b"20240102"), (b"UI", b"1.2.3.4.567")]
)
def test_a_name_date_or_uid_in_a_technical_attribute_is_not_kept(
    vr: bytes, value: bytes, profile: str
) -> None:
    ds = datasets.ct(
        ConvolutionKernel="K" * (len(value) + len(value) % 2),
        SeriesDescription="CHEST for Quokkaname 5MM",
    )
    data = datasets.part10(ds)
    start = data.index(CONVOLUTION_KERNEL)
    padded = value + (b"" if len(value) % 2 == 0 else b"\0")
    lying = data[: start + 4] + vr + data[start + 6 : start + 8] + padded
    data = lying + data[start + 8 + len(padded) :]
    output = BytesIO()
    plan = compile_plan(builtin_profile(profile))
    outcome = deidentify(BytesIO(data), output, plan, KeyedIdentities(KEY))
    assert outcome.state == "deidentified", (outcome.code, outcome.where)
    whole = output.getvalue()
    assert value not in whole
    if vr == b"PN":
        assert b"Quokkaname" not in whole, "the name found there is cleaned from texts, too"
    output.seek(0)
    assert "ConvolutionKernel" not in dcmread(output)
