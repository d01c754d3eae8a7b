"""DIMSE sources (PS3.4 C): C-FIND to search and list, C-GET or C-MOVE to fetch, C-ECHO to test.

For C-MOVE the portal is the destination itself, with a storage SCP that lives as long as the
fetch. Nothing of a query or an answer is logged, and no error quotes one.
"""

import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    EncapsulatedPDFStorage,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    UltrasoundImageStorage,
    Verification,
)

from studies.faults import Fault, PermanentError
from studies.hosts import is_host
from studies.intake.dimse_receiving import (
    CONNECT_SECONDS,
    NO_RESOURCES,
    Fetching,
    Watch,
    storage_scp,
)
from studies.intake.dimse_stream import PDU_BYTES, StreamingProvider, stream
from studies.intake.part10 import is_uid
from studies.intake.remote import (
    MOST_STUDIES,
    Beat,
    Begin,
    FoundSeries,
    FoundStudy,
    Listed,
    Query,
    SourceBusy,
    SourceCannot,
    SourceRefused,
    SourceSlow,
    SourceStrange,
    SourceUnavailable,
    SourceUntrusted,
)
from studies.intake.tls import client_context

_FIND = StudyRootQueryRetrieveInformationModelFind
_GET = StudyRootQueryRetrieveInformationModelGet
_MOVE = StudyRootQueryRetrieveInformationModelMove
_USUAL = (
    CTImageStorage,
    MRImageStorage,
    UltrasoundImageStorage,
    SecondaryCaptureImageStorage,
    EncapsulatedPDFStorage,
)
# Each syntax is a context of its own, so that a source which can't convert finds its own.
_SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
    JPEG2000,
    JPEGExtended12Bit,
    HTJ2KLossless,
    DeflatedExplicitVRLittleEndian,
)
# An association takes 128 contexts; one is the query's.
_MOST_CONTEXTS = 127
# UIDs in one request for single instances: long lists overrun some sources.
_MOST_UIDS = 100
_CANCEL = 0xFE00
_PENDING = (0xFF00, 0xFF01)
_OUT_OF_RESOURCES = (0xA701, 0xA702)
_REFUSED = (0x0124, 0xA801)
_CANNOT = (0x0122, 0x0211, 0xA900)


