"""Forms of sources, of listener rules, and of the search in a PACS."""

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from studies.faults import Fault
from studies.intake.remote import Query, checked_base
from studies.intake.sources import SEARCHABLE
from studies.intake.tls import client_context
from studies.models import (
    Destination,
    ListenerKind,
    ListenerRule,
    Organization,
    Priority,
    ProfileVersion,
    ReleasePolicy,
    Source,
)
from studies.models.places import SourceKind
from studies.services import profiles
from studies.services.rules import is_ae_title

# What PACS mostly hold; the standard's list is longer than a person wants to read.
SEARCHED = ("CR", "CT", "DX", "MG", "MR", "NM", "OT", "PT", "RF", "SC", "SR", "US", "XA")


def _ae_title(value: str) -> None:
    if not is_ae_title(value):
        raise forms.ValidationError(
            _("An AE title has 1 to 16 letters, digits or signs, without backslash.")
        )


class SourceFormBase(forms.Form):
    """What all kinds of sources have; each kind says which of its fields are secret."""

    kind: ClassVar[SourceKind]
    secret_fields: ClassVar[tuple[str, ...]] = ()

    name = forms.CharField(label=_("Name"), max_length=80)

    @classmethod
    def initial_of(cls, row: Source) -> dict[str, Any]:
        """Return what a form shows of a source; never a secret."""
        return {"name": row.name, **row.config}

    @property
    def values(self) -> dict[str, Any]:
        """Return what is stored as it is."""
        hidden = ("name", *self.secret_fields)
        config = {key: value for key, value in self.cleaned_data.items() if key not in hidden}
        return {"name": self.cleaned_data["name"], "kind": self.kind, "config": config}

    @property
    def secrets(self) -> dict[str, str]:
        """Return what is stored sealed."""
        return {name: self.cleaned_data[name] for name in self.secret_fields}


class FolderSourceForm(SourceFormBase):
    """A folder source."""

    kind = SourceKind.FOLDER

    root = forms.CharField(
        label=_("Folder"), max_length=300, help_text=_("A folder below an allowed root")
    )


class _Issuers(forms.CharField):
    """Certificates of issuers that are trusted instead of the system's."""

    def __init__(self) -> None:
        super().__init__(
            label=_("Issuer's certificate"),
            required=False,
            max_length=100_000,
            widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
            help_text=_("PEM, where your hospital issues its own; else leave it empty"),
        )

    def clean(self, value: Any) -> str:
        """Check that it can be read."""
        text = str(super().clean(value))
        try:
            client_context(text)
        except Fault as fault:
            raise forms.ValidationError(str(fault.message)) from None
        return text


def _secret(label: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        strip=False,
        max_length=4000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Left empty it stays as it is"),
    )


class DicomWebSourceForm(SourceFormBase):
    """A DICOMweb source."""

    kind = SourceKind.DICOMWEB
    secret_fields = ("password", "token")

    url = forms.CharField(
        label=_("Address"),
        max_length=300,
        help_text=_("As in https://pacs.example/dicom-web, without /studies"),
    )
    user = forms.CharField(label=_("User name"), max_length=150, required=False)
    password = _secret(_("Password"))
    token = _secret(_("Or a bearer token"))
    issuers = _Issuers()

    def clean_url(self) -> str:
        """Check that it is an address, and no more than that."""
        try:
            return checked_base(self.cleaned_data["url"])
        except Fault as fault:
            raise forms.ValidationError(str(fault.message)) from None


class DimseSourceForm(SourceFormBase):
    """A DIMSE source."""

    kind = SourceKind.DIMSE

    host = forms.CharField(label=_("Host"), max_length=253)
    port = forms.IntegerField(label=_("Port"), min_value=1, max_value=65535, initial=104)
    called_ae = forms.CharField(label=_("Its AE title"), max_length=16, validators=[_ae_title])
    calling_ae = forms.CharField(
        label=_("Our AE title"), max_length=16, validators=[_ae_title], initial="ANONPORTAL"
    )
    method = forms.ChoiceField(
        label=_("Retrieve by"),
        choices=[("get", _("C-GET")), ("move", _("C-MOVE, to this portal"))],
        help_text=_("For C-MOVE the PACS has to know our AE title, host and port"),
    )
    tls = forms.BooleanField(label=_("Over TLS"), required=False)
    issuers = _Issuers()


