"""Structured logs that can't hold a patient's value: one JSON object per line.

What reaches a log is the constant part of a message and values of kinds that can't identify anyone
(numbers, UUIDs, closed choices, `Word`). Texts, exception messages and the messages of other
libraries, which may quote a data set, are left out; place and class of a fault stay.
"""

import contextvars
import datetime
import enum
import fcntl
import json
import logging
import os
import re
import secrets
import sys
import threading
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from django.core.exceptions import ImproperlyConfigured

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")
batch_id: contextvars.ContextVar[str] = contextvars.ContextVar("batch_id", default="")
job_id: contextvars.ContextVar[str] = contextvars.ContextVar("job_id", default="")

# Our loggers write what they pass; these libraries keep their constant texts, without arguments'
# texts; of all others only the place stays.
OURS = ("anonportal", "studies", "audit")
CONSTANT_TEXTS = (*OURS, "django.request", "django.security", "gunicorn", "rq")
# What LogRecord itself sets; anything else came in by `extra=`.
_OWN_FIELDS = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "reference"}
# Faults that speak of code and settings, never of data.
ABOUT_CODE = (ImportError, NameError, SyntaxError, ImproperlyConfigured)
_CODE = re.compile(r"[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)*")
_BASE = Path(__file__).resolve().parent.parent
# Ends of the path of code that isn't ours: enough to find the line.
_FOREIGN_PARTS = 3


class Word(str):
    """A text that its writer vouches for: a code, a route, a class name, never a value."""

    __slots__ = ()


def new_reference() -> str:
    """Return a short random name under which a fault can be found in the log."""
    return secrets.token_hex(6)


@contextmanager
def batch_context(identifier: uuid.UUID | str) -> Iterator[None]:
    """Name the batch in every line that is logged inside."""
    token = batch_id.set(str(uuid.UUID(str(identifier))))
    try:
        yield
    finally:
        batch_id.reset(token)


def is_one_of(name: str, families: tuple[str, ...]) -> bool:
    """Tell whether a logger or module is one of the families or lies below one."""
    return any(name == family or name.startswith(f"{family}.") for family in families)


def safe(value: object) -> object:
    """Return a value as it may stand in a log; a text of unknown origin becomes an ellipsis."""
    if value is None or isinstance(value, bool | int | float | uuid.UUID | datetime.timedelta):
        return value
    if isinstance(value, Word):
        return str(value)
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, str):
        return value if _is_uuid(value) else "…"
    if isinstance(value, type):
        return value.__name__
    return "…"


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


class _Opaque:
    """Stands for a value of any format specifier without showing it."""

    def __init__(self, value: object) -> None:
        self._text = str(safe(value))

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__


def safe_message(record: logging.LogRecord) -> str:
    """Return the record's constant text with its arguments made safe."""
    if record.name == "django.request" and hasattr(record, "status_code"):
        # Django's own text is the reason and the path.
        return f"answered {int(record.status_code)}"
    if not is_one_of(record.name, CONSTANT_TEXTS):
        return f"message of {record.name} at {place(record.pathname)}:{record.lineno}"
    text = str(record.msg)
    if not record.args:
        # An unformatted text of another library may have been built from values.
        if is_one_of(record.name, OURS):
            return text
        return f"message of {record.name} at {place(record.pathname)}:{record.lineno}"
    try:
        if isinstance(record.args, dict):
            return text % {key: _shown(value) for key, value in record.args.items()}
        return text % tuple(_shown(value) for value in record.args)
    except (TypeError, ValueError):
        return text


def _shown(value: object) -> object:
    # %d and %f want the number itself.
    return value if isinstance(value, int | float) else _Opaque(value)


def place(filename: str) -> str:
    """Return a code file's path inside the project, or its last parts."""
    path = Path(filename)
    if path.is_relative_to(_BASE) and "site-packages" not in path.parts:
        return str(path.relative_to(_BASE))
    return "/".join(path.parts[-_FOREIGN_PARTS:])


def describe(error: BaseException) -> dict[str, Any]:
    """Return an exception's class, its stable code and where it passed; never its message."""
    described: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "at": [
            f"{place(frame.filename)}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ],
    }
    code = fault_code(error)
    if code:
        described["code"] = code
    if isinstance(error, ABOUT_CODE):
        described["message"] = str(error)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        described["because"] = describe(cause)
    return described


def fault_code(error: BaseException) -> str:
    """Return the stable code of one of our own faults, else nothing."""
    code = getattr(error, "code", "")
    ours = is_one_of(type(error).__module__, OURS)
    return code if ours and isinstance(code, str) and _CODE.fullmatch(code) else ""


