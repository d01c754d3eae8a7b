"""Forms at the door to patients and around it. What they mean is decided by the services."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from studies.services.door_rules import REASONS


class ProofForm(forms.Form):
    """The ways to say who you are again: a password, a code, or a passkey."""

    password = forms.CharField(
        label=_("Your password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        label=_("Code of your app, or a recovery code"),
        required=False,
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )
    credential = forms.CharField(required=False, max_length=20_000, widget=forms.HiddenInput)


class StatedForm(ProofForm):
    """Why, and a proof."""

    reason = forms.ChoiceField(label=_("Reason"), choices=list(REASONS.items()))
    words = forms.CharField(
        label=_("In your words (no patient data)"),
        max_length=200,
        required=False,
        help_text=_("Auditors read this."),
    )


class DoorForm(StatedForm):
    """Which patient, why, and a proof."""

    typed = forms.CharField(label=_("Cloud study id"), max_length=40)
    batch = forms.CharField(
        label=_("Batch id"),
        max_length=36,
        required=False,
        help_text=_("Optional: narrows it to one batch"),
    )


class BulkForm(StatedForm):
    """Several patients at once."""

    several = forms.CharField(
        label=_("Cloud study ids"),
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text=_("One per line, at most 20"),
    )


class LinkForm(ProofForm):
    """Who gets a link to one report, for how long and why."""

    person = forms.ChoiceField(label=_("For"))
    hours = forms.ChoiceField(label=_("Works for"))
    words = forms.CharField(
        label=_("Why (no patient data)"), max_length=200, help_text=_("Auditors read this.")
    )

    def __init__(self, *args: Any, people: list[tuple[int, str]], most: int, **more: Any) -> None:
        super().__init__(*args, **more)
        chosen: Any = self.fields["person"]
        chosen.choices = [(str(pk), name) for pk, name in people]
        lives: Any = self.fields["hours"]
        lives.choices = [
            (str(n), _("{n} hours").format(n=n)) for n in (4, 24, 72) if n <= most
        ] or [(str(most), _("{n} hours").format(n=most))]


class ReportForm(forms.Form):
    """A report that came back: pasted, or a file."""

    text = forms.CharField(
        label=_("Report"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 14}),
        max_length=1_000_000,
        help_text=_("As the reader sent it, with the cloud ids in it"),
    )
    file = forms.FileField(
        label=_("Or a file"),
        required=False,
        allow_empty_file=True,
        help_text=_("HL7, FHIR, DICOM, PDF or text"),
    )


class SettleForm(forms.Form):
    """Which study a report is for, or why it is put away."""

    study = forms.CharField(label=_("Cloud study id"), max_length=40, required=False)
    words = forms.CharField(
        label=_("Why (no patient data)"),
        max_length=200,
        min_length=5,
        help_text=_("Auditors read this."),
    )
