"""One instance from reader to writer: look, decide, rewrite, catch, verify, pass the pixels.

`deidentify` never raises for what the data hold; it says in an `Outcome` what became of them.
Faults of the reader, the writer or the identities are not the data's: those are raised.
"""

import datetime
import zlib
from functools import lru_cache
from typing import BinaryIO

from .bigendian import ByteOrder, to_big_endian
from .charset import Charset
from .dataset import NeedMore, StructError, truncated
from .deflated import Inflater
from .errors import EngineError, Held, Unsupported
from .filemeta import EXPLICIT_LE, FileMeta, file_meta, read_file_meta
from .identifying import IdentifyingValues
from .identities import Identities, is_placeholder_id
from .leaks import shifted_dates
from .marks import (
    IDENTITY_REMOVED,
    METHOD,
    TEMPORAL,
    equipment_element,
    equipment_item,
    mark_elements,
)
from .net import Net
from .outcome import Changes, Outcome
from .pixels import write_with_pixels
from .plan import CONTRIBUTING_EQUIPMENT, FIXED, IDENTIFYING, Plan
from .private import CHARACTERISTICS, characteristics
from .rewrite import Rewriter
from .risk import evidence
from .source import Sink, Source
from .survey import Survey, survey
from .text import TextCleaner
from .verify import Expectation, verify

_KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104."
_VRS = {0x00080050: "SH", 0x00080080: "LO", 0x00100010: "PN", 0x00100020: "LO", 0x00200010: "SH"}
_NAMES = (
    *(0x00100010, 0x00101001, 0x00101005, 0x00101060, 0x00080090, 0x00081048, 0x00081050),
    *(0x00081060, 0x00081070, 0x00321032, 0x00401010, 0x00102297, 0x00402008),
)
_DATES = (0x00080020, 0x00080021, 0x00080022, 0x00080023, 0x0008002A)
_PATIENT = {
    "PatientID": 0x00100020,
    "IssuerOfPatientID": 0x00100021,
    "OtherPatientIDs": 0x00101000,
    "PatientName": 0x00100010,
    "PatientBirthDate": 0x00100030,
    "PatientSex": 0x00100040,
}
_STUDY = {
    "StudyInstanceUID": 0x0020000D,
    "AccessionNumber": 0x00080050,
    "IssuerOfAccessionNumber": 0x00080051,
    "StudyID": 0x00200010,
    "PlacerOrderNumber": 0x00402016,
    "FillerOrderNumber": 0x00402017,
    "RequestedProcedureID": 0x00401001,
    "ReferringPhysicianName": 0x00080090,
    "StudyDate": 0x00080020,
    "StudyTime": 0x00080030,
    "SpecificCharacterSet": 0x00080005,
}
_TYPE_1 = frozenset((0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00100020))
_TYPE_2 = frozenset((0x00100010, 0x00080050, 0x00200010))
_MAX_IDENTIFYING = 16 * 1024  # bytes of distinct values; looking for them costs their product
_MAX_CLEAN = 20_000
_DUMMY_DATES = frozenset(("19000101",))
_ENGINE_FAULTS = (
    StructError,
    ValueError,
    IndexError,
    KeyError,
    OverflowError,
    RecursionError,
    zlib.error,
)


def deidentify(
    reader: BinaryIO,
    writer: BinaryIO,
    plan: Plan,
    identities: Identities,
    *,
    patient: tuple[str, str] | None = None,
    stamp: datetime.date | None = None,
) -> Outcome:
    """De-identify the instance that `reader` holds and write it to `writer`.

    Unless the outcome's state is "deidentified", the caller discards what was written.
    `patient` is an id and its issuer that a person entered in place of the data set's own.
    """
    outcome = Outcome()
    try:
        _Instance(reader, writer, plan, identities, outcome, patient, stamp).process()
    except EngineError as error:
        outcome.state = "held" if error.state == "held" else "refused"
        outcome.code, outcome.where, outcome.message = error.code, error.where, error.message
    except _ENGINE_FAULTS:
        outcome.state, outcome.code = "held", "unreadable"
        outcome.message = "The file can't be read with certainty. Have the source write it anew."
    return outcome


