"""`manage.py verify_manifest`: checks a manifest, its signature and the delivered files offline."""

import re
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from studies.delivery.manifest import (
    MANIFEST_NAME,
    SIGNATURE_NAME,
    compare_files,
    is_signed,
    read_manifest,
)
from studies.services import signing

UNREADABLE, UNSIGNED, DIFFERENT = 2, 3, 4


class Command(BaseCommand):
    """Exit codes: 0 right, 2 not readable, 3 not signed by this key, 4 files differ."""

    help = (
        "Check a delivered manifest: that it is one, that this installation (or the public key "
        "given) signed exactly these bytes, and that the files beside it are those it lists."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "path", type=Path, nargs="?", help="manifest.json, or the folder it lies in"
        )
        parser.add_argument(
            "--signature", type=Path, help=f"the signature; by default {SIGNATURE_NAME} beside it"
        )
        parser.add_argument(
            "--public-key",
            type=Path,
            help="file with the 32-byte Ed25519 public key, raw or in hex; "
            "by default the keys of this installation",
        )
        parser.add_argument("--files", type=Path, help="folder that the delivered files lie in")
        parser.add_argument(
            "--print-public-key",
            action="store_true",
            help="print this installation's public keys in hex, to hand to recipients",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check and say in sentences what was found."""
        if options["print_public_key"]:
            for key_id, public in signing.public_keys().items():
                self.stdout.write(f"{key_id} {public.hex()}")
            return
        path: Path | None = options["path"]
        if path is None:
            raise CommandError("Say which manifest to check.", returncode=UNREADABLE)
        if path.is_dir():
            path = path / MANIFEST_NAME
        body = _read(path)
        signature = _read(options["signature"] or path.with_name(f"{path.name}.sig"))
        self._check_signature(body, signature, options["public_key"])
        try:
            manifest = read_manifest(body)
        except ValueError as error:
            raise CommandError(str(error), returncode=UNREADABLE) from None
        self.stdout.write(
            f"It lists {manifest['TotalImages']} images of {manifest['TotalStudies']} studies, "
            f"batch {manifest['BatchId']}, revision {manifest.get('Revision', 1)}."
        )
        if options["files"]:
            self._check_files(manifest, options["files"])

    def _check_signature(self, body: bytes, signature: bytes, key_file: Path | None) -> None:
        keys = [_public_key(key_file)] if key_file else list(signing.public_keys().values())
        if not any(is_signed(body, signature, key) for key in keys):
            raise CommandError(
                "The signature isn't of this manifest under this key: it was changed after it "
                "was signed, or signed by somebody else. Do not trust it.",
                returncode=UNSIGNED,
            )
        self.stdout.write("The signature is right: the manifest is as it was sent.")

    def _check_files(self, manifest: dict[str, Any], folder: Path) -> None:
        problems = list(compare_files(manifest, folder))
        for problem in problems[:50]:
            self.stderr.write(problem)
        if problems:
            raise CommandError(
                f"{len(problems)} of the files aren't what the manifest says.",
                returncode=DIFFERENT,
            )
        self.stdout.write("Every listed file is there, unchanged, and nothing else is.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(
            f"{path} can't be read: {error.strerror}.", returncode=UNREADABLE
        ) from None


def _public_key(path: Path) -> bytes:
    data = _read(path)
    if len(data) == 32:
        return data
    text = data.decode("ascii", "replace").strip()
    if re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        return bytes.fromhex(text)
    raise CommandError(
        f"{path} isn't an Ed25519 public key: it needs 32 bytes, or 64 hex digits.",
        returncode=UNREADABLE,
    )
