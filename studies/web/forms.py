"""Forms of the pages. They check what was typed; what it means is decided by the services."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from studies.models import (
    Confidence,
    Destination,
    Documents,
    Organization,
    Priority,
    ProfileVersion,
    ReleasePolicy,
    Role,
    Unsure,
)
from studies.models.organization import IdentifierScheme
from studies.services import profiles

WAIT = (("wait", _("Wait for me")), ("clean", _("Deliver what is clean")))


class BatchForm(forms.Form):
    """How a batch is to be sent."""

    priority = forms.ChoiceField(
        label=_("Priority"), choices=Priority.choices, widget=forms.RadioSelect
    )
    profile = forms.ModelChoiceField(
        label=_("Profile"), queryset=ProfileVersion.objects.none(), empty_label=None
    )
    destination = forms.ModelChoiceField(
        label=_("Destination"), queryset=Destination.objects.none(), empty_label=None
    )
    held = forms.ChoiceField(
        label=_("If some images are held"), choices=WAIT, widget=forms.RadioSelect
    )
    release = forms.ChoiceField(
        label=_("Release"), choices=ReleasePolicy.choices, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        newest = [version.pk for version in profiles.newest(organization)]
        profile: Any = self.fields["profile"]
        profile.queryset = ProfileVersion.objects.filter(pk__in=newest).select_related("profile")
        destination: Any = self.fields["destination"]
        destination.queryset = Destination.objects.filter(organization=organization).exclude(
            state="paused"
        )


class ReasonForm(forms.Form):
    """Why something is done."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        min_length=3,
        help_text=_("Auditors read this. No patient data."),
    )


class PatientForm(forms.Form):
    """Whose study it is, where its files don't say or disagree."""

    patient_id = forms.CharField(label=_("Patient id"), max_length=64)
    issuer = forms.CharField(label=_("Issuer"), max_length=64, required=False)


class ProfileForm(forms.Form):
    """A custom profile, as YAML or JSON."""

    name = forms.SlugField(label=_("Name"), max_length=50)
    text = forms.CharField(
        label=_("Definition"),
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "false"}),
        max_length=200_000,
        help_text=_("YAML or JSON: base, options, rules"),
    )


class OrganizationForm(forms.Form):
    """Settings of the organization."""

    name = forms.CharField(label=_("Name"), max_length=150)
    identifier_scheme = forms.ChoiceField(
        label=_("Identifier scheme"),
        choices=IdentifierScheme.choices,
        help_text=_("A change affects new studies only"),
    )
    default_issuer = forms.CharField(
        label=_("Default issuer of patient ids"), max_length=64, required=False
    )
    allowed_regions = forms.CharField(
        label=_("Allowed regions"),
        required=False,
        help_text=_("Separated by commas; release elsewhere is refused"),
    )
    release_policy = forms.ChoiceField(label=_("Release policy"), choices=ReleasePolicy.choices)
    unsure_pixels = forms.ChoiceField(
        label=_("Text in pictures that is not certain"), choices=Unsure.choices
    )
    documents = forms.ChoiceField(
        label=_("Documents that may name somebody"), choices=Documents.choices
    )
    sampling_confidence = forms.TypedChoiceField(
        label=_("Sampling before release"),
        choices=Confidence.choices,
        coerce=int,
        help_text=_("People look at images drawn at random; nothing leaves before"),
    )
    sampling_percent = forms.DecimalField(
        label=_("that fewer than so many percent show an identifier"),
        min_value=Decimal("0.1"),
        max_value=20,
        decimal_places=1,
    )
    sampling_size = forms.IntegerField(
        label=_("Look at no fewer images than"), min_value=0, max_value=100_000
    )
    retention_days = forms.IntegerField(
        label=_("Days that originals are kept after delivery"), min_value=0, max_value=90
    )
    second_factor_required = forms.BooleanField(
        label=_("Radiologists need a second factor"), required=False
    )
    four_eyes_bulk = forms.BooleanField(
        label=_("Several patients at once need a second person"), required=False
    )

    def clean(self) -> dict[str, Any]:
        """Turn the rate into the thousandths that are kept."""
        cleaned = super().clean() or self.cleaned_data
        percent = cleaned.pop("sampling_percent", None)
        if percent is not None:
            cleaned["sampling_permille"] = int(percent * 10)
        return cleaned

    def clean_allowed_regions(self) -> list[str]:
        """Split the regions at commas."""
        text: str = self.cleaned_data["allowed_regions"]
        return [part.strip() for part in text.split(",") if part.strip()]


class MemberForm(forms.Form):
    """A role for a person; the account is made where there is none."""

    email = forms.EmailField(label=_("E-mail"))
    name = forms.CharField(label=_("Name"), max_length=150)
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)