class SafeFormatter(logging.Formatter):
    """Write a record as one line of JSON, without any text that could hold a value."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": safe_message(record),
        }
        for name, variable in (("request", request_id), ("batch", batch_id), ("job", job_id)):
            if variable.get():
                line[name] = variable.get()
        request = getattr(record, "request", None)
        if request is not None:
            line["route"] = route_of(request)
        if is_one_of(record.name, OURS):
            for name, value in vars(record).items():
                if name not in _OWN_FIELDS and name != "request":
                    line[name] = safe(value)
        error = record.exc_info[1] if record.exc_info else None
        if error is not None or hasattr(record, "reference"):
            line["reference"] = reference_of(record)
        if error is not None:
            line["error"] = describe(error)
        return json.dumps(line, ensure_ascii=False, default=str)


def reference_of(record: logging.LogRecord) -> str:
    """Return the name of a recorded fault: its own, else its request's, else a new one."""
    # Kept on the record, so that all handlers write the same one.
    return str(vars(record).setdefault("reference", request_id.get() or new_reference()))


def route_of(request: Any) -> str:
    """Return the pattern of the request's address, in which values are only named."""
    match = getattr(request, "resolver_match", None)
    return f"/{match.route}" if match is not None else "unmatched"


# Asked every few seconds by supervisors and monitors; a line each would bury the others.
UNLOGGED = {"/healthz"}


class ProbeFilter(logging.Filter):
    """Leave out what concerns a probe of the portal's health."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record is worth a line."""
        return getattr(getattr(record, "request", None), "path", "") not in UNLOGGED


class SharedFileHandler(logging.Handler):
    """Append lines to one file that many processes share; keep a few full ones behind it.

    Each line is one write under a lock, so a forked job and its worker can both rotate.
    """

    def __init__(self, path: Path, limit: int = 20_000_000, kept: int = 10) -> None:
        super().__init__()
        self.path = path
        self.limit = limit
        self.kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        """Append one line."""
        try:
            line = f"{self.format(record)}\n".encode(errors="replace")
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._append(line)
            finally:
                os.close(lock)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Say that a line was lost, without the record's arguments, which Django would print."""
        sys.stderr.write(f"the log {self.path} can't be written\n")

    def _append(self, line: bytes) -> None:
        target = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(target).st_size + len(line) > self.limit:
                self._rotate()
                os.close(target)
                target = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.write(target, line)
        finally:
            os.close(target)

    def _rotate(self) -> None:
        for number in range(self.kept - 1, 0, -1):
            older = Path(f"{self.path}.{number}")
            if older.exists():
                older.replace(f"{self.path}.{number + 1}")
        if self.path.exists():
            self.path.replace(f"{self.path}.1")


def configuration(folder: Path, stderr_level: str) -> dict[str, Any]:
    """Return Django's LOGGING: everything to stderr and one rotated file, in safe lines."""
    quiet: dict[str, Any] = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"safe": {"()": "anonportal.logs.SafeFormatter"}},
        "filters": {"probes": {"()": "anonportal.logs.ProbeFilter"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "safe",
                "level": stderr_level,
            },
            "file": {
                "()": "anonportal.logs.SharedFileHandler",
                "path": folder / "portal.log",
                "formatter": "safe",
            },
        },
        "root": {"handlers": ["stderr", "file"], "level": "INFO"},
        "loggers": {
            # Django's own configuration would print and mail; `propagate` alone is wanted here.
            "django": {**quiet, "level": "INFO"},
            "django.request": {**quiet, "filters": ["probes"]},
            "django.server": quiet,
            "django.db.backends": {**quiet, "level": "WARNING"},  # never SQL with its values
            "rq": quiet,
            "rq.worker": {**quiet, "level": "INFO"},
            "gunicorn": quiet,
            "gunicorn.error": quiet,
        },
    }


def log_uncaught_safely() -> None:
    """Make a fault that ends a process or a thread a safe line, where Python would quote it."""
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a handler's own fault would be printed with the arguments
    logger = logging.getLogger("anonportal.uncaught")

    def uncaught(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        logger.critical("a fault ended the process", exc_info=(kind, error, trace))

    def uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
        error = arguments.exc_value
        if error is not None:
            logger.critical(
                "a fault ended a thread",
                exc_info=(arguments.exc_type, error, arguments.exc_traceback),
            )

    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread
