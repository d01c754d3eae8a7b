"""What verification is told about one instance: never the plan's list of changes.

It learns what was identifying in the input and what the engine itself wrote, and nothing of how
the one became the other.
"""

from functools import lru_cache

from .leaks import shifted_dates
from .plan import Plan
from .required import TYPE_1, TYPE_2, required_marks
from .values import Values
from .verify import Expectation

_DUMMY_DATES = frozenset(("19000101",))


def expectation(
    plan: Plan,
    run: Values,
    values: tuple[tuple[str, str], ...],
    *,
    sop_instance_uid: str,
    charset: bytes,
) -> Expectation:
    """Return what must and what must not be in the output of one instance."""
    return Expectation(
        values=values,
        uids=frozenset() if plan.keeps_uids else searchable_uids(run.uids),
        allowed_dates=_dates_sent_out(plan, run, values),
        own=own_texts(tuple(run.fixed.values())),
        marks=required_marks(plan),
        type1=TYPE_1,
        type2=TYPE_2,
        uids_retained=plan.keeps_uids,
        private_allowed=plan.keeps_safe_private or bool(plan.private_rules),
        sop_instance_uid=sop_instance_uid,
        charset=charset,
    )


def _dates_sent_out(plan: Plan, run: Values, values: tuple[tuple[str, str], ...]) -> frozenset[str]:
    """Return the dates that are in the output on purpose: shifted ones and the dummy."""
    if not plan.shifts_dates:
        return _DUMMY_DATES
    moved = shifted_dates(values, run.shift_days)
    return _DUMMY_DATES | moved | {new[:8].decode("latin-1") for _path, _old, new in run.dates}


def searchable_uids(uids: dict[str, str]) -> frozenset[str]:
    """Return the original UIDs that are long enough to be found by more than chance."""
    return frozenset(uid for uid in uids if len(uid) >= 8)


@lru_cache(maxsize=64)
def own_texts(values: tuple[bytes, ...]) -> frozenset[str]:
    """Return what the engine itself writes: never a finding."""
    return frozenset(value.decode("ascii") for value in values)
