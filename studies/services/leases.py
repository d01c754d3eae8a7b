"""A right that one process holds for a while, wherever it runs: the scheduler's."""

import uuid
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from studies.models import Lease


def hold(name: str, token: uuid.UUID, seconds: float) -> bool:
    """Take or renew a lease; False where another process holds it."""
    now = timezone.now()
    expires = now + timedelta(seconds=seconds)
    mine_or_free = Lease.objects.filter(name=name)
    if mine_or_free.filter(token=token).update(expires=expires):
        return True
    if mine_or_free.filter(expires__lt=now).update(token=token, expires=expires):
        return True
    try:
        with transaction.atomic():
            Lease.objects.create(name=name, token=token, expires=expires)
    except IntegrityError:
        return False
    return True


def release(name: str, token: uuid.UUID) -> None:
    """Give a lease back."""
    Lease.objects.filter(name=name, token=token).delete()


def is_held(name: str) -> bool:
    """Say whether some process holds a lease now: the scheduler's sign of life."""
    return Lease.objects.filter(name=name, expires__gte=timezone.now()).exists()
