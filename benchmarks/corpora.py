"""Generated corpora for the engine's benchmark: no patient, the same bytes on every machine.

CT series of 310 elements and 512 × 512 pixels, small files, JPEG-compressed CT, SR trees, and one
large multi-frame. Sizes come from the caller.
"""

import io
import random
import struct
from collections.abc import Callable
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    ComprehensiveSRStorage,
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

_ROOT = "1.2.826.0.1.3680043.8.498.77"


def build(folder: Path, name: str, count: int, size: int = 0) -> Path:
    """Write `count` files of the corpus `name` and return its folder."""
    target = folder / name
    target.mkdir(parents=True, exist_ok=True)
    maker = MAKERS[name]
    for number in range(1, count + 1):
        maker(target / f"IM{number:06d}", number, size)
    return target


def _common(number: int, sop_class: str, modality: str) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.ImplementationClassUID = f"{_ROOT}.9"
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = f"{_ROOT}.1.2.{number}"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20240517"
    ds.StudyTime, ds.SeriesTime = "101500", "101712"
    ds.ContentTime = ds.AcquisitionTime = f"1018{number % 60:02d}.250000"
    ds.AccessionNumber = "AC20240517A"
    ds.Modality = modality
    ds.Manufacturer = "Example Medical"
    ds.InstitutionName = "Sankt Brandan Klinikum"
    ds.InstitutionAddress = "Hafenweg 11, Seestadt"
    ds.ReferringPhysicianName = "Ottokar^Wendelin"
    ds.StationName = "CTBAY4"
    ds.StudyDescription = "CT CHEST W CONTRAST"
    ds.SeriesDescription = "AX LUNG 1.25MM"
    ds.InstitutionalDepartmentName = "Radiology"
    ds.PhysiciansOfRecord = "Mirabel^Quendolin"
    ds.OperatorsName = "Tavistock^Juniper"
    ds.ManufacturerModelName = "Scanner 5"
    ds.PatientName = "Lindqvist^Rosamunde"
    ds.PatientID = "PX4471902"
    ds.IssuerOfPatientID = "SBK"
    ds.PatientBirthDate = "19510203"
    ds.PatientSex = "F"
    ds.PatientAge = "073Y"
    ds.PatientWeight = "64"
    ds.StudyInstanceUID = f"{_ROOT}.1"
    ds.SeriesInstanceUID = f"{_ROOT}.1.1"
    ds.FrameOfReferenceUID = f"{_ROOT}.1.3"
    ds.StudyID = "S5511"
    ds.SeriesNumber, ds.InstanceNumber = "2", str(number)
    return ds


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _ct(number: int, rows: int) -> Dataset:
    ds = _common(number, CTImageStorage, "CT")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.BodyPartExamined = "CHEST"
    ds.ScanOptions, ds.SliceThickness, ds.KVP = "HELICAL MODE", "1.25", "120"
    ds.DataCollectionDiameter, ds.SoftwareVersions = "500", "sv_5.2"
    ds.ProtocolName = "5.1 CHEST ROUTINE"
    ds.ReconstructionDiameter, ds.GantryDetectorTilt, ds.TableHeight = "360", "0", "151.2"
    ds.RotationDirection, ds.ExposureTime, ds.XRayTubeCurrent, ds.Exposure = "CW", "500", "350", "9"
    ds.FilterType, ds.GeneratorPower, ds.FocalSpots = "BODY", "42000", "1.2"
    ds.ConvolutionKernel, ds.PatientPosition = "LUNG", "FFS"
    ds.ImagePositionPatient = ["-180.0", "-162.5", f"{-120.0 - number * 1.25:.3f}"]
    ds.ImageOrientationPatient = ["1.0", "0.0", "0.0", "0.0", "1.0", "0.0"]
    ds.SliceLocation, ds.PositionReferenceIndicator = f"{-120.0 - number * 1.25:.3f}", "SN"
    ds.AcquisitionNumber = "1"
    ds.ReferencedStudySequence = Sequence([_reference("1.2.840.10008.3.1.2.3.1", f"{_ROOT}.4")])
    ds.RequestedProcedureDescription = "CT CHEST"
    request = Dataset()
    request.RequestedProcedureID, request.ScheduledProcedureStepID = "RP5511", "SPS5511"
    request.ScheduledProtocolCodeSequence = Sequence([_code("CTCH", "99LOC", "CT chest")])
    ds.RequestAttributesSequence = Sequence([request])
    ds.ProcedureCodeSequence = Sequence([_code("24627-2", "LN", "CT Chest")])
    ds.AnatomicRegionSequence = Sequence([_code("51185008", "SCT", "Chest")])
    ds.PerformedProcedureStepStartDate, ds.PerformedProcedureStepStartTime = "20240517", "101500"
    ds.PerformedProcedureStepID = "PPS5511"
    block = ds.private_block(0x0019, "EXAMPLE_ACQU_01", create=True)
    for low in range(0x02, 0x42):
        block.add_new(low, "DS", f"{low * 1.5:.3f}")
    block = ds.private_block(0x0043, "EXAMPLE_PARM_01", create=True)
    for low in range(0x10, 0x50):
        block.add_new(low, "SS", low)
    block = ds.private_block(0x0027, "EXAMPLE_IMAG_01", create=True)
    for low in range(0x10, 0x40):
        block.add_new(low, "FL", low / 7)
    _pixels(ds, rows)
    return ds


