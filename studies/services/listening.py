"""What comes in by itself, over C-STORE or STOW-RS: by rule into a batch, started when quiet.

An object counts as received only when it is sealed, on disk and recorded; until then its sender
hears no success, and keeps it.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from ipaddress import ip_address, ip_network
from itertools import chain
from types import TracebackType
from typing import Self
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import SYSTEM_CHAIN, Actor, Outcome, record_alone
from studies.faults import PermanentError
from studies.intake.limits import limits
from studies.intake.part10 import PEEKED, Named, peek
from studies.models import (
    Arrival,
    Batch,
    BatchState,
    Gathering,
    ListenerKind,
    ListenerRule,
    Organization,
    Priority,
    ReleasePolicy,
    UploadPart,
)
from studies.services import batches, receiving
from studies.services.room import require_room
from studies.services.statements import Rows, run
from studies.services.uploads import NotReceiving, PartPack

LISTENER = Actor(kind="system", id="listener", label="listener")
# While a sender is connected its batch doesn't start; a dead sender holds it up no longer.
CONNECTED_FOR = timedelta(seconds=120)
# A request up to here is read before it touches the database: its sender's pace holds up nobody.
SMALL_BYTES = 4 << 20
# How often such a request looks for a batch that isn't being started.
TRIES = 3
TOO_LARGE = "object-too-large"
NOT_DICOM = "not-dicom"


@dataclass(frozen=True)
class Received:
    """What became of one object; `code` is empty where it is sealed, recorded and safe."""

    sop_class_uid: str
    sop_instance_uid: str
    size: int
    code: str = ""


def dimse_rule(calling_ae: str, called_ae: str, address: str) -> ListenerRule | None:
    """Return the rule of a C-STORE sender, None where nobody let it in."""
    rule = (
        ListenerRule.objects.filter(
            kind=ListenerKind.DIMSE, calling_ae=calling_ae, called_ae=called_ae, is_active=True
        )
        .select_related(*_RELATED)
        .first()
    )
    return rule if rule is not None and _may_call(rule, address) else None


def stow_rule(organization: Organization, address: str, name: str = "") -> ListenerRule | None:
    """Return the STOW-RS rule of an organization by name, or the only one; None where none is."""
    # What a rule refers to is read only where it opens a batch.
    found = [rule for rule in _STOW_RULES.read(organization.pk) if name in ("", rule.name)]
    return found[0] if len(found) == 1 and _may_call(found[0], address) else None


_STOW_RULES = Rows(ListenerRule, "organization_id = %s AND kind = 'stow' AND is_active")
_RELATED = ("organization", "source", "destination", "profile_version__profile")


def _may_call(rule: ListenerRule, address: str) -> bool:
    return not rule.networks or any(
        ip_address(address) in ip_network(network) for network in rule.networks
    )


def refuse_sender(calling_ae: str, called_ae: str, address: str) -> None:
    """Record that a sender was refused that no rule knows."""
    record_alone(
        "listener.refused",
        Outcome.REFUSED,
        actor=Actor(kind="device", id=calling_ae, label=calling_ae, address=address),
        chain=SYSTEM_CHAIN,
        detail={"code": "unknown-sender", "called": called_ae},
    )


def receive(
    rule: ListenerRule, objects: Iterable[Iterable[bytes]], *, actor: Actor
) -> list[Received]:
    """Seal objects, each given as blocks of a DICOM file, into the rule's batch, all or none.

    What `objects` raises is raised again, and then nothing of it was received. An object that is
    no DICOM file, or too large, is left out and says so; the others are durable on return.
    """
    require_room()
    small, rest = _read_ahead(iter(objects))
    with Reception(rule, actor) as reception:
        if rest is not None:
            return reception.take(chain(small, rest))
        return reception.take_at_once(small) if small else []


class Reception:
    """One sender's connection: what it sends goes into the batch that its rule is filling."""

    def __init__(self, rule: ListenerRule, actor: Actor) -> None:
        self.rule = rule
        self.actor = actor
        self._gathering: Gathering | None = None
        self._arrival: Arrival | None = None

    def take(self, objects: Iterable[Iterable[bytes]]) -> list[Received]:
        """Seal objects and record them in one transaction."""
        with self.begin() as pack:
            taken = [_take(pack, blocks) for blocks in objects]
            self.finish(pack)
        return taken

    def take_at_once(self, objects: list[list[bytes]]) -> list[Received]:
        """Seal objects that are in memory: one transaction, and no connection to keep.

        Where their batch is started in that moment, they go into the next one.
        """
        for _try in range(TRIES - 1):
            try:
                return self._seal(objects)
            except NotReceiving:
                continue
        return self._seal(objects)

    def _seal(self, objects: list[list[bytes]]) -> list[Received]:
        gathering = self._found()
        try:
            with PartPack(gathering.batch) as pack:
                taken = [_take(pack, blocks) for blocks in objects]
                pack.finish(first=partial(_arrived, gathering))
        except BaseException:
            # Whatever was wrong with it: the next look is a fresh one.
            _filling.pop(self.rule.pk, None)
            raise
        return taken

    def begin(self) -> PartPack:
        """Return a pack for the next objects; raise NoRoom while nothing more can be taken."""
        require_room()
        return PartPack(self._joined().batch)

    def finish(self, pack: PartPack) -> None:
        """Make what is in a pack durable: on disk, then recorded."""
        pack.finish(first=partial(_arrived, self._joined()))

    def renew(self) -> None:
        """Say that the sender is still connected, so that its batch doesn't start."""
        arrival = self._arrival
        now = timezone.now()
        if arrival is not None and arrival.expires - now < CONNECTED_FOR / 2:
            arrival.expires = now + CONNECTED_FOR
            Arrival.objects.filter(pk=arrival.pk).update(expires=arrival.expires)

    def close(self) -> None:
        """Say that the sender is gone; its batch starts when nothing else comes."""
        if self._arrival is not None:
            Arrival.objects.filter(pk=self._arrival.pk).delete()
            self._arrival = None
        self._gathering = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _joined(self) -> Gathering:
        """Return the gathering with room that this sender is connected to."""
        # Its counts are as of the last object of this sender: near enough, and no query.
        if self._gathering is not None and not _is_full(self._gathering.batch):
            self.renew()
            return self._gathering
        self.close()
        with transaction.atomic():
            self._lock_rule()
            gathering = self._open_one() or self._new_one()
            self._arrival = Arrival.objects.create(
                gathering=gathering, expires=timezone.now() + CONNECTED_FOR
            )
        self._gathering = gathering
        return gathering

    def _found(self) -> Gathering:
        """Return a gathering with room; without a connection to it, it may start at any time.

        It may be as it was a second ago: whether it still takes objects is seen when they are
        recorded.
        """
        known = _filling.get(self.rule.pk)
        now = time.monotonic()
        if known and now - known[0] < _FILLING_SECONDS and not _is_full(known[1].batch):
            return known[1]
        gathering = self._open_one()
        if gathering is None:
            with transaction.atomic():
                self._lock_rule()
                gathering = self._open_one() or self._new_one()
        if len(_filling) >= _FILLING_KNOWN:
            _filling.clear()
        _filling[self.rule.pk] = (now, gathering)
        return gathering

    def _lock_rule(self) -> None:
        """Wait for others: one sender at a time opens a batch, and none while one is started."""
        ListenerRule.objects.select_for_update().get(pk=self.rule.pk)

    def _open_one(self) -> Gathering | None:
        rows = Gathering.objects.filter(
            rule=self.rule, is_full=False, batch__state=BatchState.RECEIVING
        ).select_related("batch")
        for gathering in rows:
            if not _is_full(gathering.batch):
                return gathering
            Gathering.objects.filter(pk=gathering.pk).update(is_full=True)
        return None

    def _new_one(self) -> Gathering:
        rule = self.rule
        batch = receiving.open_batch(
            rule.organization,
            None,
            rule.source,
            rule.destination,
            rule.profile_version,
            Priority(rule.priority),
            ReleasePolicy(rule.release_policy),
            rule.waits_for_held,
            actor=self.actor,
        )
        return Gathering.objects.create(batch=batch, rule=rule)


