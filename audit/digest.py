"""The digest: what happened in a chain since yesterday, in plain text, for auditors' mail.

Counts and acts only. It names no subject, so the mail leads nobody to a study.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.mail import send_mail
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import conf
from audit.badge import badge
from audit.models import Event
from audit.unusual import notices


@dataclass(frozen=True, slots=True)
class Digest:
    """A chain's digest, ready to be sent."""

    subject: str
    text: str


def make_digest(chain: str, now: datetime | None = None, hours: int = 24) -> Digest:
    """Write down the last hours of a chain: counts by action and outcome, notices, proof."""
    until = now or timezone.now()
    since = until - timedelta(hours=hours)
    rows = Event.objects.filter(chain=chain, at__gte=since, at__lt=until)
    counts = Counter(rows.values_list("action", "outcome").iterator(chunk_size=5000))
    words = conf.vocabulary()
    lines = [
        _("%(first)s to %(last)s") % {"first": _moment(since), "last": _moment(until)},
        "",
        _proof(chain),
        "",
    ]
    for (action, outcome), number in sorted(counts.items()):
        label = str(words[action].label) if action in words else action
        ending = "" if outcome == "success" else f" ({outcome})"
        lines.append(f"{formats.number_format(number, force_grouping=True):>10}  {label}{ending}")
    if not counts:
        lines.append(_("Nothing was recorded."))
    found = [one for one in notices(chain, until) if one.at >= since - timedelta(hours=1)]
    if found:
        worth = ngettext("%(n)d thing worth a look", "%(n)d things worth a look", len(found))
        lines += ["", worth % {"n": len(found)}]
        lines += [
            f"  {_moment(one.at)}  {one.actor_label}: {one.count} × {one.kind}" for one in found
        ]
    return Digest(_("Audit trail: %(n)d events") % {"n": sum(counts.values())}, "\n".join(lines))


def send_digest(chain: str, now: datetime | None = None) -> int:
    """Send a chain's digest to those the host names; return how many they are."""
    readers = conf.digest_readers(chain)
    if readers:
        made = make_digest(chain, now)
        for reader in readers:  # one mail each: readers need not know of each other
            send_mail(made.subject, made.text, None, [reader])
    return len(readers)


def _moment(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M %Z}"


def _proof(chain: str) -> str:
    seen = badge(chain)
    if seen.finding:
        return _("THE CHAIN IS BROKEN at event %(n)d (%(kind)s).") % {
            "n": seen.finding["sequence"],
            "kind": seen.finding["kind"],
        }
    if seen.checked_at is None:
        return _("The chain was never verified.")
    return _("The chain was verified %(at)s, events %(first)d to %(last)d.") % {
        "at": _moment(seen.checked_at),
        "first": seen.first,
        "last": seen.last,
    }
