"""Spanish and Simplified Chinese: complete, the same placeholders, compiled from what is read."""

import ast
import gettext
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings

LOCALE = Path(settings.BASE_DIR) / "locale"
LANGUAGES = ("es", "zh_Hans")
PLACES = re.compile(r"%\((\w+)\)|\{(\w*)\}")


class Entry(NamedTuple):
    """One text with its translations."""

    context: str
    text: str
    plural: str
    flags: str
    translations: list[str]


def entries(language: str) -> list[Entry]:
    """Return the entries of a language's po file."""
    source = (LOCALE / language / "LC_MESSAGES/django.po").read_text("utf-8")
    found = []
    for block in source.split("\n\n")[1:]:
        flags = "".join(re.findall(r"^#, (.*)$", block, re.M))
        values: dict[str, str] = {}
        for name, value in re.findall(r'^(msg\w+(?:\[\d\])?) "(.*)"$', block, re.M):
            values[name] = value
        plural = values.get("msgid_plural", "")
        told = [value for name, value in values.items() if name.startswith("msgstr")]
        found.append(Entry(values.get("msgctxt", ""), values["msgid"], plural, flags, told))
    return found


def spoken(text: str) -> str:
    """Return a po file's text without its escapes."""
    return str(ast.literal_eval(f'"{text}"'))


def places(text: str) -> set[str]:
    """Return the named placeholders of a text."""
    return {one or other for one, other in PLACES.findall(text)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_left_untranslated_or_guessed(language: str) -> None:
    found = entries(language)
    assert len(found) > 500
    assert [entry.text for entry in found if not all(entry.translations)] == []
    assert [entry.text for entry in found if "fuzzy" in entry.flags] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_fills_the_same_places(language: str) -> None:
    for entry in entries(language):
        for told in entry.translations:
            assert places(told) <= places(entry.text) | places(entry.plural), entry.text
            if not entry.plural:
                assert places(told) == places(entry.text), entry.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_file_says_what_the_readable_one_says(language: str) -> None:
    with (LOCALE / language / "LC_MESSAGES/django.mo").open("rb") as stream:
        compiled = gettext.GNUTranslations(stream)
    for entry in entries(language):
        text, told = (spoken(part) for part in (entry.text, entry.translations[0]))
        if entry.plural:
            assert compiled.ngettext(text, spoken(entry.plural), 1) == told
        elif entry.context:
            assert compiled.pgettext(entry.context, text) == told
        else:
            assert compiled.gettext(text) == told
