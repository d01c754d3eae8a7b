"""Every colour can be read: text 4.5 to 1, controls, bars and focus 3 to 1, in both themes."""

import re
from pathlib import Path

import pytest
from django.conf import settings

FAMILIES = ("idle", "moving", "review", "held", "stop", "done")
THEMES = {"light": 0, "dark": 1}


def tokens() -> dict[str, tuple[str, str]]:
    """Return each colour token with its light and dark value."""
    source = (Path(settings.BASE_DIR) / "static/tokens.css").read_text("utf-8")
    found = re.findall(r"--([\w-]+):light-dark\((#[0-9a-f]{6}),(#[0-9a-f]{6})\)", source)
    return {name: (light, dark) for name, light, dark in found}


TOKENS = tokens()
GROUNDS = ("bg", "surface", "raised", "hover")
TEXT_PAIRS = (
    [(text, ground) for text in ("text", "muted", "accent", *FAMILIES) for ground in GROUNDS]
    + [(family, f"{family}-soft") for family in FAMILIES]
    + [("text", f"{family}-soft") for family in FAMILIES]
    + [("text", "accent-soft"), ("accent", "accent-soft"), ("muted", "accent-soft")]
    + [("on-accent", "accent"), ("on-accent", "accent-hover"), ("surface", "text")]
)
SHAPE_PAIRS = (
    [("edge", ground) for ground in ("bg", "surface")]
    + [(f"{family}-fill", ground) for family in FAMILIES for ground in ("surface", "sunken")]
    + [("focus", ground) for ground in GROUNDS]
)


def luminance(colour: str) -> float:
    """Return WCAG's relative luminance of #rrggbb."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ratio(one: str, other: str) -> float:
    """Return WCAG's contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_ratio_is_the_standards() -> None:
    assert ratio("#000000", "#ffffff") == pytest.approx(21)
    assert ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS)
def test_text_can_be_read(text: str, ground: str, theme: str) -> None:
    side = THEMES[theme]
    assert ratio(TOKENS[text][side], TOKENS[ground][side]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("shape", "ground"), SHAPE_PAIRS)
def test_shapes_can_be_seen(shape: str, ground: str, theme: str) -> None:
    side = THEMES[theme]
    assert ratio(TOKENS[shape][side], TOKENS[ground][side]) >= 3


def test_no_template_and_no_kit_rule_brings_its_own_style() -> None:
    root = Path(settings.BASE_DIR)
    for path in (root / "templates").rglob("*.html"):
        text = path.read_text("utf-8")
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|#[0-9a-fA-F]{6}\b", text), path.name
        # A block of JSON is data: no browser runs it, and no policy has to allow it.
        own = re.findall(r"<script(?![^>]*\ssrc=)[^>]*>", text)
        assert all('type="application/json"' in tag for tag in own), path.name
    assert (root / "static/kit.css").stat().st_size < 25_000
