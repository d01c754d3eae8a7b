"""Names of Cyrillic and Greek letters as passports, maps and libraries write them in Latin ones.

Each scheme reads a word letter by letter; a name counts as the same in any of them. Arabic and
Hebrew are left out on purpose: without their vowels a name has no few spellings to look for.
"""

from __future__ import annotations

_SHARED = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ж": "zh", "з": "z", "и": "i",
    "й": "y", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s",
    "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch",
    "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya", "ё": "e", "і": "i", "ї": "i",
    "є": "ie", "ґ": "g", "ў": "u", "ђ": "dj", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c", "џ": "dz",
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i",
    "κ": "k", "λ": "l", "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s",
    "ς": "s", "τ": "t", "υ": "y", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
}  # fmt: skip
_SCHEMES = tuple(
    str.maketrans({**_SHARED, **scheme})
    for scheme in (
        {},  # maps: Yuliya
        {"й": "i", "ю": "iu", "я": "ia", "ъ": "ie", "х": "kh"},  # passports: Iuliia
        {"ё": "yo", "й": "i", "х": "h", "щ": "sch", "φ": "ph", "χ": "h", "η": "e"},  # everyday
        {"ж": "z", "ч": "c", "ш": "s", "щ": "sc", "х": "h", "ц": "c", "й": "j", "ю": "ju",
         "я": "ja", "г": "h", "η": "e"},  # libraries, without their accents
        {"ж": "z", "ч": "c", "ш": "s", "х": "h", "ц": "c", "й": "j", "ю": "ju", "я": "ja"},
    )
)  # fmt: skip
_FIRST, _LAST = "\u0370", "\u04ff"
_GREEK_PAIRS = (("ου", "ou"), ("αυ", "av"), ("ευ", "ev"), ("γγ", "ng"), ("γκ", "gk"), ("μπ", "mp"))


def romanised(word: str) -> set[str]:
    """Return the Latin spellings of a word in lower case; none for any other script.

    A Russian woman's surname, and what grammar makes of a name, begin with its spelling.
    """
    if word.isascii() or not all(_FIRST <= char <= _LAST for char in word):
        return set()
    for pair, latin in _GREEK_PAIRS:
        word = word.replace(pair, latin)
    return {word.translate(scheme) for scheme in _SCHEMES}
