"""The one place that says how a state looks: word, colour family, icon, meaning.

Rows are found by (kind, value). It draws nothing and knows no model; pages use `{% state %}`.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise

FAMILIES = ("idle", "moving", "review", "held", "stop", "done")


class UnknownState(LookupError):
    """A page asked for a state that has no row here; the message names kind and value."""


@dataclass(frozen=True)
class Look:
    """How one state is shown everywhere."""

    family: str
    icon: str
    word: Text
    meaning: Text


_BATCH = {
    "receiving": Look("moving", "down", _("Receiving"), _("Files are arriving")),
    "queued": Look("idle", "clock", _("Queued"), _("Waits for a worker")),
    "processing": Look("moving", "half", _("Processing"), _("Being de-identified and verified")),
    "review": Look("review", "eye", _("Review"), _("Waits for a person’s look")),
    "releasing": Look("moving", "up", _("Releasing"), _("On its way")),
    "delivered": Look("done", "ok", _("Delivered"), _("Complete, manifest written")),
    "attention": Look("stop", "warn", _("Attention"), _("Stopped, a person must act")),
    "cancelled": Look("idle", "slash", _("Cancelled"), _("Ended by a person, nothing more leaves")),
    "closed": Look("done", "lock", _("Closed"), _("Delivered, and its originals are destroyed")),
}

_INSTANCE = {
    "received": Look("idle", "ring", _("Received"), _("Sealed, not yet worked on")),
    "deidentified": Look(
        "moving", "shield", _("De-identified"), _("Clean and verified, waits for release")
    ),
    "held": Look("held", "hold", _("Held"), _("Kept back, reason given")),
    "excluded": Look("idle", "minus", _("Excluded"), _("Left out by a person, reason given")),
    "delivered": Look("done", "ok", _("Delivered"), _("At the destination, checksum equal")),
    "refused": Look("stop", "x", _("Refused"), _("Could not be taken in at all")),
    "duplicate": Look("idle", "copy", _("Duplicate"), _("The same image came twice, taken once")),
    "skipped": Look("idle", "dash", _("Skipped"), _("Not a DICOM file, left where it is")),
}

_REPORT = {
    "waiting": Look("idle", "glass", _("Waiting"), _("Delivered, no report yet")),
    "arrived": Look("moving", "mail", _("Arrived"), _("Ids found and consistent")),
    "attention": Look("stop", "warn", _("Attention"), _("Ids are missing, unknown or in conflict")),
    "reidentified": Look("done", "key", _("Re-identified"), _("Shown to a named person")),
    "senton": Look("done", "send", _("Sent on"), _("Acknowledged by the hospital’s system")),
    "setaside": Look("idle", "minus", _("Set aside"), _("Belongs to no study, kept sealed")),
}

_DESTINATION = {
    "nottested": Look(
        "idle", "dotted", _("Not tested"), _("Nothing was put, read back and deleted there yet")
    ),
    "ready": Look("done", "plug", _("Ready"), _("The last test passed")),
    "failing": Look("stop", "warn", _("Failing"), _("The last delivery or test failed")),
    "paused": Look("idle", "pause", _("Paused"), _("Switched off by a person")),
}

_CHUNK = {
    "pending": Look("idle", "clock", _("Pending"), _("Waits for a worker")),
    "claimed": Look("moving", "half", _("Claimed"), _("A worker is at it")),
    "done": Look("done", "ok", _("Done"), _("Finished")),
    "failed": Look("stop", "warn", _("Failed"), _("It was tried and did not work")),
}

_OUTCOME = {
    "success": Look("done", "ok", _("Success"), _("It was done")),
    "refused": Look("stop", "slash", _("Refused"), _("It was not allowed, nothing was done")),
    "failed": Look("stop", "warn", _("Failed"), _("It was tried and did not work")),
}

_SENDING = {
    "queued": Look("idle", "clock", _("Queued"), _("Waits to be sent")),
    "sending": Look("moving", "up", _("Sending"), _("On its way to the hospital’s system")),
    "acknowledged": Look("done", "send", _("Acknowledged"), _("The system said that it has it")),
    "failed": Look("stop", "warn", _("Failed"), _("The system did not take it")),
}

_CONSENT = {
    "requested": Look("review", "eye", _("Waits for consent"), _("A second person has to decide")),
    "consented": Look("done", "tick", _("Consented"), _("Who asked may open it for a while")),
    "declined": Look("idle", "slash", _("Declined"), _("Nothing was shown")),
}

# What became of an attribute, in a header comparison.
_ACTION = {
    "replaced": Look("moving", "undo", _("Replaced"), _("Another value stands in its place")),
    "dateshifted": Look("moving", "clock", _("Date shifted"), _("Moved by the patient’s offset")),
    "textcleaned": Look("moving", "tick", _("Text cleaned"), _("Identity taken out of the text")),
    "emptied": Look("idle", "ring", _("Emptied"), _("Present without a value")),
    "removed": Look("idle", "minus", _("Removed"), _("Not in the copy that leaves")),
    "kept": Look("done", "ok", _("Kept"), _("As it was")),
}

_LOOKS: dict[str, dict[str, Look]] = {
    "batch": _BATCH,
    "instance": _INSTANCE,
    "report": _REPORT,
    "destination": _DESTINATION,
    "chunk": _CHUNK,
    "outcome": _OUTCOME,
    "action": _ACTION,
    "consent": _CONSENT,
    "sending": _SENDING,
    # A study shows the state of its least finished instance, or that of its batch before that.
    "study": _BATCH | _INSTANCE,
}


def kinds() -> dict[str, dict[str, Look]]:
    """Return every kind with its values: for the gallery and for tests of the models' choices."""
    return _LOOKS


def folded(value: str) -> str:
    """Return a value as the table keys it: lower case letters only (`de_identified` → …)."""
    return "".join(letter for letter in value.lower() if letter.isalnum())


def look(kind: str, value: str) -> Look:
    """Return the look of a value of a kind; raise UnknownState where there is none."""
    try:
        return _LOOKS[folded(kind)][folded(value)]
    except KeyError:
        raise UnknownState(f"no look for {value!r} of {kind!r}: add it to ui/states.py") from None


def kind_of(member: Enum) -> str:
    """Return the kind of a choices member.

    A choices class may say it (`kind = nonmember("batch")` or a property); else the class's name
    does: `Batch.State` and `BatchState` are both "batch".
    """
    said = getattr(member, "kind", "")
    if said:
        return str(said)
    outer = type(member).__qualname__.split(".")
    named = outer[-2] if len(outer) > 1 and outer[-2] != "<locals>" else outer[-1]
    return named.removesuffix("State").removesuffix("Status") or named


def resolve(thing: Any, value: str = "") -> tuple[Look, Text]:
    """Return look and word of anything `{% state %}` takes.

    `thing` is a choices member, an object with `state_member`, a model instance with `state`, or
    the name of a kind followed by a value.
    """
    if isinstance(thing, Enum):
        found = look(kind_of(thing), str(thing.value))
        return found, getattr(thing, "label", found.word)
    if isinstance(thing, str):
        if isinstance(value, Enum):
            value = str(value.value)
        found = look(thing, value)
        return found, found.word
    member = getattr(thing, "state_member", None)
    if member is not None:
        return resolve(member)
    meta = getattr(thing, "_meta", None)
    if meta is not None and hasattr(thing, "state"):
        return resolve(str(meta.model_name), thing.state)
    raise UnknownState(f"{type(thing).__name__} has no state: pass a member, or kind and value")
