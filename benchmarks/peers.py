"""Who stands beside the engine: commands, if this machine has them.

Each is asked for the nearest thing to the Basic profile that it offers.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

# Folders of programs and Python interpreters that are looked through besides PATH.
EXTRA = "BENCHMARK_PATH"
_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Peer:
    """One program, and how it is called for a folder; `slow` ones are run less often."""

    name: str
    available: bool
    command: Callable[[Path, Path], list[str]]
    in_place: bool = False
    slow: bool = False


def peers(corpus: str) -> list[Peer]:
    """Return everybody for one corpus, this engine first after cp."""
    orthanc = _program("Orthanc")
    return [
        Peer("cp", True, lambda source, target: ["cp", "-r", str(source), str(target)]),
        Peer("anonportal, 1 worker", True, _engine(corpus, 1)),
        Peer("anonportal, 2 workers", corpus != "multiframe", _engine(corpus, 2)),
        Peer("gdcmanon", bool(_program("gdcmanon") and _program("openssl")), _gdcmanon),
        Peer("dcmanon", bool(_python_with("dcmanon")), _dcmanon),
        Peer("dcmodify", bool(_program("dcmodify")), _dcmodify),
        Peer("Orthanc", bool(orthanc), _orthanc, slow=True),
        Peer("dicognito", bool(_python_with("dicognito")), _dicognito, slow=True),
        Peer("dicom-anonymizer", bool(_python_with("dicomanonymizer")), _anonymizer, slow=True),
    ]


def _program(name: str) -> str:
    """Return where a program is, or nothing; servers live in the folders of administrators."""
    folders = (os.environ.get(EXTRA, ""), os.environ.get("PATH", ""), "/usr/sbin")
    return shutil.which(name, path=os.pathsep.join(filter(None, folders))) or ""


@lru_cache
def _python_with(module: str) -> str:
    """Return an interpreter that has a module, or nothing."""
    for folder in (Path(sys.executable).parent, *_extra_folders()):
        python = str(folder / "python3")
        found = shutil.which(python) and subprocess.run(
            [python, "-c", f"import {module}"], capture_output=True, check=False
        )
        if found and found.returncode == 0:
            return python
    return ""


def _extra_folders() -> list[Path]:
    return [Path(folder) for folder in os.environ.get(EXTRA, "").split(os.pathsep) if folder]


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
    return [
        _program("gdcmanon"),
        "-e",
        "-c",
        str(certificate),
        "-i",
        str(source),
        "-o",
        str(target),
    ]


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
    python = _python_with("dicognito")
    return [python, "-m", "dicognito", "--output-directory", str(target), str(source)]


def _anonymizer(source: Path, target: Path) -> list[str]:
    python = _python_with("dicomanonymizer")
    return [python, "-m", "dicomanonymizer.anonymizer", str(source), str(target)]


def _dcmanon(source: Path, target: Path) -> list[str]:
    return [_python_with("dcmanon"), str(_HERE / "with_dcmanon.py"), str(source), str(target)]


def _orthanc(source: Path, target: Path) -> list[str]:
    program = _program("Orthanc")
    return [sys.executable, str(_HERE / "with_orthanc.py"), program, str(source), str(target)]
