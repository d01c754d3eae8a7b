#!/bin/sh
# Make .venv and install a lock into it (run or dev); do nothing when that is done already.
# Every failure is one line that says what to do.
set -eu
cd "$(dirname "$0")/.."
wanted="${1:?run or dev}"
lock="requirements/$wanted.lock"
stamp=".venv/installed"

fail() {
    echo "$*" >&2
    exit 1
}

# A lock is stale when its list of requirements changed after it was made.
for list in run dev; do
    made_of=$(awk -v name="requirements/$list.in" '$2 == name { print $1 }' requirements/inputs.sha256)
    if [ "$made_of" != "$(sha256sum < "requirements/$list.in" | cut -d' ' -f1)" ]; then
        fail "requirements/$list.lock is stale: requirements/$list.in changed after it; run: make lock"
    fi
done

is_usable() {
    "$1" - 2>/dev/null <<'PYTHON'
import shutil, sys
version = sys.version_info[:2]
served = version in ((3, 11), (3, 12)) or (version == (3, 13) and shutil.which("redis-server"))
sys.exit(0 if served else 1)
PYTHON
}

find_python() {
    for candidate in ${PYTHON:-python3.12 python3.11 python3 python3.13}; do
        if is_usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or 3.12 found: install one (apt install python3 python3-venv), or name it: make PYTHON=/path/to/python3.11 run"
}

digest() {
    sha256sum < "requirements/$1.lock" | cut -d' ' -f1
}

# The stamp names the folder too: a checkout that was moved has a broken .venv.
mark="$wanted $(digest "$wanted") $(pwd)"
if [ -x .venv/bin/python ] && grep -qxF "$mark" "$stamp" 2>/dev/null && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

if ! { [ -x .venv/bin/python ] && is_usable .venv/bin/python && grep -qF " $(pwd)" "$stamp" 2>/dev/null; }; then
    python=$(find_python)
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python can't make virtual environments: apt install python3-venv"
    echo "making .venv with $("$python" --version)"
    rm -f "$stamp"
    "$python" -m venv --clear .venv
    echo "made $(pwd)" > "$stamp"
fi

echo "installing $lock"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
    --require-hashes --no-deps --requirement "$lock" ||
    fail "$lock could not be installed: see above; is a package index within reach?"
{
    echo "made $(pwd)"
    echo "run $(digest run) $(pwd)"
    # The development lock holds all of the other one.
    if [ "$wanted" = dev ]; then
        echo "$mark"
    fi
} > "$stamp"
