"""Listener rules and the organization's settings over REST, as the pages change them."""

from ipaddress import ip_network
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Body, Router
from ninja.responses import Status
from pydantic import AfterValidator, Field, WithJsonSchema

from studies.api.operations import machine, operation
from studies.api.place_schemas import AeTitle
from studies.api.problems import Problem
from studies.api.schemas import WHOLE, In, Out, PolicyName, PriorityName, Text
from studies.faults import PermanentError
from studies.models import ListenerRule, Organization, Priority, ReleasePolicy, Scope
from studies.services import gateway, machines, organizations, rules
from studies.services.machines import NotFound
from studies.services.tokens import Machine

router = Router(tags=["Listener rules, organization"])


def _network(text: str) -> str:
    ip_network(text, strict=False)
    return text


_PART = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
# An IPv4 or IPv6 network, or one address; the last pattern is IPv6 as networks are written.
_NETWORKS = [
    {"pattern": rf"^({_PART}\.){{3}}{_PART}(/(3[0-2]|[12]?[0-9]))?$"},
    {"format": "ipv6"},
    {"pattern": r"^([0-9A-Fa-f]{1,4}:){1,7}:/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$"},
]
Network = Annotated[
    str,
    AfterValidator(_network),
    WithJsonSchema({"type": "string", "maxLength": 50, "anyOf": _NETWORKS}),
]


class RuleBase(In):
    """What every rule says: what becomes of what is sent."""

    name: Text = Field(min_length=1, max_length=80)
    destination: Text = Field(min_length=1, max_length=100, description="By name or id")
    profile: Text = Field("", max_length=100, description="By name or id; else the default one")
    priority: PriorityName = "ROUTINE"
    release: PolicyName = "when-clean"
    quiet_seconds: Annotated[int, Field(ge=1, le=86_400), WHOLE] = Field(
        60, description="A batch starts when nothing has come for so long"
    )
    is_active: bool = True


class DimseRuleIn(RuleBase):
    """Who may send over C-STORE."""

    kind: Literal["dimse"]
    calling_ae: AeTitle = Field(description="The sender's")
    called_ae: AeTitle = Field(description="What the sender calls the portal")
    networks: list[Network] = Field(
        [], max_length=20, description="Like 10.1.0.0/16; none: from anywhere"
    )


class StowRuleIn(RuleBase):
    """Who may send over STOW-RS: whoever has a token for it."""

    kind: Literal["stow"]


RULES = (DimseRuleIn, StowRuleIn)
ListenerIn = Annotated[DimseRuleIn | StowRuleIn, Field(discriminator="kind")]


class ListenerOut(Out):
    """A listener rule."""

    listener_id: UUID
    name: str
    kind: str
    calling_ae: str
    called_ae: str
    networks: list[str]
    destination_id: UUID
    profile_version_id: UUID
    priority: str
    release: str
    quiet_seconds: int
    is_active: bool


@operation(
    router,
    "GET",
    "/listeners",
    Scope.SETTINGS_WRITE,
    answers={200: list[ListenerOut]},
    url_name="listeners",
)
def list_listeners(request: HttpRequest) -> list[ListenerOut]:
    """List who may send by themselves, over C-STORE or STOW-RS."""
    rows = ListenerRule.objects.filter(organization=machine(request).organization)
    return [_listener(row) for row in rows]


@operation(
    router,
    "POST",
    "/listeners",
    Scope.SETTINGS_WRITE,
    answers={201: ListenerOut},
    url_name="listeners",
    idempotent=True,
)
def add_listener(request: HttpRequest, said: Body[ListenerIn]) -> Status[Any]:
    """Add a listener rule; what it lets in goes into batches from then on."""
    return Status(201, _save(machine(request), said, None))


@operation(
    router,
    "PUT",
    "/listeners/{uuid:rule_id}",
    Scope.SETTINGS_WRITE,
    answers={200: ListenerOut},
    url_name="listener",
)
def change_listener(request: HttpRequest, rule_id: UUID, said: Body[ListenerIn]) -> ListenerOut:
    """Change a listener rule, or switch it off; what was left out is as in a new one."""
    caller = machine(request)
    return _save(caller, said, machines.rule_of(caller, rule_id))


