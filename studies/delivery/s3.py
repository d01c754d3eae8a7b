"""A bucket as destination: Amazon S3, or what speaks like it (MinIO, Ceph, Wasabi …).

Every transfer carries its SHA-256, which the server checks; where a server answers with an MD5 of
what it holds, that is compared too. An object has its key only once it is whole.
"""

import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from http.client import HTTPException
from typing import Any, BinaryIO
from uuid import UUID

from django.utils.translation import gettext as _

from studies.delivery import addresses, faults
from studies.delivery.base import DeliveryRefused, DeliveryUnavailable, content_type, key_segments
from studies.delivery.blocks import PART, base64_of, md5_of, read_parts, read_whole
from studies.faults import Fault

# Parts of large objects that may be in memory at once, all of them together.
PARTS_IN_MEMORY = 4
_MD5_HEX = 32
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_WRONG = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId"}
_BUSY = {"SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestTimeout"}
_BUSY |= {"TooManyRequests", "RequestLimitExceeded", "503", "429"}
_DIFFERS = {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "IncompleteBody"}
_DIFFERS |= {"XAmzContentChecksumMismatch", "InvalidPart"}
_FULL = {"XMinioStorageFull", "InsufficientStorage", "QuotaExceeded", "507"}
_NO_BUCKET = {"NoSuchBucket", "InvalidBucketName"}
_BY_CODE: tuple[tuple[set[str], Callable[[], faults.DeliveryFault]], ...] = (
    (_EXPIRED, faults.expired_credentials),
    (_WRONG, faults.wrong_credentials),
    (_BUSY, faults.busy),
    (_DIFFERS, faults.checksum_differs),
    (_FULL, faults.full),
    (_NO_BUCKET, faults.no_bucket),
    ({"AccessDenied", "AccessDeniedException", "AllAccessDisabled"}, faults.denied),
    ({"RequestTimeTooSkewed"}, faults.clock_differs),
    ({"EntityTooLarge"}, faults.too_large),
    ({"NoSuchUpload"}, faults.lost),
    ({"PermanentRedirect", "AuthorizationHeaderMalformed"}, faults.wrong_address),
)


def _agrees(answer: Mapping[str, Any], md5: str) -> bool:
    """Tell whether the server's own digest of what it holds, if it gives one, is this one."""
    tag = str(answer.get("ETag", "")).strip('"').lower()
    is_md5 = len(tag) == _MD5_HEX and answer.get("ServerSideEncryption") != "aws:kms"
    return not is_md5 or not md5 or tag == md5