class _Instance:
    """One instance in work."""

    def __init__(
        self,
        reader: BinaryIO,
        writer: BinaryIO,
        plan: Plan,
        identities: Identities,
        outcome: Outcome,
        patient: tuple[str, str] | None,
        stamp: datetime.date | None,
    ) -> None:
        self.source = Source(reader)
        self.sink = Sink(writer)
        self.plan = plan
        self.identities = identities
        self.outcome = outcome
        self.patient = patient
        self.stamp = stamp

    def process(self) -> None:
        """Run all steps; raise EngineError where the instance must not pass."""
        meta, found, source = look(self.source)
        charset = Charset.of(found.raw.get(0x00080005, b""))
        self._describe(meta, found)
        iod = self.plan.for_class(self.outcome.sop_class_uid)
        run = Rewriter(
            found.buf,
            self.plan,
            iod,
            self._uid,
            charset=charset,
            explicit=meta.explicit,
        )
        run.groups = found.groups
        self._identify(found, charset, run)
        self._originals(found, charset, run)
        self._stop_at_what_is_unchecked(found)
        known = self._values(found, charset, run)
        if self.plan.cleans_text or self.plan.cleans_content:
            run.cleaner = self._cleaner(known, run.shift_days, patterns=True)
        self._require(found, run)
        run.run(found.start, found.end)
        if run.kept_private:
            block = characteristics(run.kept_private, meta.explicit)
            offset = run.offsets[CHARACTERISTICS]
            run.out[offset:offset] = block
        header = self._second_net(run, known, charset, meta)
        self._finish_originals(found, run)
        head = file_meta(
            self.outcome.sop_class_uid, meta.transfer_syntax, self.outcome.sop_instance_uid
        )
        body = to_big_endian(bytes(header)) if meta.is_big_endian else bytes(header)
        if meta.is_deflated:
            self.sink.write(head)
            self.sink.deflate()
        first = body if meta.is_deflated else head + body
        tail, markers = write_with_pixels(source, self.sink, first, meta, found, run)
        self.sink.finish()
        self._verify(head + body, tail, markers, run, meta)
        self.outcome.size = self.sink.size
        self.outcome.sha256 = self.sink.sha256
        self.outcome.changes = Changes(run.log)

    # Who it is ------------------------------------------------------------------------------

    def _describe(self, meta: FileMeta, found: Survey) -> None:
        outcome, text = self.outcome, found.text
        outcome.transfer_syntax_uid = meta.transfer_syntax
        outcome.sop_class_uid = text(0x00080016)
        outcome.modality = text(0x00080060)[:16]
        outcome.series_number = found.integer(0x00200011)
        outcome.instance_number = found.integer(0x00200013)
        outcome.body_part = text(0x00180015)[:16]
        for tag in (0x00080018, 0x0020000D, 0x0020000E):
            if not text(tag):
                raise Unsupported(
                    "uid-missing",
                    "SOP, Series or Study Instance UID is missing; nothing can be tied to it.",
                    f"({tag >> 16:04X},{tag & 0xFFFF:04X})",
                )

    def _uid(self, uid: str) -> str:
        return self.identities.uid(uid)

    def _identify(self, found: Survey, charset: Charset, run: Rewriter) -> None:
        outcome, identities = self.outcome, self.identities
        if self.patient is not None:
            patient_id, issuer = self.patient
        else:
            patient_id = charset.decode(found.raw.get(0x00100020, b""), b"LO").strip(" \0")
            issuer = charset.decode(found.raw.get(0x00100021, b""), b"LO").strip(" \0")
        if is_placeholder_id(patient_id):
            raise Held(
                "patient-id-missing",
                "The Patient ID is empty or a placeholder; enter the patient's own id to go on.",
                "(0010,0020)",
            )
        cloud_patient = outcome.cloud_patient_id = identities.patient(patient_id, issuer)
        study_uid = found.text(0x0020000D)
        cloud_study = outcome.cloud_study_id = identities.study(study_uid, cloud_patient)
        if self.plan.needs_shift:
            run.shift_days = identities.date_shift(cloud_patient)
        outcome.study_instance_uid = self._new(0x0020000D, found, run)
        outcome.series_instance_uid = self._new(0x0020000E, found, run)
        outcome.sop_instance_uid = self._new(0x00080018, found, run)
        shown = cloud_patient if identities.scheme == "patient" else cloud_study
        prefix = identities.prefix
        run.fixed = fixed_values(prefix, shown, cloud_study)
        run.templates = {
            "cloud_patient_id": cloud_patient,
            "cloud_study_id": cloud_study,
            "prefix": prefix,
        }
        run.is_key_object = outcome.sop_class_uid == _KEY_OBJECT

    def _new(self, tag: int, found: Survey, run: Rewriter) -> str:
        """Return the UID that the output has in place of one of the object's own."""
        if self.plan.keeps_uids:
            return found.text(tag)
        return run.map_uid(found.raw[tag]).decode("ascii")

    def _stop_at_what_is_unchecked(self, found: Survey) -> None:
        if self.outcome.sop_class_uid.startswith(_DOCUMENTS) or 0x00420011 in found.raw:
            raise Held(
                "document-unchecked",
                "The instance holds an encapsulated document, whose text was not checked.",
                "(0042,0011)",
            )
        if found.pixel is None:
            if found.raw.get(0x00280010):
                raise Held(
                    "pixels-missing",
                    "The object describes an image and has no pixels; the file may be cut off.",
                    "(7FE0,0010)",
                )
            return
        self.outcome.risk = evidence(found)
        if self.outcome.risk is not None:
            raise Held(
                "pixel-text-unchecked",
                "The image may show text and was not checked for it: "
                + "; ".join(self.outcome.risk.reasons)
                + ".",
                "(7FE0,0010)",
            )

    # What must not be found -------------------------------------------------------------------

    def _values(
        self, found: Survey, charset: Charset, run: Rewriter
    ) -> tuple[tuple[str, bytes], ...]:
        plan, raw = self.plan, found.raw
        values: list[tuple[str, bytes]] = [("name", raw[tag]) for tag in _NAMES if raw.get(tag)]
        for tag, kind in IDENTIFYING.items():
            value = raw.get(tag)
            if value and not self._is_retained(kind):
                values.append((kind, value))
        if not plan.keeps_dates:
            values += [("date", raw[tag][:8]) for tag in _DATES if raw.get(tag)]
        if self.patient is not None:
            values.append(("id", charset.encode(self.patient[0], b"LO")))
        return tuple(values)

    def _is_retained(self, kind: str) -> bool:
        return (kind == "institution" and self.plan.keeps_institution) or (
            kind == "device" and self.plan.keeps_device
        )

    def _cleaner(
        self, known: tuple[tuple[str, bytes], ...], shift_days: int, *, patterns: bool
    ) -> TextCleaner:
        shift = shift_days if self.plan.shifts_dates else None
        return text_cleaner(self._charset_key, known, shift, self.plan.keeps_dates, patterns)

    def _second_net(
        self,
        run: Rewriter,
        known: tuple[tuple[str, bytes], ...],
        charset: Charset,
        meta: FileMeta,
    ) -> bytearray:
        extra = dict.fromkeys((kind, raw) for kind, raw in run.found if not self._is_retained(kind))
        known = tuple(dict.fromkeys((*known, *extra)))
        self._expected = decoded_values(self._charset_key, known)
        cleaner = self._cleaner(known, run.shift_days, patterns=False)
        if not suspicious(run.texts, clean_texts(self._charset_key, known), cleaner, charset):
            return run.out
        net = Net(bytes(run.out), cleaner, charset, explicit=meta.explicit)
        cleaned = net.cleaned()
        run.log += [(path, tag, "C", "second net") for path, tag in net.caught]
        return cleaned

    def _verify(
        self, header: bytes, tail: bytes, markers: list[bytes], run: Rewriter, meta: FileMeta
    ) -> None:
        plan = self.plan
        expect = Expectation(
            values=self._expected,
            uids=frozenset() if plan.keeps_uids else searchable_uids(run.uids),
            allowed_dates=self._dates_sent_out(run),
            own=own_texts(tuple(run.fixed.values())),
            marks=required_marks(plan),
            type1=_TYPE_1,
            type2=_TYPE_2,
            uids_retained=plan.keeps_uids,
            private_allowed=plan.keeps_safe_private or bool(plan.private_rules),
            sop_instance_uid=self.outcome.sop_instance_uid,
            charset=self._charset_key,
        )
        verify(
            expect,
            header=header,
            tail=tail,
            encapsulated=markers,
            transfer_syntax=EXPLICIT_LE if meta.is_deflated else meta.transfer_syntax,
        )

    def _dates_sent_out(self, run: Rewriter) -> frozenset[str]:
        """Return the dates that are in the output on purpose: shifted ones and the dummy."""
        if not self.plan.shifts_dates:
            return _DUMMY_DATES
        moved = shifted_dates(self._expected, run.shift_days)
        return _DUMMY_DATES | moved | {new[:8].decode("latin-1") for _path, _old, new in run.dates}

    # What has to be there ---------------------------------------------------------------------

    def _require(self, found: Survey, run: Rewriter) -> None:
        explicit, raw = run.is_explicit, found.raw
        run.pending = list(
            mark_elements(
                self.plan,
                explicit,
                raw.get(0x00120063, b""),
                raw.get(0x00120064, b""),
                raw.get(0x00280303, b""),
            )
        )
        for tag in FIXED:
            if tag not in raw and not (tag == 0x00080080 and self.plan.keeps_institution):
                run.pending.append((tag, encoded(tag, run.fixed[tag], explicit)))
        if self.plan.keeps_safe_private or self.plan.private_rules:
            run.pending.append((CHARACTERISTICS, b""))
        if CONTRIBUTING_EQUIPMENT in raw:
            run.equipment_item = equipment_item(explicit, self.stamp)
        else:
            element = equipment_element(explicit, self.stamp)
            run.pending.append((CONTRIBUTING_EQUIPMENT, element))

    # What is sealed -----------------------------------------------------------------------------

    def _originals(self, found: Survey, charset: Charset, run: Rewriter) -> None:
        raw = found.raw
        self._charset_key = raw.get(0x00080005, b"")
        originals = self.outcome.originals
        key = self._charset_key
        originals.patient = decoded(key, tuple(raw.get(t, b"") for t in _PATIENT.values()), True)
        originals.study = decoded(key, tuple(raw.get(t, b"") for t in _STUDY.values()), False)
        if self.patient is not None:
            patient_id, issuer = self.patient
            originals.patient = {
                **originals.patient,
                "PatientID": (patient_id,),
                "IssuerOfPatientID": (issuer,),
            }
        originals.study_instance_uid = found.text(0x0020000D)
        originals.series_instance_uid = found.text(0x0020000E)
        originals.sop_instance_uid = found.text(0x00080018)
        frame = found.text(0x00200052)
        originals.frame_of_reference_uids = (frame,) if frame else ()

    def _finish_originals(self, found: Survey, run: Rewriter) -> None:
        originals = self.outcome.originals
        originals.uids = run.uids
        originals.dates = tuple(
            (path, old.decode("latin-1").strip(" \0"), new.decode("latin-1").strip(" \0"))
            for path, old, new in run.dates
        )


