#!/usr/bin/env python3
"""Entry point of Django's management commands."""

import os
import sys

from django.core.management import execute_from_command_line

from anonportal.env import SettingError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "anonportal.settings")
    try:
        execute_from_command_line(sys.argv)
    except SettingError as error:
        sys.exit(str(error))
