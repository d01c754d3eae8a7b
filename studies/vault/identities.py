"""The identities of one linkage domain, as the de-identification engine asks for them.

One object serves one job: it keeps what it found, buffers what must be sealed, and writes it in
one transaction. It must not be shared between threads.
"""

import unicodedata
import uuid
from collections.abc import Callable, Iterable
from typing import Literal

from django.db import transaction

from studies.deid.errors import Held
from studies.deid.identities import is_placeholder_id, normalise_patient_id
from studies.deid.outcome import Originals
from studies.vault.allocation import TRIES, Allocator, StaleKeys, require_current
from studies.vault.faults import MappingGone, VaultError
from studies.vault.keys import open_keys
from studies.vault.models import InstanceRow, Patient, Study
from studies.vault.rows import (
    InstancesContent,
    PatientContent,
    SealedInstances,
    SentDate,
    StudyContent,
    Values,
    merge_values,
    open_instances,
    open_patient,
    open_study,
    seal_instances,
    seal_patient,
    seal_study,
    sealed_instances,
)
from studies.vault.sealed_rows import (
    HeldRow,
    has_instances,
    insert_instances,
    insert_sent_uids,
    select_sealed,
)
from studies.vault.statements import VAULT

Scheme = Literal["patient", "study"]
# Keeps one object's memory bounded over a very large chunk.
_KEPT_UIDS = 200_000


