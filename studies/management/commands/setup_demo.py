"""Make the demo hospital on the first start of an empty demo; do nothing on every later one."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from studies.demo import make_studies
from studies.services import demo

PASSWORDS = "demo-passwords.txt"


class Command(BaseCommand):
    """Make organization, people, studies and places of the demo."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing; passwords go into a file that only its owner can read."""
        if not settings.DEMO:
            raise CommandError("this is no demo: set ANONPORTAL_DEMO=1 to make one")
        folder = demo.studies_folder()
        if not folder.exists():
            make_studies(folder)
        if demo.exists():
            return
        passwords = demo.create()
        path = Path(settings.DATA_DIR) / PASSWORDS
        text = "".join(f"{email}  {password}\n" for email, password in passwords.items())
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
