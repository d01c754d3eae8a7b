"""`python -m benchmarks.pixels`: how much burnt-in text is found and blanked, and what it costs.

Generated pictures with text at known places (see `pictures.py`) go through the engine's own look
and verdict; a text counts as found when at least 95 % of its pixels lie in boxes that are blanked.
Pictures are shared out among processes; costs are measured in one, which uses one thread.
"""

import argparse
import io
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import cache

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid

from studies.deid import KeyedIdentities, Option, builtin_profile, compile_plan, deidentify
from studies.deid.pixels import Box, PixelPolicy
from studies.deid.pixels.rapid import RapidTextFinder
from studies.demo import pixels as phantoms

from .pictures import Drawn, Picture, clean_picture, picture
from .unconcerned import show_unconcerned

# Sizes (em, pixels), contrasts (grey levels), and whether 99 % of the texts must be found.
SETS: dict[str, tuple[tuple[int, int], tuple[int, int], bool]] = {
    "12-40 px, contrast 40-80": ((12, 40), (40, 80), True),
    "12-40 px, contrast 80-200": ((12, 40), (80, 200), True),
    "8-11 px, contrast 100-200": ((8, 11), (100, 200), True),
    "8-11 px, contrast 40-99": ((8, 11), (40, 99), False),
    "12-40 px, contrast 20-39": ((12, 40), (20, 39), False),
}
ENOUGH = 0.95
IDENTITIES = KeyedIdentities(b"0123456789abcdef0123456789abcdef", prefix="BENCH")
PLAN = compile_plan(builtin_profile("basic").with_options(Option.CLEAN_PIXEL_DATA))


def main() -> int:
    """Print the tables of recall, of clean pictures and of costs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pixels", description=__doc__)
    parser.add_argument("--pictures", type=int, default=60, help="of each kind, six texts each")
    parser.add_argument("--clean", type=int, default=200, help="pictures without text")
    parser.add_argument("--seed", type=int, default=70_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--no-speed", action="store_true")
    options = parser.parse_args()
    apart = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.processes, mp_context=apart) as pool:
        show_recall(pool, options.pictures, options.seed)
        show_clean(pool, options.clean, options.seed)
    if not options.no_speed:
        finder = _finder()
        show_speed(finder)
    return 0


@cache
def _finder() -> RapidTextFinder:
    """Return the text finder of this process."""
    return RapidTextFinder()


# Recall ---------------------------------------------------------------------------------------


def show_recall(pool: Executor, pictures: int, seed: int) -> None:
    """Print how many texts of each set are blanked, and which kinds were missed.

    Sets that are only reported get a quarter of the pictures.
    """
    print(f"{'texts':28}{'number':>8}{'blanked':>10}{'of pixels':>11}  missed, by kind")
    for name, (*_sizes, is_bound) in SETS.items():
        number = pictures if is_bound else -(-pictures // 4)
        seeds = range(seed, seed + number)
        looked = pool.map(_shares, [name] * number, seeds, chunksize=4)
        shares = [share for picture_shares in looked for share in picture_shares]
        covered = np.array([share for _kind, share in shares])
        missed = Counter(kind for kind, share in shares if share < ENOUGH)
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(missed.items()))
        found, pixels = 100 * (covered >= ENOUGH).mean(), 100 * covered.mean()
        print(f"{name:28}{len(covered):>8}{found:>9.1f}%{pixels:>10.1f}%  {kinds}", flush=True)


def _shares(name: str, seed: int) -> list[tuple[str, float]]:
    """Return for each text of a set's picture its kind, and how much of it is blanked."""
    sizes, contrasts, _is_bound = SETS[name]
    made = picture(seed, sizes, contrasts)
    return [(text.kind, share) for text, share in blanked(_finder(), made)]


def blanked(finder: RapidTextFinder, made: Picture) -> list[tuple[Drawn, float]]:
    """Return for each text of a picture which share of its pixels lies in blanked boxes."""
    gone = np.zeros(made.pixels.shape[:2], bool)
    _after, boxes = engine_output(finder, made.pixels)
    for box in boxes:
        if not box.kept:
            gone[box.y : box.y + box.height, box.x : box.x + box.width] = True
    shares = []
    for text in made.texts:
        part = gone[text.y : text.y + text.height, text.x : text.x + text.width]
        shares.append((text, float(part[text.ink].mean())))
    return shares


def engine_output(
    finder: RapidTextFinder, pixels: np.ndarray
) -> tuple[np.ndarray, tuple[Box, ...]]:
    """Return the pixels of a picture that went through the engine, and the boxes found."""
    import pydicom

    writer = io.BytesIO()
    policy = PixelPolicy(finder=finder)
    raw = encoded(capture(pixels[None]))
    outcome = deidentify(io.BytesIO(raw), writer, PLAN, IDENTITIES, pixels=policy)
    if outcome.state != "deidentified" or outcome.pixels is None:
        raise SystemExit(f"an image was {outcome.state}: {outcome.code}")
    ds = pydicom.dcmread(io.BytesIO(writer.getvalue()))
    after = np.frombuffer(ds.PixelData, np.uint8)[: pixels.size].reshape(pixels.shape)
    return after, outcome.pixels.boxes


