"""Merkle trees over what a job did, so that one file can be proved without showing the others.

Hashing as in RFC 6962: leaf = SHA-256(0x00 ‖ data), node = SHA-256(0x01 ‖ left ‖ right), the left
subtree being the largest power of two. A leaf's data: the new SOP Instance UID in ASCII without
padding, the 32 bytes of the output file's SHA-256, the 32 bytes of the profile's digest.
"""

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from django.db import transaction

from audit.models import Leaves

_SIZE = 32


def leaf(sop_instance_uid: str, output_sha256: str, profile_digest: str) -> bytes:
    """Return the leaf of one instance; the two digests are given in hex."""
    output, profile = bytes.fromhex(output_sha256), bytes.fromhex(profile_digest)
    if len(output) != _SIZE or len(profile) != _SIZE:
        raise ValueError("a leaf takes two SHA-256 digests")
    return hashlib.sha256(b"\x00" + sop_instance_uid.encode("ascii") + output + profile).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root of a tree; of no leaves, the SHA-256 of nothing."""
    level = list(leaves)
    if not level:
        return hashlib.sha256(b"").digest()
    # Pairing level by level, an odd one moving up as it is, gives RFC 6962's tree.
    while len(level) > 1:
        paired = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Step:
    """One sibling on the way from a leaf to the root."""

    side: Literal["left", "right"]
    digest: bytes


def proof(leaves: Sequence[bytes], index: int) -> list[Step]:
    """Return the siblings from a leaf up to the root: as many as the tree is high."""
    if not 0 <= index < len(leaves):
        raise IndexError("no such leaf")
    level, steps = list(leaves), []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            side: Literal["left", "right"] = "left" if sibling < index else "right"
            steps.append(Step(side, level[sibling]))
        paired = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level, index = paired + level[len(paired) * 2 :], index // 2
    return steps


def climb(one: bytes, steps: Iterable[Step]) -> bytes:
    """Return the root that a leaf and its proof lead to."""
    for step in steps:
        pair = (step.digest, one) if step.side == "left" else (one, step.digest)
        one = _node(*pair)
    return one


def keep_leaves(leaves: Sequence[bytes]) -> str:
    """Keep a tree's leaves beside the event that will name its root; return the root in hex.

    Call it in the transaction that records the event. The same leaves are kept once.
    """
    top = root(leaves)
    with transaction.atomic():
        if not Leaves.objects.filter(root=top).exists():
            Leaves.objects.create(
                root=top, count=len(leaves), packed=zlib.compress(b"".join(leaves), 1)
            )
    return top.hex()


def kept_leaves(root_hex: str) -> list[bytes]:
    """Return the leaves under a root, in order; raises Leaves.DoesNotExist."""
    row = Leaves.objects.get(root=bytes.fromhex(root_hex))
    packed = zlib.decompress(bytes(row.packed))
    return [packed[at : at + _SIZE] for at in range(0, len(packed), _SIZE)]


def prove(root_hex: str, one: bytes) -> dict[str, object] | None:
    """Return the short proof that a leaf stands under a root, for the offline verifier."""
    leaves = kept_leaves(root_hex)
    if one not in leaves:
        return None
    index = leaves.index(one)
    steps = [[step.side, step.digest.hex()] for step in proof(leaves, index)]
    return {"root": root_hex, "leaf": one.hex(), "index": index, "of": len(leaves), "path": steps}
