"""Encapsulated documents: kept where they can be shown to be free of identifiers, else held.

A document is never edited in what it says. What no reader needs (metadata, attachments, scripts,
comments, object names) is taken off; what is left is then judged as it would leave. PS3.3 C.24.2.
"""

from .judging import DOCUMENT, DOCUMENT_LENGTH, dropped, judged
from .reading import Reading

__all__ = ["DOCUMENT", "DOCUMENT_LENGTH", "Reading", "dropped", "judged"]
