"""What schemathesis must know to write bodies of DICOM objects: any bytes, as it draws them."""

from typing import Any

import schemathesis


@schemathesis.serializer("multipart/related")
def related(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
