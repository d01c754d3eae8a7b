"""A cheap look at one file for intake: which study, which patient, how large. Writes nothing."""

from typing import BinaryIO, NamedTuple

from .charset import Charset
from .dataset import StructError
from .errors import Held
from .opening import look
from .source import Source


class Inventory(NamedTuple):
    """What a file says about itself. Patient data: seal it, never log it."""

    sop_class_uid: str
    transfer_syntax_uid: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    modality: str
    series_number: int | None
    instance_number: int | None
    body_part: str
    patient_id: str
    issuer: str
    patient_name: str
    patient_birth_date: str
    patient_sex: str
    accession_number: str
    study_date: str
    study_time: str
    study_description: str
    series_description: str
    institution_name: str
    rows: int | None = None
    columns: int | None = None
    frames: int = 1
    has_pixels: bool = False

    def __repr__(self) -> str:
        return f"<Inventory of a {self.modality}>"


def inventory(reader: BinaryIO) -> Inventory:
    """Read the header of one file; raise EngineError for what cannot be read."""
    try:
        meta, found, _source = look(Source(reader))
    except (StructError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise Held("unreadable", "The file can't be read with certainty.") from error
    charset = Charset.of(found.raw.get(0x00080005, b""))

    def text(tag: int, vr: bytes = b"LO") -> str:
        raw = found.raw.get(tag, b"")
        return charset.decode(raw, vr).strip(" \0") if raw else ""

    return Inventory(
        sop_class_uid=text(0x00080016),
        transfer_syntax_uid=meta.transfer_syntax,
        study_instance_uid=text(0x0020000D),
        series_instance_uid=text(0x0020000E),
        sop_instance_uid=text(0x00080018),
        modality=text(0x00080060),
        series_number=found.integer(0x00200011),
        instance_number=found.integer(0x00200013),
        body_part=text(0x00180015),
        patient_id=text(0x00100020),
        issuer=text(0x00100021),
        patient_name=text(0x00100010, b"PN"),
        patient_birth_date=text(0x00100030),
        patient_sex=text(0x00100040),
        accession_number=text(0x00080050),
        study_date=text(0x00080020),
        study_time=text(0x00080030),
        study_description=text(0x00081030),
        series_description=text(0x0008103E),
        institution_name=text(0x00080080),
        rows=found.number(0x00280010),
        columns=found.number(0x00280011),
        frames=found.integer(0x00280008) or 1,
        has_pixels=found.pixel is not None,
    )
