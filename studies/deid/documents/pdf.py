"""PDF: written anew without what no reader sees, then judged by its text, pictures and bytes.

Three readers look: the texts of its objects (pypdf), the text of its pages (PDFium), and the text
finder on every page as it is shown and on every picture in it. They have to agree: text that is
seen and that the page does not hold as text is in a picture, and is doubt.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import numpy as np
import pypdfium2
from pypdf import PdfReader, PdfWriter
from pypdf.errors import PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, StreamObject

from ..errors import Held
from .reading import WHERE, Reading, unreadable

if TYPE_CHECKING:
    from ..pixels.policy import TextFinder

_MAX_PAGES, _MAX_PIXELS, _MAX_OBJECTS = 100, 4_000_000, 50_000
_DOTS_PER_POINT = 110 / 72
_ALIKE = 0.6
# What no page needs to be shown: metadata, history, actions, attachments, structure, comments.
_OFF = frozenset(
    (
        *("/Metadata", "/PieceInfo", "/LastModified", "/AA", "/OpenAction", "/Thumb", "/B", "/Dur"),
        *("/Annots", "/AcroForm", "/Outlines", "/Names", "/Dests", "/StructTreeRoot", "/MarkInfo"),
        *("/StructParents", "/StructParent", "/EF", "/AF", "/JS", "/URI", "/Alternates", "/OPI"),
        *(
            "/Perms",
            "/Legal",
            "/Collection",
            "/Threads",
            "/PageLabels",
            "/Lang",
            "/ViewerPreferences",
        ),
        *("/Extensions", "/Requirements", "/DSS", "/SpiderInfo", "/VP", "/Measure", "/PresSteps"),
    )
)
_FAULTS = (
    PyPdfError,
    pypdfium2.PdfiumError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RecursionError,
    OSError,
)

# What pypdf finds odd it would tell the log, in the words of the document.
logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)


def judge_pdf(value: bytes, reading: Reading) -> bytes:
    """Return the PDF written anew; hold it unless it was shown to be free of identity."""
    if reading.finder is None:
        raise Held(
            "document-unchecked",
            "The document's pages were not looked at, because no text finder runs. Try again when"
            " it does.",
            WHERE,
        )
    try:
        written = _rewritten(value)
        _judge_objects(written, reading)
        _judge_pages(written, reading, reading.finder)
    except Held:
        raise
    except _FAULTS:
        raise unreadable("The PDF can't be read with certainty.") from None
    reading.judge_bytes(written, "bytes")
    return written


def _rewritten(value: bytes) -> bytes:
    """Return the pages and what they are drawn with, and nothing else."""
    reader = PdfReader(io.BytesIO(value.rstrip(b"\0")), strict=False)
    if reader.is_encrypted:
        raise unreadable("The PDF is encrypted.")
    if not 0 < len(reader.pages) <= _MAX_PAGES:
        raise unreadable(f"The PDF has no page, or more than {_MAX_PAGES}.")
    writer = PdfWriter()
    for page in reader.pages:
        writer.add_page(page, excluded_keys=tuple(_OFF))
    writer.metadata = None
    if len(writer._objects) > _MAX_OBJECTS:
        raise unreadable("The PDF has more objects than can be judged.")
    for thing in _objects(writer):
        for key in _OFF & thing.keys():
            del thing[key]
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def _objects(document: PdfWriter) -> Iterator[DictionaryObject]:
    """Yield every dictionary of a document, nested ones too."""
    waiting: list[Any] = list(document._objects)
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, DictionaryObject):
            yield thing
            waiting += [part for part in thing.values() if not isinstance(part, IndirectObject)]
        elif isinstance(thing, ArrayObject):
            waiting += [part for part in thing if not isinstance(part, IndirectObject)]


# The objects ---------------------------------------------------------------------------------


def _judge_objects(written: bytes, reading: Reading) -> None:
    """Judge every string, name and stream of the document as it would leave."""
    document = PdfWriter(clone_from=io.BytesIO(written))
    for thing in _objects(document):
        for part in thing.values():
            for text in _strings(part):
                reading.judge(text, "objects")
        if isinstance(thing, StreamObject):
            if thing.get("/Subtype") == "/Image":
                _judge_picture(thing, reading)
            else:
                reading.judge_bytes(thing.get_data(), "content")


def _strings(part: object) -> Iterator[str]:
    if isinstance(part, str):
        yield part.lstrip("/").replace("_", " ").replace("#20", " ")
    elif isinstance(part, bytes):
        yield part.decode("latin-1")
    elif isinstance(part, ArrayObject):
        for item in part:
            yield from _strings(item)


def _judge_picture(thing: StreamObject, reading: Reading) -> None:
    """Judge a picture's bytes, and what it shows: one that lies under others is shown nowhere."""
    reading.judge_bytes(thing._data, "pictures")
    finder = reading.finder
    shown = thing.decode_as_image()
    if finder is None or shown is None:
        raise unreadable("A picture in the PDF can't be decoded.")
    width, height = shown.size
    if width * height > 4 * _MAX_PIXELS:
        raise unreadable("A picture in the PDF is larger than can be judged.")
    if width < 8 or height < 8:
        return
    for found in finder.find(np.asarray(shown.convert("L"))):
        _judge_seen(found.text, reading, "pictures")


def _judge_seen(text: str, reading: Reading, what: str) -> None:
    if not text.strip():
        raise Held(
            "document-text-unread",
            f"The document's {what} show text that could not be read. Look at it, and exclude it or"
            " have the source write it as text.",
            WHERE,
        )
    reading.judge(text, what)


# The pages -----------------------------------------------------------------------------------


def _judge_pages(written: bytes, reading: Reading, finder: TextFinder) -> None:
    """Judge each page by the text that it holds and by the text that is seen on it."""
    document = pypdfium2.PdfDocument(written)
    try:
        for number in range(len(document)):
            page = document[number]
            held = page.get_textpage().get_text_bounded()
            reading.judge(held, "text")
            seen = [found.text for found in finder.find(_shown(page))]
            for text in seen:
                _judge_seen(text, reading, "pages")
            reading.judge(" ".join(seen), "pages")
            _compare(held, seen)
    finally:
        document.close()


def _shown(page: Any) -> np.ndarray:
    width, height = page.get_size()
    scale = min(_DOTS_PER_POINT, (_MAX_PIXELS / max(width * height, 1.0)) ** 0.5)
    picture: np.ndarray = page.render(scale=scale, grayscale=True).to_numpy()
    return np.ascontiguousarray(picture.reshape(picture.shape[0], picture.shape[1]))


def _compare(held: str, seen: list[str]) -> None:
    """Hold a page that shows words which it does not hold as text."""
    known = {word for word in map(_letters, held.split()) if word}
    joined = "".join(map(_letters, held.split()))
    for text in seen:
        for word in map(_letters, text.split()):
            if len(word) < 3 or word in joined or _is_like_any(word, known):
                continue
            raise Held(
                "document-text-unread",
                "A page shows text that is part of a picture, as a scan does. Look at it, and"
                " exclude it or have the source write it as text.",
                WHERE,
            )


def _letters(word: str) -> str:
    return "".join(char for char in word.casefold() if char.isalnum())


def _is_like_any(word: str, known: set[str]) -> bool:
    """Tell whether a word that was read from a picture is one of the page's, read a bit wrong."""
    return any(
        abs(len(other) - len(word)) <= len(word)
        and SequenceMatcher(None, word, other).ratio() >= _ALIKE
        for other in known
    )
