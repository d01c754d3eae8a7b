"""Bringing chosen series from a PACS into a batch, and comparing what came with what was said.

A run brings what is missing for a few seconds and records what came whole; the next one, or the
one after a fault, goes on from there. What never comes is held, one entry for each missing image.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Actor, record
from studies.faults import Fault, PermanentError
from studies.intake.archives import Unfolded
from studies.intake.part10 import PEEKED, peek
from studies.intake.remote import Listed, Remote, SourceCannot
from studies.models import (
    Batch,
    BatchState,
    ChunkKind,
    Instance,
    InstanceState,
    Retrieval,
    RetrievalState,
)
from studies.services import batches
from studies.services.batches import JOB
from studies.services.entries import PATH_PURPOSE, about, add_entries, next_number
from studies.services.keys import Sealer, batch_sealer
from studies.services.searching import open_remote
from studies.services.selecting import SELECTION, UIDS, Planned
from studies.services.uploads import PartPack
from studies.storage import StorageFull

GAP = "source-gap"
NOT_ASKED = "source-not-asked"
# Tries that bring nothing new, before what is missing is put before a person.
MOST_TRIES = 2
_LISTING, _RECEIVED = "listing", "received"
_RETRIEVING_STATES = frozenset({BatchState.RECEIVING, BatchState.QUEUED, BatchState.PROCESSING})
_DECIDING_STATES = frozenset({BatchState.REVIEW, BatchState.ATTENTION})


@dataclass(frozen=True)
class Retrieved:
    """What a run brought, and how many series are still to come."""

    files: int
    bytes: int
    remaining: int


def retrieve(batch: Batch, deadline: float | None, beat: Callable[[], None]) -> Retrieved:
    """Bring what is missing of a batch's series, until the deadline; run it until none remains."""
    sealer = batch_sealer(batch)
    remote = open_remote(batch.source)
    files = size = 0
    while True:
        beat()
        waiting = Retrieval.objects.filter(batch=batch, state=RetrievalState.WAITING)
        row = waiting.order_by("study_number", "series_number").first()
        if row is None:
            Batch.objects.filter(pk=batch.pk).update(sealed_selection=None)
            return Retrieved(files, size, 0)
        if deadline is not None and time.monotonic() > deadline:
            return Retrieved(files, size, waiting.count())
        run = _Run(batch, row, sealer, remote, deadline, beat)
        run.go()
        files += run.files
        size += run.bytes


class _Overtaken(Exception):
    """Another run has recorded what it brought of this series in the meantime."""


