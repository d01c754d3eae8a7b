"""Deciding about a whole batch: release, going on after a stop, cancelling; and its manifest."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from anonportal.ui.toasts import toast
from studies import jobs
from studies.faults import PermanentError
from studies.models import InstanceState
from studies.services import access, batches, manifests, releasing


@login_required
@require_http_methods(["GET", "POST"])
def batch_release(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Let the clean images of a batch go."""
    batch = access.batch_for(request, batch_id)
    caller = access.viewer(request)
    if request.method == "GET":
        counted = batches.ledger(batch)
        return render(
            request,
            "studies/batch_release.html",
            {
                "batch": batch,
                "ready": counted[InstanceState.DEIDENTIFIED],
                "refusal": releasing.release_refusal(batch),
            },
        )
    try:
        releasing.release(batch, caller.actor)
    except PermanentError as error:
        messages.error(request, error.message)
    else:
        jobs.continue_batch(batch)
        toast(request, _("Released"), icon="up", family="moving")
    return redirect("batch", batch_id=batch.pk)


@login_required
@require_POST
def batch_deliver_again(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Take up a delivery that had stopped."""
    batch = access.batch_for(request, batch_id)
    try:
        releasing.take_up(batch, access.viewer(request).actor)
    except PermanentError as error:
        messages.error(request, error.message)
    else:
        jobs.continue_batch(batch)
        toast(request, _("Trying again"), icon="undo", family="moving")
    return redirect("batch", batch_id=batch.pk)


@login_required
@require_http_methods(["GET", "POST"])
def batch_cancel(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """End a batch before it is delivered."""
    batch = access.batch_for(request, batch_id)
    if request.method == "GET":
        return render(
            request,
            "confirm.html",
            {
                "heading": _("Cancel batch {batch}").format(batch=batch.short_id),
                "consequence": _(
                    "Nothing more of it leaves, and the sealed originals here are destroyed. "
                    "The studies at their source are not touched."
                ),
                "verb": _("Cancel batch"),
                "back": reverse("batch", args=[batch.pk]),
                "risk": True,
            },
        )
    try:
        batches.cancel(batch, access.viewer(request).actor)
    except PermanentError as error:
        messages.error(request, error.message)
        return redirect("batch", batch_id=batch.pk)
    toast(request, _("Batch cancelled"), icon="slash", family="idle")
    return redirect("batches")


@login_required
@require_GET
def batch_manifest(request: HttpRequest, batch_id: UUID, part: str) -> HttpResponse:
    """Hand out the newest manifest, or its signature, exactly as delivered."""
    batch = access.batch_for(request, batch_id)
    manifest = manifests.hand_out(batch, access.viewer(request).actor)
    if manifest is None:
        raise Http404
    is_signature = part == "sig"
    response = HttpResponse(
        bytes(manifest.signature if is_signature else manifest.body),
        content_type="application/octet-stream" if is_signature else "application/json",
    )
    name = f"manifest-{batch.short_id}-{manifest.revision}.json" + (".sig" if is_signature else "")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
