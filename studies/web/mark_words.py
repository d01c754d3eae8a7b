"""What the reader of a re-identified report must know, in words. No word holds a value."""

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from studies.reports import Mark

MARKS: dict[str, str | Promise] = {
    "date-unmatched": gettext_lazy(
        "An earlier date in it was never sent out for this patient. It stands as it came."
    ),
    "date-two-readings": gettext_lazy(
        "A date in it can be read in two ways. It stands as it came."
    ),
    "several-originals": gettext_lazy(
        "The hospital's own files gave this value in more than one form. Check it."
    ),
    "no-original": gettext_lazy("The hospital's files had no value to put back here."),
    "value-does-not-fit": gettext_lazy("The hospital's value doesn't fit this field."),
    "attachment-kept": gettext_lazy("An attachment is handed on as it came, under cloud ids."),
    "name-not-drawn": gettext_lazy(
        "The strip on the pages can't draw every character of the name."
    ),
    "foreign-id-removed": gettext_lazy(
        "A patient number that nobody is named as the issuer of was taken out."
    ),
    "active-content-removed": gettext_lazy("Scripts and actions were taken out of the document."),
}


def words(marks: Iterable[Mark]) -> list[str]:
    """Return each mark once, with its place; an unknown one is named."""
    return [
        _("{what} ({where})").format(what=MARKS.get(mark.code, mark.code), where=mark.where)
        for mark in dict.fromkeys(marks)
    ]
