"""Who someone is on the other side: the protocol, and an implementation that stores nothing.

The portal's vault implements the same protocol with random ids in a database. Nothing here is
derived without a key: id numbers can be counted through.
"""

import hmac
import unicodedata
from typing import Literal, Protocol

from .cloudid import new_cloud_id
from .errors import Held

Scheme = Literal["patient", "study"]

_PLACEHOLDERS = frozenset(
    [
        "ANON",
        "ANONYM",
        "ANONYMOUS",
        "ANONYMIZED",
        "ANONYMISED",
        "DEFAULT",
        "DEIDENTIFIED",
        "DUMMY",
        "EMPTY",
        "N/A",
        "NA",
        "NAN",
        "NIL",
        "NN",
        "NO",
        "NOID",
        "NOTAVAILABLE",
        "NONE",
        "NOPATIENTID",
        "NULL",
        "PATIENT",
        "PATIENTID",
        "PID",
        "TBD",
        "TEST",
        "UNDEFINED",
        "UNIDENTIFIED",
        "UNKNOWN",
        "UNSPECIFIED",
        "X",
        "XX",
        "XXX",
        "XXXX",
        "XXXXX",
    ]
)
_STRIP = str.maketrans("", "", " \t\0-_.^*?#")


class Identities(Protocol):
    """Where the engine gets pseudonyms from. Stable within one linkage domain."""

    @property
    def prefix(self) -> str:
        """What stands before cloud ids in Patient ID: 2 to 16 of A-Z and 0-9."""

    @property
    def scheme(self) -> Scheme:
        """Which cloud id Patient ID and Patient's Name carry."""

    def patient(self, patient_id: str, issuer: str) -> str:
        """Return the 13-character cloud patient id."""

    def study(self, study_uid: str, patient: str) -> str:
        """Return the 13-character cloud study id of a study of the cloud patient `patient`."""

    def uid(self, uid: str) -> str:
        """Return the UID that stands for `uid`."""

    def date_shift(self, patient: str) -> int:
        """Return by how many whole days dates of this cloud patient go back, 1 to 3650."""


def normalise_patient_id(value: str, issuer: str) -> tuple[str, str]:
    """Return the form in which two spellings of one patient id and issuer are equal."""
    fold = unicodedata.normalize("NFKC", value).strip(" \0").upper()
    return fold, unicodedata.normalize("NFKC", issuer).strip(" \0").upper()


def is_placeholder_id(value: str) -> bool:
    """Tell whether a patient id says nothing: empty, UNKNOWN, 0, XXXX and their like."""
    folded = normalise_patient_id(value, "")[0].translate(_STRIP)
    return not folded or folded in _PLACEHOLDERS or set(folded) <= {"0"} or set(folded) <= {"9"}


def require_patient_id(value: str) -> None:
    """Stop at a patient id that would merge strangers."""
    if is_placeholder_id(value):
        raise Held(
            "patient-id-missing",
            "The Patient ID is empty or a placeholder; enter the patient's own id to go on.",
            "(0010,0020)",
        )


class KeyedIdentities:
    """Pseudonyms computed from a secret key: the same key gives the same ids, nothing is stored."""

    def __init__(self, key: bytes, prefix: str = "ANON", scheme: Scheme = "patient") -> None:
        if len(key) < 16:
            raise ValueError("the key needs at least 16 bytes")
        if not (2 <= len(prefix) <= 16 and prefix.isascii() and prefix.isalnum()):
            raise ValueError("the prefix is 2 to 16 letters and digits")
        if prefix != prefix.upper():
            raise ValueError("the prefix is upper case")
        self.prefix = prefix
        self.scheme: Scheme = scheme
        self._patient_key = _subkey(key, b"patient")
        self._study_key = _subkey(key, b"study")
        self._uid_key = _subkey(key, b"uid")
        self._date_key = _subkey(key, b"date")
        self._uids: dict[str, str] = {}
        self._patients: dict[tuple[str, str], str] = {}
        self._studies: dict[tuple[str, str], str] = {}

    def patient(self, patient_id: str, issuer: str) -> str:
        """Return the cloud patient id of this patient id of this issuer."""
        key = (patient_id, issuer)
        known = self._patients.get(key)
        if known is None:
            require_patient_id(patient_id)
            text = "\0".join(normalise_patient_id(patient_id, issuer))
            known = self._patients[key] = _cloud_id(self._patient_key, text)
        return known

    def study(self, study_uid: str, patient: str) -> str:
        """Return the cloud study id of this study of this cloud patient."""
        key = (study_uid, patient)
        known = self._studies.get(key)
        if known is None:
            known = self._studies[key] = _cloud_id(self._study_key, f"{study_uid}\0{patient}")
        return known

    def uid(self, uid: str) -> str:
        """Return `2.25.` and 128 bits that stand for `uid`."""
        known = self._uids.get(uid)
        if known is None:
            if len(self._uids) >= 200_000:
                self._uids.clear()
            digest = hmac.digest(self._uid_key, uid.encode(), "sha256")
            known = self._uids[uid] = f"2.25.{int.from_bytes(digest[:16], 'big')}"
        return known

    def date_shift(self, patient: str) -> int:
        """Return this patient's number of days, 1 to 3650."""
        digest = hmac.digest(self._date_key, patient.encode(), "sha256")
        return int.from_bytes(digest[:8], "big") % 3650 + 1


def _subkey(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, b"anonportal/" + purpose, "sha256")


def _cloud_id(key: bytes, text: str) -> str:
    digest = hmac.digest(key, text.encode(), "sha256")
    return new_cloud_id(int.from_bytes(digest[:8], "big") >> 4)
