"""Opens a source of studies by its kind: DICOMweb or DIMSE behind one protocol."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from studies.faults import PermanentError
from studies.intake.remote import Remote
from studies.models import Source
from studies.models.places import SourceKind

SEARCHABLE = (SourceKind.DICOMWEB, SourceKind.DIMSE)


def open_source(source: Source, credentials: Mapping[str, str]) -> Remote:
    """Return what searches and fetches from a source."""
    # Each kind's libraries are large, and the web process rarely talks to a source.
    if source.kind == SourceKind.DICOMWEB:
        from studies.intake.dicomweb import DicomWeb

        return DicomWeb(source.config, dict(credentials))
    if source.kind == SourceKind.DIMSE:
        from studies.intake.dimse import Dimse

        return Dimse(source.config)
    raise PermanentError("source-not-searched", _("This source isn't one that can be searched."))