def look(source: Source) -> tuple[FileMeta, Survey, Source]:
    """Read as much of the input as it takes to see where its header ends.

    Return also the source of the pixels: the input itself, or what inflates it.
    """
    meta: FileMeta | None = None
    while True:
        try:
            if meta is None:
                meta = read_file_meta(source.buf, complete=source.is_complete)
                if meta.is_deflated:
                    source = Source(Inflater(source, meta.start))
                    meta = meta._replace(start=0)
            if meta.is_big_endian:
                return meta, _survey_big_endian(source, meta.start), source
            found = survey(
                source.buf, meta.start, explicit=meta.explicit, complete=source.is_complete
            )
        except NeedMore:
            source.read_more()
        else:
            return meta, found, source


def _survey_big_endian(source: Source, start: int) -> Survey:
    order = ByteOrder(source.buf, from_big=True)
    try:
        position = order.convert(start, len(source.buf))
    except StructError:
        if not source.is_complete:
            raise NeedMore from None
        raise truncated(len(source.buf)) from None
    if order.pixel is None and not source.is_complete:
        raise NeedMore
    found = survey(bytes(order.out), 0, explicit=True, complete=True)
    if order.pixel is not None:
        found.pixel = order.pixel
        found.pixel_head = source.buf[position : order.pixel[2]]
    return found


