"""Putting one patient back into a DICOM data set: UIDs, identifiers, dates, text, character set.

Walks every element at every depth. What was made here goes back; what the object brought stays.
"""

from collections.abc import Iterator
from typing import Any

from pydicom import config
from pydicom.charset import convert_encodings, encode_string
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from studies.reports.dates import day_of
from studies.reports.report import ReportError
from studies.reports.text import Candidate, Restorer, whole_id

_UTF_8 = "ISO_IR 192"
_TEXT_VRS = {"LO", "LT", "SH", "ST", "UC", "UR", "UT"}
_LIMITS = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240}
_PERSON = 64
# The patient as the hospital knows it, at the top of the object.
_PATIENT = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")
_STUDY = ("AccessionNumber", "StudyID", "ReferringPhysicianName")
# In a request's item, a cloud study id stands for these.
_ORDERS = {
    "AccessionNumber": ("AccessionNumber",),
    "RequestedProcedureID": ("RequestedProcedureID", "AccessionNumber"),
    "PlacerOrderNumberImagingServiceRequest": ("PlacerOrderNumber", "AccessionNumber"),
    "FillerOrderNumberImagingServiceRequest": ("FillerOrderNumber", "AccessionNumber"),
    "StudyID": ("StudyID",),
}
# They say that the object holds no identity, which from now on isn't so.
_MARKS = (
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
)


def restore_dataset(ds: Dataset, restorer: Restorer) -> None:
    """Put the patient back into an object, in place."""
    _one_charset(ds)
    _walk(ds, restorer, "")
    _put_patient(ds, restorer)
    _put_study(ds, restorer)
    if "PatientIdentityRemoved" in ds:
        ds.PatientIdentityRemoved = "NO"
    for name in _MARKS:
        if name in ds:
            delattr(ds, name)
    _widen_charset(ds)


def _walk(ds: Dataset, restorer: Restorer, path: str) -> None:
    for element in list(ds):
        where = f"{path}{_tag(element)}"
        if element.VR == "SQ":
            for item in element.value:
                _walk(item, restorer, f"{where}.")
        elif element.VR == "UI":
            _set(ds, element, [restorer.uid(str(one), where) for one in _many(element)])
        elif element.VR in ("DA", "DT"):
            _set(ds, element, [restorer.date(str(one), where, where) for one in _many(element)])
        elif element.VR == "PN":
            _set(ds, element, [_person(str(one), restorer, where) for one in _many(element)])
        elif element.VR in _TEXT_VRS and not isinstance(element.value, bytes):
            _set(ds, element, [_text(element, str(one), restorer, where) for one in _many(element)])


def _text(element: DataElement, value: str, restorer: Restorer, where: str) -> str:
    whole = whole_id(value)
    names = _ORDERS.get(element.keyword)
    if whole is not None and names is not None and restorer.id_value(whole) is not None:
        return _order(names, whole, restorer)
    is_running = element.VR in ("LT", "ST", "UT", "UC", "LO")
    restored = restorer.text(value, where, has_dates=is_running)
    limit = _LIMITS.get(element.VR)
    if restored != value and limit is not None and len(restored) > limit:
        restorer.mark("value-does-not-fit", where)
        return value
    return restored


def _order(names: tuple[str, ...], whole: Candidate, restorer: Restorer) -> str:
    """Return the hospital's own number of the study that a cloud id stands for."""
    identity = restorer.identity
    study = identity.study_of(whole.cloud_id or "") or identity.study
    return next((study.first(name) for name in names if study.first(name)), "")


def _person(value: str, restorer: Restorer, where: str) -> str:
    restored = restorer.text(value, where, has_dates=False)
    return restored if restored == value or _fits_person(restored) else value


def _fits_person(name: str) -> bool:
    return all(len(group) <= _PERSON for group in name.split("="))


def _put_patient(ds: Dataset, restorer: Restorer) -> None:
    identity = restorer.identity
    for name in ("OtherPatientIDs", "OtherPatientIDsSequence"):
        # The reader's: they would be read as the hospital's.
        if name in ds:
            delattr(ds, name)
            restorer.mark("foreign-id-removed", name)
    for name in _PATIENT:
        value = identity.first(name)
        if value or name in ("PatientID", "PatientName"):
            _put(ds, name, value)
    if not identity.first("IssuerOfPatientID") and "IssuerOfPatientID" in ds:
        # The reader's: it doesn't issue the hospital's ids.
        ds.IssuerOfPatientID = ""


def _put_study(ds: Dataset, restorer: Restorer) -> None:
    """Write the study's numbers; an object in a new study of its own keeps its own date."""
    study = restorer.identity.study
    for name in _STUDY:
        if study.first(name) or name in ("AccessionNumber", "StudyID"):
            _put(ds, name, study.first(name))
    is_same_study = str(ds.get("StudyInstanceUID", "")) == study.first("StudyInstanceUID")
    taken = study.first("StudyDate")
    if is_same_study and taken and day_of(str(ds.get("StudyDate") or "")) is None:
        _put(ds, "StudyDate", taken)
    if is_same_study and study.first("StudyTime") and not ds.get("StudyTime"):
        _put(ds, "StudyTime", study.first("StudyTime"))


# --- character sets ----------------------------------------------------------------------------


def _one_charset(ds: Dataset) -> None:
    """Drop the character sets of nested items: all is decoded, and written in the object's own."""
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                if "SpecificCharacterSet" in item:
                    del item.SpecificCharacterSet
                _one_charset(item)


def _widen_charset(ds: Dataset) -> None:
    """Say UTF-8 where the object's own character set can't carry what now stands in it."""
    stated = ds.get("SpecificCharacterSet") or "ISO_IR 6"
    encodings = convert_encodings(list(stated) if isinstance(stated, MultiValue) else stated)
    for text in _texts(ds):
        if text.isascii():
            continue
        if stated == "ISO_IR 6" or not _carries(text, encodings):
            ds.SpecificCharacterSet = _UTF_8
            return


def _carries(text: str, encodings: list[str]) -> bool:
    try:
        with config.strict_writing():
            return bool(encode_string(text, encodings))
    except (UnicodeEncodeError, LookupError):
        return False


def _texts(ds: Dataset) -> Iterator[str]:
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                yield from _texts(item)
        elif element.VR == "PN" or element.VR in _TEXT_VRS:
            yield from (str(one) for one in _many(element))


# --- elements ----------------------------------------------------------------------------------


def _tag(element: DataElement) -> str:
    return f"({element.tag.group:04X},{element.tag.element:04X})"


def _many(element: DataElement) -> list[Any]:
    value = element.value
    if value is None or isinstance(value, bytes):
        return []
    return list(value) if isinstance(value, MultiValue) else [value]


def _set(ds: Dataset, element: DataElement, values: list[str]) -> None:
    before = [str(one) for one in _many(element)]
    if values != before:
        new = values if len(values) > 1 else values[0]
        ds[element.tag] = DataElement(element.tag, element.VR, new, validation_mode=config.IGNORE)


def _put(ds: Dataset, name: str, value: str) -> None:
    with config.disable_value_validation():
        setattr(ds, name, value)
    if ds[name].VM > 1:
        raise ReportError("value-does-not-fit", name)
