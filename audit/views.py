"""Pages of the trail. Only chains that the host's rule gives a person exist for that person.

Looking is an act too: opening, verifying and exporting are recorded. Nothing here shows a
patient, because nothing in the trail holds one.
"""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from audit import conf, exporting, exports, unusual
from audit.badge import badge
from audit.lines import lines
from audit.models import Event, Export
from audit.recording import record_alone
from audit.terms import Actor, Outcome
from audit.timeline import (
    Filters,
    events,
    life,
    page,
    person_label,
    recent_people,
    resolved,
    told,
)
from audit.verification import VERIFY_AT_ONCE, verify_and_record

View = Callable[..., HttpResponseBase]

_SEEN_FOR = 15 * 60
_NOTICES = 50
_LOOKED_AT = 500


def _actor(request: HttpRequest) -> Actor:
    return Actor(
        "person",
        str(request.user.pk),
        str(request.user),
        role="auditor",
        address=request.META.get("REMOTE_ADDR", ""),
    )


def of_visible_chain(view: View) -> View:
    """Let a view run for a chain the person may read; every other chain is not there."""

    @wraps(view)
    @login_required
    @never_cache
    def guarded(request: HttpRequest, chain: str, **kwargs: Any) -> HttpResponseBase:
        if chain not in dict(conf.visible_chains(request.user)):
            raise Http404
        return view(request, chain, **kwargs)

    return guarded


def _render(request: HttpRequest, template: str, chain: str, **context: Any) -> HttpResponse:
    chains = conf.visible_chains(request.user)
    context |= {"chain": chain, "chain_label": dict(chains)[chain], "chains": chains}
    return render(request, f"audit/{template}.html", context)


def _note_view(request: HttpRequest, chain: str, what: str, **detail: str) -> None:
    """Record that a person looked, once a quarter of an hour for the same thing."""
    key, now = f"audit-seen:{chain}:{what}:{sorted(detail.items())}", timezone.now().timestamp()
    seen: dict[str, float] = request.session.get("audit_seen", {})
    if now - seen.get(key, 0) < _SEEN_FOR:
        return
    record_alone(
        "audit.viewed", actor=_actor(request), chain=chain, detail={"page": what, **detail}
    )
    fresh = {name: at for name, at in seen.items() if now - at < _SEEN_FOR}
    request.session["audit_seen"] = {**fresh, key: now}


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Go to the first chain the person may read."""
    chains = conf.visible_chains(request.user)
    if not chains:
        raise Http404
    return redirect("audit:timeline", chain=chains[0][0])


@require_safe
@of_visible_chain
def timeline(request: HttpRequest, chain: str) -> HttpResponse:
    """Show a chain's events, newest first, narrowed by the filters in the URL."""
    filters = Filters.from_query(request.GET)
    narrowed = resolved(chain, filters)
    found = events(chain, narrowed).select_related("link")
    shown = page(found, before=request.GET.get("before", ""), after=request.GET.get("after", ""))
    is_live = "live" in request.GET and not shown.newer
    context = {
        "filters": filters,
        "page": shown,
        "lines": lines(chain, shown.events),
        "is_live": is_live,
        "query": filters.query(),
    }
    if request.headers.get("HX-Request") and "live" in request.GET:
        return _render(request, "_trail", chain, **context)
    _note_view(request, chain, "timeline", **told(chain, narrowed).as_dict())
    return _render(
        request,
        "timeline",
        chain,
        badge=badge(chain),
        people=recent_people(chain, filters.who),
        actions=sorted(
            ((action.name, str(action.label)) for action in conf.vocabulary().values()),
            key=lambda pair: pair[1],
        ),
        outcomes=Outcome.choices,
        life=life(chain, narrowed.subject) if narrowed.subject else [],
        life_subject=narrowed.subject,
        notices=unusual.notices(chain, most=_LOOKED_AT)[:3],
        hours=_hours(chain),
        **context,
    )


def _hours(chain: str) -> dict[str, Any]:
    day = timezone.localdate()
    rows = unusual.hours(chain, day)
    return {"day": day, "rows": rows, "total": sum(row.count for row in rows)}


@require_safe
@of_visible_chain
def event(request: HttpRequest, chain: str, pk: int) -> HttpResponse:
    """Show everything one event holds, and its place in the chain."""
    found = Event.objects.select_related("link").filter(chain=chain, pk=pk).first()
    if found is None:
        raise Http404
    _note_view(request, chain, "event", event=str(pk))
    return _render(
        request,
        "event",
        chain,
        event=found,
        link=getattr(found, "link", None),
        canonical=found.canonical().decode(),
        digest=bytes(found.digest).hex(),
    )


@require_safe
@of_visible_chain
def subject(request: HttpRequest, chain: str, subject: str) -> HttpResponse:
    """Show one subject's life from its first act to its last."""
    filters = resolved(chain, Filters(subject=subject))
    shown = page(
        events(chain, filters).select_related("link"),
        before=request.GET.get("before", ""),
        after=request.GET.get("after", ""),
    )
    if not shown.events:
        raise Http404
    name = filters.subject or filters.context
    _note_view(request, chain, "subject", subject=name)
    steps = life(chain, filters.subject) if filters.subject else []
    return _render(
        request,
        "subject",
        chain,
        subject=name,
        kind=shown.events[0].subject_kind if filters.subject else "batch",
        life=steps,
        span=(steps[-1].event.at - steps[0].event.at).total_seconds() if steps else None,
        page=shown,
        lines=lines(chain, shown.events),
        query="",
    )