SOURCE_FORMS: dict[str, type[SourceFormBase]] = {
    str(form.kind): form for form in (FolderSourceForm, DicomWebSourceForm, DimseSourceForm)
}


class FindForm(forms.Form):
    """In which PACS to search, and for what."""

    source = forms.ModelChoiceField(
        label=_("Search in"), queryset=Source.objects.none(), empty_label=None
    )
    patient_id = forms.CharField(label=_("Patient id"), max_length=64, required=False)
    patient_name = forms.CharField(
        label=_("Patient name"),
        max_length=64,
        required=False,
        help_text=_("Family name first; * stands for anything"),
    )
    accession = forms.CharField(label=_("Accession number"), max_length=16, required=False)
    date_from = forms.DateField(
        label=_("Study date from"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    date_to = forms.DateField(
        label=_("to"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    modality = forms.ChoiceField(
        label=_("Modality"),
        required=False,
        choices=[("", _("Any")), *((name, name) for name in SEARCHED)],
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sources: Any = self.fields["source"]
        sources.queryset = Source.objects.filter(
            organization=organization, kind__in=SEARCHABLE, is_active=True
        )

    @property
    def query(self) -> Query:
        """Return what the form asks for."""
        said = self.cleaned_data
        return Query.typed(
            patient_id=said["patient_id"],
            patient_name=said["patient_name"],
            accession=said["accession"],
            first=said["date_from"],
            last=said["date_to"],
            modality=said["modality"],
        )


class RuleForm(forms.Form):
    """A listener rule."""

    name = forms.CharField(label=_("Name"), max_length=80)
    kind = forms.ChoiceField(label=_("Protocol"), choices=ListenerKind.choices)
    calling_ae = forms.CharField(
        label=_("Calling AE title"),
        max_length=16,
        required=False,
        help_text=_("The sender's; of C-STORE only"),
    )
    called_ae = forms.CharField(
        label=_("Called AE title"),
        max_length=16,
        required=False,
        help_text=_("What the sender calls the portal; of C-STORE only"),
    )
    networks = forms.CharField(
        label=_("From networks"),
        max_length=300,
        required=False,
        help_text=_("Like 10.1.0.0/16, separated by commas; empty: from anywhere"),
    )
    destination = forms.ModelChoiceField(
        label=_("Destination"), queryset=Destination.objects.none(), empty_label=None
    )
    profile_version = forms.ModelChoiceField(
        label=_("Profile"), queryset=ProfileVersion.objects.none(), empty_label=None
    )
    priority = forms.ChoiceField(
        label=_("Priority"), choices=Priority.choices, initial=Priority.ROUTINE
    )
    release_policy = forms.ChoiceField(
        label=_("Release policy"),
        choices=ReleasePolicy.choices,
        initial=ReleasePolicy.WHEN_CLEAN,
    )
    quiet_seconds = forms.IntegerField(
        label=_("Start after quiet seconds"), min_value=1, max_value=86_400, initial=60
    )
    is_active = forms.BooleanField(label=_("Switched on"), required=False, initial=True)

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places: Any = self.fields["destination"]
        places.queryset = Destination.objects.filter(organization=organization)
        versions: Any = self.fields["profile_version"]
        newest = [version.pk for version in profiles.newest(organization)]
        versions.queryset = ProfileVersion.objects.filter(pk__in=newest).select_related("profile")
        versions.initial = organization.default_profile

    @classmethod
    def initial_of(cls, row: ListenerRule) -> dict[str, Any]:
        """Return what the form shows of a rule."""
        shown: dict[str, Any] = {
            name: getattr(row, name) for name in cls.base_fields if name != "networks"
        }
        return shown | {"networks": ", ".join(row.networks)}

    def clean_networks(self) -> list[str]:
        """Split the networks at commas."""
        text: str = self.cleaned_data["networks"]
        return [part.strip() for part in text.split(",") if part.strip()]
