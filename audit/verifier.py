#!/usr/bin/env python3
"""Verify an exported audit trail, or the proof of one file, without the portal that wrote it.

One file; needs Python 3.11 and the package `cryptography`, nothing else. It shares no code with
the portal on purpose: what two programs agree on was not made up by one of them.

    verifier.py export.jsonl [--key HEX ...] [--checkpoint FILE ...]
    verifier.py archive.jsonl.gz [--key HEX ...] [--checkpoint FILE ...]
    verifier.py proof.json FILE.dcm [--key HEX ...]

`--key` is the public key you trust, got from the hospital on another way than the export. Without
it signatures are checked against the key in the export, which proves less; the last line says so.
Ends with 0 if everything holds, 1 if not, 2 if it can't read what it was given.
"""

import argparse
import gzip
import hashlib
import json
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Broken(Exception):
    """Something is not as it was written."""


def spell(value: Any) -> bytes:
    """Return canonical JSON: RFC 8785 for ASCII keys and whole numbers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(*parts: bytes) -> bytes:
    """Return the SHA-256 of the parts put together."""
    return hashlib.sha256(b"".join(parts)).digest()


def event_digest(event: Any) -> bytes:
    """Return the digest an event must carry."""
    return sha256(b"audit event 1\n", spell(event))


def link_digest(chain: str, sequence: int, event: str, previous: str) -> bytes:
    """Return the digest a link must carry; event and previous are hex."""
    link = {"chain": chain, "event": event, "previous": previous, "sequence": sequence, "v": 1}
    return sha256(b"audit link 1\n", spell(link))


def signed_document(parts: Any, keys: set[bytes], mark: bytes = b"audit checkpoint 1\n") -> Any:
    """Return a signed document if its signature holds and its key is trusted."""
    key = bytes.fromhex(parts["public_key"])
    if keys and key not in keys:
        raise Broken("it is signed by a key you did not name as trusted")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(
            bytes.fromhex(parts["signature"]),
            mark + spell(parts["document"]),
        )
    except InvalidSignature:
        raise Broken("a signature is not right") from None
    return parts["document"]


def check_link(line: Any, chain: str) -> None:
    """Check one event with its link by itself."""
    place, event = line["sequence"], line["event"]
    if event["chain"] != chain:
        raise Broken(f"event {place} is of another chain")
    if event_digest(event).hex() != line["event_digest"]:
        raise Broken(f"event {place} was changed after it was written")
    made = link_digest(chain, place, line["event_digest"], line["previous"])
    if made.hex() != line["digest"]:
        raise Broken(f"link {place} was changed after it was written")


def verify_export(source: Iterable[bytes], keys: set[bytes], extra: list[Any]) -> dict[str, Any]:
    """Verify an export's lines; return what was seen."""
    lines = iter(source)
    head = json.loads(next(lines))
    if head.get("kind") != "audit export" or head.get("v") != 1:
        raise ValueError("this is no audit export")
    chain, is_gapless = head["chain"], head["is_gapless"]
    seen, first, last, before = 0, None, None, ""
    digests: dict[int, str] = {}
    documents: list[Any] = []
    for text in lines:
        line = json.loads(text)
        if line["kind"] == "checkpoint":
            documents.append(signed_document(line["checkpoint"], keys))
            continue
        check_link(line, chain)
        place = line["sequence"]
        if is_gapless:
            if last is None and place == 1 and line["previous"] != "00" * 32:
                raise Broken("link 1 does not begin the chain")
            if last is not None and place != last + 1:
                raise Broken(f"link {last + 1} is missing, the next one is {place}")
            if last is not None and line["previous"] != before:
                raise Broken(f"link {place} does not fit the one before")
        elif place in digests:
            raise Broken(f"link {place} stands there twice")
        first = place if first is None else first
        last, before, seen = place, line["digest"], seen + 1
        digests[place] = line["digest"]
    documents += [signed_document(parts, keys) for parts in extra]
    signed = check_heads(documents, chain, digests, is_gapless, first, last)
    return {
        "chain": chain,
        "events": seen,
        "first": first,
        "last": last,
        "checkpoints": len(documents),
        "signed_to": signed,
        "is_gapless": is_gapless,
    }


def verify_archive(content: bytes, keys: set[bytes], extra: list[Any]) -> dict[str, Any]:
    """Verify an archived segment: its signature, its bytes, and the links in it."""
    first, _, rest = content.partition(b"\n")
    document = signed_document(json.loads(first), keys, b"audit archive 1\n")
    if hashlib.sha256(rest).hexdigest() != document["sha256"]:
        raise Broken("the archive's content is not what was signed")
    head = {"kind": "audit export", "v": 1, "chain": document["chain"], "is_gapless": True}
    lines = rest.splitlines()
    ends = (json.loads(lines[0])["previous"], json.loads(lines[-1])["digest"])
    if ends != (document["previous"], document["head"]):
        raise Broken("the archive's ends are not what was signed")
    seen = verify_export([spell(head), *lines], keys, extra)
    if (seen["first"], seen["last"]) != (document["first"], document["last"]):
        raise Broken("the archive does not hold the links it says")
    return {**seen, "signed_to": document["last"]}


