"""`python -m studies.deid IN OUT`: folders in, de-identified files out, without Django.

Parses the command line and chooses the exit status; `run.py` does the work. Exit status: 0 all
de-identified, 1 something held or refused, 2 wrong use.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from ..errors import EngineError
from ..identities import Identities, KeyedIdentities
from ..plan import Plan, compile_plan
from ..profile import Option, Profile, ProfileError, builtin_profile
from .run import Job, run

_KEY_BYTES = 32


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = build_parser()
    parser.add_argument("--key-file", type=Path, help="secret that the new identities come from")
    parser.add_argument("--prefix", default="ANON", help="2 to 16 letters and digits")
    parser.add_argument("--scheme", choices=("patient", "study"), default="patient")
    options = parser.parse_args(arguments)
    plan = plan_of(options.profile, options.option, parser)
    check_folders(options, parser)
    try:
        key = read_key(options.key_file)
        identities = KeyedIdentities(key, options.prefix, options.scheme)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return run(job_of(options, plan, identities))


class _Formatter(argparse.HelpFormatter):
    """Help of a fixed width: to ask the terminal loads the modules that unpack archives."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def build_parser(
    prog: str = "python -m studies.deid", *, add_help: bool = True
) -> argparse.ArgumentParser:
    """Return the parser of what every form of the command understands."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="De-identify DICOM files after PS3.15 Annex E.",
        formatter_class=_Formatter,
        add_help=add_help,
    )
    parser.add_argument("input", metavar="IN", type=Path, help="a file or a folder")
    parser.add_argument("output", metavar="OUT", type=Path, help="the folder to write to")
    parser.add_argument("--profile", default="basic", help="a built-in profile's name, or a file")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME",
        choices=[option.value for option in Option],
        help="switch on an option of PS3.15 Annex E: %(choices)s",
    )
    parser.add_argument("--workers", type=int, default=0, help="processes; default: one per core")
    parser.add_argument("--report", type=Path, metavar="FILE.json", help="what became of each file")
    parser.add_argument("--mapping-csv", type=Path, metavar="DIR", help="old and new ids")
    parser.add_argument("--checksums", action="store_true", help="SHA-256 of each output")
    return parser


def job_of(options: argparse.Namespace, plan: Plan, identities: Identities) -> Job:
    """Return what to do as plain data."""
    return Job(
        source=options.input,
        target=options.output,
        plan=plan,
        identities=identities,
        workers=options.workers or os.cpu_count() or 1,
        report=options.report,
        mapping=options.mapping_csv,
        checksums=options.checksums,
    )


def plan_of(name: str, options: list[str], parser: argparse.ArgumentParser) -> Plan:
    """Return the compiled plan of a profile's name or file and more options."""
    try:
        profile = _profile(name)
        if options:
            profile = profile.with_options(*(Option(option) for option in options))
        return compile_plan(profile)
    except EngineError as error:
        parser.error(f"{error.where}: {error.message}" if error.where else error.message)
    except OSError as error:
        parser.error(f"{name}: {error.strerror}")


def _profile(name: str) -> Profile:
    try:
        return builtin_profile(name)
    except ProfileError:
        if not Path(name).is_file():
            raise
    from ..profile_text import load_profile

    return load_profile(Path(name).read_text(encoding="utf-8"), source=name)


def check_folders(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what would read its own output, or nothing at all."""
    source, target = options.input.resolve(), options.output.resolve()
    if not source.exists():
        parser.error("IN does not exist")
    if target.exists() and not target.is_dir():
        parser.error("OUT is no folder")
    if source.is_dir() and (target == source or source in target.parents):
        parser.error("OUT lies inside IN")
    if options.workers < 0:
        parser.error("--workers is a number of processes")


def read_key(path: Path | None) -> bytes:
    """Return the key in a file, made with mode 0600 where there is none; else a random key."""
    if path is None:
        sys.stderr.write("No --key-file: these identities can't be made again.\n")
        return os.urandom(_KEY_BYTES)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        key = path.read_bytes()
    else:
        key = os.urandom(_KEY_BYTES)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
    if len(key) < _KEY_BYTES:
        raise ValueError("the key file holds too few bytes to be a key")
    return key


def exit_with_status() -> NoReturn:
    """Run as a program; to take the interpreter apart would cost a tenth of its start."""
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
