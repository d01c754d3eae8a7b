"""DICOMweb sources (PS3.18): QIDO-RS to search and list, WADO-RS to fetch.

The protocol puts what is searched for into the source's own URL: it goes over TLS, is never
logged here, and no error quotes it. Answers are read in blocks, whatever their size.
"""

import json
import ssl
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError, SSLError

from studies.intake.multipart import BadMultipart, MultipartCut, MultipartReader, boundary_of
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
    checked_base,
)
from studies.intake.tls import client_context

CONNECT_SECONDS = 10
SILENT_SECONDS = 60
BLOCK = 1 << 20
# What a search may answer; 200 studies are some 300 KB.
MOST_JSON = 64 << 20
# A list of instances is asked for in pages, since many servers cut their answers.
PAGE = 1000
_JSON = "application/dicom+json"
_PARTS = 'multipart/related; type="application/dicom"; transfer-syntax=*'


class _Answer(Protocol):
    headers: Any
    status_code: int
    raw: Any


class _Verified(HTTPAdapter):
    """Connects over TLS with a context of ours, and tries nothing by itself a second time."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        super().__init__(max_retries=0, pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Give the pool our context."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)


class DicomWeb:
    """One DICOMweb service, by its base address."""

    def __init__(self, config: dict[str, Any], credentials: dict[str, str]) -> None:
        self._base = checked_base(str(config.get("url", "")))
        self._session = requests.Session()
        # No proxy, no .netrc of the machine: patients' data goes where the settings say, or not.
        self._session.trust_env = False
        is_tls = self._base.startswith("https:")
        context = client_context(str(config.get("issuers", ""))) if is_tls else None
        self._session.mount("http://", _Verified(None))
        self._session.mount("https://", _Verified(context))
        if credentials.get("token"):
            self._session.headers["Authorization"] = f"Bearer {credentials['token']}"
        elif config.get("user"):
            said = f"{config['user']}:{credentials.get('password', '')}".encode()
            self._session.headers["Authorization"] = f"Basic {b64encode(said).decode()}"

    def check(self) -> None:
        """Search for one study, whichever."""
        self._json("studies", {"limit": "1"})

    def find_studies(self, query: Query) -> tuple[list[FoundStudy], bool]:
        """Search for studies by QIDO-RS."""
        asked = {
            "PatientID": query.patient_id,
            # A caret may not stand in a query as it is, and servers are known that leave `%5E` be.
            "PatientName": query.patient_name.replace("^", "?").replace(" ", "?"),
            "AccessionNumber": query.accession,
            "StudyDate": query.date_range,
            "ModalitiesInStudy": query.modality,
            "includefield": "00081030,00080061,00201206,00201208,00100030",
            "limit": str(MOST_STUDIES + 1),
        }
        rows = self._json("studies", {name: value for name, value in asked.items() if value})
        found = [_study(row) for row in rows]
        if query.modality:
            # Some servers pass over a key that they can't match.
            found = [
                study
                for study in found
                if not study.modalities or query.modality in study.modalities
            ]
        return found[:MOST_STUDIES], len(found) > MOST_STUDIES

    def find_series(self, study_uid: str) -> list[FoundSeries]:
        """List the series of a study by QIDO-RS."""
        wanted = {"includefield": "0008103E,00201209"}
        rows = self._pages(f"studies/{_checked(study_uid)}/series", wanted)
        return [_series(study_uid, row) for row in rows]

    def list_instances(self, study_uid: str, series_uid: str) -> list[Listed]:
        """List the instances of a series by QIDO-RS."""
        path = f"studies/{_checked(study_uid)}/series/{_checked(series_uid)}/instances"
        rows = self._pages(path, {})
        return [Listed(_uid(row, "00080018"), _text(row, "00080016")) for row in rows]

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
        """Fetch a series, or single instances of it, by WADO-RS."""
        path = f"studies/{_checked(study_uid)}/series/{_checked(series_uid)}"
        if whole:
            self._fetch(path, begin, beat)
            return
        for listed in wanted:
            if not self._fetch(f"{path}/instances/{_checked(listed.uid)}", begin, beat):
                return

    def _fetch(self, path: str, begin: Begin, beat: Beat) -> bool:
        """Take the parts of one answer; False where we were asked to stop."""
        with self._get(path, {}, _PARTS) as answer:
            if answer.status_code in (404, 410):
                return True
            _raise_for(answer.status_code)
            try:
                boundary = boundary_of(answer.headers.get("Content-Type", ""))
                for part in MultipartReader(answer.raw, boundary):
                    if not _take(part.blocks, begin, beat):
                        return False
            except MultipartCut:
                raise SourceUnavailable from None
            except BadMultipart:
                raise SourceStrange from None
        return True

    def _pages(self, path: str, asked: dict[str, str]) -> list[dict[str, Any]]:
        """Ask page by page until one is short, or brings nothing new."""
        rows: list[dict[str, Any]] = []
        seen: set[str] = set()
        while True:
            page = self._json(path, asked | {"limit": str(PAGE), "offset": str(len(rows))})
            fresh = [row for row in page if _key(row) not in seen]
            seen.update(_key(row) for row in fresh)
            rows += fresh
            if len(page) < PAGE or not fresh:
                return rows

    def _json(self, path: str, asked: dict[str, str]) -> list[dict[str, Any]]:
        with self._get(path, asked, _JSON) as answer:
            if answer.status_code == 204:
                return []
            _raise_for(answer.status_code)
            data = bytearray()
            while block := answer.raw.read(BLOCK, decode_content=True):
                data += block
                if len(data) > MOST_JSON:
                    raise SourceStrange
        try:
            rows = json.loads(bytes(data) or b"[]")
        except ValueError:
            raise SourceStrange from None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise SourceStrange
        return rows

    @contextmanager
    def _get(self, path: str, asked: dict[str, str], accept: str) -> Any:
        """Open one answer; every fault of the transport becomes one of ours, without its text."""
        try:
            with self._session.get(
                f"{self._base}/{path}?{_query(asked)}" if asked else f"{self._base}/{path}",
                headers={"Accept": accept, "Accept-Encoding": "identity"},
                stream=True,
                timeout=(CONNECT_SECONDS, SILENT_SECONDS),
                allow_redirects=False,
            ) as answer:
                yield answer
        except UnicodeEncodeError:
            # A credential that can't stand in a header is none that the source knows.
            raise SourceRefused from None
        except (requests.exceptions.SSLError, SSLError):
            raise SourceUntrusted from None
        except (requests.exceptions.Timeout, ReadTimeoutError):
            raise SourceSlow from None
        except (requests.exceptions.RequestException, HTTPError, OSError):
            raise SourceUnavailable from None


def _query(asked: dict[str, str]) -> str:
    """Return a query string in which wildcards and commas stand as they are (PS3.18 8.3.4)."""
    return "&".join(f"{name}={quote(value, safe='*?,-.:/@')}" for name, value in asked.items())


def _take(blocks: Callable[[], Any], begin: Begin, beat: Beat) -> bool:
    """Take one instance; what doesn't come whole is dropped."""
    incoming = begin()
    try:
        for block in blocks():
            incoming.write(block)
            beat()
    except BaseException:
        incoming.drop()
        raise
    return incoming.done()


