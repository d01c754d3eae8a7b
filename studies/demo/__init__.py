"""Synthetic but realistic DICOM studies, for the demo organization and for tests.

Pure: no Django, no settings. Nothing in here is or derives from a real person's data.
"""

from studies.demo.folder import DISC, DUPLICATE, NOT_DICOM, TRUNCATED, DemoStudy, make_studies
from studies.demo.people import Markers

__all__ = [
    "DISC",
    "DUPLICATE",
    "NOT_DICOM",
    "TRUNCATED",
    "DemoStudy",
    "Markers",
    "make_studies",
]
