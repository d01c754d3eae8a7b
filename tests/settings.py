"""Settings of the test run: the portal's own, below a temporary data folder.

The environment is set before the portal's settings are read, so a test never sees a checkout's
data, and a process that a test starts inherits the same folder.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def _own_folder() -> None:
    """Point the environment at a fresh folder, unless a test's process passed its own on."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if os.environ.get("ANONPORTAL_TESTS_OF") == f"worker {worker}":
        return
    for name in [name for name in os.environ if name.startswith("ANONPORTAL_")]:
        # What names a program of the tests is no setting of the portal.
        if not name.startswith("ANONPORTAL_TEST_"):
            del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="anonportal-test-"))
    os.environ["ANONPORTAL_TESTS_OF"] = f"worker {worker}"
    os.environ["ANONPORTAL_DATA"] = str(folder)
    os.environ["ANONPORTAL_HOSTS"] = "testserver,localhost,127.0.0.1"
    os.environ["ANONPORTAL_SECRET_KEY"] = "protects the test run only, which holds nothing, " * 2
    owner = os.getpid()

    def remove() -> None:
        # A forked child leaves through here too; the folder is its parent's.
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)


_own_folder()

from anonportal.settings import *  # noqa: E402, F403
from anonportal.settings import DATA_DIR, DATABASES, STORAGES  # noqa: E402

TESTING = True
# The test client and the live server speak plain http.
SECURE_SSL_REDIRECT = False
SESSION_COOKIE_SECURE = False
CSRF_COOKIE_SECURE = False
SESSION_COOKIE_NAME = "session"
CSRF_COOKIE_NAME = "csrf"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# The run collects no static files, so their names carry no digests.
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

# No collected static files, and no Redis for the tests that only look at pages.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

(DATA_DIR / "db").mkdir(mode=0o700, exist_ok=True)
for _database in DATABASES.values():
    # Files, not memory: threads and the processes a test starts share them, as in production.
    _database["TEST"] = {"NAME": str(_database["NAME"])}
