"""Keep the vault: rotate keys, make and destroy domains, destroy a patient's mapping, move, verify.

Every act is audited, shows its progress, and may be run again after an interruption.
"""

import csv
import json
import os
import uuid
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from studies.faults import PermanentError
from studies.models import Batch, LinkageDomain, Organization
from studies.sealing import SealError
from studies.services import keeping
from studies.services.organizations import COMMAND
from studies.vault.faults import VaultError
from studies.vault.transfer import read_private_key, read_public_key, seal_to

MAPPING_PURPOSE = "batch-mapping"


class Command(BaseCommand):
    """Keep the vault."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take one of the acts, and what it is about."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="act")
        _add_rotations(acts)
        _add_destructions(acts)
        _add_transfers(acts)
        acts.add_parser("verify", help="open every row; look for every study that was sent out")
        acts.add_parser("after-restore", help="destroy again what a restore brought back")
        acts.add_parser("finish", help="finish destructions that were interrupted")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the act, or say in one line why it can't be done."""
        acts: dict[str, Callable[..., str]] = {
            "rotate-kek": self._rotate_kek,
            "rotate-domain": self._rotate_domain,
            "new-domain": self._new_domain,
            "shred-patient": self._shred_patient,
            "shred-domain": self._shred_domain,
            "export": self._export,
            "import": self._import,
            "verify": self._verify,
            "after-restore": self._after_restore,
            "finish": self._finish,
        }
        try:
            self.stdout.write(acts[options["act"]](options))
        except PermanentError as error:
            raise CommandError(str(error.message)) from None
        except (VaultError, SealError) as error:
            raise CommandError(str(error)) from None
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None

    def _rotate_kek(self, options: dict[str, Any]) -> str:
        version = keeping.rotate_kek(
            self._progress,
            actor=COMMAND,
            is_added=options["added"],
            forget_old=options["forget_old"],
        )
        return f"every key is wrapped by version {version} of the key ring"

    def _rotate_domain(self, options: dict[str, Any]) -> str:
        version = keeping.rotate_domain(_domain(options["domain"]), self._progress, actor=COMMAND)
        return f"every row of the domain is sealed under key version {version}"

    def _new_domain(self, options: dict[str, Any]) -> str:
        domain = keeping.create_domain(
            _organization(options["organization"]), options["name"], actor=COMMAND
        )
        return f"domain {domain.name} made, id {domain.pk}"

    def _shred_patient(self, options: dict[str, Any]) -> str:
        keeping.shred_patient(
            _organization(options["organization"]),
            options["cloud_patient_id"],
            reason=options["reason"],
            actor=COMMAND,
        )
        return "the patient's mapping is destroyed"

    def _shred_domain(self, options: dict[str, Any]) -> str:
        domain = _domain(options["domain"])
        if options["confirm"] != domain.name:
            raise CommandError(f"to destroy all of its mappings, add --confirm {domain.name}")
        keeping.shred_domain(domain, reason=options["reason"], actor=COMMAND)
        return "the domain's mappings are destroyed"

    def _export(self, options: dict[str, Any]) -> str:
        if bool(options["domain"]) == bool(options["batch"]):
            raise CommandError("name either --domain or --batch")
        if options["csv"] and options["domain"]:
            raise CommandError("--csv is for a batch")
        if options["csv"]:
            return self._export_csv(_batch(options["batch"]), options)
        if not options["to_key"]:
            raise CommandError("name the public key that may read it: --to-key key.pem")
        public = read_public_key(_read(options["to_key"]))
        with _new_file(Path(options["file"])) as raw:
            if options["domain"]:
                keeping.export_domain(
                    _domain(options["domain"]),
                    public,
                    raw,
                    self._progress,
                    reason=options["reason"],
                    actor=COMMAND,
                )
            else:
                batch = _batch(options["batch"])
                with (
                    keeping.batch_export(
                        batch, reason=options["reason"], form="json", actor=COMMAND
                    ) as found,
                    seal_to(public, raw, MAPPING_PURPOSE) as writer,
                ):
                    writer.write(json.dumps(found.to_json(), indent=1).encode())
        return f"written to {options['file']}, readable with the private key only"

    def _export_csv(self, batch: Batch, options: dict[str, Any]) -> str:
        folder = Path(options["file"])
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with keeping.batch_export(
            batch, reason=options["reason"], form="csv", actor=COMMAND
        ) as found:
            for name, pairs in (
                ("uid_mapping.csv", found.uids()),
                ("patid_mapping.csv", found.patient_ids()),
            ):
                with (
                    _new_file(folder / name) as raw,
                    TextIOWrapper(raw, encoding="utf-8", newline="") as text,
                ):
                    writer = csv.writer(text)
                    writer.writerow(("id_old", "id_new"))
                    writer.writerows(pairs.items())
        return f"written in clear to {folder}: keep it as the mapping itself"

    def _import(self, options: dict[str, Any]) -> str:
        private = read_private_key(_read(options["key"]))
        with Path(options["file"]).open("rb") as raw:
            domain = keeping.import_domain(
                _organization(options["organization"]),
                private,
                raw,
                self._progress,
                actor=COMMAND,
            )
        return f"domain {domain.pk} imported as {domain.name}"

    def _verify(self, options: dict[str, Any]) -> str:
        findings = keeping.verify(self._progress, actor=COMMAND)
        if findings:
            raise CommandError("\n".join(findings))
        return "every row opens, and every study that was sent out leads back"

    def _after_restore(self, options: dict[str, Any]) -> str:
        count = keeping.reapply_shreddings(actor=COMMAND)
        return f"{count} destructions applied again"

    def _finish(self, options: dict[str, Any]) -> str:
        return f"{keeping.finish_shreddings(actor=COMMAND)} destructions finished"

    def _progress(self, done: int, total: int) -> None:
        """Show progress in place on a terminal, and in steps of a tenth elsewhere."""
        if self.stdout.isatty():
            self.stdout.write(f"\r{done} of {total}", ending="\n" if done == total else "")
        elif done == total or done * 10 // total > (done - 1) * 10 // total:
            self.stdout.write(f"{done} of {total}")


