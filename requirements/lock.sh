#!/bin/sh
# Resolve the lists into locks with hashes, for Python 3.11 to 3.13; no index line, no machine path.
set -eu
cd "$(dirname "$0")/.."
if command -v uv >/dev/null; then
    resolver="uv"
elif command -v pipx >/dev/null; then
    resolver="pipx run uv"
else
    echo "no uv found: install it (pipx install uv) and run make lock again" >&2
    exit 1
fi
for list in run dev; do
    $resolver pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-emit-index-url --no-emit-find-links --no-annotate \
        --output-file "requirements/$list.lock" "requirements/$list.in"
done
sha256sum requirements/run.in requirements/dev.in > requirements/inputs.sha256
