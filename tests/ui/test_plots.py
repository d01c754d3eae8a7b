"""The geometry of bars and lines."""

from hypothesis import given
from hypothesis import strategies as st

from anonportal.ui import plots


def widths(marks: list[plots.Mark]) -> list[float]:
    """Return the widths of marks as numbers."""
    return [float(mark.width.rstrip("%")) for mark in marks]


counts = st.lists(st.integers(0, 10**7), min_size=1, max_size=9)


@given(counts)
def test_a_ledger_fills_its_bar_and_hides_no_part(numbers: list[int]) -> None:
    parts = [plots.Part(str(n), count) for n, count in enumerate(numbers)]
    marks = plots.ledger_marks(parts, sum(numbers))
    assert [mark.value for mark in marks] == [count for count in numbers if count]
    if marks:
        assert abs(sum(widths(marks)) - 100) < 0.1
        assert min(widths(marks)) >= plots.THINNEST - 0.01
        assert marks[0].x == "0.00%"


@given(st.floats(0, 1e9, allow_nan=False))
def test_a_scale_starts_at_zero_and_reaches_over_every_value(largest: float) -> None:
    top, step = plots.nice_ceiling(largest)
    assert top >= largest * (1 - 1e-9)
    assert 1 <= round(top / step) <= 4
    if largest > 3:
        assert largest > top / 3


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=48))
def test_upright_bars_stand_on_the_zero_line_inside_the_plot(values: list[int]) -> None:
    top, _step = plots.nice_ceiling(max(values))
    marks = plots.bar_marks([(str(n), value, "moving") for n, value in enumerate(values)], top)
    for mark in marks:
        assert float(mark.y) >= 17
        assert abs(float(mark.y) + float(mark.height) - 128) < 0.2
    last = marks[-1]
    assert float(last.x.rstrip("%")) + float(last.width.rstrip("%")) <= 100


def test_lying_bars_leave_room_for_name_and_number() -> None:
    marks = plots.row_marks([("Text in the picture", 583, "held"), ("Two ids", 0, "held")])
    assert widths(marks) == [80.0, 0.0]
    assert marks[0].x == "81.50%"
    assert plots.row_marks([]) == []


def test_a_gap_in_the_data_is_a_gap_in_the_line() -> None:
    assert plots.points([0, 10, None, 5], 10) == ["0.00,100.00 33.33,0.00", "100.00,50.00"]


def test_few_labels_stand_under_many_bars() -> None:
    labels = [f"{hour:02}:00" for hour in range(24)]
    ticks = plots.label_ticks(labels, plots.bar_centres(24))
    assert [tick.text for tick in ticks] == ["00:00", "04:00", "08:00", "12:00", "16:00", "20:00"]
