"""What a hospital sent out, without a database: de-identified by the engine, mapping kept."""

import datetime as dt
import io
from dataclasses import dataclass, field

import pydicom
from pydicom.dataset import Dataset

from studies.deid import KeyedIdentities, Outcome, builtin_profile, compile_plan, deidentify
from studies.reports import PatientIdentity, Strip, StudyIdentity
from tests import datasets

STRIP = Strip("Bob North", "2100-05-07 09:00 UTC", "4711")
DELIVERED = dt.date(2100, 5, 1)


@dataclass
class Sent:
    """One study that went out: who it is of, what the reader has, what was sealed."""

    markers: datasets.Markers
    dataset: Dataset
    outcome: Outcome
    scheme: str

    @property
    def study(self) -> StudyIdentity:
        """The study as the vault has it."""
        dates = self.outcome.originals.dates
        return StudyIdentity(
            self.outcome.cloud_study_id, "NORTH", self.scheme, self.outcome.originals.study, dates
        )

    def uids(self) -> dict[str, str]:
        """The way back of its UIDs."""
        originals = self.outcome.originals
        known = {new: old for old, new in originals.uids.items()}
        return known | {self.outcome.sop_instance_uid: originals.sop_instance_uid}


@dataclass
class Hospital:
    """Sends studies under one key, and knows whose each UID is."""

    profile: str = "teleradiology"
    scheme: str = "patient"
    sent: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._identities = KeyedIdentities(bytes(range(32)), "NORTH", self.scheme)  # type: ignore[arg-type]

    def send(self, markers: datasets.Markers, number: int = 1) -> Sent:
        """De-identify one image of a study."""
        source = datasets.part10(datasets.ct(markers, number=number))
        out = io.BytesIO()
        plan = compile_plan(builtin_profile(self.profile))
        outcome = deidentify(io.BytesIO(source), out, plan, self._identities)
        assert outcome.state == "deidentified", outcome
        one = Sent(markers, pydicom.dcmread(io.BytesIO(out.getvalue())), outcome, self.scheme)
        self.sent.append(one)
        return one

    def identity(self, reported: Sent) -> PatientIdentity:
        """Return what the vault has of the patient of a study."""
        patient = reported.outcome.cloud_patient_id
        mine = [one for one in self.sent if one.outcome.cloud_patient_id == patient]
        others = {uid for one in self.sent if one not in mine for uid in one.uids()}
        return PatientIdentity(
            cloud_patient_id=patient,
            values=reported.outcome.originals.patient,
            study=reported.study,
            studies=tuple(one.study for one in mine),
            uids={new: old for one in mine for new, old in one.uids().items()},
            reading_from=DELIVERED,
            is_another_patients=others.__contains__,
        )
