"""Fuzzing of the de-identification engine: whatever the bytes, an outcome and never a leak.

What stands where:

- `target.py` - `check(data)`, which says what must hold for any bytes at all;
- `corpus.py` - small valid objects with known identity, in all ways they can be encoded;
- `mutations.py` - what a broken or hostile sender does to an object, one function each;
- `cases/` - inputs that failed once, replayed by `test_cases.py`;
- `run.py` - the driver for long runs.

A long run, two minutes here:

    python -m tests.fuzz.run --seconds 120

It is guided by coverage where atheris is installed (`pip install atheris`, which the lock files
leave out: it needs no place in an installation), and mutates at random where it is not. Inputs
that fail are kept in `tmp/fuzz/findings` under their digest; `--replay FILE` runs one again. What
was mended is kept as a case: `python -m tests.fuzz.run --replay FILE --keep NAME`.
"""
