"""A production portal without a signer, a second place or readers is told so at start."""

from django.core.checks import run_checks


def identities(settings):
    found = run_checks(tags=["audit"], include_deployment_checks=True)
    return {message.id for message in found}


def test_a_complete_setting_passes(settings):
    assert identities(settings) == set()


def test_what_is_missing_is_named(settings):
    settings.AUDIT = {}
    assert identities(settings) == {"audit.E002", "audit.W001", "audit.W002"}
    settings.DEBUG = True
    assert identities(settings) == set()


def test_a_slip_in_a_path_or_a_key_is_found(settings):
    settings.AUDIT = {"SINK": "tests.audit.conftest.nowhere"}
    assert "audit.E001" in identities(settings)
    settings.AUDIT = {"SINKS": "x"}
    assert "audit.E001" in {message.id for message in run_checks(tags=["audit"])}
