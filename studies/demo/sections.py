"""Cross-sectional demo objects: CT, MR (one image and enhanced multi-frame) and PET.

Each function returns one complete data set; which ones make a study is decided in `catalogue`.
"""

import datetime as dt
from typing import Literal

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    EnhancedMRImageStorage,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
)

from studies.demo.attributes import code, compose, instance_uid, reference, series_uid
from studies.demo.people import Visit
from studies.demo.pixels import body_slice, head_slice, hot_spots
from studies.demo.private import add_ge, add_siemens, add_siemens_diffusion

SUPINE = "HFS"
Vendor = Literal["siemens", "ge"]


def moment_string(moment: dt.datetime) -> str:
    """A moment as DICOM writes it (DT), to the hundredth of a second."""
    return f"{moment:%Y%m%d%H%M%S}.{moment.microsecond // 10_000:02d}"


def _add_gray(ds: Dataset, pixels: np.ndarray, *, bits: int, signed: bool = False) -> None:
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, bits, bits - 1
    ds.PixelRepresentation = int(signed)
    ds.PixelData = pixels.astype("<i2" if signed else "<u2").tobytes()
    ds["PixelData"].VR = "OW"


def _add_plane(
    ds: Dataset, visit: Visit, *, position: float, thickness: float, pixel: float
) -> None:
    ds.FrameOfReferenceUID = visit.frame_uid
    ds.PositionReferenceIndicator = None
    ds.PatientPosition = SUPINE
    half = -pixel * ds.Rows / 2
    ds.ImagePositionPatient = [f"{half:.4f}", f"{half:.4f}", f"{position:.4f}"]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = [f"{pixel:.6f}", f"{pixel:.6f}"]
    ds.SliceThickness = f"{thickness:g}"
    ds.SliceLocation = f"{position:.4f}"


def _add_times(ds: Dataset, visit: Visit, seconds: float) -> None:
    moment = visit.later(seconds)
    ds.AcquisitionDate = ds.ContentDate = f"{moment:%Y%m%d}"
    ds.AcquisitionTime = ds.ContentTime = f"{moment:%H%M%S}.{moment.microsecond // 1000:03d}"
    ds.AcquisitionDateTime = moment_string(moment)
    ds.AcquisitionNumber = 1


def ct_slice(
    visit: Visit,
    *,
    series: int = 2,
    number: int = 1,
    total: int = 30,
    size: int = 512,
    vendor: Vendor = "siemens",
    contrast: bool = False,
    prior: Visit | None = None,
) -> Dataset:
    """One CT image of a series, with the manufacturer's private blocks."""
    label = "AXIAL 5MM SOFT TISSUE" if not contrast else "CT CHEST W CONTRAST 5MM"
    ds = compose(visit, CTImageStorage, series=series, number=number, label=label)
    ds.Manufacturer = "SIEMENS" if vendor == "siemens" else "GE MEDICAL SYSTEMS"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.BodyPartExamined = visit.body_part
    ds.ProtocolName = "THORAX ROUTINE"
    _add_gray(ds, body_slice(size, number / total, int(visit.study_id[1:])), bits=16, signed=True)
    _add_plane(ds, visit, position=-5.0 * number, thickness=5, pixel=380 / size)
    _add_times(ds, visit, 120 + number * 0.5)
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "HU"
    ds.WindowCenter, ds.WindowWidth = 40, 400
    ds.KVP, ds.XRayTubeCurrent, ds.ExposureTime = 120, 210, 500
    ds.ConvolutionKernel = "B31f" if vendor == "siemens" else "STANDARD"
    ds.GantryDetectorTilt = 0
    ds.DateOfLastCalibration = visit.date
    ds.ImageComments = f"Discussed with {visit.referrer.split('^')[0]}, pt {visit.patient.family}"
    if contrast:
        ds.ContrastBolusAgent = "IOHEXOL 300"
        ds.ContrastBolusStartTime = f"{visit.later(90):%H%M%S}"
        ds.ContrastBolusVolume = 90
    if prior is not None:
        item = reference("1.2.840.10008.3.1.2.3.1", prior.study_uid)
        ds.ReferencedStudySequence = Sequence([item])
    if vendor == "siemens":
        add_siemens(ds, visit)
    else:
        add_ge(ds, visit)
    return ds


