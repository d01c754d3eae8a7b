"""An insecure installation refuses to start, and says each reason in one sentence."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from anonportal import checks

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = "Qm4vT8zLw2Kx9Rb6Nc1Hs7Jd3Fg5Pa0Yu-Ie-Wo-Xt-0123456789"


def configured(tmp_path: Path, **changed: Any) -> SimpleNamespace:
    sound = {
        "TESTING": False,
        "DEMO": False,
        "DEBUG": False,
        "SECRET_KEY": KEY,
        "ALLOWED_HOSTS": ["portal.example.org"],
        "PUBLIC_URL": "https://portal.example.org",
        "CSRF_TRUSTED_ORIGINS": ["https://portal.example.org"],
        "KEY_FILE": tmp_path / "keys" / "keyring.json",
        "DATABASES": {
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": tmp_path / "db" / "portal.sqlite3",
            }
        },
    }
    return SimpleNamespace(**{**sound, **changed})


def test_sound_settings_are_no_danger(tmp_path: Path) -> None:
    assert checks.dangers(configured(tmp_path)) == []


def test_a_sound_demo_is_no_danger(tmp_path: Path) -> None:
    hosts = sorted(checks.THIS_MACHINE)
    assert checks.dangers(configured(tmp_path, DEMO=True, ALLOWED_HOSTS=hosts)) == []


@pytest.mark.parametrize(
    ("changed", "variable"),
    [
        ({"DEBUG": True}, "ANONPORTAL_DEBUG"),
        ({"SECRET_KEY": checks.INSECURE_KEY}, "ANONPORTAL_SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "ANONPORTAL_SECRET_KEY"),
        ({"SECRET_KEY": "ab" * 40}, "ANONPORTAL_SECRET_KEY"),
        ({"ALLOWED_HOSTS": []}, "ANONPORTAL_HOSTS"),
        ({"ALLOWED_HOSTS": ["*"]}, "ANONPORTAL_HOSTS"),
        ({"CSRF_TRUSTED_ORIGINS": ["http://portal.example.org"]}, "ANONPORTAL_ORIGINS"),
        ({"PUBLIC_URL": "http://portal.example.org"}, "ANONPORTAL_PUBLIC_URL"),
        ({"DEMO": True}, "ANONPORTAL_HOSTS"),
    ],
)
def test_each_danger_names_the_variable_to_change(
    tmp_path: Path, changed: dict[str, Any], variable: str
) -> None:
    ((_, sentence),) = checks.dangers(configured(tmp_path, **changed))
    assert variable in sentence
    assert "\n" not in sentence


def test_a_key_file_beside_the_databases_is_refused(tmp_path: Path) -> None:
    found = checks.dangers(configured(tmp_path, KEY_FILE=tmp_path / "db" / "keyring.json"))
    assert [identifier for identifier, _ in found] == ["anonportal.E002"]


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    key_file = tmp_path / "keyring.json"
    key_file.write_text("{}")
    key_file.chmod(0o644)
    assert [i for i, _ in checks.dangers(configured(tmp_path, KEY_FILE=key_file))] == [
        "anonportal.E003"
    ]
    key_file.chmod(0o600)
    assert checks.dangers(configured(tmp_path, KEY_FILE=key_file)) == []


def test_the_start_is_refused_with_every_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checks, "settings", configured(tmp_path, DEBUG=True, ALLOWED_HOSTS=[]))
    with pytest.raises(ImproperlyConfigured, match=r"ANONPORTAL_DEBUG.*; ANONPORTAL_HOSTS"):
        checks.refuse_insecure_start()


def start(
    command: list[str], tmp_path: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Start a process of the product as an operator would, with settings of its own."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANONPORTAL_", "DJANGO_"))
    }
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={
            **clean,
            "DJANGO_SETTINGS_MODULE": "anonportal.settings",
            "ANONPORTAL_DATA": str(tmp_path / "data"),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "up", "--port", "0"],
        ["manage.py", "rqworker", "stat"],
        ["-c", "import anonportal.wsgi"],
    ],
)
def test_no_process_starts_without_settings(tmp_path: Path, command: list[str]) -> None:
    done = start(command, tmp_path)
    assert done.returncode != 0
    assert "ANONPORTAL_HOSTS is empty" in done.stderr
    assert not list((tmp_path / "data").rglob("*.sqlite3"))


def test_up_says_why_in_one_line(tmp_path: Path) -> None:
    done = start(["manage.py", "up", "--port", "0"], tmp_path)
    assert done.stderr == (
        "refused to start: ANONPORTAL_HOSTS is empty: name the hosts that the portal serves; "
        "ANONPORTAL_PUBLIC_URL isn't set to an https:// address: messages could not link here\n"
    )


def test_a_setting_that_can_not_be_read_is_one_line(tmp_path: Path) -> None:
    done = start(["manage.py", "check"], tmp_path, ANONPORTAL_DEBUG="perhaps")
    assert done.returncode == 1
    assert done.stderr == "ANONPORTAL_DEBUG must be 1 or 0\n"


def test_the_production_settings_pass_djangos_own_deployment_check(tmp_path: Path) -> None:
    done = start(
        ["-W", "error", "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        tmp_path,
        ANONPORTAL_HOSTS="portal.example.org",
        ANONPORTAL_ORIGINS="https://portal.example.org",
        ANONPORTAL_PUBLIC_URL="https://portal.example.org",
        ANONPORTAL_SECRET_KEY=KEY,
    )
    assert done.returncode == 0, done.stderr
