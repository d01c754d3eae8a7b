"""Fuzz for a while: guided by coverage with atheris, at random without it.

    python -m tests.fuzz.run --seconds N [--seed N] [--random] [--findings FOLDER]
    python -m tests.fuzz.run --replay FILE [--keep NAME]

Prints executions, CPU seconds and findings, and notes each run in `runs.jsonl` beside the findings.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from random import Random
from types import FrameType, ModuleType

CASES = Path(__file__).parent / "cases"
_CPU_PER_INPUT = 60  # seconds, instrumented; a loop without end, not a slow machine
_LARGEST = 1 << 18
_SAID_EVERY = 60


class Endless(AssertionError):
    """One input took more CPU time than any file of its size may."""


class Fuzzing:
    """One run: counts executions and keeps each kind of finding once."""

    def __init__(self, check: Callable[[bytes], str], arguments: argparse.Namespace) -> None:
        self._check = check
        self._folder: Path = arguments.findings
        self._folder.mkdir(parents=True, exist_ok=True)
        self._until: float = time.monotonic() + arguments.seconds
        self._kinds: set[str] = set()
        self._engine = "random"
        self._next_word = time.monotonic() + _SAID_EVERY
        self.executions = 0
        self.states: dict[str, int] = {}
        signal.signal(signal.SIGVTALRM, _stop)

    @property
    def is_over(self) -> bool:
        """Tell whether the time is up."""
        return time.monotonic() >= self._until

    def try_one(self, data: bytes) -> None:
        """Check one input and keep it if it fails in a way not seen yet."""
        self.executions += 1
        signal.setitimer(signal.ITIMER_VIRTUAL, _CPU_PER_INPUT)
        try:
            state = self._check(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            state = "FAILED"
            self._keep(data, error)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        self.states[state] = self.states.get(state, 0) + 1
        if time.monotonic() >= self._next_word:
            self._next_word += _SAID_EVERY
            print(self.report(), flush=True)

    def _keep(self, data: bytes, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        places = [f"{Path(f.filename).name}:{f.lineno}" for f in frames[-3:]]
        kind = f"{type(error).__name__} {' '.join(places)}"
        if kind in self._kinds:
            return
        self._kinds.add(kind)
        name = hashlib.sha256(data).hexdigest()[:16]
        (self._folder / name).write_bytes(data)
        text = "".join(traceback.format_exception(error))
        (self._folder / f"{name}.txt").write_text(text, encoding="utf-8")
        print(f"finding {name}: {kind}: {error}", flush=True)

    def report(self) -> str:
        """Return one line of what was done so far."""
        cpu = time.process_time()
        return (
            f"{self._engine}: {self.executions:,} executions, {cpu:.0f} s of CPU, "
            f"{len(self._kinds)} kinds of findings, {self.states}"
        )

    def end(self) -> None:
        """Say what was done and note it."""
        print(self.report(), flush=True)
        row = {
            "engine": self._engine,
            "executions": self.executions,
            "cpu_seconds": round(time.process_time(), 1),
            "findings": sorted(self._kinds),
            "states": self.states,
        }
        with (self._folder / "runs.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")

    def at_random(self, seed: int) -> None:
        """Mutate objects and earlier mutants until the time is up."""
        from tests.fuzz.corpus import objects
        from tests.fuzz.mutations import mutated

        chance = Random(seed)
        pool = [*objects().values(), *(path.read_bytes() for path in _cases())]
        while not self.is_over:
            data = mutated(chance.choice(pool), chance)
            if len(data) <= 1 << 23:
                self.try_one(data)
        self.end()

    def guided(self, atheris: ModuleType, seed: int) -> None:
        """Let libFuzzer choose by coverage; it doesn't return, so the run ends the process."""
        from tests.fuzz.corpus import objects
        from tests.fuzz.mutations import ALL

        self._engine = "atheris"

        def one(data: bytes) -> None:
            self.try_one(data)
            if self.is_over:
                self.end()
                sys.stdout.flush()
                os._exit(0)

        def mutate(data: bytes, most: int, number: int) -> bytes:
            chance = Random(number)
            if chance.random() < 0.4:
                return bytes(atheris.Mutate(data, most))
            return chance.choice(ALL)(bytes(data), chance)[:most]

        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        for name, data in objects().items():
            (folder / name).write_bytes(data)
        for path in _cases():
            (folder / path.name).write_bytes(path.read_bytes())
        options = [sys.argv[0], f"-seed={seed}", f"-max_len={_LARGEST}", "-timeout=600"]
        options += ["-rss_limit_mb=3072", "-print_final_stats=1", "-verbosity=0"]
        options += [f"-artifact_prefix={self._folder}/", str(folder)]
        atheris.Setup(options, one, custom_mutator=mutate)
        atheris.Fuzz()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Endless(f"more than {_CPU_PER_INPUT} s of CPU for one input")


def _cases() -> list[Path]:
    return sorted(path for path in CASES.iterdir() if path.suffix == ".dcm")


def _atheris(at_random: bool) -> ModuleType | None:
    if at_random:
        return None
    try:
        return import_module("atheris")
    except ImportError:
        return None


def main(words: list[str] | None = None) -> int:
    """Run the command; 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--random", action="store_true", help="without atheris")
    parser.add_argument("--findings", type=Path, default=Path("tmp/fuzz/findings"))
    parser.add_argument("--replay", type=Path, help="check one file and say its state")
    parser.add_argument("--keep", metavar="NAME", help="keep the replayed file as a case")
    arguments = parser.parse_args(words)
    atheris = None if arguments.replay else _atheris(arguments.random)
    if atheris is not None:
        with atheris.instrument_imports(include=["studies.deid"]):
            from tests.fuzz.target import check
    else:
        from tests.fuzz.target import check
    if arguments.replay:
        data = arguments.replay.read_bytes()
        if arguments.keep:
            (CASES / f"{arguments.keep}.dcm").write_bytes(data)
        print(check(data))
        return 0
    fuzzing = Fuzzing(check, arguments)
    if atheris is not None:
        fuzzing.guided(atheris, arguments.seed)
    else:
        fuzzing.at_random(arguments.seed)
    return 1 if fuzzing.states.get("FAILED") else 0


if __name__ == "__main__":
    sys.exit(main())
