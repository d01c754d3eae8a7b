"""Settings of the portal, all from the environment (ANONPORTAL_*). docs/settings.md lists them."""

import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit

from anonportal.checks import INSECURE_KEY, THIS_MACHINE
from anonportal.env import env, env_bool, env_int, env_list, env_secret
from anonportal.logs import configuration
from anonportal.redis_server import socket_path

BASE_DIR = Path(__file__).resolve().parent.parent
# Everything the portal writes lies below this one folder.
DATA_DIR = Path(env("DATA", str(BASE_DIR / "data"))).resolve()

DEMO = env_bool("DEMO", False)
DEBUG = env_bool("DEBUG", False)
TESTING = False  # tests/settings.py alone sets it
# `up` makes this file on its first start; other installations set the variable.
SECRET_KEY_FILE = DATA_DIR / "keys" / "secret.key"
SECRET_KEY = env_secret(
    "SECRET_KEY",
    SECRET_KEY_FILE.read_text(encoding="ascii").strip()
    if SECRET_KEY_FILE.is_file()
    else INSECURE_KEY,
)
ALLOWED_HOSTS = env_list("HOSTS", ",".join(sorted(THIS_MACHINE)) if DEMO else "")
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
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "anonportal",
    "anonportal.accounts",
    "anonportal.ui",
    "audit",
    "studies.vault",
    "studies",
]

MIDDLEWARE = [
    "anonportal.middleware.CallerAddressMiddleware",
    "anonportal.middleware.RequestLogMiddleware",
    "studies.api.problems.ProblemMiddleware",
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
    "anonportal.accounts.middleware.PersonMiddleware",
]

# Says what stands in the frame around the pages: organizations, roles, navigation.
SHELL = "studies.web.shell.shell"

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
                "anonportal.ui.context.shell",
            ],
        },
    }
]

# --- databases -------------------------------------------------------------------------------
# The mapping lives in a database of its own: a dump of the portal maps nothing.


def _database(name: str, synchronous: str) -> dict[str, object]:
    url = env_secret(f"{name.upper()}_DATABASE_URL", "")
    if url:
        from anonportal.databases import from_url

        return from_url(url)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "db" / f"{name}.sqlite3",
        # The last connection that closes writes the journal back: not after each request.
        "CONN_MAX_AGE": 600,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                f"PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous};"
                "PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;"
                # In pages, 16 MB: four times rarer than by itself waits a writer for the disk.
                "PRAGMA wal_autocheckpoint=4000;"
            ),
        },
    }


