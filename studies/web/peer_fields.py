"""Fields that every form of a DICOMweb server or a DICOM node has, and how a secret is typed."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

_PEM = {"rows": 4, "spellcheck": "false", "placeholder": "-----BEGIN CERTIFICATE-----"}


class Secret(forms.CharField):
    """A secret: typed, never shown."""

    def __init__(self, label: Any, **values: Any) -> None:
        values.setdefault("max_length", 4000)
        values.setdefault("widget", forms.PasswordInput(attrs={"autocomplete": "new-password"}))
        super().__init__(label=label, required=False, **values)


class Authority(forms.CharField):
    """Certificates of a private authority, as PEM."""

    def __init__(self) -> None:
        super().__init__(
            label=_("Certificate of a private authority"),
            required=False,
            max_length=20_000,
            widget=forms.Textarea(attrs=_PEM),
            help_text=_("Only if its certificate is from an authority of your own. Public."),
        )


class DicomWebFields(forms.Form):
    """Where a DICOMweb server is, and what it asks for."""

    url = forms.CharField(
        label=_("Address of DICOMweb"),
        max_length=200,
        help_text=_("https://…, without /studies"),
    )
    ca = Authority()
    auth = forms.ChoiceField(
        label=_("With"),
        choices=[
            ("none", _("Nothing")),
            ("basic", _("User and password")),
            ("bearer", _("Bearer token")),
        ],
    )
    user = Secret(_("User"))
    password = Secret(_("Password"))
    token = Secret(_("Token"))


class NodeFields(forms.Form):
    """Where a DICOM node is, what the two call each other, and how they know each other."""

    host = forms.CharField(label=_("Host"), max_length=200)
    port = forms.IntegerField(label=_("Port"), min_value=1, max_value=65535, initial=2762)
    called_ae = forms.CharField(label=_("Its AE title"), max_length=16)
    calling_ae = forms.CharField(
        label=_("The portal's AE title"), max_length=16, initial="ANONPORTAL"
    )
    tls = forms.BooleanField(label=_("With TLS"), required=False, initial=True)
    ca = Authority()
    client_certificate = Secret(
        _("Certificate and key of the portal"),
        max_length=20_000,
        widget=forms.Textarea(attrs=_PEM),
        help_text=_("PEM, if the node wants to know who calls"),
    )
