"""Keys in AWS KMS: this process sends a key to be encrypted or decrypted, and never sees KMS's own.

The region, credentials and endpoint are boto3's own settings (AWS_REGION, AWS_PROFILE,
AWS_ENDPOINT_URL_KMS, …). Must not be called inside a database transaction: it is a network call.
"""

import hashlib
from functools import cached_property
from typing import Any

from studies.sealing.errors import KeyMissing, SealedCorrupt, SealError

_CONTEXT = "anonportal"


class KmsKeys:
    """The keys of ANONPORTAL_KMS_KEYS, by their place in it, from 1."""

    def __init__(self, key_ids: tuple[str, ...]) -> None:
        self._ids = key_ids

    @property
    def count(self) -> int:
        """How many keys there are."""
        return len(self._ids)

    def mark(self, version: int) -> bytes:
        """Return four bytes that tell one key id from another."""
        return hashlib.sha256(self._id(version).encode()).digest()[:4]

    def encrypt(self, version: int, key: bytes, context: bytes) -> bytes:
        """Return KMS's ciphertext of a key."""
        answer = self._call(
            "encrypt",
            version,
            Plaintext=key,
            EncryptionContext={_CONTEXT: context.hex()},
        )
        return bytes(answer["CiphertextBlob"])

    def decrypt(self, version: int, sealed: bytes, context: bytes) -> bytes:
        """Return the key that KMS's ciphertext holds."""
        answer = self._call(
            "decrypt",
            version,
            CiphertextBlob=sealed,
            EncryptionContext={_CONTEXT: context.hex()},
        )
        return bytes(answer["Plaintext"])

    def _id(self, version: int) -> str:
        if not 1 <= version <= len(self._ids):
            raise KeyMissing(
                f"key version {version} isn't in ANONPORTAL_KMS_KEYS; put it back in its place"
            )
        return self._ids[version - 1]

    @cached_property
    def _client(self) -> Any:
        # Imported here: a fifth of a second that only an installation with KMS has to pay.
        import boto3

        return boto3.client("kms")

    def _call(self, operation: str, version: int, **arguments: object) -> dict[str, Any]:
        """Ask KMS; an error keeps KMS's code only, as its text may quote what was sent."""
        from botocore.exceptions import BotoCoreError, ClientError

        key_id = self._id(version)
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(KeyId=key_id, **arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            if code in ("InvalidCiphertextException", "IncorrectKeyException"):
                raise SealedCorrupt(
                    f"AWS KMS can't open a key wrapped by version {version} ({code})"
                ) from None
            raise SealError(f"AWS KMS refused key version {version} ({code})") from None
        except BotoCoreError as error:
            kind = type(error).__name__
            raise SealError(f"AWS KMS can't be reached ({kind}); check network and role") from None
        return answer