# Each commit of the vault is on disk at once: without its mapping no report finds its patient. The
# portal's are where it counts (studies/services/durably.py), the rest by the next checkpoint.
DATABASES = {"default": _database("portal", "NORMAL"), "vault": _database("vault", "FULL")}
DATABASE_ROUTERS = ["anonportal.databases.VaultRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- queue -----------------------------------------------------------------------------------
REDIS_SOCKET = env("REDIS_SOCKET", str(socket_path(DATA_DIR)))
REDIS_URL = env_secret("REDIS_URL", f"unix://{REDIS_SOCKET}")
RQ_QUEUES = {
    name: {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 600} for name in ("stat", "high", "routine")
}
RQ = {
    "COMMIT_MODE": "on_db_commit",
    "JOB_CLASS": "anonportal.worker.PortalJob",
    "WORKER_CLASS": "anonportal.worker.PortalWorker",
}

# --- work ------------------------------------------------------------------------------------
# How long a run may hold a chunk without a sign of life, and how much one chunk is.
LEASE_SECONDS = env_int("LEASE_SECONDS", 60)
CHUNK_BYTES = env_int("CHUNK_BYTES", 128 * 2**20)
CHUNK_INSTANCES = env_int("CHUNK_INSTANCES", 250)
# A job gives way to a more urgent one after this long.
JOB_SECONDS = env_int("JOB_SECONDS", 5)
# Text in pictures is looked for by processes of their own: this many sockets of this machine, or
# these hosts, asked over connections sealed under a shared secret (32 bytes or more, base64).
TEXT_FINDER_SOCKETS = [
    socket_path(DATA_DIR).with_name(f"text-finder-{number}.sock")
    for number in range(1, env_int("TEXT_FINDERS", max(1, (os.cpu_count() or 1) // 2)) + 1)
]
TEXT_FINDER = env_list("TEXT_FINDER")
TEXT_FINDER_KEY = env_secret("TEXT_FINDER_KEY", "")
# How many patients one radiologist may look up in an hour.
LOOK_UPS_PER_HOUR = env_int("LOOK_UPS_PER_HOUR", 30)
# How long a consent to see several patients holds, and the longest life of a link to a report.
CONSENT_MINUTES = env_int("CONSENT_MINUTES", 60)
LINK_MAX_HOURS = env_int("LINK_MAX_HOURS", 72)
# How large a returning report may be; a larger one isn't taken in.
REPORT_MAX_BYTES = env_int("REPORT_MAX_BYTES", 128 * 1024 * 1024)
# What links in e-mails begin with.
PUBLIC_URL = env("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")

# --- stores ----------------------------------------------------------------------------------
SEALED_DIR = DATA_DIR / "sealed"
# Folders of this machine below which sources and destinations of kind folder may lie.
FOLDER_ROOTS = env_list("FOLDER_ROOTS")
# Hosts that destinations may speak to without TLS, beside this machine itself.
PLAIN_HOSTS = env_list("PLAIN_HOSTS")
# Whether destinations may use this machine's own cloud identity (instance role, managed identity).
MACHINE_IDENTITY = env_bool("MACHINE_IDENTITY", False)
# What one batch may hold, and what a zip may unfold to.
BATCH_MAX_FILES = env_int("BATCH_MAX_FILES", 200_000)
BATCH_MAX_BYTES = env_int("BATCH_MAX_BYTES", 500 * 2**30)
# Of what comes in by itself: the largest object, and when senders have to wait.
OBJECT_MAX_BYTES = env_int("OBJECT_MAX_MB", 8192) * 2**20
# The portal as a DICOM node: its listener, the port that C-MOVE sends to, its certificate.
DICOM_PORT = env_int("DICOM_PORT", 0)
DICOM_BIND = env("DICOM_BIND", "127.0.0.1")
DICOM_MOVE_PORT = env_int("DICOM_MOVE_PORT", 11113)
DICOM_ASSOCIATIONS = env_int("DICOM_ASSOCIATIONS", 16)
DICOM_SILENT_SECONDS = env_int("DICOM_SILENT_SECONDS", 60)
DICOM_TLS_CERTIFICATE = env("DICOM_TLS_CERTIFICATE", "")
DICOM_TLS_KEY = env("DICOM_TLS_KEY", "")
DICOM_TLS_ISSUERS = env("DICOM_TLS_ISSUERS", "")
# What DIMSE sources that ask for a certificate are shown: one PEM file, certificate and key.
DICOM_TLS_CLIENT = env("DICOM_TLS_CLIENT", "")
# Returning reports over HL7 MLLP: who they are for, and from which networks they may come.
MLLP_PORT = env_int("MLLP_PORT", 0)
MLLP_BIND = env("MLLP_BIND", "127.0.0.1")
MLLP_ORGANIZATION = env("MLLP_ORGANIZATION", "")
MLLP_ALLOW = env_list("MLLP_ALLOW")
MLLP_CONNECTIONS = env_int("MLLP_CONNECTIONS", 64)
MLLP_SILENT_SECONDS = env_int("MLLP_SILENT_SECONDS", 300)
MLLP_TLS_CERTIFICATE = env("MLLP_TLS_CERTIFICATE", "")
MLLP_TLS_KEY = env("MLLP_TLS_KEY", "")
MLLP_TLS_ISSUERS = env("MLLP_TLS_ISSUERS", "")
MIN_FREE_BYTES = env_int("MIN_FREE_MB", 2048) * 2**20
ORIGINALS_MAX_BYTES = env_int("ORIGINALS_MAX_GB", 0) * 2**30
ARCHIVE_MAX_DEPTH = env_int("ARCHIVE_MAX_DEPTH", 2)
# Blank images pack a thousandfold, so only what is large as a whole can be a bomb.
ARCHIVE_MAX_RATIO = env_int("ARCHIVE_MAX_RATIO", 100)
ARCHIVE_RATIO_GRACE_BYTES = env_int("ARCHIVE_RATIO_GRACE_BYTES", 256 * 2**20)
# Files of one plain form, sealed as they arrive; the page's script has no such limit.
DATA_UPLOAD_MAX_NUMBER_FILES = 1000
# What one request of the API may bring, how often a token may call, and an address be refused.
GATEWAY_MAX_BYTES = env_int("GATEWAY_MAX_BYTES", 8 * 2**30)
API_CALLS_PER_MINUTE = env_int("API_CALLS_PER_MINUTE", 30_000)
API_REFUSALS_PER_MINUTE = env_int("API_REFUSALS_PER_MINUTE", 30)
# How many requests of one process may wait for a batch at once (Prefer: wait).
API_WAITING = env_int("API_WAITING", 2)
KEY_FILE = Path(env("KEY_FILE", str(DATA_DIR / "keys" / "keyring.json")))
# Instead of the key file: "1:base64,2:base64", or AWS KMS key ids, the last one current.
KEYS = env_secret("KEYS", "")
KMS_KEYS = env_list("KMS_KEYS")

# --- people ----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["name", "email"]},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# People are made by administrators and commands; there is no sign-up. E-mail is the only name.
ACCOUNT_ADAPTER = "anonportal.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_DISPLAY = "anonportal.accounts.adapter.display"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # an address without an account gets no mail, looks alike
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_FORMS = {
    "login": "anonportal.accounts.forms.SignInForm",
    "reauthenticate": "anonportal.accounts.forms.ReauthenticateForm",
    "reset_password": "anonportal.accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "anonportal.accounts.forms.ResetPasswordKeyForm",
    "change_password": "anonportal.accounts.forms.ChangePasswordForm",
}
# Wrong passwords: five per account in 15 minutes, from wherever; twenty a minute from one address.
ACCOUNT_RATE_LIMITS = {"login_failed": "20/m/ip,5/15m/key", "reauthenticate": "10/m/user"}
# Second factors: codes of an app, passkeys, and recovery codes that are shown once.
MFA_ADAPTER = "anonportal.accounts.mfa.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "anonportal"
MFA_FORMS = {
    "authenticate": "anonportal.accounts.mfa_forms.SignInCodeForm",
    "authenticate_webauthn": "anonportal.accounts.mfa_forms.SignInPasskeyForm",
    "login_webauthn": "anonportal.accounts.mfa_forms.PasskeyOnlyForm",
    "reauthenticate": "anonportal.accounts.mfa_forms.ReauthenticateCodeForm",
    "reauthenticate_webauthn": "anonportal.accounts.mfa_forms.ReauthenticatePasskeyForm",
    "add_webauthn": "anonportal.accounts.mfa_forms.AddPasskeyForm",
    "activate_totp": "anonportal.accounts.mfa_forms.ActivateAppForm",
}
# Seals what the installation keeps of people's second factors.
SECRET_SEALER = "studies.services.keys.installation_sealer"  # noqa: S105 - where it is, not what
# Signing in at the hospital's own identity provider, where one is set. It makes no account: it
# vouches for the e-mail address of one that is there.
OIDC_URL = env("OIDC_URL", "").rstrip("/")
OIDC_NAME = env("OIDC_NAME", "Single sign-on")
SOCIALACCOUNT_ADAPTER = "anonportal.accounts.oidc.OidcAdapter"
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "SCOPE": ["openid", "profile", "email"],
        "APPS": [
            {
                "provider_id": "hospital",
                "name": OIDC_NAME,
                "client_id": env("OIDC_CLIENT_ID", ""),
                "secret": env_secret("OIDC_SECRET", ""),
                "settings": {"server_url": OIDC_URL},
            }
        ]
        if OIDC_URL
        else [],
    }
}
# The limits are counted in one place for all processes.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "anonportal",
    }
}

