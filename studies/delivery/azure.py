"""A container of Azure Blob Storage as destination.

Every transfer carries an MD5 that the service checks; a large blob has its name only once all of
its blocks are there. What is known about it, its SHA-256 too, is its metadata.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from django.utils import timezone

from studies.delivery import addresses, faults
from studies.delivery.base import (
    DeliveryRefused,
    DeliveryUnavailable,
    content_type,
    key_segments,
)
from studies.delivery.blocks import PART, md5_of, read_parts, read_whole

_BY_CODE: dict[str, Callable[[], faults.DeliveryFault]] = {
    "ContainerNotFound": faults.no_bucket,
    "ContainerBeingDeleted": faults.busy,
    "ContainerDisabled": faults.denied,
    "InvalidResourceName": faults.no_bucket,
    "ServerBusy": faults.busy,
    "OperationTimedOut": faults.busy,
    "InternalError": faults.broken,
    "Md5Mismatch": faults.checksum_differs,
    "Crc64Mismatch": faults.checksum_differs,
    "AuthenticationFailed": faults.wrong_credentials,
    "InvalidAuthenticationInfo": faults.wrong_credentials,
    "NoAuthenticationInformation": faults.wrong_credentials,
    "AccountIsDisabled": faults.denied,
    "AuthorizationFailure": faults.denied,
    "AuthorizationPermissionMismatch": faults.denied,
    "InsufficientAccountPermissions": faults.denied,
    "RequestBodyTooLarge": faults.too_large,
    "BlobImmutableDueToPolicy": faults.kept_another,
}


class AzureDestination:
    """Delivers into a container."""

    def __init__(self, config: Mapping[str, Any], credentials: Mapping[str, Any]) -> None:
        self._name_of_container = str(config.get("container", ""))
        if not self._name_of_container:
            raise addresses.incomplete("container")
        self._prefix = addresses.checked_prefix(str(config.get("folder", "")))
        self._config = config
        self._trust = addresses.Trust(str(config.get("ca", "")))
        self._identity: Any = None
        self._service = self._connect(config, credentials)
        self._container = self._service.get_container_client(self._name_of_container)

    def put(
        self, key: str, stream: BinaryIO, size: int, sha256: str, metadata: Mapping[str, str]
    ) -> None:
        """Store an object, each transfer checked by the service."""
        if size <= PART:
            self._put_whole(key, read_whole(stream, size, sha256), sha256, metadata)
        else:
            self._put_blocks(key, stream, size, sha256, metadata)

    def put_bytes(self, key: str, data: bytes, metadata: Mapping[str, str]) -> None:
        """Store a small object, replacing an older one of the same key."""
        self._put_whole(key, data, hashlib.sha256(data).hexdigest(), metadata)

    def exists(self, key: str, sha256: str) -> bool:
        """Say whether an object with this content is there already."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            found = self._blob(key).get_blob_properties()
        except ResourceNotFoundError as error:
            if _code(error) in ("BlobNotFound", "ContainerNotFound", ""):
                return False
            raise _fault(error) from None
        except _failures() as error:
            raise _fault(error) from None
        # Set in the same step that gave the blob its name, from bytes that the service had checked.
        return bool(found.metadata.get("sha256") == sha256)

    def check(self) -> None:
        """Put, read back and delete a test object."""
        key = addresses.test_key("", secrets.token_hex(6))
        data = secrets.token_bytes(1024)
        self.put_bytes(key, data, {})
        try:
            is_same = self._blob(key).download_blob().readall() == data
            self._blob(key).delete_blob()
        except _failures() as error:
            raise _fault(error) from None
        if not is_same:
            raise faults.checksum_differs()

    def uri(self, batch_id: UUID) -> str:
        """Return the container's folder of a batch, without what signs in."""
        parts = urlsplit(self._service.url)
        account = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        return f"{account}/{self._name_of_container}/{self._prefix}{batch_id}/"

    def close(self) -> None:
        """Close connections and remove what was kept for them."""
        self._service.close()
        if self._identity is not None:
            self._identity.close()
        self._trust.close()

    def _put_whole(self, key: str, data: bytes, sha256: str, metadata: Mapping[str, str]) -> None:
        def upload() -> None:
            self._blob(key).upload_blob(
                data,
                length=len(data),
                overwrite=True,
                metadata=dict(metadata) | {"sha256": sha256},
                content_settings=_content(key, md5_of(data)),
                validate_content=True,
            )

        self._call(upload)

    def _put_blocks(
        self, key: str, stream: BinaryIO, size: int, sha256: str, metadata: Mapping[str, str]
    ) -> None:
        from azure.storage.blob import BlobBlock

        blob = self._blob(key)
        whole = hashlib.md5(usedforsecurity=False)
        blocks = []
        run = secrets.token_hex(4)
        for number, data in enumerate(read_parts(stream, size, sha256)):
            whole.update(data)
            # Another run's blocks of the same blob have other names.
            name = f"{run}-{number:06d}"
            self._call(
                lambda name=name, data=data: blob.stage_block(
                    name, data, length=len(data), validate_content=True
                )
            )
            blocks.append(BlobBlock(name))
        self._call(
            lambda: blob.commit_block_list(
                blocks,
                metadata=dict(metadata) | {"sha256": sha256},
                content_settings=_content(key, whole.digest()),
            )
        )

    def _call(self, act: Any) -> None:
        """Do it; make the container once, where it is missing and that is allowed."""
        try:
            act()
        except _failures() as error:
            fault = _fault(error)
            if fault.code != "bucket-missing" or not self._config.get("create"):
                raise fault from None
        else:
            return
        self._make_container()
        try:
            act()
        except _failures() as error:
            raise _fault(error) from None

    def _make_container(self) -> None:
        from azure.core.exceptions import ResourceExistsError

        try:
            self._container.create_container()
        except ResourceExistsError:
            # Another run made it in the same moment.
            return
        except _failures() as error:
            raise _fault(error) from None

    def _blob(self, key: str) -> Any:
        return self._container.get_blob_client(self._prefix + "/".join(key_segments(key)))

    def _connect(self, config: Mapping[str, Any], credentials: Mapping[str, Any]) -> Any:
        # Imported here: half a second that only deliveries to a container have to pay.
        from azure.storage.blob import BlobServiceClient, LinearRetry

        options: dict[str, Any] = {
            "connection_timeout": addresses.CONNECT_SECONDS,
            "read_timeout": addresses.ANSWER_SECONDS,
            "connection_verify": self._trust.verify,
            "retry_policy": LinearRetry(backoff=1, retry_total=2, random_jitter_range=0),
            "max_single_put_size": PART,
            "logging_enable": False,
        }
        if config.get("auth") == "connection":
            text = str(credentials.get("connection_string", ""))
            if not text:
                raise faults.missing_credentials()
            try:
                service = BlobServiceClient.from_connection_string(text, **options)
            except (ValueError, KeyError):
                raise addresses.incomplete("connection string") from None
            addresses.checked_url(service.url.partition("?")[0])
            return service
        url = addresses.checked_url(str(config.get("account_url", "")))
        return BlobServiceClient(url, credential=self._credential(config, credentials), **options)

    def _credential(self, config: Mapping[str, Any], credentials: Mapping[str, Any]) -> Any:
        if config.get("auth") == "identity":
            addresses.require_machine_identity()
            from azure.identity import ManagedIdentityCredential

            client_id = str(config.get("client_id", "")) or None
            self._identity = ManagedIdentityCredential(client_id=client_id)
            return self._identity
        from azure.core.credentials import AzureSasCredential

        token = str(credentials.get("sas", "")).lstrip("?")
        if not token:
            raise faults.missing_credentials()
        if _is_past(token):
            raise faults.expired_credentials()
        return AzureSasCredential(token)