# What small requests of this process are filling, by rule, and since when that is known.
_filling: dict[UUID, tuple[float, Gathering]] = {}
_FILLING_SECONDS = 1.0
_FILLING_KNOWN = 256


def _arrived(gathering: Gathering) -> None:
    """Note that something came; refuse it where the batch was started in this moment.

    The gathering is locked before its batch, in the order in which a batch is started.
    """
    if not run(_ARRIVED, timezone.now(), gathering.pk):
        raise NotReceiving


_ARRIVED = "UPDATE studies_gathering SET last_arrival = %s WHERE batch_id = %s"


def _read_ahead(
    objects: Iterator[Iterable[bytes]],
) -> tuple[list[list[bytes]], Iterator[Iterable[bytes]] | None]:
    """Read small objects into memory; return them, and what of a large request is left, or None."""
    held: list[list[bytes]] = []
    size = 0
    for entry in objects:
        kept: list[bytes] = []
        blocks = iter(entry)
        for block in blocks:
            kept.append(block)
            size += len(block)
            if size > SMALL_BYTES:
                return held, chain([chain(kept, blocks)], objects)
        held.append(kept)
    return held, None


def _is_full(batch: Batch) -> bool:
    """Say whether another object, however large, might not go into the batch any more."""
    allowed = limits()
    largest = min(settings.OBJECT_MAX_BYTES, allowed.bytes // 2)
    return batch.announced_files >= allowed.files or batch.announced_bytes + largest > allowed.bytes


def _take(pack: PartPack, blocks: Iterable[bytes]) -> Received:
    """Seal one object; leave it out where it is no DICOM file, or larger than allowed."""
    source = iter(blocks)
    start = _start(source)
    named = peek(start)
    part = pack.begin(label_of(named))
    code = "" if named else NOT_DICOM
    size = len(start)
    if not code:
        part.write(start)
    for block in source:
        size += len(block)
        if size > settings.OBJECT_MAX_BYTES:
            code = code or TOO_LARGE
        if not code:
            part.write(block)
    if code:
        pack.drop(part)
    named = named or Named()
    return Received(named.sop_class_uid, named.sop_instance_uid, size, code)


def _start(source: Iterator[bytes]) -> bytes:
    """Return as many bytes as tell what an object is."""
    start = b""
    for block in source:
        start += block
        if len(start) >= PEEKED:
            break
    return start


def label_of(named: Named | None) -> str:
    """Return what an object is called in its batch's sealed inventory."""
    return f"{named.sop_instance_uid}.dcm" if named and named.sop_instance_uid else "object.dcm"


# --- starting batches, for the scheduler ---------------------------------------------------------


def start_quiet() -> list[Batch]:
    """Submit the batches to which nothing came for as long as their rules say; return them."""
    started = []
    now = timezone.now()
    Arrival.objects.filter(expires__lt=now).delete()
    for gathering in Gathering.objects.filter(arrivals__isnull=True).select_related("rule"):
        quiet_since = now - timedelta(seconds=gathering.rule.quiet_seconds)
        if gathering.is_full or gathering.last_arrival <= quiet_since:
            batch = _start_batch(gathering, quiet_since)
            if batch is not None:
                started.append(batch)
    return started


def _start_batch(gathering: Gathering, quiet_since: object) -> Batch | None:
    """Submit a batch, unless a sender came back in this moment; drop one that stayed empty."""
    with transaction.atomic():
        ListenerRule.objects.select_for_update().get(pk=gathering.rule_id)
        still = Gathering.objects.filter(
            Q(is_full=True) | Q(last_arrival__lte=quiet_since),
            pk=gathering.pk,
            arrivals__isnull=True,
        ).select_related("batch__organization")
        found = still.first()
        if found is None:
            return None
        batch = found.batch
        found.delete()
        if batch.state != BatchState.RECEIVING:
            return None
        if not UploadPart.objects.filter(batch=batch).exists():
            batches.cancel(batch, LISTENER)
            return None
        receiving.submit(batch, LISTENER)
    return batch


def require_rule(rule: ListenerRule | None) -> ListenerRule:
    """Return the rule, or raise the fault that a sender without one gets."""
    if rule is None:
        raise PermanentError(
            "no-listener-rule",
            _("No listener rule takes objects here. An administrator adds one first."),
        )
    return rule