class _Run:
    """One try at one series."""

    def __init__(
        self,
        batch: Batch,
        row: Retrieval,
        sealer: Sealer,
        remote: Remote,
        deadline: float | None,
        beat: Callable[[], None],
    ) -> None:
        self._batch = batch
        self._row = row
        self._sealer = sealer
        self._remote = remote
        self._deadline = deadline
        self._beat = beat
        self._thread = threading.get_ident()
        self._loaded = bytes(row.sealed_received or b"")
        self._study_uid, self._series_uid = self._opened(row.sealed_uids, UIDS)
        self._received: dict[str, None] = dict.fromkeys(
            self._opened(row.sealed_received, _RECEIVED)
        )
        self._new: list[str] = []
        self._not_asked = 0
        self.files = 0
        self.bytes = 0

    def _opened(self, blob: Any, purpose: str) -> list[Any]:
        return list(json.loads(self._sealer.open(purpose, bytes(blob)))) if blob else []

    def go(self) -> None:
        """List, bring what is missing, record it; a fault is raised after what came is safe."""
        if not self._series_uid:
            self._look_for_series()
            return
        listing = self._listing()
        wanted = [one for one in listing or [] if one.uid not in self._received]
        if listing is not None and not wanted:
            self._settle_listed(listing)
            return
        fault = self._bring(listing, wanted)
        if fault is not None:
            raise fault
        self._settle_brought(listing)

    def _look_for_series(self) -> None:
        """Look again for series that a study has by its count, but not by its list."""
        rows = Retrieval.objects.filter(
            batch=self._batch, study_number=self._row.study_number
        ).order_by("series_number")
        known = {self._opened(row.sealed_uids, UIDS)[1] for row in rows}
        found = self._remote.find_series(self._study_uid)
        fresh = [series for series in found if series.uid not in known]
        first = max(row.series_number for row in rows) + 1
        lacking = max((self._row.expected or 0) - sum(one.instances or 1 for one in fresh), 0)
        planned = [
            Planned(self._row.study_number, at, one.study_uid, one.uid, one.modality, one.instances)
            for at, one in enumerate(fresh, start=first)
        ]
        with transaction.atomic():
            Retrieval.objects.bulk_create([plan.row(self._batch, self._sealer) for plan in planned])
            Retrieval.objects.filter(pk=self._row.pk).update(expected=lacking)
        self._row.expected = lacking
        self._conclude([], RetrievalState.GAP if lacking else RetrievalState.COMPLETE)

    def _settle_listed(self, listing: Sequence[Listed]) -> None:
        """All that is listed is here: done, unless the source counts more than it lists."""
        if len(self._received) >= (self._row.expected or 0):
            self._conclude(listing, RetrievalState.COMPLETE)
        elif self._row.tries >= MOST_TRIES:
            self._conclude(listing, RetrievalState.GAP)
        else:
            Retrieval.objects.filter(pk=self._row.pk).update(
                sealed_listing=None, tries=self._row.tries + 1
            )

    def _listing(self) -> list[Listed] | None:
        """Return what the source says the series holds; None where it can't say."""
        if self._row.sealed_listing:
            kept = self._opened(self._row.sealed_listing, _LISTING)
            return None if kept == [False] else [Listed(*one) for one in kept]
        try:
            found: list[Listed] | None = self._remote.list_instances(
                self._study_uid, self._series_uid
            )
        except SourceCannot:
            found = None
        unique = list({one.uid: one for one in found}.values()) if found is not None else None
        kept = [False] if unique is None else [[one.uid, one.sop_class] for one in unique]
        self._row.sealed_listing = self._sealer.seal(_LISTING, json.dumps(kept).encode())
        if unique is not None:
            self._row.expected = max(self._row.expected or 0, len(unique))
        Retrieval.objects.filter(pk=self._row.pk).update(
            sealed_listing=self._row.sealed_listing, expected=self._row.expected
        )
        return unique

    def _bring(self, listing: list[Listed] | None, wanted: list[Listed]) -> Fault | None:
        """Fetch, and record what came whole even where the source broke off."""
        fault: Fault | None = None
        whole = listing is None or not self._received
        with PartPack(self._batch, _RETRIEVING_STATES) as pack:
            asked = None if listing is None else {one.uid for one in listing}

            def begin() -> _Incoming:
                return _Incoming(self, pack, asked)

            try:
                self._remote.fetch(
                    self._study_uid,
                    self._series_uid,
                    wanted,
                    begin,
                    self._beat_anywhere,
                    whole=whole,
                )
            except StorageFull:
                # What was being written is gone, and whole instances in the same object with it.
                raise
            except Fault as error:
                fault = error
            try:
                pack.finish(self._record)
            except _Overtaken:
                self._new, self.files, self.bytes = [], 0, 0
        return fault

    def _beat_anywhere(self) -> None:
        """Keep the lease alive from whichever thread waits; it keeps no connection open."""
        try:
            self._beat()
        finally:
            if threading.get_ident() != self._thread:
                connection.close()

    def take(self, uid: str, size: int, asked: set[str] | None) -> str:
        """Say what becomes of an instance that came: taken, `twice`, or `not-asked`."""
        if uid in self._received:
            return "twice"
        if asked is not None and uid not in asked:
            self._not_asked += 1
            return "not-asked"
        self._received[uid] = None
        self._new.append(uid)
        self.files += 1
        self.bytes += size
        return ""

    @property
    def is_late(self) -> bool:
        """Say whether it is time to let other work go on."""
        return self._deadline is not None and time.monotonic() > self._deadline

    def label(self, uid: str) -> str:
        """Return what an instance is called in the batch's sealed inventory."""
        return f"{self._row.study_number}/{self._row.series_number}/{uid}.dcm"

    def _record(self, _locked: Batch) -> None:
        """Note, beside the parts, which instances came; nobody else did meanwhile."""
        row = Retrieval.objects.select_for_update().get(pk=self._row.pk)
        if bytes(row.sealed_received or b"") != self._loaded:
            raise _Overtaken
        received = json.dumps(list(self._received)).encode()
        self._loaded = self._sealer.seal(_RECEIVED, received)
        Retrieval.objects.filter(pk=row.pk).update(
            sealed_received=self._loaded,
            received=len(self._received),
            size=row.size + self.bytes,
            tries=0 if self._new else row.tries + 1,
        )
        if self._not_asked:
            entries = [Unfolded(self.label("not-asked"), 0, refused=NOT_ASKED)] * self._not_asked
            add_entries(self._batch, self._sealer, entries)

    def _settle_brought(self, listing: list[Listed] | None) -> None:
        """After a try: put what is still missing before a person, once trying again is no use."""
        self._row.refresh_from_db()
        expected, tries = self._row.expected, self._row.tries
        if listing is not None:
            if tries >= MOST_TRIES:
                self._conclude(listing, RetrievalState.GAP)
            return
        # A source that lists nothing can only be measured by its count, if it gives one.
        if expected is not None and len(self._received) >= expected > 0:
            self._conclude([], RetrievalState.COMPLETE)
        elif tries >= MOST_TRIES:
            is_gap = expected is not None or not self._received
            self._conclude([], RetrievalState.GAP if is_gap else RetrievalState.COMPLETE)

    def _conclude(self, listing: Sequence[Listed], state: RetrievalState) -> None:
        """End a series; each image that is missing becomes an entry that is held."""
        missing = [one.uid for one in listing if one.uid not in self._received]
        expected = self._row.expected
        lacking = max((expected or 0) - len(self._received), len(missing))
        lacking = max(lacking, 1) if state == RetrievalState.GAP else 0
        with transaction.atomic():
            Batch.objects.select_for_update().get(pk=self._batch.pk)
            moved = Retrieval.objects.filter(pk=self._row.pk, state=RetrievalState.WAITING).update(
                state=state
            )
            if not moved:
                return
            self._hold(missing, lacking)
            record(
                "batch.retrieval_gap" if lacking else "batch.retrieved",
                actor=JOB,
                detail={
                    "study": self._row.study_number,
                    "series": self._row.series_number,
                    "expected": expected if expected is not None else "unknown",
                    "received": len(self._received),
                    "missing": lacking,
                },
                **about(self._batch),
            )

    def _hold(self, missing: Sequence[str], lacking: int) -> None:
        names = [*missing, *(f"missing-{n}" for n in range(1, lacking - len(missing) + 1))]
        first = next_number(self._batch)
        now = timezone.now()
        Instance.objects.bulk_create(
            [
                Instance(
                    batch_id=self._batch.pk,
                    number=number,
                    state=InstanceState.HELD,
                    code=GAP,
                    where=_("study {study}, series {series}").format(
                        study=self._row.study_number, series=self._row.series_number
                    ),
                    sealed_path=self._sealer.seal(PATH_PURPOSE, self.label(name).encode()),
                    inventoried=True,
                    processed=now,
                )
                for number, name in enumerate(names[:lacking], start=first)
            ],
            batch_size=500,
        )


