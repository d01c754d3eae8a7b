"""Measures sealing: `python -m benchmarks.sealing` prints MB/s of CPU time, writing and reading."""

import io
import time

from studies.sealing.streams import SealedReader, SealedWriter

SIZE = 256 << 20
KEY = bytes(range(32))


def main() -> None:
    """Seal and open 256 MiB in pieces of several sizes, in memory that is there already."""
    room = io.BytesIO()
    room.write(bytes(SIZE + (1 << 20)))
    for piece in (64 << 10, 1 << 20, 8 << 20):
        data, raw = bytes(piece), room
        raw.seek(0)
        raw.truncate(SIZE + (1 << 20))
        begin = time.process_time()
        with SealedWriter(raw, KEY) as writer:
            for _ in range(SIZE // piece):
                writer.write(data)
            writer.close()
            raw.truncate()
        sealed = time.process_time()
        raw.seek(0)
        reader = SealedReader(raw, KEY)
        while reader.read(piece):
            pass
        opened = time.process_time()
        print(
            f"pieces of {piece >> 10} KiB: seal {SIZE / 1e6 / (sealed - begin):.0f} MB/s,"
            f" open {SIZE / 1e6 / (opened - sealed):.0f} MB/s"
        )


if __name__ == "__main__":
    main()
