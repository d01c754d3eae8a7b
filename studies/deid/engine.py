"""One instance from reader to writer: look, decide, rewrite, catch, verify, pass the pixels.

`deidentify` never raises for what the data hold; it says in an `Outcome` what became of them.
Faults of the reader, the writer or the identities are not the data's: those are raised.
"""

import datetime
import zlib
from collections.abc import Callable
from typing import BinaryIO

from . import documents, graphics, originals, series
from .bigendian import to_big_endian
from .charset import Charset
from .dataset import StructError
from .documents import DOCUMENT
from .errors import EngineError, Held, Unsupported
from .expected import expectation
from .filemeta import EXPLICIT_LE, FileMeta, data_set_start, file_meta
from .identities import Identities, is_placeholder_id
from .opening import encoding, look
from .outcome import Changes, Outcome
from .pixels.judging import NOTHING_TO_DO, Judgement, by_attributes, judge
from .pixels.passing import rewritten_tail, write_with_pixels
from .pixels.policy import PixelPolicy
from .plan import Plan
from .private import CHARACTERISTICS, characteristics
from .profile import Option
from .required import fixed_values, require
from .rewrite import Rewriter, refers_by_position
from .risk import evidence
from .searched import Searched
from .source import Sink, Source
from .survey import SPECTRA, Survey
from .verify import verify

