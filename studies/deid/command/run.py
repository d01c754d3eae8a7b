"""Many files through the engine: walk, spread over processes, report.

On the terminal inputs are numbers; paths stand in the report file only, because original names
often hold a patient's name.
"""

import errno
import gc
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, cast

from ..engine import deidentify
from ..errors import EngineError
from ..identities import Identities
from ..outcome import Outcome
from ..plan import Plan
from ..source import PlainFile
from .mapping import Mapping

_CHUNK = 32
_LAST_CHUNK = 8
_FIRST_FILES = 4
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class Keeper(Protocol):
    """Who remembers identities for the way back, where a run has one."""

    def keep(self, outcome: Outcome, path: str) -> None:
        """Take note of a de-identified file; raises EngineError where it must not be passed on."""

    def flush(self) -> None:
        """Make durable what was noted since the last time; before any of it counts as done."""


class Job(NamedTuple):
    """One run of the command. `keeper` is made anew in each worker process."""

    source: Path
    target: Path
    plan: Plan
    identities: Identities
    workers: int = 1
    report: Path | None = None
    mapping: Path | None = None
    checksums: bool = False
    keeper: Callable[[], Keeper] | None = None
    begun_ns: int = 0


Entry = dict[str, Any]


class Result(NamedTuple):
    """What became of some files: their report entries, and the identities that were replaced."""

    entries: list[Entry]
    mapping: Mapping

    @property
    def packed(self) -> object:
        """The same as plain data, to be sent between processes."""
        return self.entries, self.mapping.uids, self.mapping.patients

    @classmethod
    def unpacked(cls, data: Any) -> "Result":
        """Return what was packed."""
        entries, uids, patients = data
        mapping = Mapping()
        mapping.uids, mapping.patients = uids, patients
        return cls(entries, mapping)


def run(job: Job) -> int:
    """Do the job; return the exit status."""
    files = list(walk(job.source))
    job.target.mkdir(parents=True, exist_ok=True)
    job = job._replace(begun_ns=_now(job.target))
    chunks = list(_chunks(files, job.workers))
    progress = Progress(len(files))
    entries: list[Entry] = []
    mapping = Mapping()
    for done, mapped in _results(job, chunks):
        entries += done
        mapping.merge(mapped)
        progress.show(len(entries))
    progress.close()
    entries.sort(key=lambda entry: str(entry["input"]))
    if job.report is not None:
        import json

        job.report.write_text(json.dumps(entries, indent=1, ensure_ascii=False), encoding="utf-8")
    if job.mapping is not None:
        mapping.write(job.mapping)
    return _conclude(entries)


def _now(folder: Path) -> int:
    """Return the time by the file system's own clock, which files written from now on have."""
    marker = folder / f".{os.getpid()}.begun"
    try:
        marker.write_bytes(b"")
        return marker.stat().st_mtime_ns
    finally:
        marker.unlink(missing_ok=True)


def walk(source: Path) -> Iterator[str]:
    """Yield every file below a folder, or the file itself, in a stable order."""
    if source.is_dir():
        yield from _files(str(source))
    else:
        yield str(source)


def _files(top: str) -> Iterator[str]:
    """Yield the files of a folder, then those of its folders; entries know what they are.

    A folder that can't be listed is given as an input, so that it is accounted for as refused.
    """
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            yield folder
            continue
        folders: list[str] = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_file():
                yield entry.path
        waiting += reversed(folders)


def _chunks(files: list[str], workers: int) -> Iterator[list[str]]:
    """Yield files in portions, the last ones small, so that no process waits long for another."""
    start = 0
    while start < len(files):
        size = _CHUNK if len(files) - start > 2 * _CHUNK * workers else _LAST_CHUNK
        yield files[start : start + size]
        start += size


def _results(job: Job, chunks: list[list[str]]) -> Iterator[Result]:
    if job.workers == 1 or len(chunks) < 2:
        worker = Worker(job)
        yield from map(worker.work, chunks)
        return
    from .spread import spread

    if job.keeper is None:
        # What the first files load and compile is there in every process that forks from here.
        yield Worker(job).work(chunks[0][:_FIRST_FILES])
        chunks = [chunks[0][_FIRST_FILES:], *chunks[1:]]

    def start() -> Callable[[int], object]:
        worker = Worker(job)
        return lambda number: worker.work(chunks[number]).packed

    for number, done in spread(job.workers, len(chunks), start):
        yield Result.unpacked(done) if done is not None else _lost(chunks[number])


def _lost(paths: list[str]) -> "Result":
    return Result([_died(path) for path in paths], Mapping())


def _died(path: str) -> Entry:
    message = "The process that worked on this file ended; run the command again."
    return _entry(path, "", "refused", "worker-died", message)


def _entry(path: str, output: str, state: str, code: str, message: str) -> Entry:
    return {"input": path, "output": output, "state": state, "code": code, "message": message}