@lru_cache(maxsize=4096)
def fixed_values(prefix: str, shown: str, cloud_study: str) -> dict[int, bytes]:
    """Return what the portal writes in place of patient, study and institution."""
    return {
        0x00080050: cloud_study.encode(),
        0x00080080: prefix.encode(),
        0x00100010: f"CloudStudy^{shown}".encode(),
        0x00100020: f"{prefix}-{shown}".encode(),
        0x00200010: cloud_study.encode(),
    }


def encoded(tag: int, value: bytes, explicit: bool) -> bytes:
    """Return one of the fixed elements, encoded."""
    from .dataset import encode_element

    return encode_element(tag, _VRS[tag], value, explicit)


@lru_cache(maxsize=512)
def identifying_values(
    charset_key: bytes, known: tuple[tuple[str, bytes], ...]
) -> IdentifyingValues:
    """Return the searchable form of raw identifying values; a series shares one."""
    return IdentifyingValues.build(decoded_values(charset_key, known))


@lru_cache(maxsize=512)
def decoded_values(
    charset_key: bytes, known: tuple[tuple[str, bytes], ...]
) -> tuple[tuple[str, str], ...]:
    """Return raw identifying values as text."""
    if sum(len(raw) for _kind, raw in known) > _MAX_IDENTIFYING:
        raise Held(
            "identity-too-large",
            "The data set names more people and numbers than can be looked for in it.",
        )
    charset = Charset.of(charset_key)
    vrs = {"name": b"PN", "address": b"ST"}
    return tuple(
        (_KINDS.get(kind, kind), charset.decode(raw, vrs.get(kind, b"LO"))) for kind, raw in known
    )


