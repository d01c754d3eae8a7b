"""Every URL × role × own or foreign organization × nobody, with the status it must answer.

A URL without an entry here fails the first test: nobody adds a page without saying who may see it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as project
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from audit.models import Event, Export
from studies.models import (
    ApiToken,
    BulkLookUp,
    DeviceTemplate,
    Instance,
    ListenerRule,
    Membership,
    ReportSending,
    Role,
    Sample,
    Scope,
)
from studies.services import bulk, lending, pixels, returning, rules, sending_on, tokens
from studies.services.door_rules import Proof
from tests import datasets
from tests.api.conftest import client_for
from tests.api.matrix import CALLS, PUBLIC, Call
from tests.studies.hospital import Hospital, make_hospital, work_off

C, R, A, D = Role.COORDINATOR, Role.RADIOLOGIST, Role.AUDITOR, Role.ADMINISTRATOR
EVERYONE = (C, R, A, D)


@dataclass(frozen=True)
class Page:
    """Who may open a page, how it is asked for, and what it then answers."""

    roles: tuple[str, ...] = ()
    method: str = "get"
    needs: tuple[str, ...] = ()
    ok: int | dict[str, int] = 200
    fixed: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    public: bool = False
    # A wrong role is told apart from a foreign object, unless the page hides that it exists.
    wrong_role: int = 403
    # Where the role is looked at before the object, a wrong role learns nothing of the object.
    foreign_wrong_role: int = 404


def post(*roles: str, ok: int = 302, needs: tuple[str, ...] = (), **more: Any) -> Page:
    return Page(roles, "post", needs, ok, **more)


BATCH, STUDY, PLACE, SOURCE = ("batch_id",), ("study_id",), ("destination_id",), ("source_id",)
CHAIN, REPORT, TARGET = ("chain",), ("report_id",), ("target_id",)
NOTHING = UUID(int=1)

PAGES: dict[str, Page] = {
    "healthz": Page(public=True, ok=503),
    "home": Page(EVERYONE, ok={C: 200, R: 302, A: 302, D: 302}),
    "in_flight": Page((C,)),
    "switch": post(*EVERYONE, ok=404),
    "find": post(*EVERYONE, ok=404),
    "batches": Page((C,)),
    "batch_new": Page((C,), ok=302),
    "batch": Page((C,), needs=BATCH),
    "batch_progress": Page((C,), needs=BATCH),
    "batch_pick": post(C, ok=404, needs=BATCH),
    "batch_select": post(C, ok=404, needs=BATCH),
    "batch_submit": post(C, ok=422, needs=BATCH),
    "batch_release": Page((C,), needs=BATCH),
    "batch_again": post(C, needs=BATCH),
    "batch_cancel": Page((C,), needs=BATCH),
    "manifest": Page((C,), needs=BATCH),
    "manifest_signature": Page((C,), needs=BATCH),
    "batch_names": post(C, ok=200, needs=BATCH),
    "held_exclude": Page((C,), needs=BATCH, fixed={"code": "truncated"}),
    "held_retry": post(C, needs=BATCH, fixed={"code": "truncated"}),
    "held_keep_first": post(C, needs=BATCH),
    "excluded_restore": post(C, needs=BATCH),
    "study_patient": Page((C,), needs=STUDY),
    "review": Page((C,)),
    "review_image": Page((C,), needs=("check_id",)),
    "review_state": Page((C,), needs=("check_id",), ok=286),
    "review_header": Page((C,), needs=("check_id",)),
    "review_decide": post(C, needs=("check_id",)),
    "review_exclude": Page((C,), needs=("check_id",)),
    "review_before": Page((C,), needs=("check_id",), fixed={"number": 0}),
    "review_after": Page((C,), needs=("check_id",), fixed={"number": 0}, ok=404),
    "sample_draw": post(C, needs=BATCH),
    "sample": Page((C,), needs=("sample_id",)),
    "sample_judge": post(C, needs=("sample_id",), ok=404),
    "device_templates": Page((C, D)),
    "upload_announce": post(C, ok=400, needs=BATCH),
    "upload_parts": Page((C,), "put", BATCH, 409),
    "upload_status": Page((C,), needs=BATCH),
    "upload_form": post(C, needs=BATCH),
    "destinations": Page((C, D)),
    "destination_new": Page((D,)),
    "destination": Page((D,), needs=PLACE, foreign_wrong_role=403),
    "destination_test": post(C, D, needs=PLACE),
    "destination_pause": post(D, needs=PLACE),
    "sources": Page((C, D)),
    "source_new": Page((D,)),
    "source": Page((D,), needs=SOURCE, foreign_wrong_role=403),
    "source_test": post(C, D, needs=SOURCE),
    "rule_new": Page((D,)),
    "rule": Page((D,), needs=("rule_id",), foreign_wrong_role=403),
    "batch_find": post(C, ok=404, needs=BATCH),
    "batch_series": post(C, ok=404, needs=BATCH),
    "batch_take": post(C, ok=404, needs=BATCH),
    "batch_fetch_again": post(C, needs=BATCH),
    "profiles": Page((C, D)),
    "profile_new": Page((D,)),
    "profile": Page((C, D), needs=("version_id",), foreign_wrong_role=403),
    "organization": Page((D,)),
    "member_add": post(D),
    "tokens": Page((D,)),
    "token_revoke": Page((D,), needs=("token_id",), foreign_wrong_role=403),
    "member_remove": Page((D,), needs=("membership_id",), foreign_wrong_role=403),
    "worklist": Page((R,)),
    "worklist_study": Page((R,), needs=STUDY),
    "reidentify": Page((R,)),
    "report_bring": Page((R,)),
    "report": Page((R,), needs=REPORT, foreign_wrong_role=403),
    "report_page": Page((R,), needs=REPORT, foreign_wrong_role=403),
    "report_read": post(R, ok=200, needs=REPORT, foreign_wrong_role=403),
    "report_settle": post(R, ok=422, needs=REPORT, foreign_wrong_role=403),
    "report_download": post(R, needs=REPORT, foreign_wrong_role=403),
    "link_new": Page((R,), needs=REPORT, foreign_wrong_role=403),
    # A link opens for the person it was given to alone: to all others it does not exist.
    "report_link": Page((A,), needs=("link_id",), wrong_role=404),
    "link_revoke": post(R, D, needs=("link_id",)),
    "report_send": Page((R,), needs=REPORT, foreign_wrong_role=403),
    "sending_answer": post(R, needs=("sending_id",), foreign_wrong_role=403),
    "targets": Page((D,)),
    "target_new": Page((D,)),
    "target": Page((D,), needs=TARGET, foreign_wrong_role=403),
    "target_test": post(D, needs=TARGET, foreign_wrong_role=403),
    "target_pause": post(D, needs=TARGET, foreign_wrong_role=403),
    "bulk_ask": Page((R,)),
    "bulk": Page((R, D), needs=("bulk_id",), foreign_wrong_role=403),
    "door_alerts": Page((A, D)),
    "door_alert_seen": post(A, D),
    "device_template_remove": Page((C, D), needs=("template_id",)),
    "account": Page(EVERYONE),
    "language": Page(public=True, method="post", ok=302),
    "account_login": Page(public=True),
    "account_logout": Page(EVERYONE),
    "account_inactive": Page(public=True),
    "account_reauthenticate": Page(EVERYONE),
    "account_change_password": Page(EVERYONE),
    "socialaccount_login_cancelled": Page(public=True),
    "socialaccount_login_error": Page(public=True, ok=401),
    "openid_connect_login": Page(public=True, fixed={"provider_id": "hospital"}, ok=404),
    "openid_connect_callback": Page(public=True, fixed={"provider_id": "hospital"}, ok=404),
    "mfa_index": Page(EVERYONE),
    "mfa_authenticate": Page(public=True, ok=302),
    "mfa_login_webauthn": Page(public=True, ok=302),
    "mfa_reauthenticate": Page(EVERYONE, ok=302),
    "mfa_reauthenticate_webauthn": Page(EVERYONE, ok=302),
    "mfa_activate_totp": Page(EVERYONE, ok=302),
    "mfa_deactivate_totp": Page(EVERYONE, ok=404),
    "mfa_list_webauthn": Page(EVERYONE),
    "mfa_add_webauthn": Page(EVERYONE, ok=302),
    "mfa_edit_webauthn": Page(EVERYONE, fixed={"pk": 0}, ok=302),
    "mfa_remove_webauthn": Page(EVERYONE, fixed={"pk": 0}, ok=302),
    "mfa_view_recovery_codes": Page(EVERYONE, ok=404),
    "mfa_generate_recovery_codes": Page(EVERYONE, ok=302),
    "account_reset_password": Page(public=True),
    "account_reset_password_done": Page(public=True),
    "account_reset_password_from_key_done": Page(public=True),
    "account_reset_password_from_key": Page(public=True, fixed={"uidb36": "1", "key": "no"}),
    "audit:home": Page(EVERYONE, ok={C: 404, R: 404, A: 302, D: 404}),
    "audit:timeline": Page((A,), needs=CHAIN, wrong_role=404),
    "audit:event": Page((A,), needs=CHAIN, fixed={"pk": 0}, ok=404, wrong_role=404),
    "audit:subject": Page((A,), needs=CHAIN, fixed={"subject": "x"}, ok=404, wrong_role=404),
    "audit:person": Page((A,), needs=("chain", "actor"), wrong_role=404),
    "audit:unusual": Page((A,), needs=CHAIN, wrong_role=404),
    "audit:proof": Page((A,), needs=CHAIN, wrong_role=404),
    "audit:verify": post(A, needs=CHAIN, wrong_role=404),
    "audit:verifier": Page((A,), needs=CHAIN, wrong_role=404),
    "audit:export": Page((A,), needs=CHAIN, wrong_role=404),
    "audit:exports": Page((A,), needs=CHAIN, wrong_role=404),
    "audit:export-file": Page((A,), ok=404, needs=CHAIN, fixed={"pk": NOTHING}, wrong_role=404),
}


def names(patterns: list[Any], space: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from names(pattern.url_patterns, inner)
        elif isinstance(pattern, URLPattern):
            yield f"{space}{pattern.name}"


def test_every_url_says_here_who_may_open_it() -> None:
    known = set(names(get_resolver("anonportal.urls").url_patterns))
    assert known == set(PAGES) | set(CALLS) | set(PUBLIC)


@pytest.fixture
def hospitals(tmp_path: Path, settings, redis_server, transactional_db) -> list[Hospital]:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    made = []
    for slug, prefix in (("north", "NORTH"), ("south", "SOUTH")):
        hospital = make_hospital(tmp_path, slug, prefix)
        datasets.write_series(hospital.inbox / "one", [datasets.ct(datasets.Markers())])
        made.append(hospital)
    return made


def token_row(hospital: Hospital) -> ApiToken:
    caller = hospital.viewer(D)
    return tokens.create(hospital.organization, "of a test", [Scope.STOW], caller.actor)[0]


def rule_row(hospital: Hospital) -> ListenerRule:
    known = ListenerRule.objects.filter(organization=hospital.organization).first()
    return known or rules.save_rule(
        hospital.organization,
        hospital.viewer(D).actor,
        values={
            "name": "In",
            "kind": "dimse",
            "calling_ae": hospital.organization.prefix,
            "called_ae": "PORTAL",
            "destination": hospital.destination,
            "profile_version": hospital.organization.default_profile,
        },
    )


def values(hospital: Hospital, batch: Any) -> dict[str, Any]:
    """Return one id of everything that a URL may name, of one hospital."""
    study = batch.studies.get()
    report = returning.receive_text(
        hospital.organization,
        f"about {study.cloud_study_id}",
        hospital.viewer(R).actor,
    )
    radiologist = hospital.viewer(R)
    proof = Proof(is_fresh=True)
    auditor = hospital.people[A].pk
    link = lending.lend(radiologist, report, auditor, 4, "for the audit", proof)
    target = sending_on.save_target(
        hospital.organization,
        radiologist.actor,
        values={"name": "Share", "kind": "folder", "config": {"root": str(hospital.outbox)}},
    )
    sending = ReportSending.objects.create(report=report, target=target, event="1")
    hospital.organization.four_eyes_bulk = True
    asked = bulk.ask(radiologist, study.cloud_study_id, "report", "", proof)
    assert isinstance(asked, BulkLookUp)
    check = pixels.check_of(Instance.objects.filter(batch=batch)[0])
    sample = Sample.objects.create(
        batch=batch, state="passed", population=1, size=1, confidence=95, permille=10
    )
    template = DeviceTemplate.objects.create(
        organization=hospital.organization, manufacturer="M", model="X", rows=1, columns=1
    )
    chain = str(hospital.organization.pk)
    event = Event.objects.filter(chain=chain).latest("pk")
    export = Export.objects.create(chain=chain, format="csv", actor_id="1", actor_label="A")
    membership = Membership.objects.get(organization=hospital.organization, role=C)
    return {
        "batch_id": batch.pk,
        "study_id": study.pk,
        "destination_id": hospital.destination.pk,
        "source_id": hospital.source.pk,
        "rule_id": rule_row(hospital).pk,
        "version_id": hospital.organization.default_profile_id,
        "membership_id": membership.pk,
        "token_id": token_row(hospital).pk,
        "report_id": report.pk,
        "link_id": link.pk,
        "target_id": target.pk,
        "system_id": target.pk,
        "sending_id": sending.pk,
        "bulk_id": asked.pk,
        "check_id": check.pk,
        "sample_id": sample.pk,
        "template_id": template.pk,
        "event_id": event.pk,
        "export_id": export.pk,
        "chain": chain,
        "actor": str(hospital.people[C].pk),
    }


def ask(client: Client, name: str, page: Page, ids: dict[str, Any]) -> int:
    kwargs = page.fixed | {need: ids[need] for need in page.needs}
    url = reverse(name, kwargs=kwargs)
    answer = getattr(client, page.method)(url, page.data)
    answer.close()
    return int(answer.status_code)


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_each_role_opens_its_own_pages_and_no_other(hospitals: list[Hospital]) -> None:
    ids = []
    for hospital in hospitals:
        batch = hospital.submit(["one"], release="when-clean")
        work_off()
        ids.append(values(hospital, batch))
    own, foreign = ids
    north = hospitals[0]
    wrong: list[str] = []

    def check(who: str, name: str, expected: int, status: int) -> None:
        if status != expected:
            wrong.append(f"{name} as {who}: {status}, not {expected}")

    for name, page in PAGES.items():
        anonymous = Client()
        status = ask(anonymous, name, page, own)
        expected = int(page.ok) if page.public and isinstance(page.ok, int) else 302
        check("nobody", name, expected, status)
        if page.public:
            continue
        for role in EVERYONE:
            client = Client()
            client.force_login(north.people[role])
            ok = page.ok[role] if isinstance(page.ok, dict) else page.ok
            is_allowed = role in page.roles
            check(role, name, ok if is_allowed else page.wrong_role, ask(client, name, page, own))
            if page.needs:
                status = ask(client, name, page, foreign)
                hidden = 404 if is_allowed else page.foreign_wrong_role
                check(f"{role} of another hospital", name, hidden, status)
    assert not wrong, "\n".join(wrong)


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_nobody_is_led_to_sign_in_and_a_person_without_a_role_sees_nothing(hospitals) -> None:
    response = Client().get(reverse("batches"))
    assert response["Location"].startswith(reverse(project.LOGIN_URL))
    person = hospitals[0].people[C]
    Membership.objects.filter(user=person).delete()
    client = Client()
    client.force_login(person)
    assert client.get(reverse("home")).status_code == 403
    assert client.get(reverse("batches")).status_code == 403


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_a_person_of_two_hospitals_sees_one_at_a_time(hospitals) -> None:
    north, south = hospitals
    person = north.people[C]
    Membership.objects.create(user=person, organization=south.organization, role=A)
    client = Client()
    client.force_login(person)
    assert client.get(reverse("batches")).status_code == 200
    answer = client.post(reverse("switch"), {"organization": str(south.organization.pk)})
    assert answer.status_code == 302
    assert client.get(reverse("batches")).status_code == 403
    assert client.get(reverse("audit:timeline", args=[south.organization.pk])).status_code == 200
    assert client.get(reverse("audit:timeline", args=[north.organization.pk])).status_code == 404


def call(client: Client, name: str, how: Call, ids: dict[str, Any]) -> int:
    url = reverse(name, kwargs=how.fixed | {need: ids[need] for need in how.needs})
    more = {} if how.method == "get" else {"data": how.body, "content_type": how.kind}
    answer = getattr(client, how.method)(url, **more)
    answer.close()
    return int(answer.status_code)


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_each_scope_opens_its_own_addresses_of_the_api_and_no_session_does(
    hospitals: list[Hospital],
) -> None:
    ids = []
    for hospital in hospitals:
        batch = hospital.submit(["one"], release="when-clean")
        work_off()
        ids.append(values(hospital, batch))
    own, foreign = ids
    north = hospitals[0]
    person = Client()
    person.force_login(north.people[C])
    with_scope = {scope: client_for(north.organization, scope) for scope in Scope.values} | {
        "": client_for(north.organization, Scope.STOW)
    }
    wrong: list[str] = []

    def check(who: str, name: str, how: Call, expected: int, status: int) -> None:
        if status != expected:
            wrong.append(f"{how.method} {name} as {who}: {status}, not {expected}")

    for name, calls in CALLS.items():
        for how in calls:
            check("nobody", name, how, 401, call(Client(), name, how, own))
            check("a person's session", name, how, 401, call(person, name, how, own))
            other = with_scope["anonymize" if how.scope != "anonymize" else "stow"]
            if how.scope:
                check("another scope", name, how, 403, call(other, name, how, own))
            check(how.scope, name, how, how.ok, call(with_scope[how.scope], name, how, own))
            if how.needs:
                status = call(with_scope[how.scope], name, how, foreign)
                check("another hospital", name, how, how.foreign, status)
    for name, expected in PUBLIC.items():
        status = Client().get(reverse(name)).status_code
        if status != expected:
            wrong.append(f"{name} as nobody: {status}, not {expected}")
    assert not wrong, "\n".join(wrong)
