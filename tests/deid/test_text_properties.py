"""Properties of text cleaning over generated people and descriptions.

Nothing of a person survives in any spelling, order or character set; nothing clinical is lost; the
quick look at bytes never misses what cleaning would change.
"""

from collections.abc import Callable

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from studies.deid.charset import Charset
from studies.deid.clinical import FUNCTION_WORDS, is_clinical
from studies.deid.identifying import RUN, IdentifyingValues, fold, is_cjk
from studies.deid.text import TextCleaner
from tests.counts import count
from tests.deid.generated import DESCRIPTIONS, FORMS, PEOPLE, SEPARATORS, Person

Form = Callable[[str], str]


def cleaner(person: Person, *, patterns: bool) -> TextCleaner:
    built = IdentifyingValues.build(person.values)
    return TextCleaner(built, shift_days=None, keep_dates=False, patterns=patterns)


def tokens_that_identify_alone(name: str) -> set[str]:
    """Return the folded words of a name that nothing but the person explains."""
    words: set[str] = set()
    for group in name.split("="):
        for component in group.split("^"):
            for word in RUN.findall(fold(component)):
                if is_cjk(word):
                    words |= {word} if len(word) > 1 else set()
                elif len(word) > 2 and word not in FUNCTION_WORDS and not is_clinical(word):
                    words.add(word)
    return words


@given(
    person=PEOPLE,
    before=st.sampled_from(["", *DESCRIPTIONS]),
    after=st.sampled_from(["", *DESCRIPTIONS]),
    form=FORMS,
    separator=st.sampled_from(SEPARATORS),
    is_reversed=st.booleans(),
    patterns=st.booleans(),
)
@settings(max_examples=count(150, 3000), deadline=None)
def test_no_token_of_a_name_survives_in_any_spelling_or_order(
    person: Person,
    before: str,
    after: str,
    form: Form,
    separator: str,
    is_reversed: bool,
    patterns: bool,
) -> None:
    parts = person.name.split("^")
    name = form(separator.join(parts[::-1] if is_reversed else parts))
    text = f"{before} / {name} / {after}"
    cleaned, number = cleaner(person, patterns=patterns).clean(text)
    assert number
    words = set(RUN.findall(fold(cleaned)))
    assert not words & tokens_that_identify_alone(person.name)
    assert fold(before) in fold(cleaned)
    assert fold(after) in fold(cleaned)


@given(person=PEOPLE, text=st.sampled_from(DESCRIPTIONS), form=FORMS, glue=st.sampled_from("_ -/"))
@settings(max_examples=count(100, 2000), deadline=None)
def test_a_native_name_is_found_inside_running_text(
    person: Person, text: str, form: Form, glue: str
) -> None:
    assume(person.native)
    name = form(person.native.replace("^", ""))
    cleaned, _ = cleaner(person, patterns=False).clean(f"{text}{glue}{name}{glue}{text}")
    assert fold(name) not in fold(cleaned)


@given(
    person=PEOPLE,
    text=st.sampled_from(DESCRIPTIONS),
    frame=st.sampled_from(["{}", "#{}", "({})", "{}_"]),
)
@settings(max_examples=count(100, 2000), deadline=None)
def test_an_id_is_found_whatever_stands_around_it(person: Person, text: str, frame: str) -> None:
    marked = f"{text} {frame.format(person.patient_id)} {text}"
    cleaned, number = cleaner(person, patterns=False).clean(marked)
    assert number
    assert person.patient_id not in cleaned
    bare = person.patient_id.lstrip("0")
    assert len(bare) < 5 or bare not in cleaned


@given(person=PEOPLE, text=st.sampled_from(DESCRIPTIONS), other=st.sampled_from(DESCRIPTIONS))
@settings(max_examples=count(150, 3000), deadline=None)
@example(person=Person("Hand^John", "", "4711", "19500131"), text="DR HAND 2 VIEWS", other="SCOUT")
def test_a_clinical_description_comes_out_unchanged_whoever_the_patient_is(
    person: Person, text: str, other: str
) -> None:
    joined = f"{text} / {other}"
    words = set(RUN.findall(fold(joined)))
    assume(not words & tokens_that_identify_alone(person.name))
    digits = {run for run in RUN.findall(fold(joined)) if run.isdecimal()}
    assume(person.patient_id.lstrip("0") not in digits)
    for patterns in (True, False):
        for description in (text, joined, joined.upper(), joined.lower()):
            assert cleaner(person, patterns=patterns).clean(description) == (description, 0)


@given(person=PEOPLE, text=st.sampled_from(DESCRIPTIONS), form=FORMS, patterns=st.booleans())
@settings(max_examples=count(100, 2000), deadline=None)
def test_cleaning_twice_changes_nothing_more(
    person: Person, text: str, form: Form, patterns: bool
) -> None:
    marked = f"{text} {form(person.name)} {person.birth}, {person.patient_id}"
    once = cleaner(person, patterns=patterns).clean(marked)[0]
    assert cleaner(person, patterns=patterns).clean(once)[0] == once


CHARSETS = [
    b"", b"ISO_IR 100", b"ISO_IR 101", b"ISO_IR 144", b"ISO_IR 126", b"ISO_IR 127", b"ISO_IR 138",
    b"ISO_IR 148", b"ISO_IR 192", b"GB18030", b"\\ISO 2022 IR 87", b"ISO_IR 13",
    b"\\ISO 2022 IR 149",
]  # fmt: skip


@given(
    person=PEOPLE,
    text=st.sampled_from(DESCRIPTIONS),
    form=FORMS,
    part=st.sampled_from(["name", "native", "id", "birth", "birth.", "birth/"]),
    separator=st.sampled_from(SEPARATORS),
    term=st.sampled_from(CHARSETS),
    warm=st.booleans(),
)
@settings(max_examples=count(200, 3000), deadline=None)
def test_the_quick_look_at_bytes_never_misses_what_cleaning_would_change(
    person: Person, text: str, form: Form, part: str, separator: str, term: bytes, warm: bool
) -> None:
    birth = person.birth
    written = {
        "name": person.name.replace("^", separator),
        "native": person.native.replace("^", separator),
        "id": person.patient_id,
        "birth": birth,
        "birth.": f"{birth[6:]}.{birth[4:6]}.{birth[:4]}",
        "birth/": f"{int(birth[4:6])}/{int(birth[6:])}/{birth[2:4]}",
    }[part]
    charset = Charset.of(term)
    raw = charset.encode(f"{text} {form(written)}", b"LO")
    built = IdentifyingValues(person.values)
    element = b"\x08\0\x30\x10LO" + len(raw).to_bytes(2, "little") + raw
    if warm:
        built.find_in(b"\0" * (1 << 16))
    _, number = TextCleaner(built, shift_days=None, keep_dates=False, patterns=False).clean(
        charset.decode(raw, b"LO")
    )
    if number:
        assert built.find_in(element + b" " * (len(raw) & 1) + b"\x54\0\x81\0US\x02\0\x01\0")


@given(text=st.text(max_size=80), person=PEOPLE, patterns=st.booleans())
@settings(max_examples=count(200, 3000), deadline=None)
def test_no_text_makes_cleaning_fail(text: str, person: Person, patterns: bool) -> None:
    cleaned, number = cleaner(person, patterns=patterns).clean(text)
    assert (cleaned == text) or number
