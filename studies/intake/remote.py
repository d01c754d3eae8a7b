"""What every kind of PACS source can do: search, list, fetch. One protocol, two implementations.

What is found holds patients' values: it is shown, sealed or forgotten, never stored or logged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from django.utils.translation import gettext as _

from studies.faults import PermanentError, TransientError
from studies.hosts import split_address

# More studies than this are not listed; the person narrows the search.
MOST_STUDIES = 200


@dataclass(frozen=True)
class Query:
    """What to search for; an empty value asks for anything."""

    patient_id: str = field(default="", repr=False)
    patient_name: str = field(default="", repr=False)
    accession: str = field(default="", repr=False)
    date_from: str = ""
    date_to: str = ""
    modality: str = ""

    @classmethod
    def typed(
        cls,
        *,
        patient_id: str = "",
        patient_name: str = "",
        accession: str = "",
        first: date | None = None,
        last: date | None = None,
        modality: str = "",
    ) -> "Query":
        """Return what a person or machine asks for; a name without a wildcard may go on."""
        name = patient_name.strip().replace(", ", "^").replace(",", "^")
        if name and not set(name) & {"*", "?"}:
            name += "*"
        return cls(
            patient_id=patient_id.strip(),
            patient_name=name,
            accession=accession.strip(),
            date_from=first.isoformat().replace("-", "") if first else "",
            date_to=last.isoformat().replace("-", "") if last else "",
            modality=modality,
        )

    @property
    def date_range(self) -> str:
        """Return the range of study dates as DICOM matches it (PS3.4 C.2.2.2.5)."""
        if not (self.date_from or self.date_to):
            return ""
        return f"{self.date_from}-{self.date_to}"


@dataclass(frozen=True)
class FoundStudy:
    """A study as the source describes it."""

    uid: str = field(repr=False)
    patient_id: str = field(default="", repr=False)
    patient_name: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    accession: str = field(default="", repr=False)
    date: str = field(default="", repr=False)
    description: str = field(default="", repr=False)
    modalities: tuple[str, ...] = ()
    series: int | None = None
    instances: int | None = None


@dataclass(frozen=True)
class FoundSeries:
    """A series as the source describes it."""

    study_uid: str = field(repr=False)
    uid: str = field(repr=False)
    number: str = ""
    modality: str = ""
    description: str = field(default="", repr=False)
    instances: int | None = None


@dataclass(frozen=True)
class Listed:
    """An instance that the source says it has."""

    uid: str = field(repr=False)
    sop_class: str = ""


class Incoming(Protocol):
    """One instance on its way in; sealed from its first byte."""

    def write(self, block: bytes) -> None:
        """Take a block of the DICOM file."""

    def done(self) -> bool:
        """Take the instance as whole; False asks the source to stop here."""

    def drop(self) -> None:
        """Forget an instance that didn't come whole."""


Begin = Callable[[], Incoming]
Beat = Callable[[], None]


class Remote(Protocol):
    """A PACS that studies are taken from; nothing is ever changed in it."""

    def check(self) -> None:
        """Ask for the least that shows that the source answers and lets us in, or raise a Fault."""

    def find_studies(self, query: Query) -> tuple[list[FoundStudy], bool]:
        """Return the studies that match, and whether there are more than are listed."""

    def find_series(self, study_uid: str) -> list[FoundSeries]:
        """Return the series of a study."""

    def list_instances(self, study_uid: str, series_uid: str) -> list[Listed]:
        """Return the instances of a series."""

    def fetch(
        self,
        study_uid: str,
        series_uid: str,
        wanted: Sequence[Listed],
        begin: Begin,
        beat: Beat,
        *,
        whole: bool,
    ) -> None:
        """Bring instances, calling `begin` for each; `whole`: they are all that the series has."""


class SourceUnavailable(TransientError):
    """The source can't be reached, or broke off; trying again may help."""

    def __init__(self) -> None:
        super().__init__(
            "source-unavailable",
            _(
                "The source can't be reached or broke the connection off. Check that it runs and "
                "that address and port are right; the portal goes on with what is missing."
            ),
        )


class SourceSlow(TransientError):
    """The source said nothing for too long."""

    def __init__(self) -> None:
        super().__init__(
            "source-slow",
            _(
                "The source stopped answering in the middle. The portal goes on with what is "
                "missing; if this happens again, ask its operator."
            ),
        )


class SourceBusy(TransientError):
    """The source asks to come back later."""

    def __init__(self) -> None:
        super().__init__(
            "source-busy",
            _("The source is too busy now. The portal tries again by itself."),
        )


class SourceRefused(PermanentError):
    """The source knows us not, or doesn't let us do this."""

    def __init__(self) -> None:
        super().__init__(
            "source-refused",
            _(
                "The source refused us. Check AE titles, or user name and password, and that its "
                "operator has let the portal in."
            ),
        )


class SourceUntrusted(PermanentError):
    """The source's certificate isn't the one of its name."""

    def __init__(self) -> None:
        super().__init__(
            "source-untrusted",
            _(
                "The source's certificate can't be trusted: wrong name, expired, or of an unknown "
                "issuer. Nothing was sent. Correct the address, or add the issuer's certificate."
            ),
        )


class SourceStrange(PermanentError):
    """The source answered something that isn't what the protocol says."""

    def __init__(self) -> None:
        super().__init__(
            "source-strange",
            _(
                "The source answered in a way that the portal doesn't understand. Check that the "
                "address is that of its DICOM service."
            ),
        )


class SourceCannot(PermanentError):
    """The source doesn't offer what its settings say it does."""

    def __init__(self) -> None:
        super().__init__(
            "source-cannot",
            _(
                "The source doesn't offer this kind of search or retrieval. Choose the other way "
                "of retrieving in its settings, or ask its operator."
            ),
        )


def _is_plain(url: str) -> bool:
    parts = split_address(url)
    if parts is None:
        return False
    return not (parts.query or parts.fragment or parts.username or parts.password)


def checked_base(url: str) -> str:
    """Return a base address without its last slash; refuse what is no plain http(s) address."""
    if not _is_plain(url.strip()):
        raise PermanentError(
            "address-invalid",
            _("The address has to be like https://pacs.example/dicom-web, without anything else."),
        )
    return url.strip().rstrip("/")
