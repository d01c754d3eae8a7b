"""How much one batch may hold: refused when it is announced, and again when it arrives."""

from django.db.models import Count, Sum
from django.utils.translation import gettext as _

from audit import Actor, Outcome, record_alone
from studies.faults import PermanentError
from studies.intake.limits import limits
from studies.models import Batch, UploadPart


def refuse_over_quota(batch: Batch, actor: Actor, files: int, size: int) -> None:
    """Refuse an announcement of more than a batch may hold, and record that."""
    allowed = limits()
    if files > allowed.files:
        raise _refuse(
            batch,
            actor,
            "too-many-files",
            _("A batch takes at most {files} files. Send the rest in another batch.").format(
                files=f"{allowed.files:,}"
            ),
        )
    if size > allowed.bytes:
        raise _refuse(batch, actor, "too-many-bytes", _too_many_bytes(allowed.bytes))


def check_quota(batch: Batch, *, is_counted: bool) -> None:
    """Refuse what would take the batch over its quota, whatever was announced.

    `is_counted`: only whole files came, which are announced as they come. Counting the parts
    again for each of many thousand objects would take longer than receiving them.
    """
    allowed = limits()
    if is_counted:
        files, volume = batch.announced_files, batch.announced_bytes
    else:
        there = UploadPart.objects.filter(batch=batch).aggregate(
            files=Count("file", distinct=True), volume=Sum("length")
        )
        files, volume = there["files"], there["volume"] or 0
    if files > allowed.files or volume > allowed.bytes:
        raise PermanentError("too-many-bytes", _too_many_bytes(allowed.bytes))


def _refuse(batch: Batch, actor: Actor, code: str, message: str) -> PermanentError:
    """Record that an upload was refused, and return the error to raise."""
    record_alone(
        "batch.refused_upload",
        Outcome.REFUSED,
        actor=actor,
        chain=str(batch.organization_id),
        subject=str(batch.pk),
        subject_kind="batch",
        context=str(batch.pk),
        detail={"code": code},
    )
    return PermanentError(code, message)


def _too_many_bytes(allowed: int) -> str:
    return _("A batch takes at most {size} GB. Send the rest in another batch.").format(
        size=max(allowed // 1_000_000_000, 1)
    )