# --- sessions --------------------------------------------------------------------------------
SESSION_COOKIE_AGE = 3600 * env_int("SESSION_HOURS", 12)
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_IDLE_MINUTES = env_int("SESSION_IDLE_MINUTES", 30)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
# A message never rides in a cookie.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- transport -------------------------------------------------------------------------------
# A demo speaks http on this machine only; everything else https only.
_SECURE = not DEMO
SECURE_SSL_REDIRECT = _SECURE
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if _SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _SECURE
SECURE_HSTS_PRELOAD = _SECURE
SESSION_COOKIE_SECURE = _SECURE
CSRF_COOKIE_SECURE = _SECURE
TRUSTED_PROXIES = env_int("TRUSTED_PROXIES", 0)
if TRUSTED_PROXIES > 0:
    # The proxy in front ends TLS and sets this header itself (deploy/nginx.conf).
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# A browser keeps cookies per host, not per port: two demos side by side need two names.
_OWNER = hashlib.sha256(os.fsencode(DATA_DIR)).hexdigest()[:8]
SESSION_COOKIE_NAME = f"session_{_OWNER}" if DEMO else "__Host-session"
CSRF_COOKIE_NAME = f"csrf_{_OWNER}" if DEMO else "__Host-csrf"

# --- what a page may load --------------------------------------------------------------------
# The sign-in form leads to the identity provider.
_OIDC_ORIGIN = ["{0.scheme}://{0.netloc}".format(urlsplit(OIDC_URL))] if OIDC_URL else []
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'", *_OIDC_ORIGIN],
        "frame-ancestors": ["'none'"],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"

