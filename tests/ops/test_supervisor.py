"""The supervisor restarts what dies, stops in order, and leaves nothing running."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from anonportal.processes import members
from anonportal.supervisor import ChildSpec, Pace, Supervisor

QUICK = Pace(first_wait=0.05, longest_wait=0.2, grace=0.5, last_grace=0.5, tick=0.02)
FOREVER = ["sh", "-c", "while :; do sleep 0.05; done"]


ROOT = Path(__file__).resolve().parents[2]


def wait_until(holds: Callable[[], object]) -> None:
    for _ in range(6000):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it never came true")


def run_until(supervisor: Supervisor, holds: Callable[[], object]) -> None:
    """Run the supervisor until something holds, then stop it."""
    rounds = iter(range(6000))

    def tick() -> None:
        if holds() or next(rounds, None) is None:
            supervisor._stop_signal(signal.SIGTERM, None)

    supervisor._on_tick = tick
    supervisor.start(last=True)
    supervisor.start(last=False)
    supervisor.run()
    assert holds()


def test_what_dies_starts_again() -> None:
    supervisor = Supervisor([ChildSpec("one", FOREVER)], pace=QUICK)
    child = supervisor.children[0]
    lives: list[int] = []

    def has_lived_three_times() -> bool:
        if child.pid is not None and child.pid not in lives:
            lives.append(child.pid)
            os.kill(child.pid, signal.SIGKILL)
        return len(lives) >= 3

    run_until(supervisor, has_lived_three_times)
    supervisor.stop()
    assert all(members(pid) == [] for pid in lives)


def test_what_a_dead_child_left_running_is_killed_before_it_starts_again(tmp_path: Path) -> None:
    left = tmp_path / "left"
    script = (
        f"if [ -e {left} ]; then exec sleep 1000; fi; sleep 1000 & echo $! > {left}; kill -9 $$"
    )
    supervisor = Supervisor([ChildSpec("one", ["sh", "-c", script])], pace=QUICK)
    run_until(
        supervisor,
        lambda: (
            left.exists()
            and left.read_text().strip()
            and not Path(f"/proc/{left.read_text().strip()}").exists()
        ),
    )
    supervisor.stop()


def test_a_child_that_ignores_the_stop_signal_is_killed_with_all_it_started() -> None:
    script = "trap '' TERM; sleep 1000 & sleep 1000 & while :; do sleep 0.05; done"
    supervisor = Supervisor([ChildSpec("deaf", ["sh", "-c", script])], pace=QUICK)
    child = supervisor.children[0]
    run_until(supervisor, lambda: child.pid and len(members(child.pid)) >= 3)
    session = child.pid
    assert session is not None
    supervisor.stop()
    # The kernel takes a moment to clear away what was killed.
    wait_until(lambda: members(session) == [])


def test_those_that_others_need_stop_last(tmp_path: Path) -> None:
    order = tmp_path / "order"

    def announcing(name: str) -> ChildSpec:
        script = f"trap 'echo {name} >> {order}; exit' TERM; touch {tmp_path}/{name}; "
        return ChildSpec(name, ["sh", "-c", script + FOREVER[2]], last=name == "redis")

    supervisor = Supervisor([announcing("redis"), announcing("web")], pace=QUICK)
    run_until(supervisor, lambda: {"redis", "web"} <= {path.name for path in tmp_path.iterdir()})
    supervisor.stop()
    assert order.read_text().split() == ["web", "redis"]


def test_children_get_their_environment(tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = ["sh", "-c", f'echo "$WORD" > {told}; exec sleep 1000']
    supervisor = Supervisor([ChildSpec("one", command, {"WORD": "hello"})], pace=QUICK)
    run_until(supervisor, lambda: told.exists() and told.read_text() == "hello\n")
    supervisor.stop()


def test_a_nice_child_lets_others_go_first() -> None:
    supervisor = Supervisor([ChildSpec("one", FOREVER, niceness=5)], pace=QUICK)
    child = supervisor.children[0]
    wanted = os.getpriority(os.PRIO_PROCESS, 0) + 5
    run_until(
        supervisor,
        lambda: child.pid and os.getpriority(os.PRIO_PROCESS, child.pid) == min(wanted, 19),
    )
    supervisor.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_child_outlives_the_supervisor(tmp_path: Path, number: signal.Signals) -> None:
    """Not even one that was killed without a chance to stop its children."""
    pids = tmp_path / "pids"
    program = f"""
import sys
from anonportal.supervisor import ChildSpec, Pace, Supervisor
from pathlib import Path
supervisor = Supervisor([ChildSpec("one", ["sleep", "1000"]), ChildSpec("two", ["sleep", "1000"])])
supervisor.listen()
supervisor.start(last=False)
Path({str(pids)!r}).write_text(" ".join(str(child.pid) for child in supervisor.children) + ".")
supervisor.run()
supervisor.stop()
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    wait_until(lambda: pids.exists() and pids.read_text().endswith("."))
    process.send_signal(number)
    assert process.wait() == (-number if number is signal.SIGKILL else 0)
    children = pids.read_text().rstrip(".").split()
    assert len(children) == 2
    wait_until(lambda: not any(_runs(pid) for pid in children))


def _runs(pid: str) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
