"""All URLs of the portal."""

from django.urls import include, path
from django.urls.resolvers import URLPattern, URLResolver

from anonportal.health import healthz

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("account/", include("anonportal.accounts.urls")),
    path("audit/", include("audit.urls")),
    path("", include("studies.urls")),
]

handler500 = "anonportal.errors.server_error"
