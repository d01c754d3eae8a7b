"""The short proof of one delivered file: from its bytes to a signed checkpoint.

The host finds the event and the leaf, because it knows its instances; everything else is here.
"""

import json

from audit.checkpoints import Signed
from audit.exports import link_document
from audit.merkle import prove
from audit.models import Checkpoint, Event, Link
from audit.sealer import seal_chain


class NoProof(Exception):
    """A file can't be proved by this event; the message says why."""


def instance_proof(event: Event, leaf: bytes, profile_digest: str) -> dict[str, object]:
    """Return the proof that a leaf is among what an event says was done, for `verifier.py`.

    The event's detail names the root as `merkle_root`. Where no checkpoint covers the event yet,
    the proof has none, and the verifier says that nothing signed it.
    """
    root = event.detail.get("merkle_root", "")
    found = prove(root, leaf) if root else None
    if found is None:
        raise NoProof("the event does not tell of this file under this profile")
    seal_chain(event.chain)
    link = Link.objects.select_related("event").get(event=event)
    checkpoint = (
        Checkpoint.objects.filter(chain=event.chain, sequence__gte=link.sequence)
        .order_by("sequence")
        .first()
    )
    following: list[str] = []
    if checkpoint is not None:
        between = Link.objects.filter(
            chain=event.chain, sequence__gt=link.sequence, sequence__lte=checkpoint.sequence
        ).order_by("sequence")
        following = [bytes(one).hex() for one in between.values_list("event_digest", flat=True)]
    return {
        **found,
        "profile_digest": profile_digest,
        "link": link_document(link),
        "following": following,
        "checkpoint": _signed(checkpoint) if checkpoint else None,
    }


def _signed(row: Checkpoint) -> object:
    signed = Signed(row.document, bytes(row.signature), bytes(row.public_key))
    return json.loads(signed.to_bytes())
