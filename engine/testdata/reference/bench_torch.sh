#!/usr/bin/env bash
# Prepares a virtual environment with PyTorch for the CPU (539 MB, once) and runs bench_torch.py in it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${VBGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vbge}/torch-2.15.0

if [[ ! -f $venv/ready ]]; then
    echo "preparing $venv: 0.6 GB to fetch, 1.4 GB unpacked" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    # Without torch's dependencies: a dozen nvidia wheels, which torch_cpu_stubs.py stands in for.
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps torch==2.15.0 Pillow==13.0.0 \
        numpy filelock typing-extensions sympy mpmath networkx jinja2 markupsafe fsspec 'setuptools>=77.0.3'
    "$venv/bin/python" "$here/torch_cpu_stubs.py" >&2
    touch "$venv/ready"
fi
cd "$here/../../.."
PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" "$here/bench_torch.py" --vbge bin/vbge "$@"
