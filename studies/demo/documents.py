"""Demo documents: a Basic Text report, a Comprehensive report and an encapsulated PDF letter.

All three name the patient where documents do: in text, in person-name and date content items, in
UID references, in the PDF's page and in its title.
"""

import zlib
from collections.abc import Iterable

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    BasicTextSRStorage,
    ComprehensiveSRStorage,
    CTImageStorage,
    EncapsulatedPDFStorage,
)

from studies.demo.attributes import code, compose, instance_uid, reference, series_uid
from studies.demo.people import Visit

CONTAINS, CONTEXT, INFERRED = "CONTAINS", "HAS OBS CONTEXT", "INFERRED FROM"
IMAGE_SERIES = 2


def _node(relation: str, value_type: str, concept: Dataset | None) -> Dataset:
    node = Dataset()
    node.RelationshipType, node.ValueType = relation, value_type
    if concept is not None:
        node.ConceptNameCodeSequence = Sequence([concept])
    return node


def _text(concept: Dataset, text: str, relation: str = CONTAINS) -> Dataset:
    node = _node(relation, "TEXT", concept)
    node.TextValue = text
    return node


def _container(concept: Dataset, children: Iterable[Dataset]) -> Dataset:
    node = _node(CONTAINS, "CONTAINER", concept)
    node.ContinuityOfContent = "SEPARATE"
    node.ContentSequence = Sequence(children)
    return node


def _observation_context(visit: Visit) -> list[Dataset]:
    """Who observed, who is observed and when: PNAME, UIDREF, DATE, TEXT and CODE nodes."""
    person = _node(CONTEXT, "PNAME", code("121008", "DCM", "Person Observer Name"))
    person.PersonName = visit.reader
    subject = _node(CONTEXT, "PNAME", code("121029", "DCM", "Subject Name"))
    subject.PersonName = visit.patient.name
    identity = _text(code("121030", "DCM", "Subject ID"), visit.patient.patient_id, CONTEXT)
    birth = _node(CONTEXT, "DATE", code("121031", "DCM", "Subject Birth Date"))
    birth.Date = f"{visit.patient.birth_date:%Y%m%d}"
    procedure = _node(CONTEXT, "UIDREF", code("121018", "DCM", "Procedure Study Instance UID"))
    procedure.UID = visit.study_uid
    return [person, subject, identity, birth, procedure]


def _report(visit: Visit, sop_class: str, series: int, title: Dataset, label: str) -> Dataset:
    ds = compose(visit, sop_class, series=series, number=1, label=label)
    ds.Modality = "SR"
    moment = visit.later(7200)
    ds.ContentDate, ds.ContentTime = f"{moment:%Y%m%d}", f"{moment:%H%M%S}"
    ds.ReferencedPerformedProcedureStepSequence = Sequence([])
    ds.PerformedProcedureCodeSequence = Sequence([])
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "VERIFIED"
    ds.VerifyingObserverSequence = Sequence([_observer(visit, f"{moment:%Y%m%d%H%M%S}")])
    ds.ReferencedRequestSequence = Sequence([_request(visit)])
    del ds.RequestAttributesSequence
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = Sequence([title])
    return ds


def _observer(visit: Visit, moment: str) -> Dataset:
    observer = Dataset()
    observer.VerifyingObserverName = visit.reader
    observer.VerifyingObserverIdentificationCodeSequence = Sequence([])
    observer.VerifyingOrganization = visit.institution
    observer.VerificationDateTime = moment
    return observer


def _request(visit: Visit) -> Dataset:
    request = Dataset()
    request.StudyInstanceUID = visit.study_uid
    request.ReferencedStudySequence = Sequence([])
    request.AccessionNumber = visit.accession
    request.PlacerOrderNumberImagingServiceRequest = visit.placer
    request.FillerOrderNumberImagingServiceRequest = visit.filler
    request.RequestedProcedureID = visit.procedure_id
    request.RequestedProcedureDescription = visit.description
    request.RequestedProcedureCodeSequence = Sequence([])
    return request


def _evidence(visit: Visit, images: Iterable[str]) -> Dataset:
    study, series = Dataset(), Dataset()
    series.SeriesInstanceUID = series_uid(visit, IMAGE_SERIES)
    series.ReferencedSOPSequence = Sequence([reference(CTImageStorage, uid) for uid in images])
    study.StudyInstanceUID = visit.study_uid
    study.ReferencedSeriesSequence = Sequence([series])
    return study


def _image(relation: str, uid: str) -> Dataset:
    node = _node(relation, "IMAGE", None)
    node.ReferencedSOPSequence = Sequence([reference(CTImageStorage, uid)])
    return node


