"""However a report is damaged, the outcome is a document or a code: nothing else gets out."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from studies.reports import ReportError, read_report, reidentify_document
from tests import datasets
from tests.counts import count
from tests.reports import reading_room
from tests.reports.sending import STRIP, Hospital, Sent


@pytest.fixture(scope="module")
def hospital() -> Hospital:
    return Hospital()


@pytest.fixture(scope="module")
def reported(hospital: Hospital) -> Sent:
    return hospital.send(datasets.Markers())


@st.composite
def damage(draw: st.DrawFn) -> tuple[float, str, bytes]:
    """Where (as a part of the whole), how, and with what."""
    how = draw(st.sampled_from(["cut", "replace", "insert", "drop", "double"]))
    return draw(st.floats(0, 1)), how, draw(st.binary(min_size=1, max_size=8))


def damaged(body: bytes, where: float, how: str, what: bytes) -> bytes:
    at = int(where * (len(body) - 1))
    if how == "cut":
        return body[:at]
    if how == "replace":
        return body[:at] + what + body[at + len(what) :]
    if how == "insert":
        return body[:at] + what + body[at:]
    if how == "drop":
        return body[:at] + body[at + len(what) * 5 :]
    return body[:at] + body[at // 2 :]


@pytest.mark.parametrize("name", sorted(reading_room.FORMATS))
def test_a_damaged_report_is_read_or_refused(name: str, hospital: Hospital, reported: Sent) -> None:
    whole = reading_room.FORMATS[name](reported.dataset)
    identity = hospital.identity(reported)

    @given(st.lists(damage(), min_size=1, max_size=3))
    @settings(
        max_examples=count(12, 1000),
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    def check(damages: list[tuple[float, str, bytes]]) -> None:
        body = whole
        for one in damages:
            if body:
                body = damaged(body, *one)
        try:
            reidentify_document(read_report(body, prefix="NORTH"), identity, STRIP)
        except ReportError as error:
            assert error.code

    check()
