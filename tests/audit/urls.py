"""URLs of the trail's own tests: the trail under a prefix, beside the pages of sign-in."""

from django.urls import include, path

urlpatterns = [
    path("trail/", include("audit.urls")),
    path("account/", include("anonportal.accounts.urls")),
]
