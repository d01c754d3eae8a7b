"""The modules every demo object shares: patient, study, series, equipment, request, SOP common.

Values come from `people`; what a kind of object adds stands in its own module. Writes no file
but through `save`, which makes a conformant part-10 file.
"""

from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from studies.demo.people import UID_ROOT, Visit, stable_uid

IMPLEMENTATION_UID = UID_ROOT + "7.1"
IMPLEMENTATION_VERSION = "ANONPORTAL_DEMO"


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """One code sequence item."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def reference(sop_class: str, sop_instance: str) -> Dataset:
    """One item that refers to another instance."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = sop_instance
    return item


def compose(visit: Visit, sop_class: str, *, series: int, number: int, label: str) -> Dataset:
    """Begin an instance: all that depends on patient, visit and series only."""
    ds = Dataset()
    if visit.patient.character_set:
        ds.SpecificCharacterSet = list(visit.patient.character_set)
    _add_sop_common(ds, visit, sop_class, series, number)
    _add_patient(ds, visit)
    _add_study(ds, visit)
    _add_series(ds, visit, series, number, label)
    _add_equipment(ds, visit)
    _add_request(ds, visit)
    return ds


def series_uid(visit: Visit, series: int) -> str:
    """The Series Instance UID of a visit's numbered series."""
    return visit.uid(f"series/{series}")


def instance_uid(visit: Visit, series: int, number: int) -> str:
    """The SOP Instance UID of one instance of a visit."""
    return visit.uid(f"series/{series}/instance/{number}")


def _add_sop_common(ds: Dataset, visit: Visit, sop_class: str, series: int, number: int) -> None:
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = instance_uid(visit, series, number)
    created = visit.later(60 * series + number)
    ds.InstanceCreationDate = f"{created:%Y%m%d}"
    ds.InstanceCreationTime = f"{created:%H%M%S}"
    ds.InstanceCreatorUID = stable_uid("demo", "creator", visit.device_serial)


def _add_patient(ds: Dataset, visit: Visit) -> None:
    patient = visit.patient
    ds.PatientName = patient.name
    ds.PatientID = patient.patient_id
    ds.IssuerOfPatientID = patient.issuer
    ds.PatientBirthDate = f"{patient.birth_date:%Y%m%d}"
    ds.PatientSex = patient.sex
    ds.PatientAge = patient.age(visit.at.date())
    ds.PatientSize = patient.size
    ds.PatientWeight = patient.weight
    if patient.other_ids:
        ds.OtherPatientIDsSequence = Sequence()
    for other in patient.other_ids:
        item = Dataset()
        item.PatientID = other
        item.IssuerOfPatientID = patient.issuer
        item.TypeOfPatientID = "TEXT"
        ds.OtherPatientIDsSequence.append(item)
    if patient.birth_name:
        ds.PatientBirthName = patient.birth_name
    if patient.mother:
        ds.PatientMotherBirthName = patient.mother
    if patient.address:
        ds.PatientAddress = patient.address
    if patient.phone:
        ds.PatientTelephoneNumbers = patient.phone


def _add_study(ds: Dataset, visit: Visit) -> None:
    ds.StudyInstanceUID = visit.study_uid
    ds.StudyDate, ds.StudyTime = visit.date, visit.time
    ds.StudyID = visit.study_id
    ds.AccessionNumber = visit.accession
    ds.StudyDescription = visit.description
    ds.ReferringPhysicianName = visit.referrer
    ds.NameOfPhysiciansReadingStudy = visit.reader


def _add_series(ds: Dataset, visit: Visit, series: int, number: int, label: str) -> None:
    moment = visit.later(60 * series)
    ds.Modality = visit.modality
    ds.SeriesInstanceUID = series_uid(visit, series)
    ds.SeriesNumber = series
    ds.SeriesDate, ds.SeriesTime = f"{moment:%Y%m%d}", f"{moment:%H%M%S}"
    ds.SeriesDescription = label
    ds.InstanceNumber = number
    ds.OperatorsName = visit.operator
    ds.PerformedProcedureStepStartDate = visit.date
    ds.PerformedProcedureStepStartTime = visit.time
    ds.PerformedProcedureStepID = "PPS" + visit.study_id
    ds.PerformedProcedureStepDescription = visit.description


def _add_equipment(ds: Dataset, visit: Visit) -> None:
    ds.Manufacturer = "Demo Imaging Works"
    ds.ManufacturerModelName = "Pretender 3"
    ds.InstitutionName = visit.institution
    ds.InstitutionAddress = visit.institution_address
    ds.InstitutionalDepartmentName = visit.department
    ds.StationName = visit.station
    ds.DeviceSerialNumber = visit.device_serial
    ds.SoftwareVersions = "demo-1.0"


def _add_request(ds: Dataset, visit: Visit) -> None:
    item = Dataset()
    item.AccessionNumber = visit.accession
    item.StudyInstanceUID = visit.study_uid
    item.RequestedProcedureID = visit.procedure_id
    item.RequestedProcedureDescription = visit.description
    item.ScheduledProcedureStepID = "SPS" + visit.study_id
    item.ScheduledProcedureStepDescription = visit.description
    ds.RequestAttributesSequence = Sequence([item])


def add_file_meta(ds: Dataset, transfer_syntax: str) -> None:
    """Give an object a complete file meta group, as its machine would have written it."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = transfer_syntax
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    meta.SourceApplicationEntityTitle = "DEMOSTATION"
    ds.file_meta = meta


def save(ds: Dataset, path: Path, transfer_syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write an object as a conformant part-10 file."""
    add_file_meta(ds, transfer_syntax)
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path
