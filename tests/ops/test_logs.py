"""A log line holds place, class, code and ids of a fault; never a text that could be a value."""

import ast
import json
import logging
import multiprocessing
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import include, path
from hypothesis import given
from hypothesis import strategies as st

from anonportal import logs
from anonportal.errors import server_error
from studies.faults import PermanentError

NAME = "Müller^Änne-Marker"
ROOT = Path(__file__).resolve().parent.parent.parent


class Lines(logging.Handler):
    """Keeps what would have been written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logs.SafeFormatter())
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.text.append(self.format(record))

    @property
    def last(self) -> dict[str, object]:
        return json.loads(self.text[-1])


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    root = logging.getLogger()
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)


def fail_with_the_name() -> None:
    try:
        raise ValueError(f"can't read {NAME}")
    except ValueError as error:
        raise PermanentError("name-unreadable", f"the name {NAME}") from error


def test_an_exception_is_its_class_code_and_place(lines: Lines) -> None:
    try:
        fail_with_the_name()
    except PermanentError:
        logging.getLogger("studies.tests").exception("reading failed")
    error = lines.last["error"]
    assert isinstance(error, dict)
    assert error["type"] == "studies.faults.PermanentError"
    assert error["code"] == "name-unreadable"
    assert error["because"]["type"] == "builtins.ValueError"
    assert error["at"][-1].startswith("tests/ops/test_logs.py:")
    assert lines.last["reference"]
    assert NAME not in lines.text[-1]
    assert "Marker" not in lines.text[-1]


@given(value=st.text(min_size=4).filter(lambda text: not logs._is_uuid(text)))
def test_no_text_argument_reaches_a_line(value: str) -> None:
    marked = f"MARK{value}"
    for logger in ("studies.x", "rq.worker", "pydicom", "django.request"):
        record = logging.LogRecord(logger, logging.INFO, "x.py", 1, "got %s", (marked,), None)
        assert "MARK" not in logs.SafeFormatter().format(record)


@pytest.mark.parametrize("logger", ["pydicom", "rq.worker", "botocore", "py.warnings"])
def test_a_ready_made_text_of_another_library_is_left_out(
    lines: Lines, logger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However quiet a room keeps the library that it uses.
    monkeypatch.setattr(logging.getLogger(logger), "level", logging.WARNING)
    monkeypatch.setattr(logging.getLogger(logger), "propagate", True)
    logging.getLogger(logger).manager._clear_cache()  # type: ignore[attr-defined]
    logging.getLogger(logger).warning(f"invalid value {NAME}")
    assert "Marker" not in lines.text[-1]
    assert logger in str(lines.last["message"])


def test_numbers_ids_and_vouched_words_are_kept(lines: Lines) -> None:
    batch = uuid.uuid4()
    logging.getLogger("studies.x").info(
        "batch %s: %d of %s, %s", batch, 3, logs.Word("stat"), str(batch), extra={"size": 7}
    )
    assert lines.last["message"] == f"batch {batch}: 3 of stat, {batch}"
    assert lines.last["size"] == 7


def test_what_comes_in_by_extra_is_held_to_the_same(lines: Lines) -> None:
    logging.getLogger("studies.x").info("done", extra={"patient": NAME})
    assert lines.last["patient"] == "…"


def test_a_line_names_its_batch(lines: Lines) -> None:
    batch = uuid.uuid4()
    with logs.batch_context(batch):
        logging.getLogger("studies.x").info("inside")
        assert lines.last["batch"] == str(batch)
    logging.getLogger("studies.x").info("outside")
    assert "batch" not in lines.last


def broken(request: HttpRequest, name: str) -> HttpResponse:
    raise ValueError(name)


def missing(request: HttpRequest, name: str) -> HttpResponse:
    raise Http404(name)


def page(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse("page")


urlpatterns = [
    path("account/", include("anonportal.accounts.urls")),
    path("broken/<str:name>/", broken),
    path("missing/<str:name>/", missing),
    path("page/<str:name>/", page),
]
handler500 = server_error


@pytest.mark.urls(__name__)
@pytest.mark.django_db
class TestRequests:
    """Requests whose path, query and body hold a name."""

    @pytest.mark.parametrize(("kind", "status"), [("broken", 500), ("missing", 404), ("page", 200)])
    def test_a_request_is_its_route_status_and_id(
        self, lines: Lines, kind: str, status: int
    ) -> None:
        client = Client(raise_request_exception=False)
        response = client.post(f"/{kind}/NAMEMARK/?q=NAMEMARK", {"body": "NAMEMARK"})
        own = [line for line in lines.text if "anonportal.requests" in line]
        found = json.loads(own[-1])
        assert found["message"] == f"POST /{kind}/<str:name>/ {status}"
        assert found["request"] == response.headers["X-Request-Id"]
        assert "NAMEMARK" not in "\n".join(lines.text)

    def test_the_page_of_a_fault_shows_only_a_reference_to_the_log(self, lines: Lines) -> None:
        client = Client(raise_request_exception=False)
        response = client.get("/broken/NAMEMARK/?q=NAMEMARK")
        reference = response.headers["X-Request-Id"]
        assert response.status_code == 500
        assert reference in response.text
        assert "NAMEMARK" not in response.text
        assert "no-store" in response.headers["Cache-Control"]
        faults = [json.loads(line) for line in lines.text if '"error"' in line]
        assert {fault["reference"] for fault in faults} == {reference}

    def test_a_caller_can_not_choose_the_id(self) -> None:
        response = Client().get("/page/x/", headers={"X-Request-Id": "NAMEMARK"})
        assert response.headers["X-Request-Id"] != "NAMEMARK"


def test_probes_of_health_leave_no_line() -> None:
    record = logging.makeLogRecord({"request": RequestFactory().get("/healthz")})
    other = logging.makeLogRecord({"request": WSGIRequest(RequestFactory()._base_environ())})
    assert not logs.ProbeFilter().filter(record)
    assert logs.ProbeFilter().filter(other)


def _write_lines(path: Path, count: int) -> None:
    handler = logs.SharedFileHandler(path, limit=4_000, kept=100)
    handler.setFormatter(logs.SafeFormatter())
    for number in range(count):
        record = {"name": "studies.x", "msg": "line", "number": number, "levelno": 20}
        handler.handle(logging.makeLogRecord(record))


def test_processes_share_one_rotated_file_and_lose_no_line(tmp_path: Path) -> None:
    target = tmp_path / "log" / "portal.log"
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=_write_lines, args=(target, 150)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    files = [path for path in target.parent.iterdir() if path.suffix != ".lock"]
    lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    assert len(lines) == 450
    assert len(files) > 5
    assert all(path.stat().st_size <= 4_000 for path in files)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)


def test_only_so_many_full_files_are_kept(tmp_path: Path) -> None:
    handler = logs.SharedFileHandler(tmp_path / "portal.log", limit=300, kept=3)
    handler.setFormatter(logs.SafeFormatter())
    for _ in range(50):
        handler.handle(logging.makeLogRecord({"name": "studies.x", "msg": "line"}))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"portal.log", "portal.log.lock", *(f"portal.log.{n}" for n in (1, 2, 3))}


LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def _log_calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LOG_METHODS
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in {"log", "logger"}
        ):
            yield node


@pytest.mark.parametrize("room", ["anonportal", "studies", "audit"])
def test_each_message_of_ours_is_a_constant_text(room: str) -> None:
    """The formatter trusts our own texts; so none may be put together from values."""
    built = []
    for path_ in sorted((ROOT / room).rglob("*.py")):
        for call in _log_calls(ast.parse(path_.read_text(encoding="utf-8"))):
            place = 1 if isinstance(call.func, ast.Attribute) and call.func.attr == "log" else 0
            message = call.args[place] if len(call.args) > place else None
            if not (isinstance(message, ast.Constant) and isinstance(message.value, str)):
                built.append(f"{path_.relative_to(ROOT)}:{call.lineno}")
    assert built == []