@require_safe
@of_visible_chain
def person(request: HttpRequest, chain: str, actor: str) -> HttpResponse:
    """Show one person's acts in this chain."""
    label = person_label(chain, actor)
    if not label:
        raise Http404
    filters = Filters.from_query({**request.GET.dict(), "who": actor})
    shown = page(
        events(chain, filters).select_related("link"),
        before=request.GET.get("before", ""),
        after=request.GET.get("after", ""),
    )
    _note_view(request, chain, "person", actor=actor)
    return _render(
        request,
        "person",
        chain,
        actor_id=actor,
        actor_label=label,
        page=shown,
        lines=lines(chain, shown.events),
        query="",
        notices=unusual.notices(chain, actor=actor)[:_NOTICES],
    )


@require_safe
@of_visible_chain
def unusual_activity(request: HttpRequest, chain: str) -> HttpResponse:
    """Show look-ups by the hour, refusals by the day, and what is worth a look."""
    filters = Filters.from_query({"first": request.GET.get("day", "")})
    day = filters.first or timezone.localdate()
    _note_view(request, chain, "unusual", day=day.isoformat())
    refusals = unusual.refusals_per_day(chain, day)
    rows = unusual.hours(chain, day)
    found = unusual.notices(chain)
    return _render(
        request,
        "unusual",
        chain,
        day=day,
        hours={"day": day, "rows": rows, "total": sum(row.count for row in rows)},
        refusals=[(f"{one.day:02}", count) for one, count in refusals],
        refused=sum(count for _one, count in refusals),
        notices=found[:_NOTICES],
        notices_in_all=len(found),
    )


@require_safe
@of_visible_chain
def proof(request: HttpRequest, chain: str) -> HttpResponse:
    """Tell what is proved, up to where, and how to check it without this portal."""
    key = conf.signer()
    return _render(
        request,
        "proof",
        chain,
        badge=badge(chain),
        public_key=bytes(key.public_key).hex() if key else "",
        key_id=key.key_id if key else "",
    )


@require_POST
@of_visible_chain
def verify(request: HttpRequest, chain: str) -> HttpResponse:
    """Verify a chain now and leave the result in it."""
    report = verify_and_record(chain, _actor(request), most=VERIFY_AT_ONCE)
    if report.finding is None:
        messages.success(request, _("The chain is as it was written"))
    else:
        messages.error(request, report.finding.message)
    return redirect("audit:timeline", chain=chain)


@require_safe
@of_visible_chain
def verifier(request: HttpRequest, chain: str) -> FileResponse:
    """Hand out the offline verifier, one file."""
    path = Path(__file__).with_name("verifier.py")
    return FileResponse(
        path.open("rb"), as_attachment=True, filename="verifier.py", content_type="text/x-python"
    )


@of_visible_chain
def export(request: HttpRequest, chain: str) -> HttpResponseBase:
    """Offer the formats, and send the events within the filters in one of them."""
    given = request.POST if request.method == "POST" else request.GET
    filters = resolved(chain, Filters.from_query(given))
    limit = int(conf.option("EXPORT_LIMIT"))
    chosen = exports.FORMATS.get(given.get("format", ""))
    if request.method != "POST" or chosen is None or filters.errors:
        form = _render(
            request,
            "export",
            chain,
            given=filters.as_dict(),
            formats=exports.FORMATS.values(),
            limit=0 if exporting.runs_in_background() else limit,
            made=exporting.newest(chain),
            has_error=request.method == "POST",
        )
        form.status_code = 422 if request.method == "POST" else 200
        return form
    if exporting.runs_in_background():
        exporting.request_export(chain, chosen.name, filters, _actor(request))
        messages.success(request, _("The export is being made; it appears below"))
        return redirect("audit:export", chain=chain)
    record_alone(
        "audit.exported",
        actor=_actor(request),
        chain=chain,
        detail={"format": chosen.name, "limit": limit, **told(chain, filters).as_dict()},
    )
    answer = StreamingHttpResponse(
        chosen.write(chain, filters, limit), content_type=chosen.content_type
    )
    stamp = timezone.now().strftime("%Y%m%dT%H%M%SZ")
    answer["Content-Disposition"] = f'attachment; filename="audit-{stamp}.{chosen.suffix}"'
    return answer


@require_safe
@of_visible_chain
def export_list(request: HttpRequest, chain: str) -> HttpResponse:
    """Show how far the background exports are; the page polls it while one is being made."""
    return _render(request, "_exports", chain, made=exporting.newest(chain))


@require_safe
@of_visible_chain
def export_file(request: HttpRequest, chain: str, pk: UUID) -> FileResponse:
    """Hand out a finished export."""
    made = Export.objects.filter(chain=chain, pk=pk, state=Export.State.DONE).first()
    path = exporting.path_of(made) if made else None
    if made is None or path is None or not path.is_file():
        raise Http404
    record_alone(
        "audit.exported",
        actor=_actor(request),
        chain=chain,
        detail={"format": made.format, "export": str(made.pk), "sha256": made.sha256},
    )
    chosen = exports.FORMATS[made.format]
    return FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=f"audit-{made.created_at:%Y%m%dT%H%M%SZ}.{chosen.suffix}",
        content_type=chosen.content_type,
    )
