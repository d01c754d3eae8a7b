"""Parts of files on their way into a batch: announced, received in any order, resumed, counted.

A part is bytes of a sealed object and a row that says which file they belong to. A file has a
number inside its batch; its path is sealed with each part and only ever compared, never opened.
"""

import copy
import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from django.db import transaction
from django.utils.translation import gettext as _

from audit import Actor
from studies.faults import PermanentError
from studies.intake.archives import looks_like_zip
from studies.intake.frames import MAX_FILE_NUMBER, BadFrame, Frame, FrameReader, Stream
from studies.intake.labels import clean_label
from studies.intake.limits import BODY_BYTES
from studies.intake.packing import Entry, Packer
from studies.intake.ranges import Range, is_whole, merged, overlaps
from studies.models import Batch, BatchState, UploadPart
from studies.services.durably import durably
from studies.services.keys import Sealer, batch_sealer
from studies.services.quota import check_quota, refuse_over_quota
from studies.services.statements import first_row, insert, locking, run
from studies.storage import BatchStore

_SNIFFED = 132
_WRITE_ROWS = 500


class NotReceiving(PermanentError):
    """The batch was started or ended, and takes no more files."""

    def __init__(self) -> None:
        super().__init__(
            "batch-not-receiving",
            _("This batch was already started and takes no more files. Open a new one."),
        )


@dataclass(frozen=True)
class PartResult:
    """What became of one part; `problem` is empty where it is sealed and counted."""

    file: int
    offset: int
    length: int
    sha256: str
    problem: str = ""


@dataclass(frozen=True)
class Known:
    """What a part's seal says of its file."""

    label: str
    modified: int
    sha256: str
    is_archive: bool

    def to_bytes(self) -> bytes:
        """Return the form that is sealed."""
        return json.dumps([self.label, self.modified, self.sha256, self.is_archive]).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that was sealed."""
        return cls(*json.loads(data))


@dataclass(frozen=True)
class Wanted:
    """A file that a browser says it will send; `file` is the number it had before, if any."""

    path: str
    size: int
    modified: int = 0
    file: int | None = None


@dataclass(frozen=True)
class Announced:
    """The answer to an announcement: a number for each file, and what is already there."""

    files: list[int]
    received: dict[int, list[tuple[int, int, str]]]


@dataclass(frozen=True)
class UploadStatus:
    """What of an upload is there."""

    announced_files: int
    announced_bytes: int
    received_bytes: int
    whole: list[int]
    partial: dict[int, list[Range]]

    @property
    def missing(self) -> int:
        """Return how many announced files aren't there whole."""
        return max(self.announced_files - len(self.whole), len(self.partial))

    @property
    def whole_ranges(self) -> list[Range]:
        """Return the numbers of the whole files as (first, last) ranges."""
        return [(at, at + count - 1) for at, count in merged((n, 1) for n in self.whole)]


