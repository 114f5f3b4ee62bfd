#!/usr/bin/env bash
# Prepares a virtual environment with the tokenizers package (10 MB, once) and runs bench_tokenizers.py in it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${VBGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vbge}/tokenizers-0.23.3

if [[ ! -f $venv/ready ]]; then
    echo "preparing $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    # Without its dependency, which fetches models.
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps tokenizers==0.23.3
    touch "$venv/ready"
fi
PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" "$here/bench_tokenizers.py" "$@"