class Dimse:
    """One DIMSE service, by host, port and AE titles."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._host = str(config.get("host", ""))
        self._port = int(config.get("port", 0))
        if not is_host(self._host):
            raise PermanentError(
                "address-invalid", _("This is no host's name or address, like pacs.example.")
            )
        self._called = str(config.get("called_ae", ""))
        self._calling = str(config.get("calling_ae", ""))
        self._by_move = config.get("method") == "move"
        self._context = (
            client_context(str(config.get("issuers", "")), settings.DICOM_TLS_CLIENT)
            if config.get("tls")
            else None
        )

    def check(self) -> None:
        """Send C-ECHO."""
        with self._associate([build_context(Verification)]) as association:
            status = association.send_c_echo()
            if getattr(status, "Status", None) != 0:
                raise SourceStrange

    def find_studies(self, query: Query) -> tuple[list[FoundStudy], bool]:
        """Search for studies by C-FIND."""
        asked = Dataset()
        asked.QueryRetrieveLevel = "STUDY"
        asked.StudyInstanceUID = ""
        asked.PatientID = query.patient_id
        asked.PatientName = query.patient_name
        asked.AccessionNumber = query.accession
        asked.StudyDate = query.date_range
        asked.ModalitiesInStudy = query.modality
        for keyword in (
            "PatientBirthDate",
            "StudyDescription",
            "NumberOfStudyRelatedSeries",
            "NumberOfStudyRelatedInstances",
        ):
            setattr(asked, keyword, "" if keyword.startswith(("P", "S")) else None)
        found = [_study(row) for row in self._find(asked, MOST_STUDIES + 1)]
        if query.modality:
            found = [
                study
                for study in found
                if not study.modalities or query.modality in study.modalities
            ]
        return found[:MOST_STUDIES], len(found) > MOST_STUDIES

    def find_series(self, study_uid: str) -> list[FoundSeries]:
        """List the series of a study by C-FIND."""
        asked = Dataset()
        asked.QueryRetrieveLevel = "SERIES"
        asked.StudyInstanceUID = study_uid
        asked.SeriesInstanceUID = ""
        asked.Modality = ""
        asked.SeriesNumber = None
        asked.SeriesDescription = ""
        asked.NumberOfSeriesRelatedInstances = None
        return [_series(study_uid, row) for row in self._find(asked)]

    def list_instances(self, study_uid: str, series_uid: str) -> list[Listed]:
        """List the instances of a series by C-FIND."""
        asked = Dataset()
        asked.QueryRetrieveLevel = "IMAGE"
        asked.StudyInstanceUID = study_uid
        asked.SeriesInstanceUID = series_uid
        asked.SOPInstanceUID = ""
        asked.SOPClassUID = ""
        asked.InstanceNumber = None
        return [
            Listed(_uid(row, "SOPInstanceUID"), _text(row, "SOPClassUID"))
            for row in self._find(asked)
        ]

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
        """Fetch a series, or single instances of it, by C-GET or C-MOVE."""
        asked = Dataset()
        asked.StudyInstanceUID = study_uid
        asked.SeriesInstanceUID = series_uid
        asked.QueryRetrieveLevel = "SERIES"
        classes = {listed.sop_class for listed in wanted}
        runs: list[Sequence[Listed]] = [[]]
        if not whole:
            asked.QueryRetrieveLevel = "IMAGE"
            runs = [wanted[at : at + _MOST_UIDS] for at in range(0, len(wanted), _MOST_UIDS)]
        for run in runs:
            if run:
                asked.SOPInstanceUID = [listed.uid for listed in run]
            fetching = Fetching(begin, beat)
            if self._by_move:
                self._move(asked, fetching)
            else:
                self._get(asked, classes, fetching)
            if fetching.is_stopped:
                return

    # --- one request each --------------------------------------------------------------------

    def _find(self, asked: Dataset, most: int = 0) -> list[Dataset]:
        """Return the answers to a C-FIND; cancel it where there are more than wanted."""
        if not all(str(element.value).isascii() for element in asked):
            asked.SpecificCharacterSet = "ISO_IR 192"
        rows: list[Dataset] = []
        with (
            self._associate([build_context(_FIND)]) as association,
            Watch(association, lambda: None) as watch,
        ):
            for status, row in association.send_c_find(asked, _FIND):
                watch.touch()
                if _status(status, watch) in _PENDING and row is not None:
                    rows.append(row)
                if most and len(rows) >= most:
                    association.abort()
                    break
        return rows

    def _get(self, asked: Dataset, classes: set[str], fetching: "Fetching") -> None:
        contexts, roles = _storage_contexts(classes)
        contexts = [build_context(_GET), *contexts]
        with (
            self._associate(contexts, roles, fetching) as association,
            Watch(association, fetching.beat) as watch,
        ):
            fetching.watch = watch
            fetching.when_stopped(lambda: association.send_c_cancel(1, query_model=_GET))
            for status, _rest in association.send_c_get(asked, _GET):
                watch.touch()
                fetching.raise_fault()
                _status(status, watch)

    def _move(self, asked: Dataset, fetching: "Fetching") -> None:
        with (
            storage_scp(self._calling, fetching, over_tls=self._context is not None),
            self._associate([build_context(_MOVE)]) as association,
            Watch(association, fetching.beat) as watch,
        ):
            fetching.watch = watch
            fetching.when_stopped(lambda: association.send_c_cancel(1, query_model=_MOVE))
            for status, _rest in association.send_c_move(asked, self._calling, _MOVE):
                watch.touch()
                fetching.raise_fault()
                _status(status, watch)

    @contextlib.contextmanager
    def _associate(
        self,
        contexts: Sequence[Any],
        roles: Sequence[Any] = (),
        fetching: "Fetching | None" = None,
    ) -> Iterator[Any]:
        """Open an association, and release or abort it in the end."""
        ae = AE(ae_title=self._calling)
        ae.connection_timeout = ae.acse_timeout = CONNECT_SECONDS
        # While a large object arrives no message is complete for long: the watch looks at bytes.
        ae.dimse_timeout = ae.network_timeout = None
        try:
            association = ae.associate(
                self._host,
                self._port,
                contexts=list(contexts),
                ae_title=self._called,
                max_pdu=PDU_BYTES,
                ext_neg=list(roles),
                tls_args=(self._context, self._host) if self._context else None,
                evt_handlers=[(evt.EVT_C_STORE, fetching.store)] if fetching else [],
            )
        except (OSError, UnicodeError):
            # Nobody knows this host's name, or it can't be one.
            raise SourceUnavailable from None
        if not association.is_established:
            raise self._why(association)
        # pynetdicom forgets the socket of a connection that broke, without closing it.
        raw: socket.socket | None = getattr(association.dul.socket, "socket", None)
        try:
            if not association.accepted_contexts:
                raise SourceCannot
            if fetching is not None:
                stream(association, fetching.open, fetching.touch)
            yield association
        finally:
            if association.is_established:
                association.release()
            if isinstance(association.dimse, StreamingProvider):
                association.dimse.close()
            if raw is not None:
                raw.close()

    def _why(self, association: Any) -> Fault:
        """Say why there is no association."""
        if association.is_rejected:
            answer = association.acceptor.primitive
            is_transient = getattr(answer, "result", 1) == 2
            return SourceBusy() if is_transient else SourceRefused()
        if self._context is not None:
            return self._why_no_tls()
        return SourceUnavailable()

    def _why_no_tls(self) -> Fault:
        try:
            with (
                socket.create_connection((self._host, self._port), CONNECT_SECONDS) as raw,
                self._context.wrap_socket(raw, server_hostname=self._host),  # type: ignore[union-attr]
            ):
                return SourceUnavailable()
        except ssl.SSLError:
            return SourceUntrusted()
        except OSError:
            return SourceUnavailable()


def _status(answer: Dataset, watch: Watch) -> int:
    """Return the status of an answer, or raise the fault that it stands for."""
    status = getattr(answer, "Status", None)
    if status is None:
        if watch.fault is not None:
            raise watch.fault
        raise SourceSlow if watch.is_silent else SourceUnavailable
    if status in (0, _CANCEL, *_PENDING) or status & 0xF000 == 0xB000:
        # B000: some sub-operations failed; what is missing is counted, and asked for again.
        return int(status)
    if status in _REFUSED:
        raise SourceRefused
    if status in _CANNOT:
        raise SourceCannot
    if status == NO_RESOURCES or status in _OUT_OF_RESOURCES:
        raise SourceBusy
    # C000 to CFFF: the source could not do it this time.
    raise SourceUnavailable


def _storage_contexts(classes: set[str]) -> tuple[list[Any], list[Any]]:
    """Return the contexts, and the roles, in which a C-GET may bring objects of these classes."""
    wanted = sorted(uid for uid in classes if is_uid(uid)) or [str(uid) for uid in _USUAL]
    each = max(_MOST_CONTEXTS // len(wanted), 1)
    contexts = [
        build_context(uid, syntax) for uid in wanted for syntax in _SYNTAXES[: min(each, 11)]
    ][:_MOST_CONTEXTS]
    roles = [build_role(uid, scp_role=True) for uid in wanted[:_MOST_CONTEXTS]]
    return contexts, roles


def _text(row: Dataset, keyword: str) -> str:
    value = row.get(keyword)
    if value is None:
        return ""
    if not isinstance(value, str) and hasattr(value, "__iter__") and keyword != "PatientName":
        value = next(iter(value), "")
    return str(value).strip()[:200]


def _uid(row: Dataset, keyword: str) -> str:
    value = _text(row, keyword)
    if not is_uid(value):
        raise SourceStrange
    return value


def _count(row: Dataset, keyword: str) -> int | None:
    value = _text(row, keyword)
    return int(value) if value.isdecimal() else None


def _study(row: Dataset) -> FoundStudy:
    modalities = row.get("ModalitiesInStudy") or ()
    if isinstance(modalities, str):
        modalities = (modalities,)
    return FoundStudy(
        uid=_uid(row, "StudyInstanceUID"),
        patient_id=_text(row, "PatientID"),
        patient_name=_text(row, "PatientName"),
        birth_date=_text(row, "PatientBirthDate"),
        accession=_text(row, "AccessionNumber"),
        date=_text(row, "StudyDate"),
        description=_text(row, "StudyDescription"),
        modalities=tuple(str(value)[:16] for value in modalities),
        series=_count(row, "NumberOfStudyRelatedSeries"),
        instances=_count(row, "NumberOfStudyRelatedInstances"),
    )


def _series(study_uid: str, row: Dataset) -> FoundSeries:
    return FoundSeries(
        study_uid=study_uid,
        uid=_uid(row, "SeriesInstanceUID"),
        number=_text(row, "SeriesNumber"),
        modality=_text(row, "Modality")[:16],
        description=_text(row, "SeriesDescription"),
        instances=_count(row, "NumberOfSeriesRelatedInstances"),
    )