def _reference(sop_class: str, uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    return item


def _pixels(ds: Dataset, rows: int, frames: int = 1) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = rows
    ds.PixelSpacing = ["0.703125", "0.703125"]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.WindowCenter, ds.WindowWidth = "-600", "1500"
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "HU"
    if frames == 1:
        ds.PixelData = random.Random(ds.InstanceNumber).randbytes(rows * rows * 2)


def _save(ds: Dataset, path: Path) -> None:
    ds.save_as(path, enforce_file_format=True)


def make_ct(path: Path, number: int, _size: int) -> None:
    """Write one CT instance."""
    _save(_ct(number, 512), path)


def make_small(path: Path, number: int, _size: int) -> None:
    """Write one instance of about 11 KB."""
    ds = _common(number, CTImageStorage, "CT")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SliceThickness, ds.KVP = "5", "120"
    _pixels(ds, 72)
    _save(ds, path)


def make_compressed(path: Path, number: int, _size: int) -> None:
    """Write one JPEG-compressed CT instance."""
    from PIL import Image

    ds = _ct(number, 512)
    noise = random.Random(number).randbytes(512 * 512)
    stream = io.BytesIO()
    Image.frombytes("L", (512, 512), noise).save(stream, "JPEG", quality=80)
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.LossyImageCompression = "01"
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PixelData = encapsulate([stream.getvalue()])
    ds["PixelData"].is_undefined_length = True
    _save(ds, path)


def make_sr(path: Path, number: int, _size: int) -> None:
    """Write one SR with about 3,460 elements."""
    ds = _common(number, ComprehensiveSRStorage, "SR")
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
    ds.ConceptNameCodeSequence = Sequence([_code("126000", "DCM", "Imaging Measurement Report")])
    ds.ContentSequence = Sequence([_group(number, place) for place in range(44)])
    _save(ds, path)


def _group(number: int, place: int) -> Dataset:
    group = _item("CONTAINER", _code("125007", "DCM", "Measurement Group"))
    group.ContinuityOfContent = "SEPARATE"
    items = []
    tracking = _item("TEXT", _code("112039", "DCM", "Tracking Identifier"), "HAS OBS CONTEXT")
    tracking.TextValue = f"Lesion {place}"
    items.append(tracking)
    site = _item("CODE", _code("363698007", "SCT", "Finding Site"), "CONTAINS")
    site.ConceptCodeSequence = Sequence([_code("39607008", "SCT", "Lung structure")])
    items.append(site)
    for step in range(5):
        measured = _item("NUM", _code("410668003", "SCT", "Length"), "CONTAINS")
        value = Dataset()
        value.NumericValue = f"{place + step / 7:.3f}"
        value.MeasurementUnitsCodeSequence = Sequence([_code("mm", "UCUM", "millimeter")])
        measured.MeasuredValueSequence = Sequence([value])
        items.append(measured)
    image = _item("IMAGE", _code("121112", "DCM", "Source of Measurement"), "CONTAINS")
    image.ReferencedSOPSequence = Sequence(
        [_reference(CTImageStorage, f"{_ROOT}.1.2.{number * 50 + place}")]
    )
    items.append(image)
    group.ContentSequence = Sequence(items)
    return group


def _item(value_type: str, concept: Dataset, relation: str = "CONTAINS") -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = relation, value_type
    item.ConceptNameCodeSequence = Sequence([concept])
    return item


def make_multiframe(path: Path, number: int, size: int) -> None:
    """Write one Enhanced CT of `size` bytes of pixels, without holding them."""
    ds = _common(number, EnhancedCTImageStorage, "CT")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    frames = max(size // (512 * 512 * 2), 1)
    ds.NumberOfFrames = str(frames)
    _pixels(ds, 512, frames=2)
    _save(ds, path)
    block = random.Random(1).randbytes(512 * 512 * 2)
    with path.open("ab") as file:
        file.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, frames * len(block)))
        for _ in range(frames):
            file.write(block)


MAKERS: dict[str, Callable[[Path, int, int], None]] = {
    "ct": make_ct,
    "small": make_small,
    "compressed": make_compressed,
    "sr": make_sr,
    "multiframe": make_multiframe,
}
