"""Small data sets for tests: one CT, MR, ultrasound, capture, report, PDF …, with known identity.

`Markers` draws unique random tokens, so that a test can search logs, databases and outputs for
them: a hit can only be a leak. Objects are those of `studies.demo`, at small sizes.
"""

import datetime as dt
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

from studies.demo import captures, documents, sections
from studies.demo.attributes import add_file_meta, save
from studies.demo.people import Patient, Visit, stable_uid

_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"


def _word() -> str:
    """A pronounceable word that nobody wrote before: 10 letters, about 30 bits."""
    return "".join(
        secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(5)
    ).capitalize()


def _digits(count: int) -> str:
    return str(10 ** (count - 1) + secrets.randbelow(9 * 10 ** (count - 1)))


@dataclass(frozen=True)
class Markers:
    """Unique identity for one test patient and study; every value is findable as it stands."""

    family: str = field(default_factory=lambda: "Q" + _word().lower())
    given: str = field(default_factory=lambda: "X" + _word().lower())
    referrer: str = field(default_factory=lambda: "R" + _word().lower())
    reader: str = field(default_factory=lambda: "D" + _word().lower())
    operator: str = field(default_factory=lambda: "O" + _word().lower())
    institution: str = field(default_factory=lambda: "Hospital " + _word())
    address: str = field(default_factory=lambda: "7 " + _word() + " Street")
    patient_id: str = field(default_factory=lambda: "MR" + _digits(10))
    other_id: str = field(default_factory=lambda: "OT" + _digits(10))
    issuer: str = field(default_factory=lambda: "IS" + _word().upper())
    accession: str = field(default_factory=lambda: "AC" + _digits(10))
    study_id: str = field(default_factory=lambda: "S" + _digits(9))
    phone: str = field(default_factory=lambda: "+00 " + _digits(9))
    station: str = field(default_factory=lambda: "ST" + _word().upper())
    serial: str = field(default_factory=lambda: "SN" + _digits(9))
    birth_date: dt.date = dt.date(1961, 8, 23)
    sex: str = "F"
    at: dt.datetime = dt.datetime(2024, 3, 14, 15, 9, 26)
    study_uid: str = field(default_factory=lambda: stable_uid("test", secrets.token_hex(16)))
    character_set: tuple[str, ...] = ()
    name: str = ""

    @property
    def patient_name(self) -> str:
        """The full Patient Name."""
        return self.name or f"{self.family}^{self.given}"

    def tokens(self) -> tuple[str, ...]:
        """What no log, page, queue or output may hold: every random value."""
        return (
            self.family,
            self.given,
            self.referrer,
            self.reader,
            self.operator,
            self.institution.split()[-1],
            self.address.split()[1],
            self.patient_id,
            self.other_id,
            self.issuer,
            self.accession,
            self.study_id,
            self.phone.split()[-1],
            self.station,
            self.serial,
            self.study_uid,
        )

    def again(self, at: dt.datetime) -> "Markers":
        """Another study of the same patient, at another moment."""
        fresh = Markers()
        return replace(
            self,
            at=at,
            accession=fresh.accession,
            study_id=fresh.study_id,
            study_uid=fresh.study_uid,
        )

    def visit(self, modality: str, description: str = "CT CHEST W CONTRAST 5MM") -> Visit:
        """The visit that the builders of `studies.demo` take."""
        patient = Patient(
            key="test",
            name=self.patient_name,
            patient_id=self.patient_id,
            issuer=self.issuer,
            birth_date=self.birth_date,
            sex=self.sex,
            other_ids=(self.other_id,),
            address=self.address,
            phone=self.phone,
            character_set=self.character_set,
        )
        return Visit(
            key="test",
            patient=patient,
            modality=modality,
            at=self.at,
            description=description,
            accession=self.accession,
            study_id=self.study_id,
            study_uid=self.study_uid,
            frame_uid=stable_uid(self.study_uid, "frame"),
            placer="PL" + self.study_id[1:],
            filler="FL" + self.study_id[1:],
            procedure_id="RP" + self.study_id[1:],
            referrer=f"{self.referrer}^{self.reader}^^Dr",
            reader=f"{self.reader}^Ada^^Dr",
            operator=self.operator,
            institution=self.institution,
            institution_address=self.address,
            station=self.station,
            device_serial=self.serial,
        )


def ct(
    markers: Markers | None = None, *, number: int = 1, size: int = 32, **values: object
) -> Dataset:
    """One CT image; keyword arguments set attributes, None deletes them."""
    visit = (markers or Markers()).visit("CT")
    return _with(sections.ct_slice(visit, number=number, total=30, size=size), values)