class PartPack:
    """Parts written into sealed objects, whose rows are made together in `finish`."""

    def __init__(self, batch: Batch, states: Iterable[str] = (BatchState.RECEIVING,)) -> None:
        self._states = frozenset(states)
        require_receiving(batch, self._states)
        self.batch = batch
        self.sealer = batch_sealer(batch)
        self.store = BatchStore(batch.pk, self.sealer.root)
        self._packer = Packer(self.store)
        self._pending: list[_Pending] = []

    def begin(self, path: str, modified: int = 0) -> "_Pending":
        """Begin a part whose file number and size are given when it is whole."""
        pending = _Pending(self._packer.begin(), clean_label(path), modified)
        self._pending.append(pending)
        return pending

    def add(self, frame: Frame, blocks: Iterable[bytes]) -> None:
        """Write one framed part."""
        pending = self.begin(frame.path, frame.modified)
        pending.place(frame.file, frame.offset, frame.size)
        pending.expected = frame.sha256
        for block in blocks:
            pending.write(block)

    def drop(self, pending: "_Pending") -> None:
        """Leave out a part whose bytes couldn't be read to their end."""
        self._pending.remove(pending)

    def finish(
        self,
        also: Callable[[Batch], None] | None = None,
        first: Callable[[], None] | None = None,
    ) -> list[PartResult]:
        """Finish the objects and record their parts; return one result per part, in order.

        In the same transaction `first` runs before the row of the batch is locked, and `also` in
        the end, with the locked row.
        """
        with self:
            names = self._packer.finish()
            with durably():
                if first is not None:
                    first()
                locked = _locked(self.batch, is_whole=also is not None)
                require_receiving(locked, self._states)
                is_counted = not any(pending.is_placed for pending in self._pending)
                results = _record_parts(locked, self.sealer, self._pending)
                self.batch.announced_files = locked.announced_files
                self.batch.announced_bytes = locked.announced_bytes
                check_quota(locked, is_counted=is_counted)
                if also is not None:
                    also(locked)
        used = {pending.entry.name for pending in self._pending if pending.is_new}
        for name in names:
            if name not in used:
                self.store.discard(name)
        return results

    def abandon(self) -> None:
        """Forget everything this pack has written."""
        self._packer.abandon()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.abandon()


class _Pending:
    """A part that is being written, or is written and waits for its row."""

    def __init__(self, entry: Entry, label: str, modified: int) -> None:
        self.entry = entry
        self.label = label
        self.modified = modified
        self.is_placed = False
        self.file = 0
        self.offset = 0
        self.size = 0
        self.expected = ""
        self.is_new = False
        self._hash = hashlib.sha256()
        self._start = b""

    def place(self, file: int, offset: int, size: int) -> None:
        """Say which bytes of which file this part is; without it, it is a whole new file."""
        self.file, self.offset, self.size = file, offset, size
        self.is_placed = True

    def write(self, block: bytes) -> None:
        """Take a block of the part."""
        if len(self._start) < _SNIFFED:
            self._start += block[: _SNIFFED - len(self._start)]
        self._hash.update(block)
        self.entry.write(block)

    @property
    def sha256(self) -> str:
        """Return the digest of what was written."""
        return self._hash.hexdigest()

    @property
    def known(self) -> Known:
        """Return what is sealed with the part."""
        is_archive = self.offset == 0 and looks_like_zip(self._start)
        return Known(self.label, self.modified, self.sha256, is_archive)

    def result(self, problem: str = "") -> PartResult:
        """Return what became of the part."""
        return PartResult(self.file, self.offset, self.entry.length, self.sha256, problem)


def announce(
    batch: Batch, wanted: Sequence[Wanted], actor: Actor, removed: Iterable[int] = ()
) -> Announced:
    """Say which files are meant to come; return their numbers and what of them is already there.

    A file is recognised by path, size and time of change. Those not named again, of which no part
    has arrived, aren't expected any more.
    """
    require_receiving(batch)
    refuse_over_quota(batch, actor, len(wanted), sum(entry.size for entry in wanted))
    sealer = batch_sealer(batch)
    with transaction.atomic():
        locked = Batch.objects.select_for_update().get(pk=batch.pk)
        require_receiving(locked)
        UploadPart.objects.filter(batch=batch, file__in=list(removed)).delete()
        there = _files_there(batch, sealer)
        numbers = _numbers(wanted, there)
        sizes = {entry.file: entry.size for entry in there.values()}
        sizes.update({number: entry.size for number, entry in zip(numbers, wanted, strict=True)})
        Batch.objects.filter(pk=batch.pk).update(
            announced_files=len(sizes), announced_bytes=sum(sizes.values())
        )
    received = {entry.file: entry.parts for entry in there.values()}
    return Announced(
        files=numbers,
        received={number: received[number] for number in numbers if number in received},
    )


