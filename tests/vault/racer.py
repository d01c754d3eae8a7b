"""One of many processes that submit patients to one vault at once; run by test_races.py.

Reads its orders from standard input as JSON, waits for the start file, and prints what it got.
"""

import json
import random
import sys
import time
import uuid
from pathlib import Path
from typing import Any


def main() -> None:
    orders: dict[str, Any] = json.load(sys.stdin)
    import django

    django.setup()
    from django.conf import settings
    from django.db import connections

    settings.KEY_FILE = Path(orders["key_file"])
    connections.settings["vault"] = orders["database"]
    while not Path(orders["start"]).exists():
        time.sleep(0.005)
    json.dump(submit(orders), sys.stdout)


def submit(orders: dict[str, Any]) -> dict[str, list[str]]:
    """Return, for each patient and study submitted, every id that it was given."""
    from tests.vault.conftest import send

    given: dict[str, set[str]] = {}
    drawn = random.Random(orders["seed"])
    for number in range(orders["times"]):
        patient, study = drawn.randrange(orders["patients"]), drawn.randrange(3)
        cloud_patient, cloud_study = send(
            uuid.UUID(orders["domain"]),
            f"MRN{patient:05}",
            f"1.2.{patient}.{study}",
            batch=uuid.UUID(int=number),
            chunk=str(number % 2),
            instances=number % 2,
            name=f"Patient^{patient}",
            birth_date="19600102",
        )
        given.setdefault(f"patient {patient}", set()).add(cloud_patient)
        given.setdefault(f"study {patient}.{study}", set()).add(cloud_study)
    return {name: sorted(ids) for name, ids in given.items()}


if __name__ == "__main__":
    main()
