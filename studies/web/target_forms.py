"""Forms of the hospital's own systems that take reports, one per kind. Secrets are never shown."""

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from studies.models import ReportTarget, TargetKind
from studies.web.door_forms import StatedForm
from studies.web.peer_fields import Authority, DicomWebFields, NodeFields


class TargetForm(forms.Form):
    """What every target has: its name."""

    kind: ClassVar[TargetKind]
    secrets: ClassVar[tuple[str, ...]] = ()

    name = forms.CharField(label=_("Name"), max_length=80)

    def values(self) -> dict[str, Any]:
        """Return what is stored in columns, with the config of the kind."""
        config = {
            name: value
            for name, value in self.cleaned_data.items()
            if name != "name" and name not in self.secrets and value not in (None, "", False)
        }
        return {"name": self.cleaned_data["name"], "kind": self.kind.value, "config": config}

    def secret_values(self) -> dict[str, str]:
        """Return the secrets that were typed; those left empty stay as they are."""
        return {name: self.cleaned_data[name] for name in self.secrets if self.cleaned_data[name]}


class MllpForm(TargetForm):
    """An HL7 interface."""

    kind = TargetKind.MLLP
    host = forms.CharField(label=_("Host"), max_length=200)
    port = forms.IntegerField(label=_("Port"), min_value=1, max_value=65535, initial=2575)
    tls = forms.BooleanField(label=_("With TLS"), required=False, initial=True)
    ca = Authority()


class StowForm(DicomWebFields, TargetForm):
    """A DICOMweb archive of the hospital."""

    kind = TargetKind.STOW
    secrets = ("user", "password", "token")


class CStoreForm(NodeFields, TargetForm):
    """A PACS of the hospital."""

    kind = TargetKind.CSTORE
    secrets = ("client_certificate",)


class FolderForm(TargetForm):
    """A folder of the hospital."""

    kind = TargetKind.FOLDER
    root = forms.CharField(
        label=_("Folder"), max_length=300, help_text=_("A folder below an allowed root")
    )


FORMS: dict[str, type[TargetForm]] = {
    form.kind.value: form for form in (MllpForm, StowForm, CStoreForm, FolderForm)
}


def initial_of(row: ReportTarget) -> dict[str, Any]:
    """Return what a form begins with: everything that is no secret."""
    stored: dict[str, Any] = row.config
    return dict.fromkeys(FORMS[row.kind].base_fields, "") | {"name": row.name} | stored


class SendForm(StatedForm):
    """Where a report goes, why, and a proof."""

    target = forms.ChoiceField(label=_("To"))

    def __init__(self, *args: Any, targets: list[ReportTarget], **more: Any) -> None:
        super().__init__(*args, **more)
        chosen: Any = self.fields["target"]
        chosen.choices = [
            (str(row.pk), f"{row.name} · {row.get_kind_display()}") for row in targets
        ]
