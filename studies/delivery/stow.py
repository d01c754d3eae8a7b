"""A DICOMweb archive as destination: STOW-RS, several instances in one streamed request.

The archive answers for each instance; only what it names as stored counts. It keeps no manifest
and no metadata of ours: the manifest stays in the portal.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import requests

from studies.delivery import addresses, faults
from studies.delivery.base import DeliveryRefused, DeliveryUnavailable, Outgoing
from studies.delivery.statuses import by_dicom_status, is_duplicate
from studies.delivery.stow_body import MultipartBody, StoreAnswer, read_answer

MOST_ANSWER = 8 << 20
# What a conforming service answers to a part that is no DICOM object.
_UNDERSTOOD = {200, 202, 400, 409, 415, 422}


class StowDestination:
    """Delivers by STOW-RS."""

    together = 32

    def __init__(self, config: Mapping[str, Any], credentials: Mapping[str, Any]) -> None:
        self._url = addresses.checked_url(str(config.get("url", "")))
        self._sign = _signer(str(config.get("auth", "")), credentials)
        self._trust = addresses.Trust(str(config.get("ca", "")))

    def store(self, objects: Sequence[Outgoing], stored: Callable[[Outgoing], None]) -> None:
        """Send instances in one request, and tell which ones the archive confirmed."""
        answer = self._post(objects)
        fault: faults.DeliveryFault | None = None
        for one in objects:
            problem = _problem(one, answer)
            if problem is None:
                stored(one)
            elif fault is None or isinstance(fault, DeliveryUnavailable):
                fault = problem
        if fault is not None:
            raise fault

    def check(self) -> None:
        """Send a part that is no DICOM object, which has to be understood and can't be kept."""
        boundary = secrets.token_hex(16)
        body = (
            f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n"
            f"anonportal test\r\n--{boundary}--\r\n"
        ).encode()
        status, content = self._request(body, boundary)
        answer = read_answer(content) if status in (200, 202) else None
        if status not in _UNDERSTOOD:
            raise faults.by_status(status)
        if status in (200, 202) and answer is None and content.strip():
            raise faults.wrong_address()

    def uri(self, batch_id: UUID) -> str:
        """Return the archive's address; a batch has no place of its own there."""
        return f"{self._url}/studies"

    def close(self) -> None:
        """Remove what was kept for connections."""
        self._trust.close()

    def _post(self, objects: Sequence[Outgoing]) -> StoreAnswer:
        boundary = secrets.token_hex(16)
        body = MultipartBody(objects, boundary)
        try:
            status, content = self._request(body, boundary)
        finally:
            body.close()
        answer = read_answer(content) if status in (200, 202, 409) else None
        if answer is None:
            if status in (400, 415, 422):
                raise faults.object_refused(f"HTTP {status}")
            raise faults.wrong_address() if status < 300 else faults.by_status(status)
        return answer

    def _request(self, body: Any, boundary: str) -> tuple[int, bytes]:
        """Send a request and return status and content; a redirect isn't followed."""
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Accept": "application/dicom+json",
        }
        try:
            with (
                requests.Session() as session,
                session.post(
                    f"{self._url}/studies",
                    data=body,
                    headers=headers,
                    auth=self._sign,
                    verify=self._trust.verify,
                    timeout=(addresses.CONNECT_SECONDS, addresses.ANSWER_SECONDS),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                return response.status_code, response.raw.read(MOST_ANSWER, decode_content=True)
        except (DeliveryRefused, DeliveryUnavailable):
            raise
        except (requests.RequestException, OSError) as error:
            raise faults.by_cause(error) from None


def _problem(one: Outgoing, answer: StoreAnswer) -> faults.DeliveryFault | None:
    """Return what is wrong with an instance, or None where it is stored."""
    uid = one.sop_instance_uid
    if uid in answer.stored:
        return None
    status = answer.failed.get(uid)
    if status is None:
        return faults.unconfirmed()
    if is_duplicate(status):
        # An earlier run sent these very bytes and never heard the answer.
        return None if one.was_begun else faults.kept_another()
    return by_dicom_status(status)


def _signer(kind: str, credentials: Mapping[str, Any]) -> Any:
    """Return what signs a request in; never what a .netrc of this machine says."""
    if kind == "basic":
        user, password = credentials.get("user"), credentials.get("password")
        if not (user and password):
            raise faults.missing_credentials()
        return requests.auth.HTTPBasicAuth(str(user).encode(), str(password).encode())
    if kind == "bearer":
        token = credentials.get("token")
        if not token:
            raise faults.missing_credentials()
        return _Header(f"Bearer {token}")
    return _Header("")


class _Header(requests.auth.AuthBase):
    """Sets the Authorization header, or sees to it that there is none."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: Any) -> Any:
        if self._value:
            request.headers["Authorization"] = self._value
        return request