def _save(caller: Machine, said: DimseRuleIn | StowRuleIn, row: ListenerRule | None) -> ListenerOut:
    version = gateway.choose_profile(caller.organization, said.profile)
    names = ("name", "kind", "quiet_seconds", "is_active")
    values: dict[str, Any] = {name: getattr(said, name) for name in names}
    of_nodes: dict[str, Any] = {"calling_ae": "", "called_ae": "", "networks": []}
    values |= {name: getattr(said, name, empty) for name, empty in of_nodes.items()}
    values |= {
        "destination": machines.destination_of(caller, said.destination),
        "profile_version": machines.profile_of(caller, version),
        "priority": Priority(said.priority),
        "release_policy": ReleasePolicy(said.release),
    }
    try:
        saved = rules.save_rule(caller.organization, caller.actor, rule=row, values=values)
    except NotFound:
        raise
    except PermanentError as fault:
        status = 409 if fault.code == "rule-exists" else 422
        raise Problem(status, fault.code, fault.message) from None
    return _listener(saved)


def _listener(row: ListenerRule) -> ListenerOut:
    names = (
        *("name", "kind", "calling_ae", "called_ae", "networks"),
        *("destination_id", "profile_version_id", "priority", "quiet_seconds", "is_active"),
    )
    values = {name: getattr(row, name) for name in names}
    return ListenerOut(listener_id=row.pk, release=row.release_policy, **values)


# --- the organization ----------------------------------------------------------------------------


class OrganizationIn(In):
    """What is to change of the organization's settings; what is left out stays."""

    name: Annotated[Text, Field(min_length=1, max_length=150)] | None = None
    identifier_scheme: Literal["patient", "study"] | None = Field(
        None, description="A change affects new studies only"
    )
    default_issuer: Annotated[Text, Field(max_length=64)] | None = None
    allowed_regions: (
        Annotated[list[Annotated[Text, Field(min_length=1, max_length=40)]], Field(max_length=50)]
        | None
    ) = Field(None, description="Release elsewhere is refused")
    release: PolicyName | None = None
    unsure_pixels: Literal["blank", "review"] | None = Field(
        None, description="Of text in pictures that is not certain"
    )
    documents: Literal["hold", "drop"] | None = Field(
        None, description="Of documents that may name somebody"
    )
    sampling_confidence: Annotated[Literal[0, 90, 95, 99], WHOLE] | None = Field(
        None, description="How sure a sampling review has to be, in percent; 0: none"
    )
    sampling_permille: Annotated[int, Field(ge=1, le=200), WHOLE] | None = Field(
        None, description="That fewer than so many in a thousand show an identifier"
    )
    sampling_size: Annotated[int, Field(ge=0, le=100_000), WHOLE] | None = Field(
        None, description="Look at no fewer images than these"
    )
    retention_days: Annotated[int, Field(ge=0, le=90), WHOLE] | None = Field(
        None, description="How long originals are kept after delivery"
    )


class OrganizationOut(Out):
    """The organization's settings."""

    slug: str
    prefix: str
    name: str
    identifier_scheme: str
    default_issuer: str
    allowed_regions: list[str]
    release: str
    unsure_pixels: str
    documents: str
    sampling_confidence: int
    sampling_permille: int
    sampling_size: int
    retention_days: int


@operation(
    router,
    "GET",
    "/organization",
    Scope.ORGANIZATION_WRITE,
    answers={200: OrganizationOut},
    url_name="organization",
)
def get_organization(request: HttpRequest) -> OrganizationOut:
    """Show the settings of the token's organization."""
    return _organization(_stored(machine(request)))


@operation(
    router,
    "PATCH",
    "/organization",
    Scope.ORGANIZATION_WRITE,
    answers={200: OrganizationOut},
    url_name="organization",
)
def change_organization(request: HttpRequest, said: OrganizationIn) -> OrganizationOut:
    """Change settings of the token's organization; the trail says which, before and after."""
    caller = machine(request)
    values = {name: value for name, value in said if value is not None}
    if "release" in values:
        values["release_policy"] = ReleasePolicy(values.pop("release"))
    try:
        return _organization(organizations.change(_stored(caller), values, caller.actor))
    except ValidationError as error:
        fields = ", ".join(sorted(error.message_dict))
        detail = _("The request isn't as the documentation says: {fields}.").format(fields=fields)
        raise Problem(422, "invalid", detail) from None


def _stored(caller: Machine) -> Organization:
    """Return the organization as it is now: what a token comes with may be a second old."""
    return Organization.objects.get(pk=caller.organization.pk)


def _organization(row: Organization) -> OrganizationOut:
    names = set(OrganizationOut.model_fields) - {"release"}
    return OrganizationOut(
        release=row.release_policy, **{name: getattr(row, name) for name in names}
    )
