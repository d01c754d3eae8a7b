"""The sealed content of the vault's rows: what is in it, and how it is sealed and merged.

Values are kept as sets in the order they came: what differs within one study is all kept.
"""

import json
import uuid
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from studies.sealing import KeyMissing, open_value, seal_value
from studies.vault.keys import DomainKeys
from studies.vault.models import InstanceRow, Patient, Study

Values = dict[str, tuple[str, ...]]
SentDate = tuple[str, str, str]


class SealedRow(NamedTuple):
    """What opening a patient or a study needs of its row, where no model object is made."""

    cloud_id: str
    key_version: int
    sealed: bytes


class SealedInstances(NamedTuple):
    """What opening a chunk's instances needs of their row."""

    batch_id: uuid.UUID
    chunk: str
    key_version: int
    sealed: bytes


@dataclass
class PatientContent:
    """What a patient row seals: the pair that it is indexed by, and the original values."""

    indexed: tuple[str, str]
    values: Values = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the content as JSON has it."""
        return {"indexed": self.indexed, "values": self.values}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "PatientContent":
        """Return the content that JSON holds."""
        patient_id, issuer = data["indexed"]
        return cls((patient_id, issuer), _values(data["values"]))


@dataclass
class StudyContent:
    """What a study row seals: the UID that it is indexed by, and the original values."""

    indexed: str
    values: Values = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the content as JSON has it."""
        return {"indexed": self.indexed, "values": self.values}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "StudyContent":
        """Return the content that JSON holds."""
        return cls(data["indexed"], _values(data["values"]))


@dataclass
class InstancesContent:
    """What an instance row seals. Dicts stand for ordered sets.

    New UIDs aren't kept, as the domain's root makes them again; `kept` holds the exceptions,
    such as UIDs that a profile retains.
    """

    files: dict[tuple[str, str, str], None] = field(default_factory=dict)
    uids: dict[str, None] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    dates: dict[SentDate, None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the content as JSON has it, with each series UID written once."""
        series = {name: place for place, name in enumerate({file[2]: None for file in self.files})}
        named = {file[1] for file in self.files} | series.keys()
        return {
            "series": list(series),
            "files": [(path, sop, series[name]) for path, sop, name in self.files],
            "uids": [uid for uid in self.uids if uid not in named],
            "kept": self.kept,
            "dates": list(self.dates),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "InstancesContent":
        """Return the content that JSON holds."""
        series = data["series"]
        files = {(path, sop, series[place]): None for path, sop, place in data["files"]}
        uids = dict.fromkeys(uid for _, sop, name in files for uid in (sop, name) if uid)
        uids.update(dict.fromkeys(data["uids"]))
        dates = dict.fromkeys((path, old, new) for path, old, new in data["dates"])
        return cls(files, uids, dict(data["kept"]), dates)

    def merge(self, other: "InstancesContent") -> bool:
        """Take in what another run of the same chunk saw; say whether that was anything new."""
        before = len(self.files), len(self.uids), len(self.kept), len(self.dates)
        self.files.update(other.files)
        self.uids.update(other.uids)
        self.kept.update(other.kept)
        self.dates.update(other.dates)
        return before != (len(self.files), len(self.uids), len(self.kept), len(self.dates))


def merge_values(target: Values, source: Mapping[str, Iterable[str]]) -> bool:
    """Add the values that are new; say whether any was."""
    changed = False
    for name, values in source.items():
        have = target.get(name, ())
        fresh = tuple(dict.fromkeys(value for value in values if value and value not in have))
        if fresh:
            target[name] = have + fresh
            changed = True
    return changed


def _values(data: Mapping[str, list[str]]) -> Values:
    return {name: tuple(values) for name, values in data.items()}


# --- sealing: the associated data is (kind, domain, row, key version) --------------------------


def seal_patient(keys: DomainKeys, row: Patient, content: PatientContent) -> None:
    """Put a patient's content into its row, with the index that belongs to the row's version."""
    row.index = keys.patient_index(row.key_version, *content.indexed)
    row.sealed = _seal(keys, row.key_version, f"patient/{row.cloud_id}", content.to_json())


def open_patient(keys: DomainKeys, row: Patient | SealedRow) -> PatientContent:
    """Return a patient's content."""
    data = _open(keys, row.key_version, f"patient/{row.cloud_id}", row.sealed)
    return PatientContent.from_json(data)


def seal_study(keys: DomainKeys, row: Study, content: StudyContent) -> None:
    """Put a study's content into its row, with the index that belongs to the row's version."""
    row.index = keys.study_index(row.key_version, content.indexed)
    row.sealed = _seal(keys, row.key_version, f"study/{row.cloud_id}", content.to_json())


def open_study(keys: DomainKeys, row: Study | SealedRow) -> StudyContent:
    """Return a study's content."""
    data = _open(keys, row.key_version, f"study/{row.cloud_id}", row.sealed)
    return StudyContent.from_json(data)


def seal_instances(
    keys: DomainKeys, row: InstanceRow, cloud_study_id: str, content: InstancesContent
) -> None:
    """Put a chunk's instances into their row."""
    row.sealed = sealed_instances(keys, row, cloud_study_id, content)


def sealed_instances(
    keys: DomainKeys,
    row: InstanceRow | SealedInstances,
    cloud_study_id: str,
    content: InstancesContent,
) -> bytes:
    """Return a chunk's instances as their row holds them."""
    place = _instances_place(row, cloud_study_id)
    return _seal(keys, row.key_version, place, content.to_json())


def open_instances(
    keys: DomainKeys, row: InstanceRow | SealedInstances, cloud_study_id: str
) -> InstancesContent:
    """Return a chunk's instances."""
    place = _instances_place(row, cloud_study_id)
    return InstancesContent.from_json(_open(keys, row.key_version, place, row.sealed))


def _instances_place(row: InstanceRow | SealedInstances, cloud_study_id: str) -> str:
    return f"instances/{cloud_study_id}/{row.batch_id}/{row.chunk}"


def _aad(keys: DomainKeys, version: int, place: str) -> bytes:
    return f"vault/{keys.domain_id}/{place}/{version}".encode()


def _seal(keys: DomainKeys, version: int, place: str, data: dict[str, Any]) -> bytes:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    packed = zlib.compress(text.encode("utf-8", "surrogatepass"), 6)
    return seal_value(keys.versions[version].seal, packed, _aad(keys, version, place))


def _open(keys: DomainKeys, version: int, place: str, blob: bytes | memoryview) -> dict[str, Any]:
    name = f"vault row {place} of domain {keys.domain_id}, key version {version},"
    if version not in keys.versions:
        raise KeyMissing(f"{name} needs a key version that the vault doesn't hold")
    packed = open_value(
        keys.versions[version].seal, bytes(blob), _aad(keys, version, place), name=name
    )
    data: dict[str, Any] = json.loads(zlib.decompress(packed).decode("utf-8", "surrogatepass"))
    return data
