"""Patterns of identity in descriptions: persons named as such, phones, addresses, ids, old ages.

Fixed expressions without nested repetition, so their time is linear. Dates are in `dates`, the data
set's own values in `identifying`.
"""

from __future__ import annotations

import re

from .clinical import is_term
from .expression import late
from .identifying import TITLES, fold

Span = tuple[int, int, str]

# Titles no modality or acronym is spelled like; the others count only as "Mr", "Dr." and the like.
_SHORT_TITLES = frozenset(("mr", "ms", "dr", "sr", "sra", "pr", "hr", "fr", "m", "drs"))
_CLEAR_TITLES = frozenset(TITLES) - _SHORT_TITLES
_WORD = r"[^\W\d_](?:[^\W\d_]|['’`-](?=[^\W\d_])){0,40}"
_TITLE = late(r"(?<![^\W_])([^\W\d_]{1,12})(\.? {0,2})(?=[^\W\d_])")
_BY = late(
    r"(?<![^\W_])(?P<label>ref(?:err(?:ed|al|ing)|d)?\.?(?: (?:dr|phys(?:ician)?|md))?\.?"
    r"(?: by| from|:)"
    r"|(?:req(?:uested)?|ordered|performed|perf|read|reported|dictated|signed|scanned|done|acquired"
    r"|reviewed|verified|approved|prepared|seen|sent|examined|interpreted)\.? by|by|for|from|attn"
    r"|c/o|(?:patient|pat|pt|name|patient name|pt name|radiologist|physician|surgeon|technologist"
    r"|technician|tech|operator|referrer|referring|ref phys|consultant|requester|overseen by|nurse"
    r"|mother|father|contact|author|doctor|arzt|patientin|untersucher|uberweiser|zuweiser"
    r"|medecin|medico|nom|nombre|nome|naam|namn|name of patient)(?: ?[:=]| -)"
    r"|uberwiesen von|von dr|pour m|para|fur (?:herrn|frau))[ .]{1,3}(?=\S)",
    re.IGNORECASE,
)
_NAME_WORD = late(rf"{_WORD}\.?")
_BETWEEN = late(r"(?: ?, ?| ?\^ ?| (?:& )?|-|\. ?)")
_PARTICLES = frozenset(
    (
        "von",
        "van",
        "de",
        "der",
        "da",
        "del",
        "della",
        "di",
        "du",
        "le",
        "la",
        "el",
        "al",
        "bin",
        "ibn",
        "den",
        "dos",
        "das",
        "ter",
        "ten",
        "st",
        "san",
        "zu",
        "zum",
        "y",
    )
)
_SIMPLE: tuple[tuple[re.Pattern[str], str], ...] = (
    (late(r"[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"), "e-mail"),
    (late(r"\b(?:https?|ftp)://[^\s\\]{1,200}", re.I), "url"),
    (late(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"), "ip"),
    (late(r"(?<![\w.])\+\d{1,3}[ ()./-]{0,3}\d(?:[ ()./-]{0,2}\d){5,12}(?!\d)"), "phone"),
    (late(r"(?<!\d)\(\d{2,5}\) ?\d{2,4}[ -]?\d{2,5}(?:[ -]\d{2,4})?(?!\d)"), "phone"),
    (late(r"(?<![\d.-])\d{3}[-.]\d{3}[-.]\d{4}(?![\d.])"), "phone"),
    (
        late(
            r"(?<![^\W_])(?:tel(?:ephone|efon|efono)?|ph(?:one)?|fax|mobile|mob|cell|handy|tfno"
            r"|tlf|tél|telefone|contact|call|ext|pager|bleep|電話|电话|전화)[.:# ]{0,3}"
            r"(?=[\d+(])[\d+()][\d ()./+-]{3,18}\d",
            re.I,
        ),
        "phone",
    ),
    (
        late(
            r"(?<![^\W_])(?:mrn|m\.r\.n\.|med(?:ical)? rec(?:ord)?(?: no| number| #)?|pid"
            r"|pat(?:ient)?[ .-]?(?:id|no|nr|num(?:ber)?)|hosp(?:ital)? (?:no|number|nr)"
            r"|acc(?:ession)?(?: ?(?:no|nr|num(?:ber)?|#))?|nhs(?: no| number)?|ssn|ss#"
            r"|fall(?:nr|nummer)|dni|nie"
            r"|nif|cpf|bsn|avs|ahv|nir|cip|hn|urn|uhid|id(?: ?(?:no|nr|number|#))?|visit|encounter"
            r"|case (?:no|number|#)|chart(?: no| #)?|file no|order(?: no| #)|policy(?: no)?"
            r"|病历号|住院号|门诊号|患者番号|患者id|登録番号)"
            r"[ .:#=_-]{0,3}(?=[A-Z0-9-]{0,6}\d)[A-Z]{0,5}-?\d[\dA-Z./-]{2,24}(?<![./-])",
            re.I,
        ),
        "id",
    ),
    (late(r"(?<![^\W_])nhs(?: no| number)?[ .:#]{0,3}\d{3} \d{3} \d{4}(?!\d)", re.I), "nhs"),
    (late(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"), "ssn"),
    (late(r"(?<![\d-])\d{6}[-+]\d{4}(?!\d)"), "personnummer"),
    (late(r"(?<!\d)\d{6}[-+A]\d{3}[0-9A-Y](?!\w)"), "henkilotunnus"),
    (late(r"(?<![\d.])\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)"), "cpf"),
    (late(r"(?<!\d)\d{6}-\d{7}(?!\d)"), "rrn"),
    (late(r"(?<![\d.])756\.\d{4}\.\d{4}\.\d{2}(?!\d)"), "ahv"),
    (late(r"(?<!\w)[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?!\w)", re.I), "codice"),
    (late(r"(?<!\w)\d{8}[A-HJ-NP-TV-Z](?!\w)"), "dni"),
    (late(r"(?<!\w)[XYZ]\d{7}[A-HJ-NP-TV-Z](?!\w)"), "nie"),
    (late(r"(?<!\w)\d{17}[\dX](?!\w)"), "id card"),
    (late(r"(?<![\d.])[12] \d{2} \d{2} \d{2} \d{3} \d{3}(?: \d{2})?(?!\d)"), "nir"),
    (late(r"(?<![\w.,])[A-Z]{0,4}[-#]?\d{7,20}[A-Z]?(?![\w]|\.\d)", re.I), "number"),
    (late(r"(?<![^\W_])[A-Z]{1,4}[-#]?\d{6}(?![\w]|\.\d)", re.I), "number"),
    (
        late(
            r"(?<![^\W_])(?:P\.?O\.? ?Box|Postfach|apartado(?: de correos)?|boite postale|BP)"
            r" ?\d{2,6}(?!\w)",
            re.I,
        ),
        "address",
    ),
    (
        late(
            r"(?<![\w.])\d{1,5}[A-Za-z]?,? (?:[NSEW]\.? )?(?:[^\W\d_][\w'.-]{1,24} ){1,3}"
            r"(?:street|st|avenue|ave|road|rd|lane|ln|drive|boulevard|blvd|court|place|terrace|way"
            r"|highway|hwy|parkway|pkwy|square|close|crescent|gardens)(?![^\W_])\.?"
            r"(?:,? (?:apt|apartment|suite|unit|flat|#)\.? ?\w{1,6})?",
            re.I,
        ),
        "address",
    ),
    (
        late(
            r"(?<![\w.])\d{1,4}(?: ?(?:bis|ter))?,? (?:rue|avenue|boulevard|impasse|chemin|quai)"
            r" (?:[^\W\d_][\w'.-]{0,24} ?){1,4}",
            re.I,
        ),
        "address",
    ),
    (
        late(
            r"(?<![^\W_])(?:calle|c/|avda\.?|avenida|plaza|paseo|carrera|rua|via|viale|piazza|corso"
            r"|ulica|ul\.)"
            r" (?:[^\W\d_][\w'.-]{1,24} ){0,3}[^\W\d_][\w'.-]{1,24},?"
            r" (?:n[ºo°.]{0,2} ?)?\d{1,4}(?!\w)",
            re.I,
        ),
        "address",
    ),
    (
        late(
            r"(?<![^\W_])[^\W\d_][\w.-]{1,24}(?:str(?:aße|asse|\.)|gasse|weg|platz|allee|straat|laan"
            r"|gatan|vägen|vej|gade|ufer|ring|damm) ?\d{1,4} ?[a-z]?(?!\w)",
            re.I,
        ),
        "address",
    ),
    (late(r"(?<!\w)(?:A[KLRZ]|C[AOT]|DE|FL|GA|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJVY]|O[HKR]"
                r"|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]) \d{5}(?:-\d{4})?(?!\w)"), "postcode"),
    (late(r"(?<!\w)(?:[A-Z]{2}\d{1,2}[A-Z]?|[A-Z]\d[A-Z]) \d[ABD-HJLNP-UW-Z]{2}(?!\w)"),
     "postcode"),
)  # fmt: skip
_OLD_AGE = late(
    r"(?<![\d.])(9[1-9]|1[01]\d)(?=[ -]?(?:y/?o|y\.o\.|yrs?|years?|year-old|ans|años|anni|anos"
    r"|jahre|jährig|jaar|岁|歲|歳|세|y)(?![^\W_]))",
    re.I,
)
_AGED = late(r"(?<![^\W_])(?:aged?|alter|edad|età) ?:? ?(9[1-9]|1[01]\d)(?!\d)", re.I)


def is_title(word: str, gap: str) -> bool:
    """Tell whether a word before a name is a title: "Dr." and "Mr", but not the modality MR."""
    if not re.fullmatch(r"\.? {0,2}", gap):
        return False
    folded = fold(word)
    if folded in _CLEAR_TITLES:
        return True
    if folded not in _SHORT_TITLES:
        return False
    return gap.startswith(".") or (len(word) > 1 and word[0].isupper() and word[1:].islower())


def find(text: str, token: str) -> list[Span]:
    """Return the places of a text that look like identity, with what to write there."""
    spans: list[Span] = _persons(text, token)
    if any(char.isdecimal() for char in text) or "@" in text or "://" in text:
        for expression, _ in _SIMPLE:
            spans += [(m.start(), m.end(), token) for m in expression.finditer(text)]
        for expression in (_OLD_AGE, _AGED):
            spans += [(m.start(1), m.end(1), "90") for m in expression.finditer(text)]
    return spans


def _persons(text: str, token: str) -> list[Span]:
    """Find persons by what stands before them: a title, a role, "for" and "by"."""
    spans: list[Span] = []
    for match in _TITLE.finditer(text):
        if is_title(match[1], match[2]):
            end = _name_end(text, match.end(), is_explicit=True)
            if end:
                spans.append((match.end(), end, token))
    for match in _BY.finditer(text):
        is_explicit = match["label"][-1] in ":=-" and not match["label"].lower().startswith("ref")
        start = match.end()
        title = _TITLE.match(text, start)
        if title and is_title(title[1], title[2]):
            continue
        end = _name_end(text, start, is_explicit=is_explicit)
        if end:
            spans.append((start, end, token))
    return spans


def _name_end(text: str, start: int, *, is_explicit: bool) -> int:
    """Return where the name that starts here ends, 0 if what stands here is no name.

    After a title or a label with a colon one clinical word may be a surname (Dr. Baker).
    """
    position, end, taken = start, 0, 0
    while taken < 4:
        match = _NAME_WORD.match(text, position)
        if match is None:
            break
        word = match[0].rstrip(".")
        if not _may_be_name(word, taken, is_explicit=is_explicit, is_dotted=match[0][-1] == "."):
            break
        taken += 1
        if fold(word) not in _PARTICLES:
            end = match.start() + len(word) + (len(word) == 1 and match[0][-1] == ".")
        between = _BETWEEN.match(text, match.end())
        if between is None or ("," in between[0] and taken > 2):
            break
        position = between.end()
    return end


def _may_be_name(word: str, taken: int, *, is_explicit: bool, is_dotted: bool) -> bool:
    folded = fold(word)
    if folded in _PARTICLES:
        return True
    if not word[0].isupper():
        return False
    if len(word) == 1:
        return is_dotted
    if is_term(folded):
        return is_explicit and taken == 0 and word[1:].islower() and len(word) > 2
    return len(folded) >= 3 or (is_explicit and taken == 0) or taken > 0