# --- e-mail ----------------------------------------------------------------------------------
EMAIL_BACKEND = (
    "django.core.mail.backends.filebased.EmailBackend"
    if DEMO
    else "django.core.mail.backends.smtp.EmailBackend"
)
EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_HOST = env("EMAIL_HOST", "localhost")
EMAIL_PORT = env_int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env("EMAIL_USER", "")
EMAIL_HOST_PASSWORD = env_secret("EMAIL_PASSWORD", "")
EMAIL_USE_TLS = env_bool("EMAIL_TLS", False)
DEFAULT_FROM_EMAIL = env("EMAIL_FROM", "anonportal@localhost")

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
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Hashed and compressed names once they are collected (`make run` collects, tests don't).
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- audit trail -----------------------------------------------------------------------------
AUDIT = {
    "ACTIONS": "studies.acts.ACTIONS",
    "CHAINS": "studies.services.access.audit_chains",
    "SIGNER": "studies.services.signing.signer",
    "SINK": "studies.services.checkpoints.store_checkpoint",
    "CHECKPOINTS": "studies.services.checkpoints.stored_checkpoints",
    "FOLDER": str(DATA_DIR / "audit"),
    "QUEUE": "studies.jobs.enqueue_export",
    "DIGEST": "studies.services.access.digest_readers",
    "RETENTION_DAYS": env_int("AUDIT_RETENTION_DAYS", 0),
    "SOURCE_ID": env("AUDIT_SOURCE_ID", "anonportal"),
    "SYSLOG": {
        "host": env("SYSLOG_HOST"),
        "port": env_int("SYSLOG_PORT", 6514),
        "ca_file": env("SYSLOG_CA_FILE", ""),
        "certificate": env("SYSLOG_CERTIFICATE", ""),
        "key": env("SYSLOG_KEY", ""),
        "app_name": "anonportal",
    }
    if env("SYSLOG_HOST", "")
    else None,
}
# The second place for its checkpoints: a folder (in the data folder if none is named) or a bucket.
CHECKPOINTS = env("CHECKPOINTS", "")
CHECKPOINTS_ENDPOINT = env("CHECKPOINTS_ENDPOINT", "")
CHECKPOINTS_LOCK_DAYS = env_int("CHECKPOINTS_LOCK_DAYS", 0)
# Whether auditors get a digest of their trail by e-mail each night.
AUDIT_DIGEST = env_bool("AUDIT_DIGEST", True)

# --- logs ------------------------------------------------------------------------------------
LOGGING = configuration(DATA_DIR / "log", env("LOG_STDERR", "INFO"))

# --- test and developer conveniences ---------------------------------------------------------
PROVE = os.environ.get("PROVE") == "1"
