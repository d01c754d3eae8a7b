"""Looking for very many words in very many bytes at once."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

_KEY = 8
_MIXER = np.uint64(0x9E3779B97F4A7C15)
_BITS = 22


def words_in(content: bytes, words: Iterable[bytes]) -> set[bytes]:
    """Return which of the words stand in the content, at any place.

    Every place is compared with the first eight bytes of all words at once, and what agrees is
    looked at whole. Shorter words are looked for one by one.
    """
    long: dict[int, list[bytes]] = defaultdict(list)
    found = set()
    for word in set(words):
        if len(word) < _KEY:
            found |= {word} if word in content else set()
        else:
            long[int.from_bytes(word[:_KEY], "little")].append(word)
    keys = np.array(sorted(long), dtype=np.uint64)
    may = np.zeros(1 << _BITS, dtype=bool)
    may[_mixed(keys)] = True
    for start in range(_KEY):
        whole = (len(content) - start) // _KEY
        if whole < 1 or not keys.size:
            continue
        here = np.frombuffer(content, dtype="<u8", count=whole, offset=start)
        likely = here[may[_mixed(here)]]
        for key in np.unique(likely[np.isin(likely, keys)]):
            found |= {word for word in long[int(key)] if word in content}
    return found


def _mixed(values: "np.ndarray") -> "np.ndarray":
    return (values * _MIXER) >> np.uint64(64 - _BITS)
