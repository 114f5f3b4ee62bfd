#!/usr/bin/env bash
# torch.sh PROGRAM.py ARGS... runs a Python program, named from the top of the checkout, in a virtual environment with
# PyTorch for the CPU, Pillow and NumPy in the versions that MODEL.md names. The first call makes it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
venv=${VBGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vbge}/torch-2.15.0
# torch's own dependencies, without a dozen nvidia wheels, which torch_cpu_stubs.py stands in for.
packages=(torch==2.15.0 Pillow==13.0.0 safetensors==0.8.0 numpy filelock typing-extensions sympy mpmath networkx jinja2 markupsafe
    fsspec 'setuptools>=77.0.3')

if [[ ! -f $venv/ready || $(<"$venv/ready") != "${packages[*]}" ]]; then
    echo "preparing $venv: 0.6 GB to fetch, 1.4 GB unpacked" >&2
    [[ -x $venv/bin/python ]] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "${packages[@]}"
    "$venv/bin/python" engine/testdata/reference/torch_cpu_stubs.py >&2
    echo "${packages[*]}" >"$venv/ready"
fi
PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" "$@"
