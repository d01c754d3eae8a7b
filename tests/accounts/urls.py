"""Addresses of the account alone: its tests need no other room."""

from django.urls import include, path

urlpatterns = [path("account/", include("anonportal.accounts.urls"))]
