"""The demo hospital: an organization, four people, a folder of synthetic studies, a folder out.

Nothing in it is real. It is made once, on the first start of an empty demo.
"""

import secrets
from pathlib import Path

from django.conf import settings
from django.db import transaction

from studies.models import Organization, Role
from studies.models.places import DestinationKind, SourceKind
from studies.services import organizations, places

SLUG = "demo"
WORDS = "abcdefghjkmnpqrstuvwxyz23456789"
PEOPLE = (
    ("alice@demo.example", "Alice Sample", Role.COORDINATOR),
    ("bob@demo.example", "Dr. Bob Example", Role.RADIOLOGIST),
    ("carol@demo.example", "Carol Specimen", Role.AUDITOR),
    ("dave@demo.example", "Dave Pattern", Role.ADMINISTRATOR),
)
REGION = "demo"


def exists() -> bool:
    """Say whether the demo organization is there already."""
    return Organization.objects.filter(slug=SLUG).exists()


def create() -> dict[str, str]:
    """Make the demo organization; return one new password per e-mail address."""
    organization = organizations.create_organization(
        slug=SLUG,
        name="Example General Hospital",
        prefix="EXAMPLE",
        default_issuer="EXAMPLE",
        allowed_regions=[REGION],
    )
    passwords = {}
    for email, name, role in PEOPLE:
        passwords[email] = _password()
        user = organizations.create_person(email=email, name=name, password=passwords[email])
        organizations.grant(user, organization, role)
        if role == Role.AUDITOR:
            # In the demo one person reads both trails: the hospital's and the installation's.
            organizations.set_platform_operator(user, is_operator=True)
    _places(organization)
    return passwords


def studies_folder() -> Path:
    """Return where the demo's synthetic studies lie."""
    return Path(settings.DATA_DIR) / "demo" / "studies"


def _places(organization: Organization) -> None:
    outbox = Path(settings.DATA_DIR) / "demo" / "outbox"
    outbox.mkdir(parents=True, exist_ok=True)
    with transaction.atomic():
        places.save_source(
            organization,
            organizations.COMMAND,
            source=None,
            values={
                "name": "Modality share",
                "kind": SourceKind.FOLDER,
                "config": {"root": str(studies_folder())},
            },
        )
    destination = places.save_destination(
        organization,
        organizations.COMMAND,
        values={
            "name": "Reading group",
            "kind": DestinationKind.FOLDER,
            "config": {"root": str(outbox)},
            "region": REGION,
            "operator": "Example Teleradiology",
            "agreement": "DEMO-1",
        },
    )
    places.try_destination(destination, organizations.COMMAND)


def _password() -> str:
    """Return a password of 16 characters in groups, easy to type, about 79 bits."""
    return "-".join("".join(secrets.choice(WORDS) for _ in range(4)) for _ in range(4))
