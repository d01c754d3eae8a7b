"""One word, one colour, one icon for each state, wherever it stands."""

import re
from enum import Enum
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context, Template

from anonportal.ui import states
from audit import Outcome
from studies.models.states import (
    BatchState,
    ChunkState,
    DestinationState,
    InstanceState,
    ReportState,
)
from tests.ui.gallery import Fate

ICONS = set(
    re.findall(r'id="i-(\w+)"', (Path(settings.BASE_DIR) / "static/icons.svg").read_text("utf-8"))
)
CHOICES = (BatchState, InstanceState, DestinationState, ReportState, ChunkState, Outcome)
MEMBERS: list[Enum] = [member for choices in CHOICES for member in choices]


def draw(source: str, **context: object) -> str:
    """Return what a template with the kit's tags draws."""
    return Template("{% load ui %}" + source).render(Context(context))


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: f"{type(member).__name__}-{member}")
def test_every_state_of_the_product_has_a_look_with_its_own_word(member: Enum) -> None:
    look, word = states.resolve(member)
    assert word == look.word
    assert draw("{% state member %}", member=member).count(str(word)) == 1


def test_no_look_is_left_without_an_icon_and_a_known_colour() -> None:
    looks = [look for kind in states.kinds().values() for look in kind.values()]
    assert {look.icon for look in looks} <= ICONS
    assert {look.family for look in looks} == set(states.FAMILIES)


def test_icons_of_one_kind_differ_in_outline_so_that_grey_print_loses_nothing() -> None:
    for kind in ("batch", "instance", "report", "destination", "chunk", "outcome", "action"):
        icons = [look.icon for look in states.kinds()[kind].values()]
        assert len(icons) == len(set(icons)), kind


def test_every_icon_a_template_names_exists() -> None:
    named = set()
    for path in Path(settings.BASE_DIR, "templates").rglob("*.html"):
        named |= set(re.findall(r'{% icon "(\w+)"', path.read_text("utf-8")))
    assert named
    assert named <= ICONS


def test_a_state_is_found_by_member_by_object_and_by_kind_and_value() -> None:
    class Held:
        """An object that exposes its state as a member."""

        state_member = InstanceState.HELD

    by_member = draw("{% state m %}", m=InstanceState.HELD)
    assert by_member == draw("{% state o %}", o=Held())
    assert by_member == draw('{% state "instance" "held" %}')
    assert by_member == draw("{% state m %}", m=Fate.HELD)
    assert 'class="pill s-held"' in by_member


def test_a_state_can_count_and_stand_in_a_sentence() -> None:
    assert draw('{% state "instance" "held" count=1284 %}').endswith("Held · 1,284</span>")
    assert 'class="word s-done"' in draw('{% state_word "destination" "ready" %}')
    assert draw('{% state_family "batch" "attention" %}') == "stop"


def test_a_state_without_a_look_is_an_error_not_a_blank() -> None:
    with pytest.raises(states.UnknownState, match="'sleeping' of 'batch'"):
        states.look("batch", "sleeping")
    with pytest.raises(states.UnknownState):
        states.resolve(object())


def test_hostile_text_is_escaped_everywhere() -> None:
    nasty = '"><script>alert(1)</script>'
    for source in (
        "{% cloud_id x %}",
        "{% batch_id x %}",
        '{% icon "eye" label=x %}',
        "{% ledger parts 1 %}",
        "{% progress 1 2 label=x note=x %}",
        "{% plot_rows rows label=x head=x unit=x %}",
        "{% poll x 2 %}",
    ):
        drawn = draw(source, x=nasty, parts=[(nasty, 1, "held")], rows=[(nasty, 1)])
        assert "<script" not in drawn, source