def _failures() -> tuple[type[Exception], ...]:
    """Return what the SDK and the connection below it raise."""
    from azure.core.exceptions import AzureError
    from requests import RequestException

    return (
        AzureError,
        RequestException,
        OSError,
        HTTPException,
        DeliveryRefused,
        DeliveryUnavailable,
    )


def _content(key: str, md5: bytes) -> Any:
    from azure.storage.blob import ContentSettings

    return ContentSettings(content_type=content_type(key), content_md5=bytearray(md5))


def _code(error: Any) -> str:
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def _fault(error: Exception) -> faults.DeliveryFault:
    """Return what an error of the SDK means."""
    if isinstance(error, DeliveryRefused | DeliveryUnavailable):
        return error
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
    from azure.identity import CredentialUnavailableError

    if isinstance(error, CredentialUnavailableError):
        return faults.missing_credentials()
    if isinstance(error, HttpResponseError) and error.status_code:
        code = _code(error)
        if code == "AuthenticationFailed" and _is_expired(error):
            return faults.expired_credentials()
        if code == "AuthorizationFailure" and "failed to authenticate" in str(error.message):
            return faults.wrong_credentials()
        if code == "InvalidOperation" and "MD5" in str(error.message):
            return faults.checksum_differs()  # as the emulator says it
        if code in _BY_CODE:
            return _BY_CODE[code]()
        return faults.by_status(error.status_code)
    if isinstance(error, ClientAuthenticationError):
        return faults.wrong_credentials()
    return faults.by_cause(error)


def _is_past(token: str) -> bool:
    """Say whether a shared access signature ended before now, by its own `se`."""
    ends = parse_qs(token).get("se", [""])[0]
    try:
        moment = datetime.fromisoformat(ends)
    except ValueError:
        return False  # the service itself will say
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment <= timezone.now()


def _is_expired(error: Any) -> bool:
    """Say whether a signature was right once: the service tells so in the detail of its answer."""
    detail = str(getattr(error, "additional_info", "") or "") + str(error.message or "")
    return "specified time frame" in detail or "xpired" in detail or "not valid before" in detail
