"""HL7 CDA documents: kept as they are if nothing in them identifies, else held.

A CDA's header names the patient by design, so most are held; editing one would make another
clinical document of it. Nothing outside the document is ever fetched.
"""

from xml.parsers import expat

from .reading import Reading, unreadable

_MAX_TEXTS = 200_000
_NAMESPACES = frozenset(
    ("urn:hl7-org:v3", "urn:hl7-org:sdtc", "http://www.w3.org/2001/XMLSchema-instance")
)


class _Texts:
    """All texts of an XML document: characters, attribute values, comments, instructions."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.values: list[str] = []
        self.root = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Note an element's attributes, but for the names of namespaces."""
        self.root = self.root or name.rpartition(":")[2]
        self.parts.append(" ")
        self.values += (value for value in attributes.values() if value not in _NAMESPACES)
        self._bound()

    def end(self, _name: str) -> None:
        """Part the text of one element from the next."""
        self.parts.append(" ")

    def text(self, data: str) -> None:
        """Note character data."""
        self.parts.append(data)
        self._bound()

    def aside(self, *data: str) -> None:
        """Note a comment or a processing instruction."""
        self.values += data
        self._bound()

    def refuse(self, *_declared: object) -> None:
        """Refuse document types and entities: nothing that CDA needs, and a way to hide text."""
        raise unreadable("The document declares a document type or entities.")

    def _bound(self) -> None:
        if len(self.parts) + len(self.values) > _MAX_TEXTS:
            raise unreadable("The document has more texts than can be judged.")


def judge_cda(value: bytes, reading: Reading) -> bytes:
    """Return the document unchanged, or hold it."""
    value = value.rstrip(b"\0")
    texts = _Texts()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = texts.start
    parser.EndElementHandler = texts.end
    parser.CharacterDataHandler = texts.text
    parser.CommentHandler = texts.aside
    parser.ProcessingInstructionHandler = texts.aside
    parser.StartDoctypeDeclHandler = texts.refuse
    parser.EntityDeclHandler = texts.refuse
    try:
        parser.Parse(value, True)
    except expat.ExpatError:
        raise unreadable("The document is not well-formed XML.") from None
    if texts.root != "ClinicalDocument":
        raise unreadable("The document is not a CDA.")
    reading.judge("".join(texts.parts), "text")
    reading.judge("".join("".join(texts.parts).split(" ")), "text")
    for attribute in texts.values:
        reading.judge(attribute, "attributes or comments")
    reading.judge_bytes(value, "bytes")
    return value
