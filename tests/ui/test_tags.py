"""What the kit's tags draw."""

import datetime as dt
import re

import pytest
from django import forms
from django.test import RequestFactory
from django.utils import timezone

from tests.ui.test_states import draw

ID = "F0V4DC1J9AP3Z"


def test_a_cloud_id_is_grouped_by_margins_so_that_selecting_copies_it_whole() -> None:
    drawn = draw("{% cloud_id id %}", id=ID)
    assert re.findall(r"<span>(\w+)</span>", drawn) == ["F0V4", "DC1J", "9AP3", "Z"]
    assert re.sub(r"<[^>]+>", "", drawn).strip() == ID
    assert f'data-copy="{ID}"' in drawn
    assert f'aria-label="Copy cloud id {ID}"' in drawn


def test_a_cloud_id_can_link_and_do_without_its_button() -> None:
    drawn = draw('{% cloud_id id url="/x/" copy=False %}', id=ID)
    assert drawn.startswith('<a href="/x/">')
    assert "<button" not in drawn


def test_a_batch_id_shows_eight_characters_and_copies_all() -> None:
    whole = "3f9c21aa-0d7e-4b12-9a51-000000000001"
    drawn = draw("{% batch_id id %}", id=whole)
    assert '<code dir="ltr">3f9c21aa</code>' in drawn
    assert f'data-copy="{whole}"' in drawn


def test_priorities_are_capitals_without_a_colour() -> None:
    drawn = draw('{% priority "STAT" %}{% priority "high" %}')
    assert '<span class="pri stat">' in drawn
    assert ">STAT</span>" in drawn
    assert ">HIGH</span>" in drawn
    assert "s-" not in re.findall(r'class="pri ([^"]+)"', drawn)
    with pytest.raises(KeyError):
        draw('{% priority "urgent" %}')


def test_a_time_says_when_exactly_in_its_title() -> None:
    moment = timezone.now() - dt.timedelta(minutes=25)
    drawn = draw("{% when m %}", m=moment)
    assert ">25 min ago</time>" in drawn
    assert " data-ago" in drawn
    assert moment.strftime("%Y-%m-%d %H:%M:%S UTC") in drawn
    assert draw("{% when m %}", m=None) == "—"
    assert "data-ago" not in draw("{% when m exact=True %}", m=moment)


def test_a_ledger_that_does_not_sum_says_so_as_an_error() -> None:
    parts = [("delivered", 3, "done"), ("held", 1, "held")]
    assert "alert" not in draw("{% ledger parts 4 %}", parts=parts)
    wrong = draw("{% ledger parts 5 %}", parts=parts)
    assert 'role="alert"' in wrong
    assert "4 accounted for of 5" in wrong
    assert 'aria-label="5 in: 3 delivered, 1 held"' in wrong


def test_progress_never_claims_to_be_finished_early_or_beyond() -> None:
    assert 'value="99"' in draw("{% progress 999 1000 %}")
    assert 'value="100"' in draw("{% progress 1000 1000 %}")
    assert 'value="100"' in draw("{% progress 12 10 %}")
    assert 'value="0"' in draw("{% progress 0 0 %}")
    assert "1 of at least 10" in draw("{% progress 1 10 at_least=True %}")


def test_polling_stops_when_the_state_is_final() -> None:
    assert 'hx-trigger="every 2s"' in draw('{% poll "/b/1/progress" 2 %}')
    assert draw('{% poll "/b/1/progress" 0 %}') == ""
    assert 'content="10"' in draw("{% refresh_without_script 10 %}")
    assert draw("{% refresh_without_script 0 %}") == ""


def test_a_field_ties_label_hint_and_error_to_its_control() -> None:
    class Named(forms.Form):
        """A form with one field."""

        name = forms.CharField(label="Name", help_text="As it shall be shown")

    drawn = draw("{% field form.name %}", form=Named({"name": ""}))
    assert '<label for="id_name">Name</label>' in drawn
    assert 'aria-describedby="id_name-hint id_name-err"' in drawn
    assert 'aria-invalid="true"' in drawn
    assert 'id="id_name-err"' in drawn
    assert "aria-invalid" not in draw("{% field form.name %}", form=Named())


def test_options_are_radios_with_their_plain_effect() -> None:
    class Choosing(forms.Form):
        """A form with two options."""

        policy = forms.ChoiceField(
            label="If held",
            choices=[("wait", "Wait for me"), ("go", "Deliver")],
            widget=forms.RadioSelect,
        )

    drawn = draw(
        "{% options form.policy hints=hints %}", form=Choosing(), hints={"wait": "Nothing leaves."}
    )
    assert drawn.count('type="radio"') == 2
    assert "<small>Nothing leaves.</small>" in drawn


def test_a_head_sorts_up_then_down_and_forgets_the_page() -> None:
    def head(query: str) -> str:
        request = RequestFactory().get(f"/list/?{query}")
        return draw('{% sort "Received" "received" %}', request=request)

    assert 'href="?state=held&amp;sort=received"' in head("state=held&after=99")
    assert "aria-sort" not in head("")
    up = head("sort=received")
    assert 'aria-sort="ascending"' in up
    assert 'href="?sort=-received"' in up
    assert 'aria-sort="descending"' in head("sort=-received")