class DomainIdentities:
    """Implements studies.deid.Identities on the vault.

    `prefix` and `scheme` are those of the study that `study` was last asked for: a study keeps
    what it was first sent under, and a change of the organization's settings meets new ones only.
    """

    def __init__(
        self, domain_id: uuid.UUID, *, prefix: str, scheme: Scheme, default_issuer: str = ""
    ) -> None:
        self.domain_id = domain_id
        self.prefix = prefix
        self.scheme: Scheme = scheme
        self._new_prefix = prefix
        self._new_scheme: Scheme = scheme
        self._default_issuer = default_issuer
        self._allocator = Allocator(domain_id)
        self._patients: dict[tuple[str, str], str] = {}
        self._studies: dict[tuple[str, str], tuple[str, str, Scheme]] = {}
        self._uids: dict[str, str] = {}
        self._shifts: dict[str, int] = {}
        self._known: dict[str, Values] = {}
        # Sent UIDs that stand in the vault since an earlier chunk.
        self._written: set[tuple[int, str]] = set()
        # What the instance before said, which is buffered already.
        self._last_values: tuple[str, str, Values, Values] | None = None
        self._forget_buffer()

    # --- the protocol ---------------------------------------------------------------------------

    def patient(self, patient_id: str, issuer: str) -> str:
        """Return the cloud patient id; hold an id that would merge strangers."""
        key = (patient_id, issuer)
        known = self._patients.get(key)
        if known is None:
            if is_placeholder_id(patient_id):
                raise Held(
                    "patient-id-missing",
                    "The Patient ID is empty or a placeholder; enter the patient's own id.",
                    "(0010,0020)",
                )
            indexed = normalise_patient_id(patient_id, issuer.strip(" \0") or self._default_issuer)
            values: Values = {"PatientID": (patient_id,)}
            merge_values(values, {"IssuerOfPatientID": (issuer,)})
            known = self._allocator.patient(PatientContent(indexed, values))
            self._patients[key] = known
        return known

    def study(self, study_uid: str, patient: str) -> str:
        """Return the cloud study id; hold a study that already is another patient's."""
        key = (study_uid, patient)
        known = self._studies.get(key)
        if known is None:
            known = self._studies[key] = self._find_study(study_uid.strip(" \0"), patient)
        cloud_id, self.prefix, self.scheme = known
        return cloud_id

    def uid(self, uid: str) -> str:
        """Return the UID that stands for `uid` in this domain."""
        known = self._uids.get(uid)
        if known is None:
            if len(self._uids) >= _KEPT_UIDS:
                self._uids.clear()
            known = self._uids[uid] = self._allocator.keys.uid(uid)
        return known

    def date_shift(self, patient: str) -> int:
        """Return by how many days this cloud patient's dates go back."""
        known = self._shifts.get(patient)
        if known is None:
            known = self._shifts[patient] = self._allocator.keys.date_shift(patient)
        return known

    def _find_study(self, study_uid: str, patient: str) -> tuple[str, str, Scheme]:
        if not study_uid:
            raise Held(
                "study-uid-missing",
                "The Study Instance UID is empty; send the study again with its UID.",
                "(0020,000D)",
            )
        content = StudyContent(study_uid, {"StudyInstanceUID": (study_uid,)})
        found = self._allocator.study(content, patient, self._new_prefix, self._new_scheme)
        if found.patient != patient:
            raise Held(
                "identity-conflict",
                "This study was sent before under another Patient ID; find out which patient it"
                " belongs to, and enter that patient's id.",
                "(0010,0020)",
            )
        return found.cloud_id, found.prefix, "study" if found.scheme == "study" else "patient"

    # --- what is sealed for the way back --------------------------------------------------------

    def remember(
        self,
        originals: Originals,
        *,
        cloud_study_id: str,
        cloud_patient_id: str,
        new_sop_uid: str,
        original_path: str,
        same_person: bool = False,
    ) -> None:
        """Buffer what one instance needs for the way back.

        Holds an instance whose name and birth date both differ from the patient's, unless a person
        said that it is the `same_person`.
        """
        self._remember_values(cloud_study_id, cloud_patient_id, originals, same_person)
        self._waiting.append((cloud_study_id, originals, new_sop_uid, original_path))

    def _gather(self) -> None:
        """Take what instances left behind into what is sealed of their studies.

        For a chunk at once: between two instances of the engine it would take twice the time.
        """
        for cloud_id, originals, new_sop_uid, path in self._waiting:
            content = self._instances.get(cloud_id)
            if content is None:
                content = self._instances[cloud_id] = InstancesContent()
                self._sent[cloud_id], self._left[cloud_id] = {}, {}
            sop, series = originals.sop_instance_uid, originals.series_instance_uid
            content.files[path, sop, series] = None
            if originals.dates != self._last_dates.get(cloud_id):
                content.dates.update(dict.fromkeys(originals.dates))
                self._last_dates[cloud_id] = originals.dates
            self._gather_uids(content, self._left[cloud_id], originals, new_sop_uid)
            self._gather_sent(self._sent[cloud_id], originals)
        self._waiting.clear()

    def _gather_uids(
        self, content: InstancesContent, left: dict[str, str], said: Originals, new_sop_uid: str
    ) -> None:
        """Note each UID, and what it left as where that isn't what the domain makes of it."""
        mapped, sop = said.uids, said.sop_instance_uid
        pairs = [pair for pair in mapped.items() if left.get(pair[0]) != pair[1]]
        # What the engine didn't map left as it was.
        names = (said.series_instance_uid, said.study_instance_uid, *said.frame_of_reference_uids)
        pairs += [(old, old) for old in names if old not in mapped and left.get(old) != old]
        pairs.append((sop, new_sop_uid))
        for old, new in pairs:
            if not old or (old == sop and new != new_sop_uid):
                continue
            left[old] = new
            content.uids[old] = None
            # What the engine did map came from this object's cache.
            if self._uids.get(old) != new and self.uid(old) != new:
                content.kept[old] = new

    def _gather_sent(self, sent: dict[str, None], said: Originals) -> None:
        mapped = said.uids
        for old in (said.study_instance_uid, said.series_instance_uid):
            if old:
                sent[mapped.get(old, old)] = None
        for old in said.frame_of_reference_uids:
            # One that left as it was may be anybody's, such as that of an atlas.
            if old and mapped.get(old, old) != old:
                sent[mapped[old]] = None

    def _remember_values(
        self, cloud_study_id: str, cloud_patient_id: str, originals: Originals, same_person: bool
    ) -> None:
        """Buffer what patient and study are called; one instance mostly says what the last said."""
        values = (cloud_study_id, cloud_patient_id, originals.patient, originals.study)
        if values == self._last_values:
            return
        known = self._known_values(cloud_patient_id)
        if not same_person:
            _require_same_person(known, originals.patient)
        merge_values(known, originals.patient)
        merge_values(self._persons.setdefault(cloud_patient_id, {}), originals.patient)
        merge_values(self._orders.setdefault(cloud_study_id, {}), originals.study)
        # Copies: the caller may go on using its own.
        patient, study = dict(originals.patient), dict(originals.study)
        self._last_values = (cloud_study_id, cloud_patient_id, patient, study)

    def flush(self, batch_id: uuid.UUID, chunk: str) -> None:
        """Seal what is buffered, in one transaction; the same chunk twice changes nothing."""
        self._gather()
        for _ in range(TRIES):
            try:
                self._write(batch_id, chunk)
            except StaleKeys:
                self._allocator.keys = open_keys(self.domain_id)
                continue
            self._forget_buffer()
            return
        raise VaultError("this domain's keys are rotated without a pause; end that first")

    def _forget_buffer(self) -> None:
        self._persons: dict[str, Values] = {}
        self._orders: dict[str, Values] = {}
        self._instances: dict[str, InstancesContent] = {}
        self._sent: dict[str, dict[str, None]] = {}
        self._left: dict[str, dict[str, str]] = {}
        self._waiting: list[tuple[str, Originals, str, str]] = []
        self._last_values = None
        self._last_dates: dict[str, tuple[SentDate, ...]] = {}

    def _known_values(self, cloud_patient_id: str) -> Values:
        """Return the original values of a patient: the vault's, and those of this job."""
        known = self._known.get(cloud_patient_id)
        if known is None:
            rows = select_sealed("vault_patient", self.domain_id, [cloud_patient_id])
            if not rows:
                raise MappingGone("a patient was destroyed while a batch was de-identified")
            row = rows[0].sealed
            if row.key_version not in self._allocator.keys.versions:
                self._allocator.keys = open_keys(self.domain_id)
            known = open_patient(self._allocator.keys, row).values
            self._known[cloud_patient_id] = known
        return known

    def _write(self, batch_id: uuid.UUID, chunk: str) -> None:
        if not self._instances:
            return
        with transaction.atomic(using=VAULT, durable=True):
            require_current(self._allocator.keys)
            self._write_patients()
            studies = self._write_studies()
            sent = [
                (studies[cloud_id], uid)
                for cloud_id in sorted(self._sent)
                for uid in sorted(self._sent[cloud_id])
                if (studies[cloud_id], uid) not in self._written
            ]
            insert_sent_uids(self.domain_id, sent)
            for cloud_id in sorted(self._instances):
                self._write_instances(cloud_id, studies[cloud_id], batch_id, chunk)
        self._written.update(sent)

    def _write_patients(self) -> None:
        found = select_sealed("vault_patient", self.domain_id, sorted(self._persons), hold=True)
        _require_all(found, self._persons)
        for held in found:
            content = open_patient(self._allocator.keys, held.sealed)
            if merge_values(content.values, self._persons[held.sealed.cloud_id]):
                row = Patient.objects.get(pk=held.pk)
                seal_patient(self._allocator.keys, row, content)
                row.save(update_fields=["sealed"])

    def _write_studies(self) -> dict[str, int]:
        """Merge what studies are called; return the primary key of each, by its cloud id."""
        found = select_sealed("vault_study", self.domain_id, sorted(self._orders), hold=True)
        _require_all(found, self._orders)
        for held in found:
            content = open_study(self._allocator.keys, held.sealed)
            if merge_values(content.values, self._orders[held.sealed.cloud_id]):
                row = Study.objects.get(pk=held.pk)
                seal_study(self._allocator.keys, row, content)
                row.save(update_fields=["sealed"])
        return {held.sealed.cloud_id: held.pk for held in found}

    def _write_instances(self, cloud_id: str, study: int, batch_id: uuid.UUID, chunk: str) -> None:
        """Append the chunk's row; a row that another run left takes in what it doesn't have."""
        keys, content = self._allocator.keys, self._instances[cloud_id]
        row = None
        if has_instances(study, batch_id, chunk):
            rows = InstanceRow.objects.select_for_update(no_key=True)
            row = rows.filter(study_id=study, batch_id=batch_id, chunk=chunk).first()
        if row is None:
            new = SealedInstances(batch_id, chunk, keys.current, b"")
            sealed = sealed_instances(keys, new, cloud_id, content)
            insert_instances(self.domain_id, study, new._replace(sealed=sealed))
            return
        before = open_instances(keys, row, cloud_id)
        if before.merge(content):
            seal_instances(keys, row, cloud_id, before)
            row.save()