_SPECTROSCOPY = "1.2.840.10008.5.1.4.1.1.4.2"  # rows of spectra, in an attribute of their own
_KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104."
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
    pixels: PixelPolicy | None = None,
) -> Outcome:
    """De-identify the instance that `reader` holds and write it to `writer`.

    Unless the outcome's state is "deidentified", the caller discards what was written.
    `patient` is an id and its issuer that a person entered in place of the data set's own.
    `pixels` says who looks for text in images at risk; without it they are held.
    """
    outcome = Outcome()
    try:
        _Instance(reader, writer, plan, identities, outcome, patient, stamp, pixels).process()
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
        pixels: PixelPolicy | None,
    ) -> None:
        self.source = Source(reader)
        self.sink = Sink(writer)
        self.plan = plan
        self.identities = identities
        self.outcome = outcome
        self.patient = patient
        self.stamp = stamp
        self.pixels = pixels
        self.judged = NOTHING_TO_DO

    def process(self) -> None:
        """Run all steps; raise EngineError where the instance must not pass."""
        given = series.Given(self.plan, self.identities, self.patient, self.stamp)
        header = self._recalled(given)
        is_new = header is None
        if header is None:
            header = self._rewritten()
        output = self._output_header(header.meta, header.data)
        tail, markers = self._write(header, output)
        self._verify(output, tail, markers, header)
        self.outcome.size = self.sink.size
        self.outcome.sha256 = self.sink.sha256
        self.outcome.changes = Changes(header.run.log)
        if is_new and self.outcome.risk is None and self.judged.verdict is None:
            series.learn(given, header, self.outcome)

    def _rewritten(self) -> series.Header:
        """Take the header the whole way."""
        meta, found, self.source = look(self.source)
        charset = Charset.of(found.raw.get(0x00080005, b""))
        self._describe(meta, found)
        iod = self.plan.for_class(self.outcome.sop_class_uid)
        run = Rewriter(
            found.buf, self.plan, iod, self._uid, charset=charset, explicit=meta.explicit
        )
        run.groups = found.groups
        run.keeps_positions = refers_by_position(found.buf, found.start, found.end)
        self._identify(found, charset, run)
        originals.gather(self.outcome.originals, found, self.patient)
        self._stop_at_what_is_unchecked(found)
        searched = Searched(self.plan, found, self.patient[0] if self.patient else None)
        if self.plan.cleans_graphics:
            self._look_at_graphics(found, run)
        if DOCUMENT in found.raw:
            run.document = self._document(found, run, searched)
        if self.plan.cleans_text or self.plan.cleans_content:
            run.cleaner = searched.cleaner(run.shift_days, patterns=True)
        judged = self._judge(meta, found, searched)
        require(run, self.plan, found, self.stamp, pixels_checked=judged.is_checked)
        run.run(found.start, found.end)
        if run.kept_private:
            block = characteristics(run.kept_private, meta.explicit)
            offset = run.offsets[CHARACTERISTICS]
            run.out[offset:offset] = block
        data = searched.second_net(run, explicit=meta.explicit)
        originals.finish(self.outcome.originals, run)
        if judged.is_checked:
            meta, data = self._with_pixel_attributes(judged, meta, data)
        self.judged = judged
        return series.Header(meta, found, run, searched, data)

    def _recalled(self, given: series.Given) -> series.Header | None:
        """Take the header from what is known of its series, if it is like one that is known."""
        if self.pixels is not None and self.pixels.person_boxes is not None:
            return None  # what a person drew is meant for this instance, not for its like
        meta = encoding(self.source) if self.plan.series else None
        recalled = series.recall(self.source, meta, given) if meta is not None else None
        if recalled is None:
            return None
        header, like = recalled
        self.outcome.take_from(like)
        self.outcome.instance_number = header.found.integer(0x00200013)
        self.outcome.sop_instance_uid = self._new(0x00080018, header.found, header.run)
        self.outcome.originals.sop_instance_uid = header.found.text(0x00080018)
        originals.finish(self.outcome.originals, header.run)
        return header

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
        run.patient = (patient_id, issuer)
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
        if self.outcome.sop_class_uid.startswith(_DOCUMENTS) and DOCUMENT not in found.raw:
            raise Held(
                "document-missing",
                "The object is of a class for documents and holds none; the file may be cut off.",
                "(0042,0011)",
            )
        if found.pixel is None:
            has_spectra = self.outcome.sop_class_uid == _SPECTROSCOPY and SPECTRA in found.raw
            if not has_spectra and found.raw.get(0x00280010):
                raise Held(
                    "pixels-missing",
                    "The object describes an image and has no pixels; the file may be cut off.",
                    "(7FE0,0010)",
                )
            return
        self.outcome.risk = evidence(found)
        self.outcome.pixels = by_attributes(found, self.outcome.risk)

    def _judge(self, meta: FileMeta, found: Survey, searched: Searched) -> Judgement:
        """Look at the pixels where something says that they may show text; stop where held."""
        judged = judge(
            self.source,
            meta,
            found,
            self.outcome.risk,
            self.pixels,
            searched.identifying,
            may_blank=Option.CLEAN_PIXEL_DATA in self.plan.options,
        )
        if judged.verdict is not None:
            self.outcome.pixels = judged.verdict
        if judged.held is not None:
            raise judged.held
        return judged

    def _document(
        self, found: Survey, run: Rewriter, searched: Searched
    ) -> Callable[[bytes], bytes]:
        """Return what makes of the encapsulated document that which may leave.

        Under Basic alone the table's D drops it; with Clean Descriptors it is judged (a
        document that was shown to name nobody is worth more to the reader than a dummy).
        """
        sop_class, mime_type = self.outcome.sop_class_uid, found.text(0x00420012)
        policy = self.pixels or PixelPolicy(finder=None)

        def document(raw: bytes) -> bytes:
            if not self.plan.cleans_text:
                return documents.dropped(sop_class)
            reading = searched.reading(run.found, policy.finder)
            try:
                return documents.judged(raw, sop_class, mime_type, reading)
            except Held:
                if policy.documents == "hold":
                    raise
                run.log.append(((), DOCUMENT, "D", "document dropped"))
                return documents.dropped(sop_class)

        return document

    def _look_at_graphics(self, found: Survey, run: Rewriter) -> None:
        finder = self.pixels.finder if self.pixels else None
        run.free_overlays = graphics.free_overlays(found, finder)
        annotations = found.raw.get(graphics.ANNOTATIONS)
        if annotations is not None:
            run.has_free_annotations = graphics.annotations_are_free(
                annotations, run.is_explicit, finder
            )

    # What leaves ------------------------------------------------------------------------------

    def _output_header(self, meta: FileMeta, header: bytearray) -> bytes:
        """Return preamble, file meta and the data set up to the pixels, not deflated."""
        outcome = self.outcome
        head = file_meta(outcome.sop_class_uid, meta.transfer_syntax, outcome.sop_instance_uid)
        return head + (to_big_endian(bytes(header)) if meta.is_big_endian else header)

    def _with_pixel_attributes(
        self, judged: Judgement, meta: FileMeta, header: bytearray
    ) -> tuple[FileMeta, bytearray]:
        """Return file meta and header as they are for pixels that were checked or blanked."""
        from .pixels.attributes import changes, edited

        header = edited(
            bytes(header),
            changes(judged.work, is_checked=judged.is_checked),
            explicit=meta.explicit,
        )
        if judged.work is not None:
            meta = meta._replace(transfer_syntax=judged.work.syntax)
            self.outcome.transfer_syntax_uid = meta.transfer_syntax
        return meta, header

    def _write(self, whole: series.Header, header: bytes) -> tuple[bytes, list[bytes]]:
        """Write header, pixels and what follows them: the one place where pixel data are met.

        Return what of it verification has to see besides the header.
        """
        meta, found, run, work = whole.meta, whole.found, whole.run, self.judged.work
        if meta.is_deflated:
            start = data_set_start(header)
            self.sink.write(header[:start])
            self.sink.deflate()
            header = header[start:]
        if work is None:
            tail, markers = write_with_pixels(self.source, self.sink, header, meta, found, run)
        else:
            markers = []
            after = work.write(self.sink, header, found, markers)
            tail = rewritten_tail(self.source, after, run, meta, found)
            self.sink.write(tail)
        self.sink.finish()
        return tail, markers

    def _verify(
        self,
        header: bytes,
        tail: bytes,
        markers: list[bytes],
        whole: series.Header,
    ) -> None:
        meta, searched = whole.meta, whole.searched
        expect = expectation(
            self.plan,
            whole.run,
            searched.values,
            sop_instance_uid=self.outcome.sop_instance_uid,
            charset=searched.charset_key,
        )
        verify(
            expect,
            header=header,
            tail=tail,
            encapsulated=markers,
            transfer_syntax=EXPLICIT_LE if meta.is_deflated else meta.transfer_syntax,
        )
