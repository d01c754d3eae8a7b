"""The two kinds of fault that stop an act: those a person must solve, and those time may solve.

A message is a sentence for the person at the page: what, where, what to do. It never holds a
patient's value; `code` is stable, for tables, metrics and tests.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise
else:
    StrOrPromise = Any


class Fault(Exception):
    """An act that didn't happen, with the reason why."""

    def __init__(self, code: str, message: "StrOrPromise") -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class PermanentError(Fault):
    """Trying again changes nothing: a person has to decide or repair."""


class TransientError(Fault):
    """A transport or a store failed; the same act may succeed later."""
