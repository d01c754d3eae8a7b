"""The strip names the patient in the script the name is written in, and says what it can't draw."""

import dataclasses
import io

import pypdf
import pytest

from studies.reports.cover_strip import draw
from tests import datasets
from tests.reports.sending import STRIP, Hospital


def drawn(name: str, width: float = 595) -> tuple[str, bool, float]:
    hospital = Hospital()
    one = hospital.send(datasets.Markers(name=name, character_set=("ISO_IR 192",)))
    identity = dataclasses.replace(hospital.identity(one), is_another_patients=lambda _uid: False)
    strip = draw(identity, STRIP, width, "1/2")
    page = pypdf.PdfReader(io.BytesIO(strip.page)).pages[0]
    assert float(page.mediabox.width) == pytest.approx(max(width, 120), abs=0.01)
    return page.extract_text(), strip.is_whole, strip.height


@pytest.mark.parametrize(
    ("name", "shown", "is_whole"),
    [
        ("Buc^Jérôme^^Dr", "Buc, Dr Jérôme", True),
        ("Yamada^Tarou=山田^太郎", "山田, 太郎", True),
        ("Wang^XiaoDong=王^小东", "王, 小东", True),
        ("Hong^Gildong=洪^吉洞=홍^길동", "홍, 길동", True),
        ("Яковлева^Анна", "Яковлева, Анна", True),
        ("Ναντια^Α", "Ναντια, Α", True),
        ("Παπαδόπουλος^Νίκος", "Παπαδοπουλο?, Νικο?", False),
        ("Łukasz^Ż", "Łukasz, Z", False),
        ("محمد^علي", "????, ???", False),
    ],
)
def test_a_name_is_drawn_in_its_own_script(name: str, shown: str, is_whole: bool) -> None:
    words, whole, _height = drawn(name)
    assert "".join(shown.split()) in "".join(words.split())
    assert whole is is_whole


def test_a_narrow_page_gets_a_higher_strip_with_everything_in_it() -> None:
    words, _whole, height = drawn("A" * 30 + "^" + "B" * 30, width=200)
    assert height > drawn("Doe^Jo")[2]
    assert STRIP.viewer in words
    assert "4711" in words