def _add_rotations(acts: Any) -> None:
    kek = acts.add_parser("rotate-kek", help="wrap every key under a fresh key-encryption key")
    kek.add_argument("--added", action="store_true", help="the key was added already (env, KMS)")
    kek.add_argument(
        "--forget-old",
        action="store_true",
        help="destroy older versions: backups from before can't be read any more",
    )
    rotate = acts.add_parser("rotate-domain", help="seal and index a domain's rows afresh")
    rotate.add_argument("domain", help="the domain's id")
    new = acts.add_parser("new-domain", help="make a linkage domain, with identities of its own")
    new.add_argument("organization", help="its slug")
    new.add_argument("name", help="lower case, digits and hyphens")


def _add_destructions(acts: Any) -> None:
    patient = acts.add_parser("shred-patient", help="destroy one patient's mapping")
    patient.add_argument("organization", help="its slug")
    patient.add_argument("cloud_patient_id")
    domain = acts.add_parser("shred-domain", help="destroy all mappings of a domain")
    domain.add_argument("domain", help="the domain's id")
    domain.add_argument("--confirm", default="", help="the domain's name")
    for act in (patient, domain):
        act.add_argument("--reason", required=True, help="kept in the trail; name no patient")


def _add_transfers(acts: Any) -> None:
    export = acts.add_parser("export", help="write a domain, or a batch's mapping, to a file")
    export.add_argument("file", help="a new file; with --csv a folder")
    export.add_argument("--domain", help="a domain's id")
    export.add_argument("--batch", help="a batch's id")
    export.add_argument("--to-key", help="PEM file of the X25519 public key that may read it")
    export.add_argument("--csv", action="store_true", help="in clear, as id_old,id_new")
    export.add_argument("--reason", required=True, help="kept in the trail; name no patient")
    take = acts.add_parser("import", help="read a domain that was exported")
    take.add_argument("file")
    take.add_argument("organization", help="slug of whose it becomes")
    take.add_argument("--key", required=True, help="PEM file of the X25519 private key")


def _organization(slug: str) -> Organization:
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError("there is no such organization")
    return found


def _domain(text: str) -> LinkageDomain:
    found = LinkageDomain.objects.filter(pk=_uuid(text)).first()
    if found is None:
        raise CommandError("there is no such domain")
    return found


def _batch(text: str) -> Batch:
    found = Batch.objects.filter(pk=_uuid(text)).select_related("destination").first()
    if found is None:
        raise CommandError("there is no such batch")
    return found


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise CommandError("an id has the form 00000000-0000-0000-0000-000000000000") from None


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}") from None


def _new_file(path: Path) -> BinaryIO:
    """Make a file for its owner only; one that is there is never overwritten."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"{path} can't be made: {error.strerror}") from None
    return os.fdopen(descriptor, "wb")
