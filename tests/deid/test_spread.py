"""Tasks spread over processes: every task is accounted for, whatever becomes of the processes."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from studies.deid.command import main
from studies.deid.command.spread import spread

from .builders import ROOT, ct, encoded

RUN = sys.modules["studies.deid.command.run"]


def spread_out(processes: int, tasks: int, do: Callable[[int], object]) -> dict[int, object]:
    """Return results by number; each task has come back once."""
    found = list(spread(processes, tasks, lambda: do))
    assert sorted(number for number, _result in found) == list(range(tasks))
    return dict(found)


@pytest.mark.parametrize(("processes", "tasks"), [(2, 0), (2, 1), (3, 2), (2, 40), (5, 11)])
def test_every_task_is_done_once(processes: int, tasks: int) -> None:
    found = spread_out(processes, tasks, lambda number: [number, os.getpid()])
    assert all(result[0] == number for number, result in found.items())  # type: ignore[index]
    assert os.getpid() not in {result[1] for result in found.values()}  # type: ignore[index]


def test_results_larger_than_a_pipe_come_whole() -> None:
    found = spread_out(2, 6, lambda number: bytes([number]) * 300_000)
    assert found == {number: bytes([number]) * 300_000 for number in range(6)}


def test_a_process_that_is_killed_takes_no_more_than_it_was_given() -> None:
    def do(number: int) -> int:
        if number == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    found = spread_out(2, 40, do)
    lost = {number for number, result in found.items() if result is None}
    assert 7 in lost
    assert len(lost) <= 2
    assert all(result == number for number, result in found.items() if number not in lost)


def test_tasks_are_accounted_for_when_no_process_is_left() -> None:
    found = spread_out(2, 30, lambda _number: os.kill(os.getpid(), signal.SIGKILL))
    assert set(found.values()) == {None}


def test_a_fault_in_a_process_is_told_without_what_it_quotes(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def do(number: int) -> int:
        raise ValueError("Doe^Jane")

    assert spread_out(1, 3, do) == dict.fromkeys(range(3))
    told = capfd.readouterr().err
    assert "ended with ValueError in do:" in told
    assert "Jane" not in told


def test_processes_end_with_who_asked_for_them() -> None:
    at_work = spread(2, 100, lambda: lambda _number: os.getpid())
    pids = {next(at_work)[1] for _ in range(20)}
    at_work.close()  # type: ignore[attr-defined]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_files_of_a_process_that_ended_are_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for number in range(60):
        ds = ct(SOPInstanceUID=f"{ROOT}.1.1.{number}")
        (source / f"{number:02}").write_bytes(encoded(ds))
    whole = RUN.Worker.work

    def work(worker: object, paths: list[str]) -> object:
        if any(path.endswith("/30") for path in paths):
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(worker, paths)

    monkeypatch.setattr(RUN.Worker, "work", work)
    key, report = ["--key-file", str(tmp_path / "key")], tmp_path / "report.json"
    status = main(
        [str(source), str(tmp_path / "out"), "--workers", "2", "--report", str(report), *key]
    )
    entries = json.loads(report.read_text())
    assert status == 1
    assert len(entries) == 60
    died = [entry for entry in entries if entry["state"] == "refused"]
    assert {entry["code"] for entry in died} == {"worker-died"}
    assert str(source / "30") in {entry["input"] for entry in died}
    assert len(died) < 30