def _require_all(found: Iterable[HeldRow], wanted: Iterable[str]) -> None:
    if {held.sealed.cloud_id for held in found} != set(wanted):
        raise MappingGone("a mapping was destroyed while a batch was de-identified")


def _require_same_person(known: Values, values: Values) -> None:
    if _differ(known, values, "PatientBirthDate", _whole) and _differ(
        known, values, "PatientName", _name_parts
    ):
        raise Held(
            "identity-conflict",
            "This Patient ID was sent before with another name and another birth date; find out"
            " whose id it is, and enter the right one.",
            "(0010,0020)",
        )


def _whole(value: str) -> frozenset[str]:
    return frozenset({value.strip(" \0")} - {""})


def _name_parts(name: str) -> frozenset[str]:
    """Return a name's components, of all groups, without case and accents."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    for separator in "^=,.-":
        plain = plain.replace(separator, " ")
    return frozenset(plain.split())


def _differ(
    known: Values, values: Values, name: str, parts: Callable[[str], frozenset[str]]
) -> bool:
    """Say whether both have a value, and no two of them have a part in common."""
    ours = [parts(value) for value in known.get(name, ())]
    theirs = [parts(value) for value in values.get(name, ())]
    ours, theirs = [part for part in ours if part], [part for part in theirs if part]
    return bool(ours and theirs) and not any(a & b for a in ours for b in theirs)
