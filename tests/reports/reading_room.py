"""The remote reader: makes reports in every format from what was sent, and knows nothing else."""

import base64
import datetime as dt
import json
from collections.abc import Callable
from io import BytesIO

from fhir.resources import get_fhir_model_class as r5_model
from fhir.resources.R4B import get_fhir_model_class as r4_model
from pydicom import uid as uids
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from reportlab.pdfgen.canvas import Canvas

READ = dt.datetime(2100, 5, 6, 7, 8, 9)
FINDING = "No acute finding."
KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
BASIC_TEXT = "1.2.840.10008.5.1.4.1.1.88.11"


def words(sent: Dataset) -> str:
    """What a reader dictates: the pseudonyms that the viewer shows, and the study's date."""
    day = sent.get("StudyDate") or ""
    when = f" of {day[:4]}-{day[4:6]}-{day[6:]}" if day else ""
    return (
        f"Study {sent.AccessionNumber}{when}, patient {sent.PatientID}, {sent.PatientName}. "
        f"Study UID {sent.StudyInstanceUID}. {FINDING} Read {READ:%Y-%m-%d}."
    )


def text(sent: Dataset) -> bytes:
    """A plain-text report."""
    return words(sent).encode()


def hl7(sent: Dataset, *, charset: str = "", extra: str = "", version: str = "2.5.1") -> bytes:
    """An ORU^R01 message: identifiers in fields and in text, a Study UID in ZDS."""
    said = words(sent).replace("^", "\\S\\")
    name = str(sent.PatientName)
    day = sent.get("StudyDate") or ""
    lines = [
        f"MSH|^~\\&|READER|CLOUD|RIS|HOSPITAL|{READ:%Y%m%d%H%M%S}||ORU^R01|M{sent.AccessionNumber[:6]}"
        f"|P|{version}||||||{charset}",
        f"PID|1||{sent.PatientID}^^^CLOUD^MR||{name}",
        f"OBR|1|{sent.AccessionNumber}|R-{sent.AccessionNumber[:6]}|CT^CT chest|||{day}"
        f"|||||||||||{sent.AccessionNumber}||||{READ:%Y%m%d%H%M%S}||CT|F",
        f"ZDS|{sent.StudyInstanceUID}^READER^Application^DICOM",
        f"OBX|1|TX|IMP^Impression||{said}||||||F|||{day}",
    ]
    return "\r".join([*lines, *filter(None, [extra]), ""]).encode()


def hl7_with_pdf(sent: Dataset) -> bytes:
    """An ORU^R01 message whose report is a PDF in an ED value."""
    packed = base64.b64encode(pdf(sent)).decode()
    return hl7(sent, extra=f"OBX|2|ED|PDF^Report||READER^Application^PDF^Base64^{packed}||||||F")


def diagnostic_report(sent: Dataset, release: str) -> dict[str, object]:
    """A DiagnosticReport with Patient and ImagingStudy contained, valid in a release."""
    day = sent.get("StudyDate") or ""
    study: dict[str, object] = {
        "resourceType": "ImagingStudy",
        "id": "study",
        "status": "available",
        "subject": {"reference": "#patient"},
        "identifier": [
            {"system": "urn:dicom:uid", "value": f"urn:oid:{sent.StudyInstanceUID}"},
        ],
        "series": [
            {
                "uid": str(sent.SeriesInstanceUID),
                "modality": {"code": "CT"} if release == "R4" else {"coding": [{"code": "CT"}]},
                "instance": [
                    {
                        "uid": str(sent.SOPInstanceUID),
                        "sopClass": {"code": f"urn:oid:{sent.SOPClassUID}"},
                    }
                ],
            }
        ],
    }
    report: dict[str, object] = {
        "resourceType": "DiagnosticReport",
        "id": "report",
        "contained": [
            {
                "resourceType": "Patient",
                "id": "patient",
                "identifier": [{"system": "urn:reader", "value": str(sent.PatientID)}],
                "name": [{"text": str(sent.PatientName)}],
            },
            study,
        ],
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{words(sent)}</p></div>',
        },
        "identifier": [
            {"type": {"coding": [{"code": "ACSN"}]}, "value": str(sent.AccessionNumber)},
            {"system": "urn:reader", "value": f"R-{sent.AccessionNumber[:6]}"},
        ],
        "status": "final",
        "code": {"text": "CT chest"},
        "subject": {"reference": "#patient", "display": str(sent.PatientName)},
        "issued": f"{READ:%Y-%m-%dT%H:%M:%S}Z",
        "imagingStudy" if release == "R4" else "study": [{"reference": "#study"}],
        "conclusion": words(sent),
        "presentedForm": [
            {"contentType": "application/pdf", "data": base64.b64encode(pdf(sent)).decode()}
        ],
    }
    if day:
        report["effectiveDateTime"] = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    (r4_model if release == "R4" else r5_model)("DiagnosticReport").model_validate(report)
    return report


def fhir_r4(sent: Dataset) -> bytes:
    """A DiagnosticReport of R4."""
    return json.dumps(diagnostic_report(sent, "R4")).encode()


