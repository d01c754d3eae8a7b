"""Build a corpus in a process of its own: its memory would count as that of every child."""

import subprocess
import sys
from pathlib import Path


def build_apart(folder: Path, name: str, count: int, size: int) -> Path:
    """Write `count` files of the corpus `name` below `folder` and return where they are."""
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.build", str(folder), name, str(count),
         str(size)],
        check=True,
        cwd=Path(__file__).resolve().parent.parent,
    )  # fmt: skip
    return folder / name


if __name__ == "__main__":
    from .corpora import build

    build(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
