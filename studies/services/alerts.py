"""Telling a person at once that something of an urgent batch is held. No patient in any mail."""

import uuid

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from audit import record
from studies.models import Batch, Instance, InstanceState, Membership, Priority, Role
from studies.services import batches


def alert_if_held(batch_id: uuid.UUID) -> bool:
    """Mail the coordinators of a STAT batch of which something is held, once; say if it went."""
    batch = Batch.objects.select_related("organization").get(pk=batch_id)
    if batch.priority != Priority.STAT or batch.alerted:
        return False
    held = Instance.objects.filter(batch=batch, state=InstanceState.HELD).count()
    if not held:
        return False
    now = timezone.now()
    with transaction.atomic():
        # Two runs may come here at once; one of them sends.
        if not Batch.objects.filter(pk=batch.pk, alerted__isnull=True).update(alerted=now):
            return False
        record(
            "batch.alerted",
            actor=batches.JOB,
            chain=str(batch.organization_id),
            subject=str(batch.pk),
            subject_kind="batch",
            context=str(batch.pk),
            detail={"held": held},
        )
    for member in Membership.objects.filter(
        organization=batch.organization, role=Role.COORDINATOR, user__is_active=True
    ).select_related("user"):
        _send(batch, held, member)
    return True


def _send(batch: Batch, held: int, member: Membership) -> None:
    language = getattr(member.user, "language", "") or settings.LANGUAGE_CODE
    with override(language):
        link = settings.PUBLIC_URL + reverse("batch", args=[batch.pk])
        send_mail(
            subject=_("STAT batch {batch}: {held} held").format(batch=batch.short_id, held=held),
            message=_(
                "{held} images of STAT batch {batch} are held and wait for a decision.\n"
                "Nothing held leaves the hospital.\n\n{link}\n"
            ).format(held=held, batch=batch.short_id, link=link),
            from_email=None,
            recipient_list=[member.user.email],
        )