class S3Destination:
    """Delivers into a bucket."""

    def __init__(self, config: Mapping[str, Any], credentials: Mapping[str, Any]) -> None:
        self._bucket = str(config.get("bucket", ""))
        if not self._bucket:
            raise addresses.incomplete("bucket")
        self._prefix = addresses.checked_prefix(str(config.get("folder", "")))
        self._config = config
        self._credentials = credentials
        endpoint = str(config.get("endpoint", ""))
        self._endpoint = addresses.checked_url(endpoint) if endpoint else None
        if config.get("auth") == "role":
            addresses.require_machine_identity()
        elif not (credentials.get("access_key") and credentials.get("secret_key")):
            raise faults.missing_credentials()
        self._trust = addresses.Trust(str(config.get("ca", "")))
        self._made: Any = None
        self._making = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._room = threading.BoundedSemaphore(PARTS_IN_MEMORY)
        self._listing = threading.Lock()
        self._listed: dict[str, set[str] | None] = {}

    def put(
        self, key: str, stream: BinaryIO, size: int, sha256: str, metadata: Mapping[str, str]
    ) -> None:
        """Store an object, checked by the server and by what it answers."""
        name = self._name(key)
        said = dict(metadata) | {"sha256": sha256, "size": str(size)}
        if size <= PART:
            self._put_whole(name, read_whole(stream, size, sha256), sha256, said)
        else:
            self._put_parts(name, stream, size, sha256, said)

    def put_bytes(self, key: str, data: bytes, metadata: Mapping[str, str]) -> None:
        """Store a small object, replacing an older one of the same key."""
        digest = hashlib.sha256(data).hexdigest()
        self._put_whole(self._name(key), data, digest, dict(metadata) | {"sha256": digest})

    def exists(self, key: str, sha256: str) -> bool:
        """Say whether an object with this content is there already."""
        name = self._name(key)
        listed = self._names_beside(name)
        if listed is not None and name not in listed:
            return False
        try:
            found = self._call("head_object", Key=name, ChecksumMode="ENABLED")
        except _Missing:
            return False
        if found["Metadata"].get("size", "") not in ("", str(found["ContentLength"])):
            return False  # some servers keep what was cut short
        if not _agrees(found, str(found["Metadata"].get("md5", ""))):
            return False  # or what was changed on its way, where removing it failed as well
        checksum = str(found.get("ChecksumSHA256", ""))
        is_composite = "-" in checksum or "-" in str(found.get("ETag", ""))
        if checksum and not is_composite:
            return checksum == base64_of(bytes.fromhex(sha256))
        if is_composite:
            # Of an object in parts the server knows a checksum of checksums only. It was made in
            # one step from parts that it checked, with this name for the whole.
            return bool(found["Metadata"].get("sha256") == sha256)
        return self._digest(name) == sha256

    def check(self) -> None:
        """Put, read back and delete a test object."""
        name = addresses.test_key(self._prefix, secrets.token_hex(6))
        data = secrets.token_bytes(1024)
        digest = hashlib.sha256(data).hexdigest()
        self._put_whole(name, data, digest, {"sha256": digest})
        is_same = self._digest(name) == digest
        self._call("delete_object", Key=name)
        if not is_same:
            raise faults.checksum_differs()

    def uri(self, batch_id: UUID) -> str:
        """Return the bucket's folder of a batch."""
        return f"s3://{self._bucket}/{self._prefix}{batch_id}/"

    def close(self) -> None:
        """Close connections and remove what was kept for them."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        if self._made is not None:
            self._made.close()
        self._trust.close()

    # --- objects -------------------------------------------------------------------------------

    def _put_whole(self, name: str, data: bytes, sha256: str, said: Mapping[str, str]) -> None:
        checksum = base64_of(bytes.fromhex(sha256))
        answer = self._call(
            "put_object",
            Key=name,
            Body=data,
            ContentType=content_type(name),
            Metadata={**said, "md5": md5_of(data).hex()},
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=checksum,
            **self._encryption(),
        )
        try:
            if answer.get("ChecksumSHA256", checksum) != checksum:
                raise faults.checksum_differs()
            self._compare_md5(answer, data)
            if "ChecksumSHA256" not in answer and self._digest(name) != sha256:
                raise faults.checksum_differs()
        except DeliveryUnavailable:
            # What isn't right must not be taken for it by the next run, nor by the recipient.
            self._call("delete_object", Key=name)
            raise

    def _put_parts(
        self, name: str, stream: BinaryIO, size: int, sha256: str, said: Mapping[str, str]
    ) -> None:
        begun = self._call(
            "create_multipart_upload",
            Key=name,
            ContentType=content_type(name),
            Metadata=said,
            ChecksumAlgorithm="SHA256",
            **self._encryption(),
        )
        upload = {"Key": name, "UploadId": begun["UploadId"]}
        try:
            parts = self._send_parts(upload, stream, size, sha256)
            self._call("complete_multipart_upload", MultipartUpload={"Parts": parts}, **upload)
        except BaseException:
            with suppress(Fault, _Missing):
                # What can't be removed now, the bucket's own rule for unfinished uploads removes.
                self._call("abort_multipart_upload", **upload)
            raise

    def _send_parts(
        self, upload: Mapping[str, Any], stream: BinaryIO, size: int, sha256: str
    ) -> list[dict[str, Any]]:
        """Send the parts, a few at a time; no more of them are in memory than that."""
        pool = self._workers()
        parts = read_parts(stream, size, sha256)
        running: list[Future[dict[str, Any]]] = []
        try:
            while True:
                self._room.acquire()
                data = _next(parts, self._room)
                if data is None:
                    break
                future = pool.submit(self._send_part, upload, len(running) + 1, data)
                future.add_done_callback(lambda _done: self._room.release())
                running.append(future)
                del data
            return [future.result() for future in running]
        except BaseException:
            for future in running:
                future.cancel()
            wait(running)
            raise

    def _send_part(self, upload: Mapping[str, Any], number: int, data: bytes) -> dict[str, Any]:
        checksum = base64_of(hashlib.sha256(data).digest())
        answer = self._call(
            "upload_part",
            PartNumber=number,
            Body=data,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=checksum,
            **upload,
        )
        if answer.get("ChecksumSHA256", checksum) != checksum:
            raise faults.checksum_differs()
        self._compare_md5(answer, data)
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

    def _compare_md5(self, answer: Mapping[str, Any], data: bytes) -> None:
        """Compare the server's own digest of what it holds, where its answer has one."""
        if not _agrees(answer, md5_of(data).hex()):
            raise faults.checksum_differs()

    def _digest(self, name: str) -> str:
        """Read an object back and return its SHA-256, or nothing where it isn't there."""
        from botocore.exceptions import BotoCoreError, FlexibleChecksumError

        digest = hashlib.sha256()
        try:
            with closing(self._call("get_object", Key=name)["Body"]) as body:
                for block in body.iter_chunks(1 << 20):
                    digest.update(block)
        except _Missing:
            return ""
        except FlexibleChecksumError:
            raise faults.checksum_differs() from None
        except (BotoCoreError, OSError, HTTPException) as error:
            raise faults.by_cause(error) from None
        return digest.hexdigest()

    def _names_beside(self, name: str) -> set[str] | None:
        """Return the keys of a series, asked for once; None where listing isn't allowed."""
        folder = name.rpartition("/")[0] + "/"
        with self._listing:
            if folder not in self._listed:
                self._listed[folder] = self._list(folder)
            return self._listed[folder]

    def _list(self, folder: str) -> set[str] | None:
        names: set[str] = set()
        following: dict[str, str] = {}
        while True:
            try:
                found = self._call("list_objects_v2", Prefix=folder, **following)
            except DeliveryRefused as fault:
                if fault.code == "destination-denied":
                    return None
                raise
            names.update(entry["Key"] for entry in found.get("Contents", []))
            if not found.get("IsTruncated"):
                return names
            following = {"ContinuationToken": found["NextContinuationToken"]}

    def _name(self, key: str) -> str:
        return self._prefix + "/".join(key_segments(key))

    def _encryption(self) -> dict[str, str]:
        kind = str(self._config.get("encryption", ""))
        if not kind:
            return {}
        values = {"ServerSideEncryption": kind}
        if kind == "aws:kms" and self._config.get("kms_key"):
            values["SSEKMSKeyId"] = str(self._config["kms_key"])
        return values

    # --- the client ----------------------------------------------------------------------------

    def _call(self, operation: str, **values: Any) -> Any:
        """Call the bucket; make it once, where it is missing and that is allowed."""
        try:
            return self._once(operation, **values)
        except DeliveryRefused as fault:
            if fault.code != "bucket-missing" or not self._config.get("create"):
                raise
        self._make_bucket()
        return self._once(operation, **values)

    def _once(self, operation: str, **values: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client(), operation)(Bucket=self._bucket, **values)
        except ClientError as error:
            raise _fault(error, operation) from None
        except (BotoCoreError, OSError, HTTPException) as error:
            raise _transport_fault(error) from None

    def _make_bucket(self) -> None:
        region = str(self._config.get("aws_region", "") or "us-east-1")
        where: dict[str, Any] = {}
        if region != "us-east-1":
            where["CreateBucketConfiguration"] = {"LocationConstraint": region}
        try:
            self._once("create_bucket", **where)
        except _Taken:
            # Another run made it in the same moment; the next call tells if it isn't ours.
            return

    def _workers(self) -> ThreadPoolExecutor:
        with self._making:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(PARTS_IN_MEMORY, "s3-part")
            return self._pool

    def _client(self) -> Any:
        with self._making:
            if self._made is None:
                self._made = self._connect("s3", self._keys())
            return self._made

    def _keys(self) -> dict[str, Any]:
        """Return the keys to sign with; none means the machine's own identity."""
        if self._config.get("auth") != "role":
            return {
                "aws_access_key_id": self._credentials["access_key"],
                "aws_secret_access_key": self._credentials["secret_key"],
                "aws_session_token": self._credentials.get("session_token") or None,
            }
        role = str(self._config.get("role_arn", ""))
        if not role:
            return {}
        asked: dict[str, str] = {"RoleArn": role, "RoleSessionName": "anonportal"}
        if self._credentials.get("external_id"):
            asked["ExternalId"] = self._credentials["external_id"]
        given = self._connect("sts", {}).assume_role(**asked)["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def _connect(self, service: str, keys: Mapping[str, Any]) -> Any:
        # Imported here: a third of a second that only deliveries to a bucket have to pay.
        import boto3
        from botocore.config import Config

        config = Config(
            signature_version="s3v4" if service == "s3" else None,
            connect_timeout=addresses.CONNECT_SECONDS,
            read_timeout=addresses.ANSWER_SECONDS,
            retries={"total_max_attempts": 2, "mode": "standard"},
            max_pool_connections=32,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if self._config.get("path_style") else "auto"},
        )
        return boto3.session.Session().client(
            service,
            region_name=str(self._config.get("aws_region", "") or "us-east-1"),
            endpoint_url=self._endpoint if service == "s3" else None,
            verify=self._trust.verify,
            config=config,
            **keys,
        )