def check_heads(
    documents: list[Any],
    chain: str,
    digests: dict[int, str],
    is_gapless: bool,
    first: int | None,
    last: int | None,
) -> int:
    """Compare signed heads with the chain; return the highest place that a signature covers."""
    signed = 0
    for document in documents:
        place = document["sequence"]
        if document["chain"] != chain or document["kind"] != "checkpoint":
            raise Broken("a checkpoint is of another chain")
        if place in digests:
            if digests[place] != document["head"]:
                raise Broken(f"link {place} is not the one that was signed: the chain was replaced")
            signed = max(signed, place)
        elif is_gapless and last is not None and place > last:
            raise Broken(f"the chain ends at {last}, a signed checkpoint saw it reach {place}")
        elif is_gapless and first is not None and place >= first:
            raise Broken(f"link {place} is missing, a checkpoint signed it")
    return signed


def sop_instance_uid(content: bytes) -> str:
    """Return the Media Storage SOP Instance UID of a DICOM file, from its file meta group."""
    if content[128:132] != b"DICM":
        raise ValueError("this is no DICOM file")
    at = 132
    while content[at : at + 2] == b"\x02\x00":
        element, vr = struct.unpack_from("<H", content, at + 2)[0], content[at + 4 : at + 6]
        if vr in (b"OB", b"OW", b"UN", b"UT", b"SQ"):
            length, start = struct.unpack_from("<I", content, at + 8)[0], at + 12
        else:
            length, start = struct.unpack_from("<H", content, at + 6)[0], at + 8
        if element == 3:
            return content[start : start + length].rstrip(b"\0 ").decode("ascii")
        at = start + length
    raise ValueError("the file has no Media Storage SOP Instance UID")


def verify_proof(proof: Any, content: bytes, keys: set[bytes]) -> dict[str, Any]:
    """Verify that a file was produced by the job, under the profile, that a proof names."""
    profile = bytes.fromhex(proof["profile_digest"])
    uid = sop_instance_uid(content)
    leaf = sha256(b"\x00", uid.encode("ascii"), sha256(content), profile)
    if leaf.hex() != proof["leaf"]:
        raise Broken("the file, its UID or the profile is not the one that was proved")
    top = leaf
    for side, digest in proof["path"]:
        sibling = bytes.fromhex(digest)
        pair = (sibling, top) if side == "left" else (top, sibling)
        top = sha256(b"\x01", *pair)
    line = proof["link"]
    chain = line["event"]["chain"]
    check_link(line, chain)
    if top.hex() != line["event"]["detail"].get("merkle_root"):
        raise Broken("the event does not name the root that the file leads to")
    place, before = line["sequence"], line["digest"]
    for step in proof.get("following", []):
        place += 1
        before = link_digest(chain, place, step, before).hex()
    checkpoint = proof.get("checkpoint")
    signed = 0
    if checkpoint:
        document = signed_document(checkpoint, keys)
        if (document["chain"], document["sequence"], document["head"]) != (chain, place, before):
            raise Broken("the signed checkpoint is not reached from the event")
        signed = place
    return {
        "sop_instance_uid": uid,
        "sequence": line["sequence"],
        "signed_to": signed,
        "at": line["event"]["at"],
        "actor": line["event"]["actor"]["label"],
    }


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments, verify, and say in one line what holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("instance", type=Path, nargs="?", help="the DICOM file of a proof")
    parser.add_argument("--key", action="append", default=[], help="trusted public key, hex")
    parser.add_argument("--checkpoint", action="append", default=[], type=Path)
    given = parser.parse_args(arguments)
    try:
        keys = {bytes.fromhex(key) for key in given.key}
        if given.instance:
            seen = verify_proof(
                json.loads(given.file.read_bytes()), given.instance.read_bytes(), keys
            )
        else:
            extra = [json.loads(path.read_bytes()) for path in given.checkpoint]
            with given.file.open("rb") as lines:
                if given.file.suffix == ".gz":
                    seen = verify_archive(gzip.decompress(lines.read()), keys, extra)
                else:
                    seen = verify_export(lines, keys, extra)
    except Broken as broken:
        sys.stdout.write(f"NOT INTACT: {broken}\n")
        return 1
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        sys.stderr.write(f"can't read it: {error}\n")
        return 2
    except StopIteration:
        sys.stderr.write("can't read it: it is empty\n")
        return 2
    sys.stdout.write("INTACT: " + ", ".join(f"{name} {value}" for name, value in seen.items()))
    sys.stdout.write("\n" if keys else "\nwarning: no --key given, signatures prove no origin\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
