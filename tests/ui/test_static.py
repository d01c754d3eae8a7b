"""Static files as production serves them: hashed, compressed, small."""

import gzip
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.templatetags.static import static
from django.test import override_settings

# Before any script runs a page needs these; with them it stays under 100 KB on the wire.
PAGE = ("tokens.css", "kit.css", "icons.svg", "icon.svg", "portal.js", "django_htmx/htmx-2.min.js")


@pytest.fixture
def collected(tmp_path: Path) -> Path:
    """Collect the static files as `make run` does; return where they are."""
    storage = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {
            "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage",
            "OPTIONS": {"location": str(tmp_path)},
        },
    }
    with override_settings(STATIC_ROOT=str(tmp_path), STORAGES=storage):
        call_command("collectstatic", interactive=False, verbosity=0)
        names = {name: static(name).rsplit("static/")[1] for name in PAGE}
        assert staticfiles_storage.exists("staticfiles.json")
    for name, hashed in names.items():
        assert hashed != name
        assert (tmp_path / hashed).exists()
    return tmp_path


def test_files_have_hashed_names_and_a_page_stays_light(collected: Path) -> None:
    sizes = {name: len(gzip.compress((collected / name).read_bytes())) for name in PAGE}
    assert sizes["kit.css"] < 8_000
    assert sum(sizes.values()) < 90_000
    assert any(collected.glob("kit.*.css.gz"))