def fhir_r5(sent: Dataset) -> bytes:
    """A Bundle of R5 with a DiagnosticReport."""
    entry = {"fullUrl": "urn:uuid:1", "resource": diagnostic_report(sent, "R5")}
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [entry]}).encode()


def pdf(sent: Dataset, *, pages: int = 1) -> bytes:
    """A PDF whose pages name the study."""
    out = BytesIO()
    canvas = Canvas(out, pageCompression=1, invariant=1)
    for number in range(1, pages + 1):
        canvas.drawString(72, 700, f"Report of study {sent.AccessionNumber}, page {number}")
        canvas.drawString(72, 680, FINDING)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


# --- DICOM objects -----------------------------------------------------------------------------


def derived(sent: Dataset, sop_class: str, modality: str) -> Dataset:
    """An object of its own series in the study that was sent."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    for name in ("PatientID", "PatientName", "StudyInstanceUID", "AccessionNumber", "StudyID"):
        setattr(ds, name, sent.get(name, ""))
    ds.StudyDate, ds.StudyTime = sent.get("StudyDate", ""), sent.get("StudyTime", "")
    ds.PatientBirthDate = ds.PatientSex = ds.ReferringPhysicianName = ""
    ds.PatientIdentityRemoved = "YES"
    ds.DeidentificationMethod = "as received"
    ds.SOPClassUID, ds.Modality = sop_class, modality
    ds.SOPInstanceUID, ds.SeriesInstanceUID = uids.generate_uid(), uids.generate_uid()
    ds.SeriesNumber, ds.InstanceNumber = 901, 1
    ds.Manufacturer = "Reading room"
    ds.ContentDate, ds.ContentTime = f"{READ:%Y%m%d}", f"{READ:%H%M%S}"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def encoded(ds: Dataset) -> bytes:
    """An object's bytes, as Part 10 has them."""
    out = BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _item(**values: object) -> Dataset:
    ds = Dataset()
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _reference(sent: Dataset) -> Dataset:
    return _item(
        ReferencedSOPClassUID=sent.SOPClassUID, ReferencedSOPInstanceUID=sent.SOPInstanceUID
    )


def evidence(sent: Dataset) -> Dataset:
    """The item that says which study, series and instance an object is about."""
    series = _item(
        SeriesInstanceUID=sent.SeriesInstanceUID, ReferencedSOPSequence=Sequence([_reference(sent)])
    )
    return _item(
        StudyInstanceUID=sent.StudyInstanceUID, ReferencedSeriesSequence=Sequence([series])
    )


def content(kind: str, name: Dataset, **values: object) -> Dataset:
    """A content item of a structured report."""
    return _item(
        RelationshipType="CONTAINS",
        ValueType=kind,
        ConceptNameCodeSequence=Sequence([name]),
        **values,
    )


def structured(sent: Dataset, sop_class: str = BASIC_TEXT, *priors: Dataset) -> Dataset:
    """A structured report of a study, and of prior studies of the patient."""
    ds = derived(sent, sop_class, "SR")
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = Sequence([_code("18748-4", "LN", "Diagnostic Imaging Report")])
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "VERIFIED"
    ds.ReferencedPerformedProcedureStepSequence = Sequence([])
    ds.PerformedProcedureCodeSequence = Sequence([])
    ds.ReferencedRequestSequence = Sequence(
        [_item(AccessionNumber=sent.AccessionNumber, StudyInstanceUID=sent.StudyInstanceUID)]
    )
    ds.CurrentRequestedProcedureEvidenceSequence = Sequence([evidence(sent)])
    if priors:
        ds.PertinentOtherEvidenceSequence = Sequence([evidence(prior) for prior in priors])
    finding = _code("121071", "DCM", "Finding")
    ds.ContentSequence = Sequence(
        [
            content("TEXT", finding, TextValue=words(sent)),
            content("PNAME", _code("121029", "DCM", "Subject Name"), PersonName=sent.PatientName),
            content(
                "IMAGE", _code("121112", "DCM", "Source"),
                ReferencedSOPSequence=Sequence([_reference(sent)]),
            ),
        ]
    )  # fmt: skip
    if sent.get("StudyDate"):
        ds.ContentSequence.append(
            content("DATE", _code("111060", "DCM", "Study Date"), Date=sent.StudyDate)
        )
    return ds


def basic_text_sr(sent: Dataset) -> bytes:
    """A Basic Text SR."""
    return encoded(structured(sent))


def comprehensive_sr(sent: Dataset) -> bytes:
    """A Comprehensive SR with a measurement."""
    ds = structured(sent, "1.2.840.10008.5.1.4.1.1.88.33")
    number = content("NUM", _code("410668003", "SCT", "Length"))
    unit = _code("mm", "UCUM", "mm")
    number.MeasuredValueSequence = Sequence(
        [_item(NumericValue="12.5", MeasurementUnitsCodeSequence=Sequence([unit]))]
    )
    ds.ContentSequence.append(number)
    return encoded(ds)