def mr_slice(
    visit: Visit, *, series: int = 2, number: int = 1, total: int = 8, size: int = 256
) -> Dataset:
    """One MR image that refers to its localizer and to what was performed before."""
    ds = compose(visit, MRImageStorage, series=series, number=number, label="AX T2 TSE")
    ds.Manufacturer = "SIEMENS"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    ds.BodyPartExamined = visit.body_part
    ds.ProtocolName = "PARKINSON PROTOCOL"
    ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = "SE", "SK", "FS"
    ds.MRAcquisitionType, ds.SequenceName = "2D", "*tse2d1_15"
    ds.RepetitionTime, ds.EchoTime, ds.EchoTrainLength = 4500, 90, 15
    ds.MagneticFieldStrength, ds.FlipAngle = 3, 150
    _add_gray(ds, head_slice(size, number / total, int(visit.study_id[1:])), bits=12)
    _add_plane(ds, visit, position=5.0 * number, thickness=5, pixel=230 / size)
    _add_times(ds, visit, 300 + number)
    ds.WindowCenter, ds.WindowWidth = 800, 1600
    localizer = reference(MRImageStorage, instance_uid(visit, 1, 1))
    ds.ReferencedImageSequence = Sequence([localizer])
    step = reference("1.2.840.10008.3.1.2.3.3", visit.uid("performed step"))
    ds.ReferencedPerformedProcedureStepSequence = Sequence([step])
    ds.ProcedureCodeSequence = Sequence([code("36801-9", "LN", "MR Head")])
    add_siemens(ds, visit)
    add_siemens_diffusion(ds)
    return ds


def enhanced_mr(visit: Visit, *, series: int = 3, frames: int = 10, size: int = 192) -> Dataset:
    """An Enhanced MR multi-frame image: dates and UIDs stand in per-frame functional groups."""
    ds = compose(visit, EnhancedMRImageStorage, series=series, number=1, label="AX T1 VOLUME")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    stack = [
        head_slice(size, (n + 1) / (frames + 1), int(visit.study_id[1:])) for n in range(frames)
    ]
    _add_gray(ds, np.stack(stack), bits=12)
    _add_times(ds, visit, 600)
    ds.AcquisitionDateTime = moment_string(visit.later(600))
    for keyword in ("AcquisitionDate", "AcquisitionTime"):
        delattr(ds, keyword)
    ds.NumberOfFrames = frames
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = visit.frame_uid, None
    ds.PatientPosition = SUPINE
    ds.BurnedInAnnotation, ds.LossyImageCompression = "NO", "00"
    ds.PresentationLUTShape = "IDENTITY"
    _add_mr_acquisition(ds)
    _add_dimensions(ds, visit)
    ds.SharedFunctionalGroupsSequence = Sequence([_shared_groups(visit, size)])
    ds.PerFrameFunctionalGroupsSequence = Sequence(
        [_frame_groups(visit, number, size) for number in range(1, frames + 1)]
    )
    ds.AcquisitionContextSequence = Sequence([])
    ds.ReferencedImageEvidenceSequence = Sequence([_evidence(visit)])
    ds.ReferencedPerformedProcedureStepSequence = Sequence(
        [reference("1.2.840.10008.3.1.2.3.3", visit.uid("performed step"))]
    )
    return ds


def _evidence(visit: Visit) -> Dataset:
    """The place, by study and series, of the image that the functional groups refer to."""
    study, series = Dataset(), Dataset()
    series.SeriesInstanceUID = series_uid(visit, 2)
    series.ReferencedSOPSequence = Sequence([reference(MRImageStorage, instance_uid(visit, 2, 1))])
    study.StudyInstanceUID = visit.study_uid
    study.ReferencedSeriesSequence = Sequence([series])
    return study


def _add_mr_acquisition(ds: Dataset) -> None:
    ds.AcquisitionDuration = 312.5
    ds.ResonantNucleus, ds.KSpaceFiltering = "1H", "NONE"
    ds.MagneticFieldStrength, ds.ApplicableSafetyStandardAgency = 3, "IEC"
    ds.ContentQualification = "PRODUCT"
    ds.VolumetricProperties, ds.VolumeBasedCalculationTechnique = "VOLUME", "NONE"
    ds.PixelPresentation, ds.ComplexImageComponent = "MONOCHROME", "MAGNITUDE"
    ds.AcquisitionContrast = "T1"
    ds.PulseSequenceName, ds.MRAcquisitionType, ds.EchoPulseSequence = "mprage", "3D", "GRADIENT"
    ds.MultiPlanarExcitation = "NO"
    ds.PhaseContrast, ds.TimeOfFlightContrast = "NO", "NO"
    ds.SteadyStatePulseSequence, ds.EchoPlanarPulseSequence = "NONE", "NO"
    ds.SaturationRecovery, ds.SpectrallySelectedSuppression = "NO", "NONE"
    ds.OversamplingPhase, ds.GeometryOfKSpaceTraversal = "NONE", "RECTILINEAR"
    ds.RectilinearPhaseEncodeReordering, ds.SegmentedKSpaceTraversal = "LINEAR", "SINGLE"
    ds.CoverageOfKSpace, ds.NumberOfKSpaceTrajectories = "FULL", 1