def receive_frames(batch: Batch, stream: Stream, content_length: int) -> list[PartResult]:
    """Seal the parts that a request's body holds; return what became of each, in order."""
    if not 0 < content_length <= BODY_BYTES:
        raise PermanentError(
            "body-too-large", _("A part of an upload is at most 8 MiB; send it in smaller ones.")
        )
    frames = FrameReader(stream, content_length)
    with PartPack(batch) as pack:
        for frame in frames:
            pack.add(frame, frames.blocks())
        return pack.finish()


def receive_file(batch: Batch, path: str, stream: Stream, size: int | None = None) -> PartResult:
    """Seal one whole file from a stream; `size` is checked where it is known."""
    with PartPack(batch) as pack:
        pending = pack.begin(path)
        while block := stream.read(1 << 20):
            pending.write(block)
        if size is not None and pending.entry.length != size:
            raise PermanentError("upload-cut", _("A file was cut short on its way. Send it again."))
        return pack.finish()[0]


def upload_status(batch: Batch) -> UploadStatus:
    """Say which files are there whole, and which ranges of the others."""
    batch.refresh_from_db(fields=["announced_files", "announced_bytes"])
    ranges: dict[int, list[Range]] = defaultdict(list)
    sizes: dict[int, int] = {}
    rows = UploadPart.objects.filter(batch=batch).values_list(
        "file", "offset", "length", "file_size"
    )
    received = 0
    for file, offset, length, size in rows.iterator():
        ranges[file].append((offset, length))
        sizes[file] = size
        received += length
    whole = sorted(file for file, parts in ranges.items() if is_whole(parts, sizes[file]))
    partial = {file: merged(ranges[file]) for file in sorted(ranges.keys() - set(whole))}
    return UploadStatus(batch.announced_files, batch.announced_bytes, received, whole, partial)


def require_receiving(
    batch: Batch, states: Collection[str] = frozenset({BatchState.RECEIVING})
) -> None:
    """Refuse a batch that doesn't take files any more."""
    if batch.state not in states:
        raise NotReceiving


@dataclass
class _There:
    file: int
    size: int
    parts: list[tuple[int, int, str]] = field(default_factory=list)


_Identity = tuple[str, int, int]


def _files_there(batch: Batch, sealer: Sealer) -> dict[_Identity, _There]:
    """Return the files of which parts have arrived, by path, size and time of change."""
    found: dict[int, tuple[_Identity, _There]] = {}
    rows = UploadPart.objects.filter(batch=batch).order_by("file", "offset")
    for row in rows.iterator():
        known = Known.from_bytes(sealer.open("part", row.sealed_path))
        if row.file not in found:
            identity = (known.label, row.file_size, known.modified)
            found[row.file] = (identity, _There(row.file, row.file_size))
        found[row.file][1].parts.append((row.offset, row.length, known.sha256))
    return dict(found.values())


def _numbers(wanted: Sequence[Wanted], there: dict[_Identity, _There]) -> list[int]:
    """Give each wanted file its number: the one it has, the one it had, or the next."""
    taken = {entry.file for entry in there.values()}
    given: dict[_Identity, int] = {identity: entry.file for identity, entry in there.items()}
    for entry in wanted:
        identity = (clean_label(entry.path), entry.size, entry.modified)
        if entry.file is not None and identity not in given and entry.file not in taken:
            given[identity] = entry.file
            taken.add(entry.file)
    following = max(taken, default=-1) + 1
    numbers = []
    for entry in wanted:
        identity = (clean_label(entry.path), entry.size, entry.modified)
        if identity not in given:
            given[identity] = following
            following += 1
        numbers.append(given[identity])
    if following > MAX_FILE_NUMBER:
        raise BadFrame
    return numbers


