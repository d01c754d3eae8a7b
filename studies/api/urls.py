"""Addresses of the API. None holds an identifier, and none takes a cookie for a token."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter
from django.urls.resolvers import URLPattern, URLResolver

from studies.api import anonymize, docs, prepare, stow
from studies.api.rest import api

app_name = "api"


class UidConverter(StringConverter):
    """A UID in an address: digits and dots."""

    regex = r"[0-9.]{1,64}"


register_converter(UidConverter, "uid")

urlpatterns: list[URLPattern | URLResolver] = [
    path("docs", docs.page, name="docs"),
    path("openapi.json", docs.specification, name="openapi"),
    path("anonymize-stream", anonymize.anonymize_stream, name="anonymize_stream"),
    path("batch-prepare", prepare.batch_prepare, name="batch_prepare"),
    path("batch-prepare/<uuid:batch_id>", prepare.batch_prepared, name="batch_prepared"),
    path("reports/dicom-web/studies", stow.store_reports, name="stow_reports"),
    path("dicom-web/studies", stow.store, name="stow"),
    path("dicom-web/studies/<uid:study>", stow.store, name="stow_study"),
    path("dicom-web/<slug:rule_name>/studies", stow.store, name="stow_rule"),
    path("dicom-web/<slug:rule_name>/studies/<uid:study>", stow.store, name="stow_rule_study"),
    *api.urls[0],
]
