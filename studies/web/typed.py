"""Values that come from addresses and forms, read without trust."""

from uuid import UUID


def typed_uuid(text: str) -> UUID | None:
    """Return an id that somebody typed, None where it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
