"""What the pixel step costs a CT or MR series in which nothing speaks of text: CPU, interleaved.

Three engines take turns on the same files: one with Clean Pixel Data and a text finder, one without
both, and one whose look for evidence is taken out of it. Medians over the rounds.
"""

import io
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import pydicom
from pydicom.uid import MRImageStorage

from studies.deid import KeyedIdentities, Option, builtin_profile, compile_plan, deidentify, engine
from studies.deid.pixels import PixelPolicy, TextFinder
from studies.deid.plan import Plan
from studies.deid.profile import Profile

from .corpora import build

IDENTITIES = KeyedIdentities(b"0123456789abcdef0123456789abcdef", prefix="BENCH")
FULL = builtin_profile("teleradiology")
LESS = Profile("teleradiology-", FULL.options - {Option.CLEAN_PIXEL_DATA}, FULL.rules, FULL.base)
Turn = tuple[Plan, PixelPolicy | None, bool]  # whether the look for evidence is taken out


def show_unconcerned(finder: TextFinder, files: int = 40, rounds: int = 60) -> float:
    """Print milliseconds per file of the three engines, and what the step adds.

    Return the seconds that a file of the last series takes with the step.
    """
    with_it = 0.0
    print(f"\n{'without evidence of text, ms per file':40}{'without':>9}{'with':>9}{'more':>8}")
    with TemporaryDirectory(dir=_memory()) as folder:
        ct = build(Path(folder), "ct", files)
        for name, source in (("CT", ct), ("MR", _as_mr(ct, Path(folder) / "mr"))):
            without, options, with_it = compare(sorted(source.iterdir()), finder, rounds)
            for what, base in (("no such option", options), ("no look for evidence", without)):
                more = 100 * (with_it / base - 1)
                label = f"{name}, against {what}"
                print(f"{label:40}{base:>9.3f}{with_it:>9.3f}{more:>7.1f}%", flush=True)
    return with_it / 1000


def compare(files: list[Path], finder: TextFinder, rounds: int) -> tuple[float, float, float]:
    """Return the median milliseconds per file without the step, without the option, and with."""
    turns: tuple[Turn, ...] = (
        (compile_plan(LESS), None, True),
        (compile_plan(LESS), None, False),
        (compile_plan(FULL), PixelPolicy(finder=finder), False),
    )
    spent: tuple[list[float], ...] = ([], [], [])
    target = files[0].parent.parent / "out.dcm"
    for number in range(rounds + 2):
        order = [(number + place) % 3 for place in range(3)]
        for which in order:
            took = _series(files, target, turns[which])
            if number >= 2:  # the first ones fill memories
                spent[which].append(1000 * took / len(files))
    without, options, with_it = (statistics.median(times) for times in spent)
    return without, options, with_it


def _series(files: list[Path], target: Path, turn: Turn) -> float:
    """Return the CPU seconds of a series, from plain file to plain file."""
    plan, policy, is_taken_out = turn
    with _taken_out(is_taken_out):
        start = time.process_time()
        for path in files:
            with path.open("rb") as reader, target.open("wb") as writer:
                outcome = deidentify(reader, writer, plan, IDENTITIES, pixels=policy)
            if outcome.state != "deidentified" or outcome.risk is not None:
                raise SystemExit(f"an image was {outcome.state}: {outcome.code}")
        return time.process_time() - start


@contextmanager
def _taken_out(is_taken_out: bool) -> Iterator[None]:
    """Take the look for evidence, and the verdict that follows, out of the engine."""
    if not is_taken_out:
        yield
        return
    with (
        mock.patch.object(engine, "evidence", lambda _found: None),
        mock.patch.object(engine, "by_attributes", lambda _found, _risk: None),
    ):
        yield


def _as_mr(source: Path, target: Path) -> Path:
    """Write the files of a CT series as those of an MR series; return the folder."""
    target.mkdir()
    for path in source.iterdir():
        ds = pydicom.dcmread(path)
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = MRImageStorage
        ds.Modality = "MR"
        stream = io.BytesIO()
        ds.save_as(stream, enforce_file_format=True)
        (target / path.name).write_bytes(stream.getvalue())
    return target


def _memory() -> Path | None:
    """Return a folder in memory, so that no disk is measured."""
    place = Path("/dev/shm")
    return place if place.is_dir() else None
