"""The patient that a report goes back to: all that a format may put into it, and nothing else.

The caller brings it from the vault, for one patient of one linkage domain. Never keep or log it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

Values = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, repr=False)
class StudyIdentity:
    """One study of the patient, as the hospital knows it. `dates` are (path, original, sent)."""

    cloud_study_id: str
    prefix: str
    scheme: str
    values: Values
    dates: tuple[tuple[str, str, str], ...] = ()

    def first(self, name: str) -> str:
        """Return the first value of an attribute, or an empty text."""
        return (self.values.get(name) or ("",))[0]

    @property
    def number(self) -> str:
        """The hospital's number of the study: its accession number, else its Study ID."""
        return self.first("AccessionNumber") or self.first("StudyID")


def _nobody(_uid: str) -> bool:
    return False


@dataclass(frozen=True, repr=False)
class PatientIdentity:
    """A patient, the study that was reported, and all other studies that were sent out.

    `uids` leads from the UIDs that were sent out to the originals, over all of these studies.
    `is_another_patients` tells of a UID that isn't in it whether it was made for somebody else.
    `reading_from` is the day since when the report can have been written.
    """

    cloud_patient_id: str
    values: Values
    study: StudyIdentity
    studies: tuple[StudyIdentity, ...]
    uids: Mapping[str, str]
    reading_from: date
    is_another_patients: Callable[[str], bool] = field(default=_nobody)

    def first(self, name: str) -> str:
        """Return the first value of a patient's attribute, or an empty text."""
        return (self.values.get(name) or ("",))[0]

    @property
    def patient_id(self) -> str:
        """The hospital's own Patient ID."""
        return self.first("PatientID")

    @property
    def name_groups(self) -> tuple[str, str, str]:
        """The Patient Name's alphabetic, ideographic and phonetic group."""
        groups = [*self.first("PatientName").split("="), "", "", ""]
        return groups[0], groups[1], groups[2]

    def study_of(self, cloud_study_id: str) -> StudyIdentity | None:
        """Return one of the patient's studies."""
        return next((one for one in self.studies if one.cloud_study_id == cloud_study_id), None)

    def dates(self) -> list[tuple[str, str, str]]:
        """Return every date that was sent out for this patient: path, original, sent."""
        return [entry for one in self.studies for entry in one.dates]

    def several(self) -> tuple[str, ...]:
        """Return the attributes of which differing originals were seen."""
        names = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
        ours = [name for name in names if len(self.values.get(name, ())) > 1]
        theirs = [name for name in ("AccessionNumber",) if len(self.study.values.get(name, ())) > 1]
        return tuple(ours + theirs)


@dataclass(frozen=True)
class Strip:
    """What the cover strip of a page says beside the patient: who saw it, when, by which event."""

    viewer: str
    seen: str
    event: str


def person_parts(name: str) -> list[str]:
    """Return a DICOM person name group's five components: family, given, middle, prefix, suffix."""
    return [*name.split("^"), "", "", "", "", ""][:5]


def plain_name(name: str) -> str:
    """Return a DICOM person name as people write it, family name first."""
    shown = []
    for group in filter(None, name.split("=")):
        family, given, middle, prefix, suffix = person_parts(group)
        rest = " ".join(part for part in (prefix, given, middle, suffix) if part)
        shown.append(", ".join(part for part in (family, rest) if part))
    return " = ".join(shown)
