"""The first step with an input: read file meta, and on until it is clear where the header ends.

Deflated input is inflated from here on, big-endian input turned. Nothing is decided here.
"""

from .bigendian import ByteOrder
from .bounds import require_few_elements
from .dataset import NeedMore, StructError, truncated
from .deflated import Inflater
from .filemeta import FileMeta, read_file_meta
from .source import Source
from .survey import Survey, survey


def encoding(source: Source) -> FileMeta | None:
    """Return what the file meta information says, or None if it is not there as a whole yet."""
    try:
        return read_file_meta(source.buf, complete=source.is_complete)
    except NeedMore:
        return None


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
            require_few_elements(source.buf, found.start, found.end, explicit=meta.explicit)
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
    require_few_elements(found.buf, found.start, found.end, explicit=True)
    if order.pixel is not None:
        found.pixel = order.pixel
        found.pixel_head = source.buf[position : order.pixel[2]]
    return found
