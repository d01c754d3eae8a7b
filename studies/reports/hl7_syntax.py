"""HL7 v2 messages as segments of raw fields: parsing, escape sequences, changing a field.

The library's model stays in here; fields are handed out as they are written.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import hl7

from studies.reports import hl7_charset
from studies.reports.report import ReportError

_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}\Z")
_VERSIONS = re.compile(r"2\.(?:3|3\.1|4|5|5\.1|6|7|7\.1|8|8\.1|8\.2)\Z")
_PROCESSING = {"P", "T", "D", ""}
_HEX = re.compile(r"X((?:[0-9A-Fa-f]{2})+)\Z")


@dataclass(frozen=True)
class Field:
    """A field of a message: where it stands, and what is written there."""

    segment: str
    row: int
    number: int
    raw: str

    @property
    def place(self) -> str:
        """The field as HL7 names it."""
        return f"{self.segment}-{self.number}"


class Message:
    """One parsed message. Field numbers are those of the standard."""

    def __init__(self, parsed: Any, codec: str, newline: str) -> None:
        self._parsed = parsed
        self.codec = codec
        self._newline = newline
        self.field, self.rep, self.comp, self.sub = (str(one) for one in parsed.separators[1:5])
        self.esc = str(parsed.esc)

    def rows(self, name: str = "") -> Iterator[tuple[int, str]]:
        """Give the segments' rows and names, or those of one name."""
        for row, segment in enumerate(self._parsed):
            found = str(segment[0])
            if not name or found == name:
                yield row, found

    def get(self, row: int, number: int) -> str:
        """Return what is written in a field; an empty text where it is left out."""
        segment = self._parsed[row]
        return str(segment[number]) if number < len(segment) else ""

    def first(self, name: str, number: int) -> str:
        """Return what is written in a field of the first segment of a name."""
        row = next((row for row, _name in self.rows(name)), None)
        return "" if row is None else self.get(row, number)

    def put(self, row: int, number: int, raw: str) -> None:
        """Write a field, as it is to stand in the message."""
        segment = self._parsed[row]
        while len(segment) <= number:
            segment.append(self._parsed.create_field([""]))
        segment[number] = self._parsed.create_field([raw])

    def fields(self) -> Iterator[Field]:
        """Give every field that isn't empty, but for the header's separators."""
        for row, name in self.rows():
            segment = self._parsed[row]
            for number in range(3 if name == "MSH" else 1, len(segment)):
                raw = str(segment[number])
                if raw:
                    yield Field(name, row, number, raw)

    def components(self, raw: str) -> list[list[str]]:
        """Return the repetitions of a field, each in its components."""
        return [one.split(self.comp) for one in raw.split(self.rep)]

    def joined(self, repetitions: list[list[str]]) -> str:
        """Return a field of repetitions and components as it is written."""
        return self.rep.join(self.comp.join(one) for one in repetitions)

    def escape(self, value: str) -> str:
        """Return a value as it is written inside a component."""
        table = {
            self.esc: "E", self.field: "F", self.comp: "S", self.sub: "T", self.rep: "R",
        }  # fmt: skip
        written = "".join(
            f"{self.esc}{table[one]}{self.esc}" if one in table else one for one in value
        )
        return re.sub(r"\r\n|\r|\n", lambda _match: f"{self.esc}.br{self.esc}", written)

    def unescape(self, raw: str) -> str:
        """Return what is meant by a written text; formatting becomes line breaks or nothing."""
        if self.esc not in raw:
            return raw
        parts = raw.split(self.esc)
        if len(parts) % 2 == 0:
            # An escape character without its partner stands for itself.
            parts[-2:] = [parts[-2] + self.esc + parts[-1]]
        return "".join(
            part if place % 2 == 0 else self._meant(part) for place, part in enumerate(parts)
        )

    def _meant(self, code: str) -> str:
        signs = {"F": self.field, "S": self.comp, "T": self.sub, "R": self.rep, "E": self.esc}
        if code in signs:
            return signs[code]
        if code.startswith((".br", ".sp", ".ce")):
            return "\n"
        if code.startswith((".in", ".ti", ".sk")):
            return " "
        coded = _HEX.match(code)
        if coded:
            return bytes.fromhex(coded[1]).decode(self.codec, "replace")
        return ""

    def to_bytes(self) -> bytes:
        """Return the message in its character set; in UTF-8, and saying so, where that can't."""
        encoded = hl7_charset.encode(self._text(), self.codec)
        if encoded is None or (self.codec == "utf-8" and not self.first("MSH", 18)):
            if encoded is not None and encoded.isascii():
                return encoded
            self.put(0, 18, hl7_charset.UTF_8)
            encoded = self._text().encode()
        return encoded

    def _text(self) -> str:
        return str(self._parsed).replace("\r", self._newline)


