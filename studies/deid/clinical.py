"""What is a clinical word: such a word stays in a text although it may also be somebody's surname.

Both the second net and the verification use this list; it decides only about words that stand
alone. No matching is done here.
"""

from __future__ import annotations

from . import clinical_words as words
from .expression import late

FUNCTION_WORDS = frozenset(words.FUNCTION_WORDS.split())
GENERIC_PLACE_WORDS = frozenset(words.GENERIC_PLACE_WORDS.split())
ORDINARY_WORDS = frozenset(words.ORDINARY.split())
CLINICAL_IDEOGRAPHS = frozenset(words.IDEOGRAPHS.split())
CLINICAL_WORDS = frozenset(
    word
    for text in (
        words.ANATOMY, words.METHOD, words.FINDINGS, words.EPONYMS, words.OTHER_LANGUAGES
    )
    for word in text.split()
)  # fmt: skip

# A folded text's terms of two words, one of which is somebody's surname anywhere else.
CLINICAL_PHRASE = late(
    r"(?<![^\W_])(?:"
    + "|".join(
        rf"{first}(?:['’]?s)?[ _-]{second}"
        for first, second in map(str.split, words.PHRASES.strip().split("\n"))
    )
    + r")(?![^\W_])"
)
CLINICAL_PHRASE_STARTS = frozenset(line.split()[0] for line in words.PHRASES.strip().split("\n"))

# Endings of medical terms: a long word with one is a term even if the list hasn't got it.
MEDICAL_ENDINGS = (
    "itis", "osis", "oses", "ectomy", "ostomy", "otomy", "graphy", "graphic", "gram", "grams",
    "graphie", "grafia", "scopy", "scopic", "plasty", "pathy", "pathic", "algia", "emia", "aemia",
    "uria", "rrhage", "rrhagic", "sclerosis", "stenosis", "plasia", "plastic", "trophy", "megaly",
    "centesis", "lysis", "ptosis", "rrhea", "rrhoea", "oedema", "edema", "noma", "oma", "omas",
    "blastoma", "cytoma", "genic", "genesis", "metry", "metric", "phasia", "plegia", "paresis",
    "spasm", "tomy", "tropic", "vascular", "cardial", "cranial", "spinal", "thoracic", "lumbar",
    "abdominal", "articular", "ization", "isation", "ation", "ations", "ability", "ement", "ments",
    "ically", "ional", "osseous", "pleural", "peritoneal", "phrenic", "hepatic", "gastric", "renal",
)  # fmt: skip


def is_clinical(word: str) -> bool:
    """Tell whether a folded word belongs to the field, so that it stays where it stands alone."""
    return word in CLINICAL_WORDS or (
        len(word) > 4 and word.endswith("s") and word[:-1] in CLINICAL_WORDS
    )


def is_term(word: str) -> bool:
    """Tell whether a folded word is clinical, everyday, or built like a medical term."""
    return (
        is_clinical(word)
        or word in ORDINARY_WORDS
        or word in FUNCTION_WORDS
        or (len(word) >= 7 and word.endswith(MEDICAL_ENDINGS))
    )
