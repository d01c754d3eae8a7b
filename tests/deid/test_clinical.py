"""The clinical vocabulary: what it holds, and what it must not hold."""

import pytest

from studies.deid import clinical, clinical_words
from studies.deid.clinical import is_clinical, is_term
from studies.deid.identifying import fold

LISTS = [
    clinical_words.ANATOMY, clinical_words.METHOD, clinical_words.FINDINGS,
    clinical_words.EPONYMS, clinical_words.OTHER_LANGUAGES, clinical_words.ORDINARY,
    clinical_words.FUNCTION_WORDS, clinical_words.GENERIC_PLACE_WORDS,
]  # fmt: skip


@pytest.mark.parametrize("text", LISTS)
def test_every_list_is_folded_sorted_and_without_doubles(text: str) -> None:
    words = text.split()
    assert words == sorted(set(words))
    assert all(fold(word) == word for word in words)


@pytest.mark.parametrize(
    "word",
    ["parkinson", "hodgkin", "hodgkins", "baker", "hand", "foot", "graves", "wilson", "sternum"],
)
def test_words_of_the_field_are_known_in_singular_and_plural(word: str) -> None:
    assert is_clinical(word)


@pytest.mark.parametrize(
    "name",
    [
        "smith", "johnson", "garcia", "murphy", "young", "weber", "white", "green", "black",
        "brown", "martin", "lee", "kim", "john", "mary", "mark", "grant", "rose", "anna", "tanaka",
        "muller",
    ],
)  # fmt: skip
def test_the_most_common_names_are_no_clinical_words(name: str) -> None:
    assert not is_clinical(name)


@pytest.mark.parametrize(
    "word", ["gastroduodenostomy", "rhinoplasty", "laryngospasm", "white", "is"]
)
def test_terms_are_also_everyday_words_and_what_is_built_like_a_term(word: str) -> None:
    assert is_term(word)


def test_a_name_is_no_term_by_its_ending_alone() -> None:
    assert not any(is_term(name) for name in ("roma", "paloma", "thomson", "okafor", "schmidt"))


def test_ideographs_are_words_of_the_field() -> None:
    assert "胸部" in clinical.CLINICAL_IDEOGRAPHS
    assert "小明" not in clinical.CLINICAL_IDEOGRAPHS