def parse(body: bytes) -> Message:
    """Parse one ORU^R01 message of version 2.3 to 2.8, or raise ReportError."""
    text, codec = hl7_charset.decode(body)
    newline = "\r" if "\r" in text and "\r\n" not in text else "\r\n" if "\r\n" in text else "\n"
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    if not lines or lines[0][:3] in ("FHS", "BHS"):
        raise ReportError("hl7-batch")
    _require_frame(lines)
    try:
        parsed = hl7.parse("\r".join(lines))
    except (hl7.HL7Exception, ValueError, IndexError, KeyError, AttributeError, AssertionError):
        raise ReportError("hl7-malformed") from None
    message = Message(parsed, codec, newline if newline != "\n" or "\n" in text else "\r")
    _require_header(message)
    return message


def header_of(body: bytes) -> Callable[[int], str]:
    """Return a reader of MSH fields for an acknowledgement, of any message that has an MSH."""
    line = re.split(rb"[\r\n]", body.strip(b"\x0b\x1c\r\n \xef\xbb\xbf"), maxsplit=1)[0]
    fields = line[:2000].decode("ascii", "replace").split(chr(line[3])) if len(line) > 8 else []

    def field(number: int) -> str:
        return fields[number - 1] if len(fields) > number - 1 else ""

    return field


def _require_frame(lines: list[str]) -> None:
    head = lines[0]
    if not head.startswith("MSH") or len(head) < 9:
        raise ReportError("hl7-malformed", "MSH")
    separators = head[3:8]
    if len(set(separators)) != len(separators) or any(
        one.isalnum() or one.isspace() for one in separators
    ):
        raise ReportError("hl7-malformed", "MSH-2")
    for line in lines:
        if not _SEGMENT.match(line[:3]) or (len(line) > 3 and line[3] != head[3]):
            raise ReportError("hl7-malformed", "segment")
    if any(line.startswith("MSH") for line in lines[1:]):
        raise ReportError("hl7-batch", "MSH")


def require_kind(kind: str, version: str, processing: str, comp: str = "^") -> None:
    """Raise ReportError for any message but ORU^R01 of version 2.3 to 2.8."""
    if kind.split(comp)[:2] != ["ORU", "R01"]:
        raise ReportError("hl7-not-a-report", "MSH-9")
    if not _VERSIONS.match(version.split(comp)[0]):
        raise ReportError("hl7-version", "MSH-12")
    if processing.split(comp)[0] not in _PROCESSING:
        raise ReportError("hl7-processing-id", "MSH-11")


def _require_header(message: Message) -> None:
    kind, version, processing = (message.first("MSH", number) for number in (9, 12, 11))
    require_kind(kind, version, processing, message.comp)
    if not message.first("MSH", 10):
        raise ReportError("hl7-malformed", "MSH-10")
    if not any(True for _ in message.rows("OBR")) or not any(True for _ in message.rows("OBX")):
        raise ReportError("hl7-not-a-report", "OBX")
