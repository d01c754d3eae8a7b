"""`python -m studies.deid.importers FORMAT FILE`: another tool's rules as a profile of this one.

The profile goes to standard output, what could not be expressed to standard error, by line.
"""

import argparse
import sys
from pathlib import Path

from studies.deid.profile import ProfileError
from studies.deid.profile_text import dump_profile

from . import FORMATS, import_profile


def main(arguments: list[str] | None = None) -> int:
    """Import one script; 0 if all of it was expressed, 1 if not, 2 if it can't be read."""
    parser = argparse.ArgumentParser(prog="python -m studies.deid.importers", description=__doc__)
    parser.add_argument("format", choices=sorted(FORMATS))
    parser.add_argument("file", type=Path)
    parser.add_argument("--name", default="", help="the profile's name; else the file's")
    parser.add_argument("--json", action="store_true", help="write JSON in place of YAML")
    options = parser.parse_args(arguments)
    try:
        text = options.file.read_text(encoding="utf-8")
        profile, left_out = import_profile(
            text, options.format, name=options.name or options.file.stem, source=options.file.name
        )
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{options.file} can't be read: {type(error).__name__}\n")
        return 2
    except ProfileError as error:
        sys.stderr.write(f"{error.where}: {error.message}\n")
        return 2
    sys.stdout.write(dump_profile(profile, "json" if options.json else "yaml"))
    for item in left_out:
        sys.stderr.write(f"line {item.line}: {item.key or 'script'}: {item.reason}\n")
    return 1 if left_out else 0


if __name__ == "__main__":
    raise SystemExit(main())