def key_objects(sent: Dataset) -> bytes:
    """A key object selection."""
    ds = structured(sent, KEY_OBJECTS)
    ds.Modality = "KO"
    ds.ConceptNameCodeSequence = Sequence([_code("113000", "DCM", "Of Interest")])
    ds.ContentTemplateSequence = Sequence(
        [_item(MappingResource="DCMR", TemplateIdentifier="2010")]
    )
    del ds.CompletionFlag, ds.VerificationFlag
    said, _name, image, *_rest = ds.ContentSequence
    said.ConceptNameCodeSequence = Sequence([_code("113012", "DCM", "Key Object Description")])
    del image.ConceptNameCodeSequence
    ds.ContentSequence = Sequence([said, image])
    return encoded(ds)


def segmentation(sent: Dataset) -> bytes:
    """A small binary segmentation of an image that was sent."""
    ds = derived(sent, "1.2.840.10008.5.1.4.1.1.66.4", "SEG")
    ds.FrameOfReferenceUID = sent.get("FrameOfReferenceUID", "") or uids.generate_uid()
    ds.PositionReferenceIndicator = ""
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = 8
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit = ds.PixelRepresentation = 0
    ds.NumberOfFrames, ds.SegmentationType, ds.LossyImageCompression = 1, "BINARY", "00"
    ds.ContentLabel, ds.ContentDescription = "SEGMENTATION", f"Lesion in {sent.AccessionNumber}"
    ds.SegmentSequence = Sequence(
        [_item(SegmentNumber=1, SegmentLabel="Lesion", SegmentAlgorithmType="MANUAL")]
    )
    source = Sequence([_reference(sent)])
    ds.ReferencedSeriesSequence = Sequence(
        [_item(SeriesInstanceUID=sent.SeriesInstanceUID, ReferencedInstanceSequence=source)]
    )
    frame = _item(DerivationImageSequence=Sequence([_item(SourceImageSequence=source)]))
    ds.PerFrameFunctionalGroupsSequence = Sequence([frame])
    ds.add_new(0x7FE00010, "OB", bytes(range(8)))
    return encoded(ds)


def presentation_state(sent: Dataset) -> bytes:
    """A grayscale softcopy presentation state."""
    ds = derived(sent, "1.2.840.10008.5.1.4.1.1.11.1", "PR")
    ds.ContentLabel, ds.ContentDescription = "WINDOW", "As read"
    ds.PresentationCreationDate, ds.PresentationCreationTime = f"{READ:%Y%m%d}", f"{READ:%H%M%S}"
    ds.ReferencedSeriesSequence = Sequence(
        [
            _item(
                SeriesInstanceUID=sent.SeriesInstanceUID,
                ReferencedImageSequence=Sequence([_reference(sent)]),
            )
        ]
    )
    return encoded(ds)


def structure_set(sent: Dataset) -> bytes:
    """An RT structure set."""
    ds = derived(sent, "1.2.840.10008.5.1.4.1.1.481.3", "RTSTRUCT")
    ds.StructureSetLabel, ds.StructureSetDate = "READER", f"{READ:%Y%m%d}"
    ds.StructureSetTime = f"{READ:%H%M%S}"
    frame = sent.get("FrameOfReferenceUID", "") or uids.generate_uid()
    contour = _item(ContourImageSequence=Sequence([_reference(sent)]))
    ds.ReferencedFrameOfReferenceSequence = Sequence([_item(FrameOfReferenceUID=frame)])
    ds.StructureSetROISequence = Sequence(
        [_item(ROINumber=1, ReferencedFrameOfReferenceUID=frame, ROIName="Lesion")]
    )
    ds.ROIContourSequence = Sequence(
        [_item(ReferencedROINumber=1, ContourSequence=Sequence([contour]))]
    )
    return encoded(ds)


def encapsulated_pdf(sent: Dataset) -> bytes:
    """A PDF in a DICOM object."""
    ds = derived(sent, "1.2.840.10008.5.1.4.1.1.104.1", "DOC")
    data = pdf(sent)
    ds.BurnedInAnnotation, ds.MIMETypeOfEncapsulatedDocument = "NO", "application/pdf"
    ds.DocumentTitle = f"Report of {sent.AccessionNumber}"
    ds.EncapsulatedDocument = data + b"\0" * (len(data) % 2)
    ds.EncapsulatedDocumentLength = len(data)
    return encoded(ds)


FORMATS: dict[str, Callable[[Dataset], bytes]] = {
    "text": text,
    "hl7": hl7,
    "hl7-pdf": hl7_with_pdf,
    "fhir-r4": fhir_r4,
    "fhir-r5": fhir_r5,
    "pdf": pdf,
    "basic-text-sr": basic_text_sr,
    "comprehensive-sr": comprehensive_sr,
    "key-objects": key_objects,
    "segmentation": segmentation,
    "presentation-state": presentation_state,
    "structure-set": structure_set,
    "encapsulated-pdf": encapsulated_pdf,
}
DICOM = tuple(FORMATS)[6:]