def _record_parts(batch: Batch, sealer: Sealer, pending: Sequence[_Pending]) -> list[PartResult]:
    """Make the rows of parts that fit to what is there, in the caller's transaction.

    `batch` is its locked row. Nothing can be there of files that get their number only now.
    """
    there = _rows_of(batch, {entry.file for entry in pending if entry.is_placed})
    _number_whole_files(batch, pending)
    results, rows = [], []
    for entry in pending:
        row = _row(batch, sealer, entry)
        problem, is_new = _fits(entry, row, there[row.file], sealer)
        results.append(entry.result(problem))
        if is_new:
            entry.is_new = True
            there[row.file].append(row)
            rows.append(row)
    insert(rows)
    return results


def _number_whole_files(batch: Batch, pending: Sequence[_Pending]) -> None:
    """Number the files that came without one, and count them as announced."""
    unnumbered = [entry for entry in pending if not entry.is_placed]
    if not unnumbered:
        return
    last = first_row(_LAST_FILE, batch.pk)
    following = -1 if last is None or last[0] is None else last[0]
    for entry in unnumbered:
        following += 1
        entry.place(following, 0, entry.entry.length)
    batch.announced_files += len(unnumbered)
    batch.announced_bytes += sum(entry.entry.length for entry in unnumbered)
    run(_ANNOUNCED, batch.announced_files, batch.announced_bytes, batch.pk)


_LOCKED = "SELECT state, announced_files, announced_bytes FROM studies_batch WHERE id = %s"
_LAST_FILE = "SELECT MAX(file) FROM studies_uploadpart WHERE batch_id = %s"
_ANNOUNCED = "UPDATE studies_batch SET announced_files = %s, announced_bytes = %s WHERE id = %s"


def _locked(batch: Batch, *, is_whole: bool) -> Batch:
    """Lock a batch's row; return it whole, or with the state and counts that it has now."""
    if is_whole:
        return Batch.objects.select_for_update().get(pk=batch.pk)
    found = first_row(_LOCKED + locking(), batch.pk)
    if found is None:
        raise Batch.DoesNotExist
    locked = copy.copy(batch)
    locked.state, locked.announced_files, locked.announced_bytes = found
    return locked


def _rows_of(batch: Batch, files: Iterable[int]) -> dict[int, list[UploadPart]]:
    found: dict[int, list[UploadPart]] = defaultdict(list)
    wanted = sorted(files)
    for at in range(0, len(wanted), _WRITE_ROWS):
        some = wanted[at : at + _WRITE_ROWS]
        for row in UploadPart.objects.filter(batch=batch, file__in=some).order_by("offset"):
            found[row.file].append(row)
    return found


def _row(batch: Batch, sealer: Sealer, entry: _Pending) -> UploadPart:
    return UploadPart(
        batch_id=batch.pk,
        file=entry.file,
        offset=entry.offset,
        length=entry.entry.length,
        file_size=entry.size,
        sealed_path=sealer.seal("part", entry.known.to_bytes()),
        object_name=entry.entry.name,
        object_offset=entry.entry.offset,
        # Keyed: what a small file holds could be guessed from a plain digest.
        sha256=sealer.index("part", bytes.fromhex(entry.sha256)).hex(),
    )


def _fits(
    entry: _Pending, row: UploadPart, others: Sequence[UploadPart], sealer: Sealer
) -> tuple[str, bool]:
    """Return (problem, is new) of a part beside the rows of the same file."""
    if entry.expected and not hmac.compare_digest(entry.expected.lower(), entry.sha256):
        return "digest-mismatch", False
    if not others:
        return "", True
    first = Known.from_bytes(sealer.open("part", others[0].sealed_path))
    identity = (first.label, others[0].file_size, first.modified)
    if identity != (entry.label, row.file_size, entry.modified):
        return "file-number-taken", False
    for other in others:
        if other.offset == row.offset and other.length == row.length:
            return ("" if other.sha256 == row.sha256 else "file-changed"), False
    span = (row.offset, row.length)
    if overlaps(span, ((other.offset, other.length) for other in others)):
        return "part-overlaps", False
    return "", True
