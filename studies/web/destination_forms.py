"""Forms of destinations, one per kind. They ask; the services decide, and seal what is secret.

A secret is never shown again: its field is empty, and left empty it stays as it is.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

from django import forms
from django.forms.boundfield import BoundField
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from studies.delivery.kinds import DEFAULT_PARALLEL, MOST_PARALLEL
from studies.models import Destination, DestinationKind, Organization
from studies.web.peer_fields import Authority, DicomWebFields, NodeFields, Secret

_Group = tuple[str | Promise, list[BoundField]]


class DestinationForm(forms.Form):
    """What every destination has: its name, who operates it, and how much of it may be used."""

    kind: ClassVar[DestinationKind]
    about = ("name", "operator", "region", "agreement")
    where: tuple[str, ...] = ()
    sign_in: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    limits = ("parallel", "megabits", "allows_nonconformant")

    name = forms.CharField(label=_("Name"), max_length=80)
    operator = forms.CharField(
        label=_("Operator"), max_length=120, help_text=_("Who receives the studies")
    )
    region = forms.ChoiceField(
        label=_("Region"), help_text=_("Among those that the organization allows")
    )
    agreement = forms.CharField(
        label=_("Agreement reference"),
        max_length=120,
        help_text=_("The contract under which studies are sent there"),
    )
    parallel = forms.IntegerField(
        label=_("Connections at once"), min_value=1, max_value=MOST_PARALLEL, required=False
    )
    megabits = forms.FloatField(
        label=_("Bandwidth, Mbit/s"),
        min_value=0.1,
        max_value=1_000_000,
        required=False,
        help_text=_("Empty: no limit"),
    )
    allows_nonconformant = forms.BooleanField(
        label=_("Takes profiles that keep more than the standard allows"), required=False
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        region: Any = self.fields["region"]
        region.choices = [(name, name) for name in organization.allowed_regions]
        usual = DEFAULT_PARALLEL[self.kind.value]
        self.fields["parallel"].help_text = _("Empty: %(count)s") % {"count": usual}

    def groups(self) -> Iterator[_Group]:
        """Yield titles with their fields, in the order of the page."""
        for title, names in (
            (_("Recipient"), self.about),
            (_("Where to"), self.where),
            (_("Signing in"), self.sign_in),
            (_("Limits"), self.limits),
        ):
            if names:
                yield title, [self[name] for name in names]

    def values(self) -> dict[str, Any]:
        """Return what is stored in columns, with the config of the kind."""
        given = self.cleaned_data
        values: dict[str, Any] = {name: given[name] for name in self.about}
        values["kind"] = self.kind.value
        values["allows_nonconformant"] = given["allows_nonconformant"]
        inner = (*self.where, *self.sign_in, "parallel", "megabits")
        values["config"] = {
            name: given[name]
            for name in inner
            if name not in self.secrets and given[name] not in (None, "", False)
        }
        return values

    def secret_values(self) -> dict[str, str]:
        """Return the secrets that were typed; those left empty stay as they are."""
        return {name: self.cleaned_data[name] for name in self.secrets if self.cleaned_data[name]}


class FolderForm(DestinationForm):
    """A folder."""

    kind = DestinationKind.FOLDER
    where = ("root",)
    root = forms.CharField(
        label=_("Folder"), max_length=300, help_text=_("A folder below an allowed root")
    )


class S3Form(DestinationForm):
    """A bucket."""

    kind = DestinationKind.S3
    where = (
        "bucket",
        "folder",
        "aws_region",
        "endpoint",
        "encryption",
        "kms_key",
        "path_style",
        "create",
        "ca",
    )
    sign_in = ("auth", "access_key", "secret_key", "session_token", "role_arn", "external_id")
    secrets = ("access_key", "secret_key", "session_token", "external_id")

    bucket = forms.CharField(label=_("Bucket"), max_length=63, min_length=3)
    folder = forms.CharField(
        label=_("Folder in it"), max_length=100, required=False, help_text=_("Optional")
    )
    aws_region = forms.CharField(
        label=_("Region of the bucket"), max_length=40, required=False, initial="eu-central-1"
    )
    endpoint = forms.CharField(
        label=_("Address of the service"),
        max_length=200,
        required=False,
        help_text=_("Empty for Amazon S3; else https://…"),
    )
    encryption = forms.ChoiceField(
        label=_("Encryption there"),
        required=False,
        choices=[
            ("", _("What the bucket does by itself")),
            ("AES256", _("With keys of the service (SSE-S3)")),
            ("aws:kms", _("With a KMS key (SSE-KMS)")),
        ],
    )
    kms_key = forms.CharField(
        label=_("KMS key"), max_length=200, required=False, help_text=_("Only with SSE-KMS")
    )
    path_style = forms.BooleanField(
        label=_("The bucket's name stands in the path, not in the host name"), required=False
    )
    create = forms.BooleanField(label=_("Make the bucket if it is missing"), required=False)
    ca = Authority()
    auth = forms.ChoiceField(
        label=_("With"),
        choices=[("keys", _("Keys")), ("role", _("This machine's role"))],
    )
    access_key = Secret(_("Access key"))
    secret_key = Secret(_("Secret key"))
    session_token = Secret(_("Session token"), help_text=_("Only with temporary keys"))
    role_arn = forms.CharField(
        label=_("Role to take on"),
        max_length=200,
        required=False,
        help_text=_("Only with this machine's role; empty: the role itself"),
    )
    external_id = Secret(_("External id"), help_text=_("If the role asks for one"))


class AzureForm(DestinationForm):
    """A container."""

    kind = DestinationKind.AZURE
    where = ("container", "folder", "create", "ca")
    sign_in = ("auth", "connection_string", "account_url", "sas", "client_id")
    secrets = ("connection_string", "sas")

    container = forms.CharField(label=_("Container"), max_length=63, min_length=3)
    folder = forms.CharField(
        label=_("Folder in it"), max_length=100, required=False, help_text=_("Optional")
    )
    create = forms.BooleanField(label=_("Make the container if it is missing"), required=False)
    ca = Authority()
    auth = forms.ChoiceField(
        label=_("With"),
        choices=[
            ("connection", _("Connection string")),
            ("sas", _("Shared access signature")),
            ("identity", _("This machine's managed identity")),
        ],
    )
    connection_string = Secret(_("Connection string"))
    account_url = forms.CharField(
        label=_("Address of the account"),
        max_length=200,
        required=False,
        help_text=_("With the other two: https://<account>.blob.core.windows.net"),
    )
    sas = Secret(_("Shared access signature"))
    client_id = forms.CharField(
        label=_("Client id of the identity"),
        max_length=80,
        required=False,
        help_text=_("Only if the machine has several"),
    )


class StowForm(DicomWebFields, DestinationForm):
    """A DICOMweb archive."""

    kind = DestinationKind.STOW
    where = ("url", "ca")
    sign_in = ("auth", "user", "password", "token")
    secrets = ("user", "password", "token")


class DimseForm(NodeFields, DestinationForm):
    """A DICOM node."""

    kind = DestinationKind.DIMSE
    where = ("host", "port", "called_ae", "calling_ae", "tls", "ca")
    sign_in = ("client_certificate",)
    secrets = ("client_certificate",)


FORMS: dict[str, type[DestinationForm]] = {
    form.kind.value: form for form in (FolderForm, S3Form, AzureForm, StowForm, DimseForm)
}


def initial_of(row: Destination) -> dict[str, Any]:
    """Return what a form begins with: everything that is no secret."""
    shown = {name: getattr(row, name) for name in DestinationForm.about}
    # What isn't in a config was left empty, or not ticked.
    blank = dict.fromkeys(FORMS[row.kind].base_fields, "")
    stored: dict[str, Any] = row.config
    return blank | shown | {"allows_nonconformant": row.allows_nonconformant} | stored
