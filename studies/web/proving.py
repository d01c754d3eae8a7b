"""Who is asking, once more: the proof that a form at the door carries, in any of its ways.

It asks the accounts' door and words its answer; whether the proof is enough the services decide.
"""

import time
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from anonportal.accounts import door
from anonportal.accounts.mfa import has_second_factor, used_second_factor
from studies.models import Report
from studies.services.access import viewer
from studies.services.door_rules import Proof
from studies.services.restoring import Restored

# What a person passed the door for in this session: report → event and moment. No patient in it.
_PASSED = "passed_the_door"
PASSED_SECONDS = 300


def prove(request: HttpRequest, form: forms.Form) -> Proof:
    """Return how sure we are of the person; what was wrong stands on the form."""
    password, code, credential = (
        str(form.data.get(name, "")) for name in ("password", "code", "credential")
    )
    is_fresh = door.is_open(request)
    if password or code or credential:
        answer = door.knock(request, password, code=code.strip(), credential=credential)
        is_fresh = answer.is_open
        if not is_fresh:
            _explain(form, answer)
    user: Any = request.user
    return Proof(is_fresh, has_second_factor(user), used_second_factor(request))


def _explain(form: forms.Form, answer: door.Answer) -> None:
    if answer.by == "passkey":
        form.add_error(None, _("That passkey was not right."))
    elif answer.by == "code":
        form.add_error("code", _("That code is not right, or was used already."))
    else:
        text = _("That password is not right. {count} tries left.")
        form.add_error("password", text.format(count=answer.tries_left))


def private(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Answer with a page of the door: never kept, with every way to prove who asks."""
    ways = door.keys_of(request)
    shown = {"ways": ways, "is_proved": door.is_open(request)}
    if ways.passkey and context.get("form") is not None and not shown["is_proved"]:
        shown["js_data"] = door.passkey_challenge(request)
    caller = viewer(request)
    user: Any = request.user
    shown["lacks_factor"] = caller.organization.second_factor_required and not has_second_factor(
        user
    )
    response = render(request, template, shown | context, status=status)
    response["Cache-Control"] = "no-store"
    return response


def says_why(form: forms.Form) -> bool:
    """Say whether the form already tells what was wrong with the proof."""
    return bool(form.errors.get("password") or form.errors.get("code") or form.non_field_errors())


def note_passed(request: HttpRequest, restored: Restored) -> None:
    """Remember for five minutes that this session passed the door for a report."""
    passed = {
        key: kept
        for key, kept in request.session.get(_PASSED, {}).items()
        if time.time() - kept[1] < PASSED_SECONDS
    }
    passed[str(restored.report.pk)] = [restored.identified.event_number, time.time()]
    request.session[_PASSED] = passed


def passed_for(request: HttpRequest, report: Report) -> str:
    """Return the event of the door that this session passed for a report, empty where none."""
    return passed_event(request, report.pk)


def passed_event(request: HttpRequest, report_id: UUID) -> str:
    """Return the event number kept for a report, while it holds and the person is still sure."""
    event, moment = request.session.get(_PASSED, {}).get(str(report_id), ["", 0.0])
    holds = 0 <= time.time() - moment < PASSED_SECONDS and door.is_open(request)
    return str(event) if holds else ""
