"""The test run itself: it stands on real servers and on a folder of its own."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection

from tests.append_only import triggers_lifted
from tests.proof import table


def test_everything_is_below_a_temporary_folder() -> None:
    assert Path(settings.DATA_DIR).name.startswith("anonportal-test-")
    assert Path(settings.DATABASES["vault"]["NAME"]).is_relative_to(settings.DATA_DIR)


def test_redis_is_real_and_listens_on_no_port(redis: Any) -> None:
    redis.set("name", "value")
    assert redis.get("name") == b"value"
    assert redis.config_get("port") == {"port": "0"}


@pytest.mark.postgres
def test_postgres_is_real_and_listens_on_no_port(postgres: Any) -> None:
    with psycopg.connect(postgres.create_database()) as database:
        row = database.execute("SHOW listen_addresses").fetchone()
    assert row == ("",)


@pytest.mark.django_db(transaction=True)
def test_triggers_are_lifted_for_a_flush_and_stand_again_after_it() -> None:
    people = get_user_model()._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TRIGGER forever BEFORE DELETE ON {people} BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        try:
            with triggers_lifted(connection):
                cursor.execute(f"DELETE FROM {people}")
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            assert ("forever",) in cursor.fetchall()
        finally:
            cursor.execute("DROP TRIGGER forever")


def test_the_proof_page_holds_one_row_per_claim_in_the_order_of_the_tests() -> None:
    page = table([("b.py::t", "kills", 10, "0 lost"), ("a.py::t", "races", 1200, "0 twice")])
    rows = [line for line in page.splitlines() if line.startswith("| ")][2:]
    assert rows == [
        "| races | 1,200 | 0 twice | `a.py::t` |",
        "| kills | 10 | 0 lost | `b.py::t` |",
    ]
