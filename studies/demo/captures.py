"""Demo objects with pixels people look at as pictures: ultrasound cine, screen capture, radiograph.

The first two have the patient's name and id burnt into the pixels, as machines of that kind do.
"""

import unicodedata

from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    SecondaryCaptureImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from studies.demo.attributes import code, compose
from studies.demo.people import Visit
from studies.demo.pixels import burn, jpeg, radiograph, screenshot, sector_frame


def burnt_lines(visit: Visit) -> tuple[str, ...]:
    """What a machine writes at the top of its screen: name, id, birth date, hospital."""
    patient = visit.patient
    return (
        _plain(f"{patient.family}, {patient.given}   ID {patient.patient_id}"),
        f"DOB {patient.birth_date:%d.%m.%Y}   {visit.at:%d.%m.%Y %H:%M}",
        _plain(visit.institution),
    )


def _plain(text: str) -> str:
    """Text without accents, as machines with an ASCII character generator show it."""
    decomposed = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("Ł", "L"))
    return decomposed.encode("ascii", "ignore").decode()


def _add_color(ds: Dataset, rows: int, columns: int, photometric: str) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 3, photometric
    ds.PlanarConfiguration = 0
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0


def us_cine(
    visit: Visit, *, series: int = 1, frames: int = 16, rows: int = 480, columns: int = 640
) -> Dataset:
    """An ultrasound cine in JPEG baseline, name burnt into every frame, not declared as such.

    Save it with the JPEG Baseline transfer syntax.
    """
    ds = compose(
        visit, UltrasoundMultiFrameImageStorage, series=series, number=1, label="CARDIAC CINE"
    )
    ds.ImageType = ["ORIGINAL", "PRIMARY", "CARDIAC", "0001"]
    ds.Laterality = None
    ds.PatientOrientation = None
    ds.ContentDate, ds.ContentTime = visit.date, visit.time
    ds.AcquisitionDateTime = f"{visit.at:%Y%m%d%H%M%S}"
    ds.TransducerData = ["S5-1", visit.device_serial]
    _add_color(ds, rows, columns, "YBR_FULL_422")
    ds.NumberOfFrames = frames
    ds.FrameTime, ds.FrameIncrementPointer = 33.3, 0x00181063
    ds.LossyImageCompression = "01"
    ds.LossyImageCompressionRatio, ds.LossyImageCompressionMethod = 9, "ISO_10918_1"
    ds.SequenceOfUltrasoundRegions = Sequence([_region(rows, columns)])
    lines, seed = burnt_lines(visit), int(visit.study_id[1:])
    pictures = (sector_frame(rows, columns, n / frames, seed) for n in range(frames))
    text = max(11, rows // 26)
    ds.PixelData = encapsulate([jpeg(burn(p, lines, size=text, at=(10, 6))) for p in pictures])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def _region(rows: int, columns: int) -> Dataset:
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, rows // 8
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = columns - 1, rows - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.03
    return region


def screen_capture(
    visit: Visit, *, series: int = 1, number: int = 1, rows: int = 600, columns: int = 800
) -> Dataset:
    """A workstation's screen captured as RGB with the patient's banner in it."""
    ds = compose(
        visit, SecondaryCaptureImageStorage, series=series, number=number, label="SCREEN SAVE"
    )
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.ConversionType = "WSD"
    ds.Laterality = None
    ds.PatientOrientation = None
    ds.ContentDate, ds.ContentTime = visit.date, visit.time
    ds.DateOfSecondaryCapture, ds.TimeOfSecondaryCapture = visit.date, visit.time
    ds.SecondaryCaptureDeviceID = visit.station
    ds.SecondaryCaptureDeviceManufacturer = "Demo Workstations"
    ds.BurnedInAnnotation = "YES"
    _add_color(ds, rows, columns, "RGB")
    ds.PixelData = screenshot(rows, columns, burnt_lines(visit)).tobytes()
    ds["PixelData"].VR = "OB"
    return ds


def chest_radiograph(
    visit: Visit, *, series: int = 1, rows: int = 1200, columns: int = 1024
) -> Dataset:
    """A digital frontal chest radiograph for presentation."""
    ds = compose(
        visit, DigitalXRayImageStorageForPresentation, series=series, number=1, label="CHEST PA"
    )
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.PresentationIntentType = "FOR PRESENTATION"
    ds.BodyPartExamined, ds.ViewPosition, ds.ImageLaterality = "CHEST", "PA", "U"
    ds.PatientOrientation = ["L", "F"]
    ds.AcquisitionDate = ds.ContentDate = visit.date
    ds.AcquisitionTime = ds.ContentTime = visit.time
    ds.AcquisitionNumber = 1
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", -1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    ds.PresentationLUTShape, ds.BurnedInAnnotation = "IDENTITY", "NO"
    ds.LossyImageCompression = "00"
    ds.WindowCenter, ds.WindowWidth = 2048, 4096
    ds.DetectorType, ds.DetectorID = "SCINTILLATOR", "DET" + visit.device_serial
    ds.DateOfLastDetectorCalibration = visit.date
    ds.DetectorConfiguration = "AREA"
    ds.ImagerPixelSpacing = [0.34, 0.34]
    ds.PositionerType = "COLUMN"
    ds.KVP, ds.ExposureTime, ds.XRayTubeCurrent = 125, 8, 250
    ds.AnatomicRegionSequence = Sequence([code("51185008", "SCT", "Chest")])
    ds.ViewCodeSequence = Sequence([code("399348003", "SCT", "postero-anterior")])
    ds.ViewCodeSequence[0].ViewModifierCodeSequence = Sequence([])
    ds.AcquisitionContextSequence = Sequence([])
    ds.PixelData = radiograph(rows, columns, int(visit.study_id[1:])).astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
    return ds
