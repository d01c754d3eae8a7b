"""Old and new identifiers as two CSV files, the form in which the field's benchmarks read them.

These files are the mapping in clear: they are written only where a person asked for them, 0600.
"""

import os
from pathlib import Path

from ..identities import Identities
from ..outcome import Outcome

_NAMES = ("uid_mapping.csv", "patid_mapping.csv")


class Mapping:
    """UIDs and patient ids replaced in one run."""

    def __init__(self) -> None:
        self.uids: dict[str, str] = {}
        self.patients: dict[str, str] = {}

    def add(self, outcome: Outcome, identities: Identities) -> None:
        """Take the identities of one instance."""
        self.uids.update(outcome.originals.uids)
        shown = (
            outcome.cloud_patient_id if identities.scheme == "patient" else outcome.cloud_study_id
        )
        for patient_id in outcome.originals.patient.get("PatientID", ()):
            self.patients[patient_id] = f"{identities.prefix}-{shown}"

    def merge(self, other: "Mapping") -> None:
        """Take over what another process found."""
        self.uids.update(other.uids)
        self.patients.update(other.patients)

    def write(self, folder: Path) -> None:
        """Write both files, with what earlier runs wrote there."""
        import csv

        folder.mkdir(parents=True, exist_ok=True)
        for name, found in zip(_NAMES, (self.uids, self.patients), strict=True):
            path = folder / name
            merged = {**_read(path), **found}
            part = folder / f".{name}.part"
            descriptor = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(("id_old", "id_new"))
                writer.writerows(sorted(merged.items()))
            part.replace(path)


def _read(path: Path) -> dict[str, str]:
    import csv

    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["id_old"]: row["id_new"] for row in csv.DictReader(file)}