class Worker:
    """De-identifies files one after the other."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._folders: set[str] = set()
        self._target = str(job.target)
        # What is loaded now stays: collecting it again and again costs a tenth of the time.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        self._part = f"{self._target}/.{os.getpid()}.part"
        self._keeper = job.keeper() if job.keeper else None

    def work(self, paths: list[str]) -> Result:
        """Return a report entry for each file, and the identities that were replaced."""
        mapping = Mapping()
        entries: list[Entry] = []
        for path in paths:
            try:
                entries.append(self._one(path, mapping))
            except OSError as error:
                message = f"The file can't be read or written: {error.strerror}."
                entries.append(_entry(path, "", "refused", "not-readable", message))
        if self._keeper is not None:
            self._keeper.flush()
        return Result(entries, mapping)

    def _one(self, path: str, mapping: Mapping) -> Entry:
        job = self._job
        outcome = self._written(path)
        try:
            if self._keeper is not None and outcome.state == "deidentified":
                self._keep(self._keeper, outcome, path)
            output = self._place(outcome) if outcome.state == "deidentified" else ""
        finally:
            with suppress(FileNotFoundError):  # where it took the place of an earlier output
                os.unlink(self._part)  # noqa: PTH108
        message = f"{outcome.where}: {outcome.message}" if outcome.where else outcome.message
        entry = _entry(path, output, outcome.state, outcome.code, message)
        if outcome.state == "deidentified":
            if job.mapping is not None:
                mapping.add(outcome, job.identities)
            if job.checksums:
                entry["sha256"] = digest(f"{self._target}/{output}")
        return entry

    def _written(self, path: str) -> Outcome:
        """De-identify one file into the part file."""
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            status = os.fstat(source)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "It is no plain file", path)
            target = os.open(self._part, _NEW, 0o666)
            try:
                return deidentify(
                    cast(BinaryIO, PlainFile(source, status.st_size)),
                    cast(BinaryIO, PlainFile(target)),
                    self._job.plan,
                    self._job.identities,
                )
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _keep(self, keeper: Keeper, outcome: Outcome, path: str) -> None:
        try:
            keeper.keep(outcome, path)
        except EngineError as error:
            outcome.state, outcome.code = "held", error.code
            outcome.where, outcome.message = error.where, error.message

    def _place(self, outcome: Outcome) -> str:
        """Move what was written to its name; two objects with one UID are not both right."""
        folder = f"{outcome.study_instance_uid}/{outcome.series_instance_uid}"
        if folder not in self._folders:
            os.makedirs(f"{self._target}/{folder}", exist_ok=True)  # noqa: PTH103
            self._folders.add(folder)
        name = f"{folder}/{outcome.sop_instance_uid}.dcm"
        final = f"{self._target}/{name}"
        try:
            os.link(self._part, final)
        except FileExistsError:
            return self._replace(outcome, name)
        return name

    def _replace(self, outcome: Outcome, name: str) -> str:
        final = f"{self._target}/{name}"
        is_ours = os.stat(final).st_mtime_ns >= self._job.begun_ns  # noqa: PTH116
        if is_ours and digest(final) != digest(self._part):
            outcome.state, outcome.code = "held", "identity-conflict"
            outcome.where = "(0008,0018)"
            outcome.message = (
                "Another file of this run has the same SOP Instance UID and other content."
            )
            return ""
        os.rename(self._part, final)  # noqa: PTH104
        return name


def digest(path: str) -> str:
    """Return the SHA-256 of a file."""
    import hashlib

    with open(path, "rb") as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").hexdigest()


class Progress:
    """A line with count, rate and estimate, where a person is watching."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._begun = time.monotonic()
        self._is_shown = sys.stderr.isatty()

    def show(self, done: int) -> None:
        """Show how far the run is."""
        if not self._is_shown:
            return
        rate = done / max(time.monotonic() - self._begun, 1e-6)
        left = (self._total - done) / rate if rate else 0.0
        width = 30 * done // max(self._total, 1)
        sys.stderr.write(
            f"\r[{'#' * width:<30}] {done}/{self._total}  {rate:.0f}/s  {left:.0f} s left "
        )
        sys.stderr.flush()

    def close(self) -> None:
        """End the line."""
        if self._is_shown:
            sys.stderr.write("\n")


def _conclude(entries: list[Entry]) -> int:
    """Say what became of the files, those that were stopped by number; return the exit status."""
    stopped = [
        (number, entry)
        for number, entry in enumerate(entries, 1)
        if entry["state"] != "deidentified"
    ]
    counts = {"deidentified": len(entries) - len(stopped), "held": 0, "refused": 0}
    for number, entry in stopped:
        counts[entry["state"]] += 1
        if len(stopped) <= 20 or number <= stopped[19][0]:
            sys.stderr.write(f"input {number}: {entry['state']}, {entry['code']}\n")
    if len(stopped) > 20:
        sys.stderr.write(f"and {len(stopped) - 20} more; --report names them all\n")
    sys.stdout.write(", ".join(f"{count} {state}" for state, count in counts.items()) + "\n")
    # A DICOMDIR is on every medium and is never passed on: no reason to call the run incomplete.
    return 1 if any(entry["code"] != "dicomdir" for _number, entry in stopped) else 0
