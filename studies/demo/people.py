"""The invented people, places and visits of the demo studies, and the values that identify them.

Every name says in its own language that nobody bears it (架空 "fictional", 假名 "pseudonym",
"Vydumannyj" "made up"), so that a demo study can't be taken for a real one. No DICOM objects here.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

UID_ROOT = "1.2.826.0.1.3680043.8.498."


@dataclass(frozen=True)
class Patient:
    """One invented person, as a hospital's registration would know them."""

    key: str
    name: str
    patient_id: str
    issuer: str
    birth_date: dt.date
    sex: str
    other_ids: tuple[str, ...] = ()
    address: str = ""
    phone: str = ""
    birth_name: str = ""
    mother: str = ""
    size: str = "1.70"
    weight: str = "71"
    character_set: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The family name in the first group of the name, as it is written in prose."""
        return self.name.split("=")[0].split("^")[0]

    @property
    def given(self) -> str:
        """The given name in the first group of the name."""
        return [*self.name.split("=")[0].split("^"), ""][1]

    def age(self, on: dt.date) -> str:
        """The age as DICOM writes it (AS), in whole years, on a date."""
        had_birthday = (on.month, on.day) >= (self.birth_date.month, self.birth_date.day)
        return f"{on.year - self.birth_date.year - (not had_birthday):03d}Y"


@dataclass(frozen=True)
class Visit:
    """One imaging study of a patient: when, where, who asked for it and under which numbers."""

    key: str
    patient: Patient
    modality: str
    at: dt.datetime
    description: str
    accession: str
    study_id: str
    study_uid: str
    frame_uid: str
    placer: str
    filler: str
    procedure_id: str
    referrer: str = "Quibbleworth^Thaddeus^^Dr"
    reader: str = "Nonbeing^Hildegard^^Dr"
    operator: str = "Figmentova^Olga"
    institution: str = "Nowhere General Hospital"
    institution_address: str = "1 Imaginary Way, 00000 Nowhere"
    department: str = "Radiology North"
    station: str = "NGHSTATION7"
    device_serial: str = "SN0000000"
    body_part: str = "CHEST"

    def uid(self, label: str) -> str:
        """A UID that belongs to this visit, the same for the same label."""
        return stable_uid(self.study_uid, label)

    @property
    def date(self) -> str:
        """The study date as DICOM writes it (DA)."""
        return f"{self.at:%Y%m%d}"

    @property
    def time(self) -> str:
        """The study time as DICOM writes it (TM)."""
        return f"{self.at:%H%M%S}"

    def later(self, seconds: float) -> dt.datetime:
        """A moment of this visit, some seconds after its start."""
        return self.at + dt.timedelta(seconds=seconds)


@dataclass(frozen=True)
class Markers:
    """What identifies a study's people, by kind, as decoded text: what a leak would show."""

    names: tuple[str, ...]
    ids: tuple[str, ...]
    dates: tuple[str, ...]
    uids: tuple[str, ...]
    institutions: tuple[str, ...]
    contacts: tuple[str, ...]

    def __iter__(self) -> Iterator[str]:
        """Every value, each once, in a fixed order."""
        groups = (self.names, self.ids, self.dates, self.uids, self.institutions, self.contacts)
        return iter(dict.fromkeys(value for group in groups for value in group))


def stable_uid(*parts: object) -> str:
    """A UID made of what it stands for, so that the same seed gives the same study."""
    digest = hashlib.sha512("/".join(map(str, parts)).encode()).digest()
    return UID_ROOT + str(int.from_bytes(digest[:15], "big"))


def name_parts(name: str) -> tuple[str, ...]:
    """A person name's groups and its components longer than one letter, without carets."""
    groups = [group for group in name.split("=") if group]
    parts = [part for group in groups for part in group.split("^") if len(part) > 1]
    return tuple(dict.fromkeys([*groups, *(part for part in parts if part != "Dr")]))