def text_report(visit: Visit, *, series: int = 9) -> Dataset:
    """A radiologist's report of the visit's CT as Basic Text SR."""
    title = code("18748-4", "LN", "Diagnostic Imaging Report")
    ds = _report(visit, BasicTextSRStorage, series, title, "RADIOLOGY REPORT")
    patient, image = visit.patient, instance_uid(visit, IMAGE_SERIES, 1)
    history = (
        f"Patient {patient.given} {patient.family}, MRN {patient.patient_id}, seen on "
        f"{visit.at:%d %B %Y}. Known Hodgkin lymphoma."
    )
    findings = (
        "No pleural effusion. Left lower lobe nodule 6 mm, unchanged. "
        f"Dr. {visit.referrer.split('^')[0]} was called at {visit.at:%H:%M}."
    )
    ds.CurrentRequestedProcedureEvidenceSequence = Sequence([_evidence(visit, [image])])
    ds.ContentSequence = Sequence([
        *_observation_context(visit),
        _container(
            code("121060", "DCM", "History"),
            [_text(code("121060", "DCM", "History"), history)],
        ),
        _container(
            code("121070", "DCM", "Findings"),
            [_text(code("121071", "DCM", "Finding"), findings), _image(CONTAINS, image)],
        ),
        _container(
            code("121076", "DCM", "Conclusions"),
            [_text(code("121077", "DCM", "Conclusion"), "Stable nodule. CT again in 12 months.")],
        ),
    ])  # fmt: skip
    return ds


def measurement_report(visit: Visit, *, series: int = 9) -> Dataset:
    """A Comprehensive SR with measurements, coordinates on an image and a tracking UID."""
    title = code("126000", "DCM", "Imaging Measurement Report")
    ds = _report(visit, ComprehensiveSRStorage, series, title, "MEASUREMENTS")
    image = instance_uid(visit, IMAGE_SERIES, 1)
    ds.CurrentRequestedProcedureEvidenceSequence = Sequence([_evidence(visit, [image])])
    tracking = _node(CONTEXT, "UIDREF", code("112040", "DCM", "Tracking Unique Identifier"))
    tracking.UID = visit.uid("lesion")
    when = _node(CONTEXT, "DATETIME", code("111526", "DCM", "DateTime Started"))
    when.DateTime = f"{visit.at:%Y%m%d%H%M%S}"
    group = _container(
        code("125007", "DCM", "Measurement Group"),
        [tracking, when, _length(visit, image, "17.5"), _length(visit, image, "12.25")],
    )
    remark = _text(
        code("121106", "DCM", "Comment"), f"Measured for {visit.patient.family} by AI-less reader"
    )
    ds.ContentSequence = Sequence([
        *_observation_context(visit),
        _container(code("126010", "DCM", "Imaging Measurements"), [group, remark]),
    ])  # fmt: skip
    return ds


def _length(visit: Visit, image: str, millimetres: str) -> Dataset:
    number = _node(CONTAINS, "NUM", code("410668003", "SCT", "Length"))
    value = Dataset()
    value.NumericValue = millimetres
    value.MeasurementUnitsCodeSequence = Sequence([code("mm", "UCUM", "millimeter")])
    number.MeasuredValueSequence = Sequence([value])
    shape = _node(INFERRED, "SCOORD", code("121055", "DCM", "Path"))
    shape.GraphicType, shape.GraphicData = "POLYLINE", [120.0, 130.0, 150.0, 141.0]
    shape.ContentSequence = Sequence([_image("SELECTED FROM", image)])
    number.ContentSequence = Sequence([shape])
    return number


def pdf(lines: Iterable[str], *, title: str, compress: bool = True) -> bytes:
    """A minimal valid one-page PDF with lines of text, the page's content Flate-compressed."""
    drawn = "\n".join(f"0 -20 Td ({_escaped(line)}) Tj" for line in lines)
    content = f"BT /F1 13 Tf 60 780 Td\n{drawn}\nET".encode("latin-1")
    packed = zlib.compress(content, 9) if compress else content
    filters = b" /Filter /FlateDecode" if compress else b""
    info = f"<< /Title ({_escaped(title)}) /Producer (anonportal demo) >>".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(packed), filters, packed),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        info,
    ]
    out, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 6 0 R >>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % table)


def _escaped(text: str) -> str:
    """Text inside a PDF string literal; what Latin-1 can't write becomes a question mark."""
    safe = text.encode("latin-1", "replace").decode("latin-1")
    return safe.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def letter(visit: Visit, *, series: int = 1, compress: bool = True) -> Dataset:
    """A referral letter as encapsulated PDF, the patient in page, title and attributes."""
    ds = compose(visit, EncapsulatedPDFStorage, series=series, number=1, label="LETTER")
    patient = visit.patient
    ds.Modality, ds.ConversionType = "DOC", "WSD"
    ds.ContentDate, ds.ContentTime = visit.date, visit.time
    ds.AcquisitionDateTime = f"{visit.at:%Y%m%d%H%M%S}"
    ds.BurnedInAnnotation = "YES"
    ds.DocumentTitle = f"Referral of {patient.given} {patient.family}"
    ds.ConceptNameCodeSequence = Sequence([code("57133-1", "LN", "Referral note")])
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    lines = [
        visit.institution,
        f"Re: {patient.given} {patient.family}, born {patient.birth_date:%d %B %Y}",
        f"Hospital number {patient.patient_id}, accession {visit.accession}",
        "Dear colleague, please review the attached examination.",
    ]
    document = pdf(lines, title=ds.DocumentTitle, compress=compress)
    ds.EncapsulatedDocumentLength = len(document)
    ds.EncapsulatedDocument = document + b"\x00" * (len(document) % 2)
    return ds
