"""Small data sets for the engine's tests, built in code; all people in them are invented."""

import io

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    BasicTextSRStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    KeyObjectSelectionDocumentStorage,
)

from studies.deid import (
    KeyedIdentities,
    Option,
    Outcome,
    Profile,
    builtin_profile,
    compile_plan,
    deidentify,
)
from studies.deid.plan import Plan

ROOT = "1.2.826.0.1.3680043.8.498.55"
IDENTITIES = KeyedIdentities(b"0123456789abcdef0123456789abcdef", prefix="TEST")
FAMILY, GIVEN = "Quillfeather", "Ambrosine"
PATIENT_ID, ACCESSION = "QF-8841207", "ACC7719034"
REFERRER = "Thistlewood^Barnaby"
INSTITUTION = "Moonharbour Infirmary"


def base(sop_class: str = CTImageStorage, modality: str = "CT") -> Dataset:
    """Return an instance without pixels, with identity in the usual places."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.ImplementationClassUID = f"{ROOT}.9"
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.1.1.1"
    ds.StudyDate, ds.StudyTime = "20240314", "101112"
    ds.AccessionNumber = ACCESSION
    ds.Modality = modality
    ds.InstitutionName = INSTITUTION
    ds.ReferringPhysicianName = REFERRER
    ds.StudyDescription = "CT CHEST W CONTRAST 5MM"
    ds.PatientName = f"{FAMILY}^{GIVEN}"
    ds.PatientID = PATIENT_ID
    ds.PatientBirthDate, ds.PatientSex = "19610823", "F"
    ds.StudyInstanceUID = f"{ROOT}.1"
    ds.SeriesInstanceUID = f"{ROOT}.1.1"
    ds.FrameOfReferenceUID = f"{ROOT}.1.9"
    ds.StudyID = "SID4711"
    ds.SeriesNumber, ds.InstanceNumber = "1", "1"
    return ds


def ct(**attributes: object) -> Dataset:
    """Return a small native CT image with further attributes by keyword."""
    ds = base()
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = 8
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.PixelData = bytes(range(128))
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return a code sequence item."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def content(value_type: str, concept: Dataset, **attributes: object) -> Dataset:
    """Return an SR content item."""
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", value_type
    item.ConceptNameCodeSequence = Sequence([concept])
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def report(*items: Dataset, sop_class: str = BasicTextSRStorage) -> Dataset:
    """Return a structured report with these content items."""
    ds = base(sop_class, "KO" if sop_class == KeyObjectSelectionDocumentStorage else "SR")
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
    ds.ConceptNameCodeSequence = Sequence([code("18748-4", "LN", "Diagnostic Imaging Report")])
    ds.ContentSequence = Sequence(items)
    return ds


def encoded(ds: Dataset, syntax: str = "") -> bytes:
    """Return the data set as a file."""
    stream = io.BytesIO()
    if syntax:
        ds.file_meta.TransferSyntaxUID = syntax
    ds.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def plan(profile: str = "basic", *options: Option) -> Plan:
    """Return the plan of a built-in profile and more options."""
    return compile_plan(builtin_profile(profile).with_options(*options))


def plan_of(profile: Profile) -> Plan:
    """Return the plan of a profile."""
    return compile_plan(profile)


def run(
    data: Dataset | bytes, plan: Plan, identities: KeyedIdentities = IDENTITIES, **more: object
) -> tuple[Outcome, bytes]:
    """De-identify; return the outcome and the bytes."""
    raw = data if isinstance(data, bytes) else encoded(data)
    writer = io.BytesIO()
    outcome = deidentify(io.BytesIO(raw), writer, plan, identities, **more)  # type: ignore[arg-type]
    return outcome, writer.getvalue()


def passed(data: Dataset | bytes, plan: Plan, **more: object) -> Dataset:
    """De-identify what must pass; return the output as pydicom reads it."""
    outcome, out = run(data, plan, **more)  # type: ignore[arg-type]
    assert outcome.state == "deidentified", outcome
    return pydicom.dcmread(io.BytesIO(out))
