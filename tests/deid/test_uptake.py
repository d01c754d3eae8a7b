"""A PET's uptake value (SUVbw) is the same before and after its dates moved."""

import datetime
import io

import pydicom
import pytest
from pydicom.dataset import Dataset

from studies.deid import Option, deidentify
from tests import datasets

from .builders import IDENTITIES, plan

KEPT = (
    Option.RETAIN_MODIFIED_DATES,
    Option.RETAIN_PATIENT_CHARACTERISTICS,
    Option.RETAIN_SAFE_PRIVATE,
)


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.strptime(text.partition(".")[0], "%Y%m%d%H%M%S")


def factor(ds: Dataset) -> float:
    """Return what one Bq/ml is in g/ml: body weight over the dose that was left at the scan."""
    tracer = ds.RadiopharmaceuticalInformationSequence[0]
    scan = moment(ds.SeriesDate + ds.SeriesTime)
    waited = (scan - moment(tracer.RadiopharmaceuticalStartDateTime)).total_seconds()
    left = float(tracer.RadionuclideTotalDose) * 2 ** (-waited / float(tracer.RadionuclideHalfLife))
    return float(ds.PatientWeight) * 1000 / left


@pytest.mark.parametrize("start", ["20240314071500", "20240313235959.500000"])
def test_the_factor_stays_over_midnight_too(start: str) -> None:
    ds = datasets.pet(datasets.Markers())
    ds.SeriesDate = ds.AcquisitionDate = "20240314"
    ds.SeriesTime = "081500"
    tracer = ds.RadiopharmaceuticalInformationSequence[0]
    tracer.RadiopharmaceuticalStartDateTime = start
    before = factor(ds)
    target = io.BytesIO()
    source = io.BytesIO(datasets.part10(ds))
    outcome = deidentify(source, target, plan("basic", *KEPT), IDENTITIES)
    assert outcome.state == "deidentified", outcome.code
    out = pydicom.dcmread(io.BytesIO(target.getvalue()))
    assert out.SeriesDate != "20240314"
    assert factor(out) == before
