"""The words of the trail: actor, outcome, action. No database, no settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise
else:
    StrOrPromise = Any

# Numbers are whole: a float has more than one spelling, a digest must have one.
JSON: TypeAlias = "str | int | bool | Sequence[JSON] | Mapping[str, JSON] | None"

# Sign-in, keys and settings belong to no organization; they have a chain of their own.
SYSTEM_CHAIN = "system"

ActorKind = Literal["person", "token", "job", "system", "device"]
ACTOR_KINDS: tuple[ActorKind, ...] = ("person", "token", "job", "system", "device")


class Outcome(models.TextChoices):
    """How an act ended."""

    SUCCESS = "success", _("Success")
    REFUSED = "refused", _("Refused")
    FAILED = "failed", _("Failed")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted: copied into the event, so that it outlives the account it names."""

    kind: ActorKind
    id: str
    label: str
    role: str = ""
    address: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ACTOR_KINDS:
            raise ValueError(f"an actor's kind is one of {', '.join(ACTOR_KINDS)}")
        if not self.id or not self.label:
            raise ValueError("an actor needs an id and a label")


@dataclass(frozen=True, slots=True)
class Action:
    """One word of the closed vocabulary, with its codes for outsiders.

    `dicom_event` is the EventID of PS3.15 A.5 (code, meaning; scheme DCM), `dicom_type` the
    EventTypeCode where there is one, `fhir_subtype` a code of the ISO 21089 lifecycle or "".
    `tone` is the colour family of a success on the pages. `is_look_up` marks acts that showed
    somebody's identity: the page of unusual activity counts them.
    """

    name: str
    label: "StrOrPromise"
    dicom_event: tuple[str, str]
    dicom_type: tuple[str, str] | None = None
    fhir_subtype: str = ""
    icon: str = "trail"
    tone: Literal["idle", "moving", "review", "held", "stop", "done"] = "idle"
    is_look_up: bool = False