def markers_of(visit: Visit, instance_uids: tuple[str, ...]) -> Markers:
    """Collect the identifying values of one visit, for tests and for people who check a demo."""
    patient = visit.patient
    people = (patient.name, patient.birth_name, patient.mother)
    staff = (visit.referrer, visit.reader, visit.operator)
    names = tuple(part for name in (*people, *staff) for part in name_parts(name))
    return Markers(
        names=tuple(dict.fromkeys(names)),
        ids=(
            patient.patient_id,
            *patient.other_ids,
            visit.accession,
            visit.study_id,
            visit.placer,
            visit.filler,
            visit.procedure_id,
        ),
        dates=(f"{patient.birth_date:%Y%m%d}", visit.date),
        uids=(visit.study_uid, visit.frame_uid, *instance_uids),
        institutions=(visit.institution, visit.department, visit.station),
        contacts=tuple(v for v in (patient.address, patient.phone, visit.institution_address) if v),
    )


class Numbers:
    """Digits drawn from a seed: the same label and seed give the same number."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def digits(self, label: str, count: int) -> str:
        """A number of `count` digits with no leading zero."""
        raw = hashlib.sha256(f"{self.seed}/{label}".encode()).digest()
        value = int.from_bytes(raw, "big") % (9 * 10 ** (count - 1))
        return str(10 ** (count - 1) + value)

    def day(self, label: str, spread: int) -> dt.timedelta:
        """Some days, fewer than `spread`."""
        return dt.timedelta(days=int(self.digits(label, 9)) % spread)


_LATIN = ("ISO_IR 100",)
_PATIENTS = (
    Patient("amelia", "Fauxwell^Amelia^Grace", "", "NOWHERE", dt.date(1968, 4, 17), "F",
            address="12 Pretend Lane, 00001 Nowhere", phone="+00 555 010 4417",
            birth_name="Mocksworth^Amelia", mother="Mocksworth^Beatrix", size="1.68", weight="64"),
    Patient("taro", "Kakuu^Tarou=架空^太郎=かくう^たろう", "", "TOKYO-DEMO",
            dt.date(1979, 11, 3), "M", weight="70", character_set=("", "ISO 2022 IR 87")),
    Patient("maria", "Inventado Núñez^María José", "", "NOWHERE", dt.date(1985, 7, 22), "F",
            address="Calle Ficción 8, 00002 Ningún Lugar", phone="+00 555 010 8822",
            weight="58", character_set=_LATIN),
    Patient("lucja", "Zmyślona^Łucja", "", "NOWHERE", dt.date(1990, 2, 9), "F",
            weight="61", character_set=("ISO_IR 192",)),
    Patient("pyotr", "Выдуманный^Пётр^Иванович", "", "NOWHERE", dt.date(1931, 3, 5), "M",
            weight="77", character_set=("ISO_IR 144",)),
    Patient("shili", "Jiaming^Shili=假名^示例", "", "NOWHERE", dt.date(1972, 9, 30), "M",
            weight="82", character_set=("GB18030",)),
    Patient("nora", "Imaginarova^Nora^^Mrs", "", "NOWHERE", dt.date(1958, 12, 1), "F",
            phone="+00 555 010 5812", weight="66"),
    Patient("edgar", "Nonesuch^Edgar", "", "NOWHERE", dt.date(1949, 6, 14), "M", weight="80"),
)  # fmt: skip


def patients(numbers: Numbers) -> dict[str, Patient]:
    """The invented people, with ids that depend on the seed."""
    known = {}
    for person in _PATIENTS:
        known[person.key] = replace(
            person,
            patient_id="DM" + numbers.digits(f"{person.key}/id", 8),
            other_ids=("OLD" + numbers.digits(f"{person.key}/old", 7),),
        )
    return known


def visit(
    numbers: Numbers,
    key: str,
    patient: Patient,
    modality: str,
    at: dt.datetime,
    description: str,
    **details: str,
) -> Visit:
    """One visit whose numbers, day and UIDs depend on the seed and on its key."""
    uid = stable_uid(numbers.seed, key, "study")
    return Visit(
        key=key,
        patient=patient,
        modality=modality,
        at=at + numbers.day(f"{patient.key}/day", 300),
        description=description,
        accession="AC" + numbers.digits(f"{key}/accession", 9),
        study_id="S" + numbers.digits(f"{key}/study", 7),
        study_uid=uid,
        frame_uid=stable_uid(uid, "frame"),
        placer="PL" + numbers.digits(f"{key}/placer", 7),
        filler="FL" + numbers.digits(f"{key}/filler", 7),
        procedure_id="RP" + numbers.digits(f"{key}/procedure", 7),
        device_serial="SN" + numbers.digits(f"{key}/serial", 7),
        **details,
    )
