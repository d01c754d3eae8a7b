"""Hospitals, whom they send to, and who may do what in them."""

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from studies.models.states import ReleasePolicy


class IdentifierScheme(models.TextChoices):
    """Which cloud id the outgoing Patient ID and Patient's Name carry."""

    PATIENT = "patient", _("Cloud patient id: studies of one patient stay together")
    STUDY = "study", _("Cloud study id: studies can't be linked")


class Unsure(models.TextChoices):
    """What becomes of text in a picture that nobody is sure about."""

    BLANK = "blank", _("Blank it: more is covered than has to be")
    REVIEW = "review", _("Hold the image for a person's look")


class Documents(models.TextChoices):
    """What becomes of a document inside a study that is not shown to name nobody."""

    HOLD = "hold", _("Hold the object for a person")
    DROP = "drop", _("Send the object with a blank document")


class Confidence(models.IntegerChoices):
    """How sure a sampling review has to be, in percent."""

    NONE = 0, _("No sampling")
    NINETY = 90, _("90 % sure")
    NINETY_FIVE = 95, _("95 % sure")
    NINETY_NINE = 99, _("99 % sure")


class Organization(models.Model):
    """A hospital. Everything else belongs to exactly one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(_("name"), max_length=150)
    prefix = models.CharField(
        _("prefix"),
        max_length=16,
        unique=True,
        validators=[RegexValidator(r"^[A-Z0-9]{2,16}$", _("2 to 16 of A–Z and 0–9"))],
        help_text=_("Stands before cloud ids in Patient ID, and in Institution Name"),
    )
    identifier_scheme = models.CharField(
        _("identifier scheme"),
        max_length=7,
        choices=IdentifierScheme.choices,
        default=IdentifierScheme.PATIENT,
    )
    default_issuer = models.CharField(_("default issuer of patient ids"), max_length=64, blank=True)
    default_profile = models.ForeignKey(
        "studies.ProfileVersion", on_delete=models.PROTECT, null=True, related_name="+"
    )
    allowed_regions = models.JSONField(_("allowed regions"), default=list, blank=True)
    release_policy = models.CharField(
        _("release policy"),
        max_length=10,
        choices=ReleasePolicy.choices,
        default=ReleasePolicy.MANUAL,
    )
    # Before a batch leaves, people look at so many of its images that they may be this sure that
    # fewer than so many in a thousand show an identifier; never at fewer than the size.
    sampling_size = models.PositiveIntegerField(_("sampling size"), default=0)
    sampling_confidence = models.PositiveSmallIntegerField(
        _("sampling confidence"), choices=Confidence.choices, default=Confidence.NONE
    )
    sampling_permille = models.PositiveSmallIntegerField(
        _("sampling rate"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(200)],
    )
    unsure_pixels = models.CharField(
        _("text in pictures that is not certain"),
        max_length=6,
        choices=Unsure.choices,
        default=Unsure.BLANK,
    )
    documents = models.CharField(
        _("documents that may name somebody"),
        max_length=4,
        choices=Documents.choices,
        default=Documents.HOLD,
    )
    retention_days = models.PositiveSmallIntegerField(
        _("days that originals are kept after delivery"),
        default=7,
        validators=[MaxValueValidator(90)],
    )
    # What the door to patients asks for beside a role, a fresh proof and a reason.
    second_factor_required = models.BooleanField(
        _("radiologists need a second factor"), default=False
    )
    four_eyes_bulk = models.BooleanField(
        _("several studies at once need a second person"), default=False
    )
    # Wrapped by the key ring; seals credentials of sources and destinations.
    wrapped_key = models.BinaryField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="organization_scheme",
                condition=models.Q(identifier_scheme__in=["patient", "study"]),
            )
        ]

    def __str__(self) -> str:
        return self.name


class LinkageDomain(models.Model):
    """A group of recipients inside which a patient's pseudonyms are the same for ever."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="domains")
    name = models.SlugField(_("name"), default="default")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="domain_name_unique")
        ]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a member does in an organization."""

    COORDINATOR = "coordinator", _("coordinator")
    RADIOLOGIST = "radiologist", _("radiologist")
    AUDITOR = "auditor", _("auditor")
    ADMINISTRATOR = "administrator", _("administrator")


class Membership(models.Model):
    """One role of one person in one organization; a person may hold several."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(_("role"), max_length=13, choices=Role.choices)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organization", "role"], name="membership_unique"
            ),
            models.CheckConstraint(
                name="membership_role", condition=models.Q(role__in=Role.values)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()}"