class _Incoming:
    """One instance on its way from the source into a sealed part."""

    def __init__(self, run: _Run, pack: PartPack, asked: set[str] | None) -> None:
        self._run = run
        self._pack = pack
        self._asked = asked
        self._start = b""
        self._part = pack.begin("incoming")

    def write(self, block: bytes) -> None:
        """Seal a block."""
        if len(self._start) < PEEKED:
            self._start += block[: PEEKED - len(self._start)]
        self._part.write(block)

    def done(self) -> bool:
        """Take the instance, unless it came before or nobody asked for it."""
        named = peek(self._start)
        uid = named.sop_instance_uid if named else ""
        if not uid or self._run.take(uid, self._part.entry.length, self._asked):
            self._pack.drop(self._part)
        else:
            self._part.label = self._run.label(uid)
        return not self._run.is_late

    def drop(self) -> None:
        """Leave out what didn't come whole."""
        self._pack.drop(self._part)


# --- asking again --------------------------------------------------------------------------------


def fetch_again(batch: Batch, actor: Actor) -> int:
    """Ask the source again for what it was short of; return how many images that is."""
    with transaction.atomic():
        locked = Batch.objects.select_for_update().get(pk=batch.pk)
        if locked.state not in _DECIDING_STATES:
            raise PermanentError(
                "not-deciding",
                _("This can be decided while the batch waits for you. Else open a new batch."),
            )
        lacking = Instance.objects.filter(batch=batch, state=InstanceState.HELD, code=GAP)
        count = lacking.count()
        if not count:
            return 0
        # They stand for images that never came; the next try makes them anew, or the images.
        lacking.delete()
        Retrieval.objects.filter(batch=batch, state=RetrievalState.GAP).update(
            state=RetrievalState.WAITING, tries=0, sealed_listing=None
        )
        sealer = batch_sealer(batch)
        Batch.objects.filter(pk=batch.pk).update(sealed_selection=sealer.seal(SELECTION, b"[]"))
        batches.new_chunk(batch, ChunkKind.COLLECT)
        batch.refresh_from_db()
        batches.move(
            batch,
            BatchState.PROCESSING,
            actor=actor,
            processing_started=timezone.now(),
            attention_code="",
            attention_reference="",
        )
        record("batch.fetched_again", actor=actor, detail={"count": count}, **about(batch))
    return count