@lru_cache(maxsize=64)
def clean_texts(charset_key: bytes, known: tuple[tuple[str, bytes], ...]) -> set[bytes]:
    """Return the texts known to hold none of these values; it grows with each instance."""
    return {b""}


def suspicious(
    texts: list[bytes], clean: set[bytes], cleaner: TextCleaner, charset: Charset
) -> bool:
    """Tell whether any kept text has to be cleaned; what is clean is remembered for the series."""
    if len(clean) > _MAX_CLEAN:
        clean.clear()
    for raw in set(texts) - clean:
        if b"\x1b" in raw or cleaner.clean_bytes(raw, b"LT", charset)[1]:
            return True
        clean.add(raw)
    return False


def searchable_uids(uids: dict[str, str]) -> frozenset[str]:
    """Return the original UIDs that are long enough to be found by more than chance."""
    return frozenset(uid for uid in uids if len(uid) >= 8)


@lru_cache(maxsize=64)
def own_texts(values: tuple[bytes, ...]) -> frozenset[str]:
    """Return what the engine itself writes: never a finding."""
    return frozenset(value.decode("ascii") for value in values)


@lru_cache(maxsize=64)
def required_marks(plan: Plan) -> tuple[tuple[int, str], ...]:
    """Return the marks that the output must have, "" for any value."""
    removed = "YES" if plan.is_conformant else "NO"
    return ((IDENTITY_REMOVED, removed), (METHOD, ""), (TEMPORAL, ""))


_KINDS = {"device": "other"}


@lru_cache(maxsize=256)
def text_cleaner(
    charset_key: bytes,
    known: tuple[tuple[str, bytes], ...],
    shift_days: int | None,
    keep_dates: bool,
    patterns: bool,
) -> TextCleaner:
    """Return a cleaner for one set of raw values in one character set; a series shares it."""
    values = identifying_values(charset_key, known)
    return TextCleaner(values, shift_days=shift_days, keep_dates=keep_dates, patterns=patterns)


@lru_cache(maxsize=1024)
def decoded(
    charset_key: bytes, raws: tuple[bytes, ...], of_patient: bool
) -> dict[str, tuple[str, ...]]:
    """Return decoded originals by keyword, multi-valued where they are; shared, so read only."""
    charset = Charset.of(charset_key)
    names = _PATIENT if of_patient else _STUDY
    values: dict[str, tuple[str, ...]] = {}
    for (name, _tag), raw in zip(names.items(), raws, strict=True):
        vr = b"PN" if name.endswith("Name") else b"LO"
        text = charset.decode(raw, vr) if raw else ""
        if text.strip(" \0"):
            values[name] = tuple(part.strip(" \0") for part in text.split("\\"))
    return values
