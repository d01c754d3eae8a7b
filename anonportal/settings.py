"""Settings of the portal, all from the environment (ANONPORTAL_*). docs/settings.md lists them."""

import os
from pathlib import Path

from anonportal.env import env, env_bool, env_int, env_list, env_secret

BASE_DIR = Path(__file__).resolve().parent.parent
# Everything the portal writes lies below this one folder.
DATA_DIR = Path(env("DATA", str(BASE_DIR / "data"))).resolve()

DEMO = env_bool("DEMO", False)
DEBUG = env_bool("DEBUG", False)
SECRET_KEY = env_secret("SECRET_KEY", "insecure-key-of-a-checkout-without-settings")
ALLOWED_HOSTS = env_list("HOSTS", "")
CSRF_TRUSTED_ORIGINS = env_list("ORIGINS", "")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_rq",
    "allauth",
    "allauth.account",
    "csp",
    "anonportal.accounts",
    "anonportal.ui",
    "audit",
    "studies.vault",
    "studies",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "anonportal.urls"
WSGI_APPLICATION = "anonportal.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- databases -------------------------------------------------------------------------------
# The mapping lives in a database of its own: a dump of the portal maps nothing.


def _database(name: str) -> dict[str, object]:
    url = env_secret(f"{name.upper()}_DATABASE_URL", "")
    if url:
        from anonportal.databases import from_url

        return from_url(url)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "db" / f"{name}.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                "PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;"
            ),
        },
    }


DATABASES = {"default": _database("portal"), "vault": _database("vault")}
DATABASE_ROUTERS = ["anonportal.databases.VaultRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- queue -----------------------------------------------------------------------------------
REDIS_SOCKET = env("REDIS_SOCKET", str(DATA_DIR / "run" / "redis.sock"))
REDIS_URL = env_secret("REDIS_URL", f"unix://{REDIS_SOCKET}")
RQ_QUEUES = {
    name: {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 600} for name in ("stat", "high", "routine")
}
RQ = {"COMMIT_MODE": "on_db_commit"}

# --- work ------------------------------------------------------------------------------------
# How long a run may hold a chunk without a sign of life, and how much one chunk is.
LEASE_SECONDS = env_int("LEASE_SECONDS", 60)
CHUNK_BYTES = env_int("CHUNK_BYTES", 128 * 2**20)
CHUNK_INSTANCES = env_int("CHUNK_INSTANCES", 250)
# A job gives way to a more urgent one after this long.
JOB_SECONDS = env_int("JOB_SECONDS", 5)

# --- stores ----------------------------------------------------------------------------------
SEALED_DIR = DATA_DIR / "sealed"
KEY_FILE = Path(env("KEY_FILE", str(DATA_DIR / "keys" / "keyring.json")))

# --- people ----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- languages -------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env("TIME_ZONE", "UTC")

# --- static files ----------------------------------------------------------------------------
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"

# --- audit trail -----------------------------------------------------------------------------
AUDIT = {
    "ACTIONS": "studies.acts.ACTIONS",
    "CHAINS": "studies.services.access.audit_chains",
    "SIGNER": "studies.services.signing.signer",
    "SINK": "studies.services.signing.store_checkpoint",
}

# --- test and developer conveniences ---------------------------------------------------------
PROVE = os.environ.get("PROVE") == "1"
