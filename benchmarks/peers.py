"""Who stands beside the engine: commands, if this machine has them.

Each is asked for the nearest thing to the Basic profile that it offers.
"""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Peer:
    """One program, and how it is called for a folder."""

    name: str
    available: bool
    command: Callable[[Path, Path], list[str]]
    in_place: bool = False


def peers(corpus: str) -> list[Peer]:
    """Return everybody for one corpus, this engine first after cp."""
    return [
        Peer("cp", True, lambda source, target: ["cp", "-r", str(source), str(target)]),
        Peer("anonportal, 1 worker", True, _engine(corpus, 1)),
        Peer("anonportal, 2 workers", corpus != "multiframe", _engine(corpus, 2)),
        Peer("gdcmanon", bool(shutil.which("gdcmanon") and shutil.which("openssl")), _gdcmanon),
        Peer("dcmodify", bool(shutil.which("dcmodify")), _dcmodify),
        Peer("dicognito", _has("dicognito"), _dicognito),
        Peer("dicom-anonymizer", _has("dicomanonymizer"), _dicom_anonymizer),
    ]


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _engine(corpus: str, workers: int) -> Callable[[Path, Path], list[str]]:
    def command(source: Path, target: Path) -> list[str]:
        more = ["--option", "clean-structured-content"] if corpus == "sr" else []
        key = target.parent / "key"
        return [
            *(sys.executable, "-m", "studies.deid", str(source), str(target)),
            *("--key-file", str(key), "--workers", str(workers), *more),
        ]

    return command


# What Basic removes or replaces in these corpora, for programs that have no profile of their own.
_REMOVED = ("8,80", "8,81", "8,90", "8,1010", "8,1040", "8,1048", "8,1070", "10,21", "10,30")
_EMPTIED = ("8,20", "8,21", "8,22", "8,23", "8,50", "10,10", "20,10")


def _gdcmanon(source: Path, target: Path) -> list[str]:
    """Its Basic profile wants a certificate, to which it encrypts the original attributes."""
    certificate = target.parent / "certificate.pem"
    if not certificate.exists():
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=benchmark", "-keyout", str(target.parent / "private.pem")),
                *("-out", str(certificate)),
            ],
            check=True,
            capture_output=True,
        )
    return ["gdcmanon", "-e", "-c", str(certificate), "-i", str(source), "-o", str(target)]


def _dcmodify(source: Path, target: Path) -> list[str]:
    """dcmodify works in place: it is given a copy, whose cost is in its figures."""
    tags = " ".join(f"-ea '{_dcmtk(tag)}'" for tag in _REMOVED)
    tags += " " + " ".join(f"-ma '{_dcmtk(tag)}='" for tag in _EMPTIED)
    work = f"cp {source}/* {target}/ && dcmodify -nb -imt {tags} -ep {target}/*"
    return ["sh", "-c", work]


def _dcmtk(tag: str) -> str:
    group, element = tag.split(",")
    return f"({group:0>4},{element:0>4})"


def _dicognito(source: Path, target: Path) -> list[str]:
    return [sys.executable, "-m", "dicognito", "--output-directory", str(target), str(source)]


def _dicom_anonymizer(source: Path, target: Path) -> list[str]:
    return [sys.executable, "-m", "dicomanonymizer.anonymizer", str(source), str(target)]