def show_clean(pool: Executor, pictures: int, seed: int) -> None:
    """Print how many pictures without text come out untouched."""
    looked: Iterable[str] = pool.map(_touched, range(seed, seed + pictures), chunksize=4)
    touched = Counter(background for background in looked if background)
    untouched = 100 * (1 - touched.total() / max(pictures, 1))
    print(f"\nclean pictures: {pictures}, untouched {untouched:.1f} %", dict(touched), flush=True)


def _touched(seed: int) -> str:
    """Return the background of a picture without text that is changed all the same, or ""."""
    made = clean_picture(seed)
    after, _boxes = engine_output(_finder(), made.pixels)
    return "" if np.array_equal(after, made.pixels) else made.background


# Cost -----------------------------------------------------------------------------------------


def capture(frames: np.ndarray) -> Dataset:
    """Return frames as an uncompressed ultrasound image, in which text must be looked for."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.Modality, ds.PatientName, ds.PatientID = "US", "Nobody^Known", "NK-773311"
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.SamplesPerPixel = 3 if frames.ndim == 4 else 1
    ds.PhotometricInterpretation = "RGB" if frames.ndim == 4 else "MONOCHROME2"
    if frames.ndim == 4:
        ds.PlanarConfiguration = 0
    ds.NumberOfFrames = str(len(frames))
    ds.Rows, ds.Columns = frames.shape[1:3]
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.PixelData = frames.tobytes()
    ds["PixelData"].VR = "OB"
    return ds


def cine(count: int, *, compressed: bool) -> Dataset:
    """Return a beating ultrasound cine with the same banner in every frame."""
    lines = ("NOBODY KNOWN  NK-773311", "14.03.2024 10:11:12")
    frames = [
        phantoms.burn(phantoms.sector_frame(600, 800, i / count, 5), lines, size=18, at=(20, 12))
        for i in range(count)
    ]
    if not compressed:
        return capture(np.stack(frames))
    ds = capture(np.stack(frames[:1]))
    ds.NumberOfFrames = str(count)
    ds.PhotometricInterpretation = "YBR_FULL_422"
    ds.LossyImageCompression = "01"
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PixelData = encapsulate([phantoms.jpeg(frame) for frame in frames])
    ds["PixelData"].is_undefined_length = True
    return ds


def encoded(ds: Dataset) -> bytes:
    """Return a data set as a file."""
    stream = io.BytesIO()
    ds.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def spent(what: Callable[[], object], times: int = 1) -> float:
    """Return the least CPU seconds that something takes."""
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        what()
        best = min(best, time.process_time() - start)
    return best


class NoFinder:
    """Sees what it is told, at once: what is left is the cost of blanking."""

    def __init__(self, finder: RapidTextFinder, image: np.ndarray) -> None:
        self._found = finder.find(image)

    def find(self, image: np.ndarray, *, enlarged: bool = False) -> list[object]:
        """Return what was found once."""
        return [] if enlarged else list(self._found)


def show_speed(finder: RapidTextFinder) -> None:
    """Print CPU seconds of detection, of blanking, of a cine, of a CT or MR, of a day's mix."""
    made = picture(7, (12, 30), (60, 120))
    grey = made.pixels if made.pixels.ndim == 2 else made.pixels[:, :, 1].copy()
    finder.find(grey)
    first = spent(lambda: finder.find(grey), 3)
    second = spent(lambda: finder.find(grey, enlarged=True), 3)
    known = NoFinder(finder, grey)
    one = encoded(capture(made.pixels[None]))
    blank = spent(lambda: through(one, known), 5)
    print(f"\n{'800x600, one thread':44}{'CPU s':>9}{'images/s/core':>15}")
    rows = [
        ("first look", first),
        ("enlarged second look", second),
        ("both looks and the verdict", first + second),
        ("blanking, writing, verification", blank),
    ]
    for kind, compressed in (("RGB", False), ("JPEG baseline", True)):
        raw = encoded(cine(200, compressed=compressed))
        rows.append(
            (
                f"200-frame cine, {kind}, static text, in all",
                spent(lambda r=raw: through(r, finder)),
            )
        )
    for name, seconds in rows:
        print(f"{name:44}{seconds:>9.3f}{1 / seconds:>15.1f}", flush=True)
    without_text = show_unconcerned(finder)
    at_risk = first + second + blank
    day = 0.1 * at_risk + 0.9 * without_text
    print(
        f"a day of 90 % CT/MR and 10 % images at risk: {day:.3f} CPU s per image, "
        f"{100 * 0.1 * at_risk / day:.0f} % of it for the tenth at risk"
    )


def through(raw: bytes, finder: object) -> None:
    """Send a file through the engine."""
    policy = PixelPolicy(finder=finder)  # type: ignore[arg-type]
    outcome = deidentify(io.BytesIO(raw), io.BytesIO(), PLAN, IDENTITIES, pixels=policy)
    if outcome.state != "deidentified":
        raise SystemExit(f"an image was {outcome.state}: {outcome.code}")


if __name__ == "__main__":
    raise SystemExit(main())