def _add_dimensions(ds: Dataset, visit: Visit) -> None:
    organization, index = Dataset(), Dataset()
    organization.DimensionOrganizationUID = visit.uid("dimensions")
    index.DimensionOrganizationUID = visit.uid("dimensions")
    index.DimensionIndexPointer = 0x00209057
    index.FunctionalGroupPointer = 0x00209111
    ds.DimensionOrganizationSequence = Sequence([organization])
    ds.DimensionIndexSequence = Sequence([index])


def _shared_groups(visit: Visit, size: int) -> Dataset:
    groups = Dataset()
    groups.MRTimingAndRelatedParametersSequence = Sequence([_timing()])
    groups.MRImageFrameTypeSequence = Sequence([_frame_type()])
    measures = Dataset()
    measures.PixelSpacing, measures.SliceThickness = [f"{230 / size:.6f}"] * 2, 1
    groups.PixelMeasuresSequence = Sequence([measures])
    orientation = Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    groups.PlaneOrientationSequence = Sequence([orientation])
    anatomy = Dataset()
    anatomy.AnatomicRegionSequence = Sequence([code("12738006", "SCT", "Brain")])
    anatomy.FrameLaterality = "U"
    groups.FrameAnatomySequence = Sequence([anatomy])
    transformation, window = Dataset(), Dataset()
    transformation.RescaleIntercept, transformation.RescaleSlope = 0, 1
    transformation.RescaleType = "US"
    groups.PixelValueTransformationSequence = Sequence([transformation])
    window.WindowCenter, window.WindowWidth = 800, 1600
    groups.FrameVOILUTSequence = Sequence([window])
    for name, item in _mr_groups().items():
        setattr(groups, name, Sequence([item]))
    item = reference(MRImageStorage, instance_uid(visit, 2, 1))
    item.PurposeOfReferenceCodeSequence = Sequence([code("121311", "DCM", "Localizer")])
    groups.ReferencedImageSequence = Sequence([item])
    return groups


def _timing() -> Dataset:
    timing, absorbed = Dataset(), Dataset()
    timing.RepetitionTime, timing.FlipAngle, timing.EchoTrainLength = 2300, 9, 0
    timing.RFEchoTrainLength, timing.GradientEchoTrainLength = 0, 1
    absorbed.SpecificAbsorptionRateDefinition, absorbed.SpecificAbsorptionRateValue = (
        "IEC_HEAD",
        0.4,
    )
    timing.SpecificAbsorptionRateSequence = Sequence([absorbed])
    timing.GradientOutputType, timing.GradientOutput = "DB_DT", 40.0
    timing.OperatingModeSequence = Sequence([])
    for kind, mode in (
        ("STATIC FIELD", "IEC_NORMAL"),
        ("RF", "IEC_NORMAL"),
        ("GRADIENT", "IEC_NORMAL"),
    ):
        item = Dataset()
        item.OperatingModeType, item.OperatingMode = kind, mode
        timing.OperatingModeSequence.append(item)
    return timing


def _frame_type() -> Dataset:
    item = Dataset()
    item.FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    item.PixelPresentation, item.VolumetricProperties = "MONOCHROME", "VOLUME"
    item.VolumeBasedCalculationTechnique = "NONE"
    item.ComplexImageComponent, item.AcquisitionContrast = "MAGNITUDE", "T1"
    return item


def _mr_groups() -> dict[str, Dataset]:
    fov, echo, modifier, imaging, receive, transmit, averages = (Dataset() for _ in range(7))
    fov.InPlanePhaseEncodingDirection = "ROW"
    fov.MRAcquisitionFrequencyEncodingSteps = 192
    fov.MRAcquisitionPhaseEncodingStepsInPlane = 192
    fov.MRAcquisitionPhaseEncodingStepsOutOfPlane = 160
    fov.PercentSampling, fov.PercentPhaseFieldOfView = 100, 100
    echo.EffectiveEchoTime = 2.9
    modifier.InversionRecovery, modifier.InversionTimes = "YES", [900.0]
    modifier.FlowCompensation, modifier.Spoiling, modifier.T2Preparation = "NONE", "RF", "NO"
    modifier.SpectrallySelectedExcitation, modifier.SpatialPresaturation = "NONE", "NONE"
    modifier.PartialFourier, modifier.ParallelAcquisition = "NO", "NO"
    imaging.MagnetizationTransfer, imaging.BloodSignalNulling = "NONE", "NO"
    imaging.Tagging, imaging.TransmitterFrequency, imaging.PixelBandwidth = "NONE", 123.2, 240.0
    receive.ReceiveCoilName, receive.ReceiveCoilManufacturerName = "HeadNeck_20", "Demo"
    receive.ReceiveCoilType, receive.QuadratureReceiveCoil = "MULTICOIL", "YES"
    element = Dataset()
    element.MultiCoilElementName, element.MultiCoilElementUsed = "HN1", "YES"
    receive.MultiCoilDefinitionSequence = Sequence([element])
    transmit.TransmitCoilName, transmit.TransmitCoilManufacturerName = "Body", "Demo"
    transmit.TransmitCoilType = "BODY"
    averages.NumberOfAverages = 1
    return {
        "MRFOVGeometrySequence": fov,
        "MREchoSequence": echo,
        "MRModifierSequence": modifier,
        "MRImagingModifierSequence": imaging,
        "MRReceiveCoilSequence": receive,
        "MRTransmitCoilSequence": transmit,
        "MRAveragesSequence": averages,
    }


