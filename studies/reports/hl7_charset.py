"""Character sets of HL7 v2 messages: what MSH-18 says, and how to carry any name honestly.

A message whose bytes aren't in the character set that it states is refused, never guessed at; one
that states none is ASCII, or UTF-8 where its bytes prove it.
"""

from studies.reports.report import ReportError

UTF_8 = "UNICODE UTF-8"
_FRAME = b"\x0b\x1c\r\n"
# HL7 table 0211, and the names that senders use for the same.
_CODECS = {
    "": "ascii",
    "ASCII": "ascii",
    "ISO IR6": "ascii",
    **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UNICODE": "utf-8",
    "UNICODE UTF-16": "utf-16",
    "UNICODE UTF-32": "utf-32",
    "ISO IR14": "shift_jis",
    "ISO IR87": "iso2022_jp_2",
    "ISO IR159": "iso2022_jp_2",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5",
}
_WIDE = ("utf-16", "utf-32")
_CHARSET_FIELD = 18


def decode(body: bytes) -> tuple[str, str]:
    """Return a message's text and its codec; its frame and byte order mark are dropped."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decoded(body, "utf-16"), "utf-16"
    plain = body.strip(_FRAME)
    has_mark = plain.startswith(b"\xef\xbb\xbf")
    plain = plain[3:] if has_mark else plain
    codec = codec_of(_stated(plain))
    if has_mark:
        codec = "utf-8"
    if codec == "ascii" and not plain.isascii():
        # Stated as ASCII or not at all, but it isn't: UTF-8 proves itself, nothing else does.
        if _stated(plain) and not has_mark:
            raise ReportError("wrong-charset", "MSH-18")
        codec = "utf-8"
    return _decoded(plain, codec), codec


def codec_of(stated: str) -> str:
    """Return the codec of what MSH-18 states; alternatives after the first extend it."""
    codecs = []
    for name in stated.split("~"):
        codec = _CODECS.get(name.strip().upper().replace("UTF8", "UTF-8"))
        if codec is None:
            raise ReportError("hl7-charset", "MSH-18")
        codecs.append(codec)
    wide = [codec for codec in codecs if codec not in ("ascii", "shift_jis")]
    return wide[0] if wide else codecs[0]


def encode(text: str, codec: str) -> bytes | None:
    """Return a text in a codec; None where the codec can't carry it."""
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        return None


def _stated(plain: bytes) -> str:
    first = plain[:4096].replace(b"\n", b"\r").split(b"\r", 1)[0]
    if len(first) < 8:
        return ""
    # MSH-1 is the separator itself, so the pieces count from MSH-2.
    fields = first.split(first[3:4])
    place = _CHARSET_FIELD - 1
    return fields[place].decode("latin-1").strip() if len(fields) > place else ""


def _decoded(data: bytes, codec: str) -> str:
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        raise ReportError("wrong-charset", "MSH-18") from None
    if "\0" in text:
        raise ReportError("hl7-malformed")
    return text
