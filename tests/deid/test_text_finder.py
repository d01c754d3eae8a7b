"""The real text finder and the whole engine on generated pictures: text is blanked, the rest stays.

Each look costs half a second, so the counts are small; `python -m benchmarks.pixels` has the table.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from benchmarks.pictures import BACKGROUNDS, clean_picture, mask_of, picture, scripts
from benchmarks.pixels import ENOUGH, SETS, blanked, engine_output
from studies.deid.pixels.rapid import RapidTextFinder, _Spot
from tests.counts import count


@pytest.fixture(scope="session")
def finder() -> Iterator[RapidTextFinder]:
    yield RapidTextFinder()


@pytest.mark.parametrize("name", [name for name, (*_sizes, is_bound) in SETS.items() if is_bound])
def test_text_of_every_kind_is_blanked(
    finder: RapidTextFinder, name: str, proof: Callable[[str, int, str], None]
) -> None:
    sizes, contrasts, _is_bound = SETS[name]
    shares = [
        share
        for seed in range(count(1, 60))
        for _text, share in blanked(finder, picture(31_000 + seed, sizes, contrasts))
    ]
    found = float(np.mean(np.array(shares) >= ENOUGH))
    assert found >= 0.99
    proof(f"blanks burnt-in text of {name}", len(shares), f"{100 * found:.1f} % blanked")


def test_pictures_without_text_stay_as_they_are(
    finder: RapidTextFinder, proof: Callable[[str, int, str], None]
) -> None:
    number = count(len(BACKGROUNDS), 200)
    touched = 0
    for seed in range(number):
        before = clean_picture(32_000 + seed).pixels
        touched += not np.array_equal(engine_output(finder, before)[0], before)
    assert touched <= number * 0.005
    proof("leaves pictures without text untouched", number, f"{touched} touched")


@pytest.mark.parametrize("seed", [32_144, 32_174, 32_204, 510_063, 510_122, 730_028])
def test_texture_that_looks_like_text_at_one_size_or_in_one_polarity_only_stays(
    finder: RapidTextFinder, seed: int
) -> None:
    texture = clean_picture(seed).pixels
    assert finder.find(texture) == finder.find(texture, enlarged=True) == []


def test_a_doubtful_place_is_kept_if_it_is_seen_again(finder: RapidTextFinder) -> None:
    noise = np.random.default_rng(4)
    image = np.clip(noise.normal(60, 4, (120, 300)), 0, 255).astype(np.uint8)
    mask = mask_of("MILLER 1961", 16, "latin", noise)
    part = image[50 : 50 + mask.shape[0], 80 : 80 + mask.shape[1]]
    part[:] = np.maximum(part, (mask * 130).astype(np.uint8))
    height, width = mask.shape
    place = _Spot(80, 50, 80 + width, 50 + height, 0.5, height)
    elsewhere = place._replace(top=90, bottom=90 + height)
    assert finder._is_seen_again(image, place)
    assert not finder._is_seen_again(image, elsewhere)


def test_words_are_read_as_well_as_found(finder: RapidTextFinder) -> None:
    noise = np.random.default_rng(4)
    image = np.full((200, 400), 20, np.uint8)
    for y, words in ((30, "SUPINE"), (110, "MILLER 1961")):
        mask = mask_of(words, 28, "latin", noise)
        part = image[y : y + mask.shape[0], 40 : 40 + mask.shape[1]]
        part[:] = np.maximum(part, (mask * 230).astype(np.uint8))
    read = [found.text for found in finder.find(image) if found.score > 0.9]
    assert sorted(read) == ["MILLER 1961", "SUPINE"]


def test_upright_text_is_read_either_way_round(finder: RapidTextFinder) -> None:
    noise = np.random.default_rng(4)
    mask = mask_of("MILLER 1961", 28, "latin", noise)
    for turns in (1, 3):
        turned = np.rot90(mask, turns)
        image = np.full((400, 200), 20, np.uint8)
        image[40 : 40 + turned.shape[0], 80 : 80 + turned.shape[1]] += (turned * 200).astype(
            np.uint8
        )
        assert "MILLER 1961" in [found.text for found in finder.find(image)]


def test_the_finder_takes_grey_images_only(finder: RapidTextFinder) -> None:
    with pytest.raises(ValueError, match="grey images"):
        finder.find(np.zeros((8, 8, 3), np.uint8))


def test_the_picture_set_has_every_script_that_the_machine_can_draw() -> None:
    assert {"latin", "cyrillic"} <= set(scripts())
    kinds = {text.kind for seed in range(12) for text in picture(seed, (8, 40), (40, 200)).texts}
    assert {"rotated", "coloured", "edge", "latin", "cyrillic", *scripts()} <= kinds
