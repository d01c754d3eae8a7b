"""A dump of the vault holds no identifier, in no encoding and under no unkeyed hash."""

import base64
import hashlib
import json

from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from studies.vault import service as vault
from studies.vault.ledger import ledger_path
from studies.vault.models import Patient
from studies.vault.shredding import shred_patient
from tests.counts import count
from tests.on_disk import content
from tests.searching import words_in
from tests.vault.conftest import VaultFiles, send

MARKERS = count(100, 1000)


def forms(marker: str) -> set[bytes]:
    """Return a marker in clear, reversed, encoded and hashed, each as it could stand in a dump."""
    found = set()
    for text in {marker, marker.lower(), marker[::-1]}:
        for raw in (text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be")):
            found |= {raw, raw.hex().encode(), raw.hex().upper().encode()}
            for shift in range(3):
                start, end = -(-shift * 4 // 3), (shift + len(raw)) // 3 * 4
                whole = base64.b64encode(bytes(shift) + raw)
                found |= {whole[start:end], whole[start:end].translate(_URL_SAFE)}
    for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b"):
        digest = hashlib.new(name, marker.encode(), usedforsecurity=False).digest()
        found |= {digest, digest.hex().encode(), digest.hex().upper().encode()}
        found |= {base64.b64encode(digest)[:-4], digest[:16]}
    return found


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


@given(st.binary(max_size=9), st.from_regex(r"[A-Z]{6}[0-9]{6}", fullmatch=True))
def test_the_search_itself_finds_what_it_looks_for(before, marker):
    dump = before + marker.encode() + b"tail"
    hidden = [
        dump,
        dump[::-1],
        base64.b64encode(dump),
        dump.hex().encode(),
        before + marker.encode("utf-16-le"),
        hashlib.sha256(marker.encode()).digest(),
        hashlib.md5(marker.encode(), usedforsecurity=False).hexdigest().encode(),
    ]
    for text in hidden:
        there = {form for form in forms(marker) if form in text}
        assert there
        assert words_in(text, forms(marker)) == there


@given(st.lists(st.binary(min_size=1, max_size=12)), st.lists(st.binary(min_size=1, max_size=14)))
def test_many_words_are_found_as_one_by_one(pieces, words):
    content = b"".join(pieces)
    looked_for = {*words, *pieces, content[3:17] or b"x"}
    assert words_in(content, looked_for) == {word for word in looked_for if word in content}


def dump(files: VaultFiles) -> bytes:
    """Return all rows of all tables, and on SQLite the raw files too."""
    parts = []
    connection = connections["vault"]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                for value in row:
                    is_raw = isinstance(value, bytes | memoryview)
                    parts.append(bytes(value) if is_raw else str(value).encode())
                    if is_raw:
                        parts.append(bytes(value).hex().encode())
    if files.vendor == "sqlite":
        parts += [content(path) for path in files.folder.glob("vault.sqlite3*")]
    return b"\n".join(parts)


def test_a_dump_of_the_vault_holds_no_marker(domain, files, key_file):
    markers = {
        name: [f"{name}{number:06}" for number in range(MARKERS // 4)]
        for name in ("MRKPID", "MRKNAM", "MRKACC", "MRKPTH")
    }
    shredded = ""
    for number, (patient_id, name) in enumerate(
        zip(markers["MRKPID"], markers["MRKNAM"], strict=True)
    ):
        cloud_patient, _ = send(domain, patient_id, f"1.2.{number}", name=name, instances=1)
        shredded = shredded or cloud_patient
    shred_patient(domain, shredded)
    assert Patient.objects.count() == MARKERS // 4 - 1
    content = dump(files) + ledger_path().read_bytes() + key_file.read_bytes()
    assert len(content) > 1000
    found = words_in(
        content,
        {form for several in markers.values() for marker in several for form in forms(marker)},
    )
    assert found == set()
    assert json.loads(key_file.read_text())["format"] == 1
    assert vault.search_patient([domain], markers["MRKPID"][5], "HOSPITAL") != []
