"""What is sealed for the way back: the originals of patient, study and instance.

Taken from the first look, before anything is changed. Patient data: nothing here may be logged.
"""

from functools import lru_cache

from .charset import Charset
from .outcome import Originals
from .survey import Survey
from .values import Values

_PATIENT = {
    "PatientID": 0x00100020,
    "IssuerOfPatientID": 0x00100021,
    "OtherPatientIDs": 0x00101000,
    "PatientName": 0x00100010,
    "PatientBirthDate": 0x00100030,
    "PatientSex": 0x00100040,
}
_STUDY = {
    "StudyInstanceUID": 0x0020000D,
    "AccessionNumber": 0x00080050,
    "IssuerOfAccessionNumber": 0x00080051,
    "StudyID": 0x00200010,
    "PlacerOrderNumber": 0x00402016,
    "FillerOrderNumber": 0x00402017,
    "RequestedProcedureID": 0x00401001,
    "ReferringPhysicianName": 0x00080090,
    "StudyDate": 0x00080020,
    "StudyTime": 0x00080030,
    "SpecificCharacterSet": 0x00080005,
}


def gather(originals: Originals, found: Survey, patient: tuple[str, str] | None) -> None:
    """Note who and what the instance was; `patient` is what a person entered in its place."""
    raw = found.raw
    key = raw.get(0x00080005, b"")
    originals.patient = decoded(key, tuple(raw.get(t, b"") for t in _PATIENT.values()), True)
    originals.study = decoded(key, tuple(raw.get(t, b"") for t in _STUDY.values()), False)
    if patient is not None:
        patient_id, issuer = patient
        originals.patient = {
            **originals.patient,
            "PatientID": (patient_id,),
            "IssuerOfPatientID": (issuer,),
        }
    originals.study_instance_uid = found.text(0x0020000D)
    originals.series_instance_uid = found.text(0x0020000E)
    originals.sop_instance_uid = found.text(0x00080018)
    frame = found.text(0x00200052)
    originals.frame_of_reference_uids = (frame,) if frame else ()


def finish(originals: Originals, run: Values) -> None:
    """Note the UIDs that were replaced and the dates that were sent out."""
    originals.uids = run.uids
    originals.dates = tuple(
        (path, old.decode("latin-1").strip(" \0"), new.decode("latin-1").strip(" \0"))
        for path, old, new in run.dates
    )


@lru_cache(maxsize=1024)
def decoded(
    charset_key: bytes, raws: tuple[bytes, ...], of_patient: bool
) -> dict[str, tuple[str, ...]]:
    """Return decoded originals by keyword, multi-valued where they are; shared, so read only."""
    charset = Charset.of(charset_key)
    names = _PATIENT if of_patient else _STUDY
    values: dict[str, tuple[str, ...]] = {}
    for (name, _tag), raw in zip(names.items(), raws, strict=True):
        vr = b"PN" if name.endswith("Name") else b"LO"
        text = charset.decode(raw, vr) if raw else ""
        if text.strip(" \0"):
            values[name] = tuple(part.strip(" \0") for part in text.split("\\"))
    return values
