"""Which text may stay in a picture: clinical marks, read with certainty and not the data set's own.

An allow-list: what is not on it is blanked. Decides about words; knows no pixels.
"""

from ..expression import late
from ..identifying import IdentifyingValues, fold
from .policy import Because, FoundText

_CERTAIN = 0.9  # a mark that may stay is one that was read so
_SURE = 0.5
# Marks that radiographers, machines and readers put on images; folded.
_MARKS = """
    l r lt rt left right l+ r+ ap pa lat lateral obl oblique rao lao cran caud cc mlo ml lm at
    a p h f ant post sup inf med rl lr hf fh ra la rp lp ah ph ax cor sag tra axial coronal
    sagittal transverse supine prone erect upright sitting standing decubitus portable mobile
    semi-erect inspiration expiration insp exp flexion extension neutral stress weight bearing
    pre post contrast native iv oral arterial venous portal delayed phase early late rest
    kv kvp ma mas ms msec mgy mgycm ctdi ctdivol dlp dap cgycm2 gycm2 sid sod ei di exi s
    mm cm m/s cm/s mm/s hz khz mhz db fps bpm ml mmhg deg sec min % x
    fov fa te tr ti nex thk sl slice thickness gap zoom mag w c ww wl l/w win
    mi tis tib tic ti gain depth freq frq dr dyn rng range map fr pwr power focus
    b m pw cw cf cpa pd thi chi harm gen res pen 2d 3d 4d dist area vol circ length width
    volume diameter vmax vmin vel pg mean max min ri pi s/d edd
    lv rv la ra ao mv av tv pv ivc svc lvot rvot ef
    bpd hc ac fl crl efw ga afi
    se im img sc no
    cervical thoracic lumbar chest abdomen pelvis hip knee shoulder hand foot skull spine
"""
_WORDS = frozenset(_MARKS.split())
_NEVER_ALONE = frozenset(("se", "im", "img", "no", "edd", "ga", "hand", "post", "c", "ph"))
_UNIT = (
    r"(?:mm|cm|ml|cc|cm2|mm2|kvp?|ma|mas|ms|s|sec|min|hz|khz|mhz|db|%|fps|bpm|deg|°|mgy|cgy|gy|"
    r"cm/s|m/s|mm/s|mmhg|x|hu)"
)
_VALUE = r"[-+±]?\d{1,4}(?:[.,]\d{1,3})?"
_MEASURED = r"(?:(?:dist|area|vol|vmax|vmin|vel|sl|fov|th|thk)[.:=]? ?)?"
_MEASURE = late(rf"{_MEASURED}{_VALUE} ?{_UNIT}(?: ?[x×/] ?{_VALUE} ?{_UNIT}?)*")
_PARAMETER = late(
    rf"(?:mi|tis|tib|tic|ti|te|tr|fa|fov|w|l|c|ww|wl|wc|dr|gain|frq|fr|thk|sl|zoom|ei|di|kv|kvp|"
    rf"ma|mas|dlp|ctdivol|ctdi|dap|ef|ri|pi|s/d|pg|depth)[.:=]? ?{_VALUE} ?{_UNIT}?"
)
_SEX = frozenset(("m", "f"))  # beside a number: somebody's age and sex
_BARE_NUMBER = late(r"[-+]?\d{1,2}(?:\.\d)?")  # ticks of a scale; never a year, a day or an id


def because(found: FoundText, known: IdentifyingValues) -> Because:
    """Return "mark" for text that may stay, else why it may not."""
    text = fold(found.text).strip(" .,:;|-_'\"")
    if not text or found.score < _SURE:
        return "text"
    if _is_known(text, known):
        return "identifier"
    is_whole = _is_plausible(found, text)
    return "mark" if found.score >= _CERTAIN and is_whole and is_mark(text) else "text"


def is_unsure(found: FoundText) -> bool:
    """Tell whether a person should look: there may be text, and nobody could read it."""
    return found.score < _SURE


def is_mark(text: str) -> bool:
    """Tell whether folded text is nothing but clinical marks and measurements."""
    if _MEASURE.fullmatch(text) or _PARAMETER.fullmatch(text):
        return True
    words = text.split()
    if not words or len(words) > 6 or (len(words) == 1 and words[0] in _NEVER_ALONE):
        return False
    is_number = [bool(_BARE_NUMBER.fullmatch(word)) for word in words]
    if all(is_number):
        return len(words) == 1
    if any(is_number) and not _SEX.isdisjoint(words):
        return False
    return all(
        number or word.strip(".,:;()[]") in _WORDS or _MEASURE.fullmatch(word)
        for number, word in zip(is_number, words, strict=True)
    )


def _is_known(text: str, known: IdentifyingValues) -> bool:
    """Tell whether text holds a value of the data set, whole or as it may be misread."""
    if text.isascii() and known.find_in(text.encode("ascii")):
        return True
    squeezed = "".join(char for char in text if char.isalnum())
    if any(token in squeezed for token in (*known.strong, *known.cjk, *known.digit_ids)):
        return True
    return any(word in known.weak and word not in _WORDS for word in text.split())


def _is_plausible(found: FoundText, text: str) -> bool:
    """Tell whether a box is as long as what was read in it: else part of it was not read."""
    long, short = max(found.width, found.height), min(found.width, found.height)
    return long <= short * (0.85 * len(text) + 1.4)