def ge_ct(
    markers: Markers | None = None, *, number: int = 1, size: int = 32, **values: object
) -> Dataset:
    """One CT image with GE's private groups."""
    visit = (markers or Markers()).visit("CT")
    return _with(sections.ct_slice(visit, number=number, size=size, vendor="ge"), values)


def mr(
    markers: Markers | None = None, *, number: int = 1, size: int = 32, **values: object
) -> Dataset:
    """One MR image with nested sequences and Siemens private blocks."""
    visit = (markers or Markers()).visit("MR", "MR BRAIN")
    return _with(sections.mr_slice(visit, number=number, size=size), values)


def enhanced_mr(
    markers: Markers | None = None, *, frames: int = 3, size: int = 32, **values: object
) -> Dataset:
    """An Enhanced MR multi-frame image."""
    visit = (markers or Markers()).visit("MR", "MR BRAIN")
    return _with(sections.enhanced_mr(visit, frames=frames, size=size), values)


def pet(
    markers: Markers | None = None, *, number: int = 1, size: int = 32, **values: object
) -> Dataset:
    """One PET image with a radiopharmaceutical start."""
    visit = (markers or Markers()).visit("PT", "PET WHOLE BODY FDG")
    return _with(sections.pet_slice(visit, number=number, size=size), values)


def dx(
    markers: Markers | None = None, *, rows: int = 40, columns: int = 32, **values: object
) -> Dataset:
    """A digital radiograph."""
    visit = (markers or Markers()).visit("DX", "CHEST PA")
    return _with(captures.chest_radiograph(visit, rows=rows, columns=columns), values)


def us(
    markers: Markers | None = None, *, frames: int = 2, rows: int = 120, columns: int = 240,
    **values: object,
) -> Dataset:  # fmt: skip
    """An ultrasound cine in JPEG baseline with the name burnt in; at risk by its modality."""
    visit = (markers or Markers()).visit("US", "ECHO")
    return _with(captures.us_cine(visit, frames=frames, rows=rows, columns=columns), values)


def capture(
    markers: Markers | None = None, *, rows: int = 120, columns: int = 240, **values: object
) -> Dataset:
    """An RGB secondary capture with the name burnt in; at risk by Burned In Annotation."""
    visit = (markers or Markers()).visit("OT", "SCREEN CAPTURE")
    return _with(captures.screen_capture(visit, rows=rows, columns=columns), values)


def sr(markers: Markers | None = None, **values: object) -> Dataset:
    """A Basic Text SR with names in text, PNAME, DATE and UIDREF items."""
    return _with(documents.text_report((markers or Markers()).visit("CT")), values)


def comprehensive_sr(markers: Markers | None = None, **values: object) -> Dataset:
    """A Comprehensive SR with measurements and coordinates."""
    return _with(documents.measurement_report((markers or Markers()).visit("CT")), values)


def pdf(markers: Markers | None = None, *, compress: bool = True, **values: object) -> Dataset:
    """An encapsulated PDF with the patient's name on its page."""
    visit = (markers or Markers()).visit("DOC", "REFERRAL LETTER")
    return _with(documents.letter(visit, compress=compress), values)


KINDS: dict[str, Callable[[Markers], Dataset]] = {
    "ct": ct,
    "ge-ct": ge_ct,
    "mr": mr,
    "enhanced-mr": enhanced_mr,
    "pet": pet,
    "dx": dx,
    "us": us,
    "capture": capture,
    "sr": sr,
    "comprehensive-sr": comprehensive_sr,
    "pdf": pdf,
}


def _with(ds: Dataset, values: dict[str, object]) -> Dataset:
    for keyword, value in values.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def transfer_syntax_of(ds: Dataset) -> str:
    """The transfer syntax an object of these builders is stored in."""
    is_jpeg = "PixelData" in ds and ds["PixelData"].is_undefined_length
    return str(JPEGBaseline8Bit if is_jpeg else ExplicitVRLittleEndian)


def write(ds: Dataset, path: Path, transfer_syntax: str = "") -> Path:
    """Write an object as a part-10 file."""
    return save(ds, path, transfer_syntax or transfer_syntax_of(ds))


def part10(ds: Dataset, transfer_syntax: str = "") -> bytes:
    """An object's part-10 bytes."""
    add_file_meta(ds, transfer_syntax or transfer_syntax_of(ds))
    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def write_series(folder: Path, objects: Iterable[Dataset]) -> list[Path]:
    """Write objects as `IM00001` … into a folder, without extension as old archives do."""
    return [write(ds, folder / f"IM{n:05d}") for n, ds in enumerate(objects, 1)]