def _raise_for(status: int) -> None:
    if status < 300:
        return
    if status in (401, 403):
        raise SourceRefused
    if status in (429, 503):
        raise SourceBusy
    if status >= 500:
        raise SourceUnavailable
    raise SourceCannot if status in (405, 406, 501) else SourceStrange


def _checked(uid: str) -> str:
    """Return a UID for a path; anything else would be another address."""
    if not is_uid(uid):
        raise SourceStrange
    return quote(uid, safe="")


def _key(row: dict[str, Any]) -> str:
    return "/".join(_text(row, tag) for tag in ("0020000D", "0020000E", "00080018"))


def _values(row: dict[str, Any], tag: str) -> list[Any]:
    element = row.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _text(row: dict[str, Any], tag: str) -> str:
    for value in _values(row, tag):
        if isinstance(value, dict):
            value = value.get("Alphabetic") or value.get("Ideographic") or ""
        return str(value).strip()[:200]
    return ""


def _uid(row: dict[str, Any], tag: str) -> str:
    value = _text(row, tag)
    if not is_uid(value):
        raise SourceStrange
    return value


def _count(row: dict[str, Any], tag: str) -> int | None:
    value = _text(row, tag)
    return int(value) if value.isdecimal() else None


def _study(row: dict[str, Any]) -> FoundStudy:
    return FoundStudy(
        uid=_uid(row, "0020000D"),
        patient_id=_text(row, "00100020"),
        patient_name=_text(row, "00100010"),
        birth_date=_text(row, "00100030"),
        accession=_text(row, "00080050"),
        date=_text(row, "00080020"),
        description=_text(row, "00081030"),
        modalities=tuple(str(value)[:16] for value in _values(row, "00080061")),
        series=_count(row, "00201206"),
        instances=_count(row, "00201208"),
    )


def _series(study_uid: str, row: dict[str, Any]) -> FoundSeries:
    return FoundSeries(
        study_uid=study_uid,
        uid=_uid(row, "0020000E"),
        number=_text(row, "00200011"),
        modality=_text(row, "00080060")[:16],
        description=_text(row, "0008103E"),
        instances=_count(row, "00201209"),
    )