def _next(parts: Iterator[bytes], room: threading.BoundedSemaphore) -> bytes | None:
    """Read the next part; give the room back where there is none."""
    try:
        data = next(parts, None)
    except BaseException:
        room.release()
        raise
    if data is None:
        room.release()
    return data


class _Missing(Exception):
    """There is no such object."""


class _Taken(Exception):
    """There is such a bucket already."""


def _fault(error: Any, operation: str) -> Exception:
    """Return what an answer of the server means."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in ("NoSuchKey", "NotFound") or (code == "404" and operation == "head_object"):
        return _Missing()
    if code in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists", "OperationAborted"):
        return _Taken()
    if code.startswith(("KMS", "Kms")):
        return faults.no_encryption_key()
    for codes, make in _BY_CODE:
        if code in codes:
            return make()
    return faults.by_status(status)


def _transport_fault(error: Exception) -> faults.DeliveryFault:
    from botocore import exceptions

    if isinstance(error, exceptions.ParamValidationError):
        # Each value but these two is the portal's own.
        return addresses.incomplete(_("the name of the bucket or of the key isn't a valid one"))
    if isinstance(
        error,
        exceptions.NoCredentialsError
        | exceptions.PartialCredentialsError
        | exceptions.CredentialRetrievalError
        | exceptions.MetadataRetrievalError,
    ):
        return faults.missing_credentials()
    return faults.by_cause(error)
