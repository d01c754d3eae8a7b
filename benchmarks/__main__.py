"""`python -m benchmarks`: this engine beside cp and the peers that this machine has.

Generated corpora, plain file to plain file, runs interleaved, medians. CPU is user + system time
of the whole process and its children, start-up included; memory is the largest process's peak.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .build import build_apart
from .peers import Peer, peers

_COUNTS = {"ct": 1000, "small": 2000, "compressed": 1000, "sr": 200, "multiframe": 1}
_SLOW_RUNS = 2
Figures = tuple[float, float, float]


def main() -> int:
    """Build the corpora, run everybody on them and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--corpus", action="append", choices=list(_COUNTS))
    parser.add_argument("--scale", type=float, default=1.0, help="share of the files to use")
    parser.add_argument("--multiframe-mb", type=int, default=1024)
    parser.add_argument("--quick", action="store_true", help="a tenth of the files, three runs")
    parser.add_argument("--folder", type=Path, help="where to work; default: /dev/shm or /tmp")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.scale, options.multiframe_mb = 3, 0.1, 256
    place = options.folder or (Path("/dev/shm") if Path("/dev/shm").is_dir() else None)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        for name in options.corpus or list(_COUNTS):
            count = max(int(_COUNTS[name] * options.scale), 1)
            source = build_apart(Path(folder), name, count, options.multiframe_mb << 20)
            show(name, source, Path(folder), options.runs)
            shutil.rmtree(source)
    return 0


def show(name: str, source: Path, folder: Path, runs: int) -> None:
    """Run every peer on one corpus in turn and print its figures."""
    files = [path for path in source.iterdir() if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    field = [peer for peer in peers(name) if peer.available]
    found: dict[str, list[Figures]] = {peer.name: [] for peer in field}
    for peer in field:
        measure(peer, source, folder)  # the first run of a program in Python writes its bytecode
    for number in range(runs):
        for peer in field:
            if number < _SLOW_RUNS or not peer.slow:
                found[peer.name].append(measure(peer, source, folder))
    print(f"\n{name}: {len(files)} files, {size / 1e6:.0f} MB", flush=True)
    print(
        f"{'':24}{'CPU s':>8}{'ms/file':>10}{'× cp':>8}{'× gdcmanon':>12}"
        f"{'files/s':>9}{'MB/s':>8}{'peak MB':>9}"
    )
    base = {
        name: statistics.median(cpu for cpu, _wall, _peak in found[name])
        for name in ("cp", "gdcmanon")
        if name in found
    }
    for peer in field:
        cpu, wall, peak = (
            statistics.median(column) for column in zip(*found[peer.name], strict=True)
        )
        print(
            f"{peer.name:24}{cpu:8.2f}{cpu / len(files) * 1e3:10.3f}{_ratio(cpu, base, 'cp'):>8}"
            f"{_ratio(cpu, base, 'gdcmanon'):>12}"
            f"{len(files) / wall:9.0f}{size / wall / 1e6:8.0f}{peak / 1024:9.0f}"
        )


def _ratio(cpu: float, base: dict[str, float], name: str) -> str:
    return f"{cpu / base[name]:.2f}" if base.get(name) else "-"


def measure(peer: Peer, source: Path, folder: Path) -> Figures:
    """Return CPU seconds, wall seconds and peak memory in KB of one run."""
    target = folder / "out"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    command = peer.command(source, target)
    begun = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(folder)
    )
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - begun
    written = sum(1 for path in target.rglob("*") if path.is_file())
    if not written and not peer.in_place:
        sys.stderr.write(f"{peer.name}: wrote nothing (exit {process.returncode})\n")
    return usage.ru_utime + usage.ru_stime, wall, float(usage.ru_maxrss)


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of every run: this project on the path, bytecode kept between runs.

    An installed program has its bytecode; without this, some shells would have every run of every
    program in Python compile its source again.
    """
    here = str(Path(__file__).resolve().parent.parent)
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": here, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


if __name__ == "__main__":
    sys.exit(main())