def _frame_groups(visit: Visit, number: int, size: int) -> Dataset:
    groups, content, position = Dataset(), Dataset(), Dataset()
    content.FrameAcquisitionNumber = 1
    content.FrameReferenceDateTime = moment_string(visit.later(600 + number))
    content.FrameAcquisitionDateTime = moment_string(visit.later(600 + number))
    content.FrameAcquisitionDuration = 900.0
    content.StackID, content.InStackPositionNumber = "1", number
    content.DimensionIndexValues = [number]
    content.FrameComments = f"{visit.patient.family} frame {number}" if number == 1 else "none"
    groups.FrameContentSequence = Sequence([content])
    position.ImagePositionPatient = [-115.0, -115.0, float(number)]
    groups.PlanePositionSequence = Sequence([position])
    return groups


def pet_slice(
    visit: Visit, *, series: int = 2, number: int = 1, total: int = 6, size: int = 128
) -> Dataset:
    """One PET image: SUV needs injection and acquisition times to keep their distance."""
    ds = compose(visit, PositronEmissionTomographyImageStorage, series=series, number=number,
                 label="PET AC WHOLE BODY")  # fmt: skip
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.BodyPartExamined = visit.body_part
    _add_gray(ds, hot_spots(size, number / (total + 1), int(visit.study_id[1:])), bits=16)
    _add_plane(ds, visit, position=4.0 * number, thickness=4, pixel=600 / size)
    _add_times(ds, visit, 3600)
    ds.SeriesDate, ds.SeriesTime = visit.date, f"{visit.later(3600):%H%M%S}"
    ds.SeriesType, ds.Units, ds.CountsSource = ["STATIC", "IMAGE"], "BQML", "EMISSION"
    ds.NumberOfSlices, ds.ImageIndex = total, number
    ds.CorrectedImage = ["DECY", "ATTN", "SCAT", "DTIM", "NORM"]
    ds.DecayCorrection, ds.CollimatorType = "START", "NONE"
    ds.AttenuationCorrectionMethod, ds.ReconstructionMethod = "measured", "OSEM 3D"
    ds.RescaleIntercept, ds.RescaleSlope = 0, 0.8
    ds.FrameReferenceTime, ds.ActualFrameDuration, ds.DecayFactor = 60_000, 120_000, 1.02
    del ds.PatientPosition  # the coded orientation below takes its place
    ds.PatientOrientationCodeSequence = Sequence([code("102538003", "SCT", "recumbent")])
    ds.PatientOrientationCodeSequence[0].PatientOrientationModifierCodeSequence = Sequence(
        [code("40199007", "SCT", "supine")]
    )
    gantry = code("102540008", "SCT", "headfirst")
    ds.PatientGantryRelationshipCodeSequence = Sequence([gantry])
    ds.RadiopharmaceuticalInformationSequence = Sequence([_tracer(visit)])
    return ds


def _tracer(visit: Visit) -> Dataset:
    tracer = Dataset()
    tracer.Radiopharmaceutical = "Fluorodeoxyglucose"
    tracer.RadiopharmaceuticalStartTime = f"{visit.later(0):%H%M%S}"
    tracer.RadiopharmaceuticalStartDateTime = moment_string(visit.later(0))
    tracer.RadionuclideTotalDose = 370_000_000
    tracer.RadionuclideHalfLife, tracer.RadionuclidePositronFraction = 6586.2, 0.9673
    tracer.RadionuclideCodeSequence = Sequence([code("77004003", "SCT", "^18^Fluorine")])
    agent = code("35321007", "SCT", "Fluorodeoxyglucose F^18^")
    tracer.RadiopharmaceuticalCodeSequence = Sequence([agent])
    return tracer
