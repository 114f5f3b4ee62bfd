#!/usr/bin/env bash
# bench_peers.sh [OPTIONS of bench_peers.py]: vbge beside PyTorch, ONNX Runtime and OpenVINO. The first call makes an environment with
# them (0.7 GB to fetch) and, from random weights, what each reads (4 GB): graphs by torch.onnx.export, a model folder by vbge convert.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
here=engine/bench/testdata
cache=${VBGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vbge}
vbge=${VBGE:-bin/vbge}
export PYTHONDONTWRITEBYTECODE=1

venv=$cache/peers
model=$cache/peers-model
site='import sysconfig; print(sysconfig.get_path("purelib"))'

# of FILES... says which they are, and which Python.
of() { { cat "$@" && python3 -V; } | sha256sum; }

pins=$(of $here/peers.txt engine/testdata/reference/torch.sh)
if [[ ! -f $venv/ready || $(<"$venv/ready") != "$pins" ]]; then
    torch=$(engine/testdata/reference/torch.sh -c "$site")
    echo "preparing $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes -r $here/peers.txt
    echo "$torch" >"$("$venv/bin/python" -c "$site")/torch.pth" # comes behind the packages of this environment
    echo "$pins" >"$venv/ready"
fi
sources=$(of $here/{graphs.py,inputs.py,peers.txt} engine/testdata/reference/{fused,reference,make_checkpoint}.py)
if [[ ! -f $model/ready || $(<"$model/ready") != "$sources" ]]; then
    echo "preparing $model: 4 GB" >&2
    rm -rf "$model"
    mkdir -p "$model"
    "$venv/bin/python" $here/graphs.py "$model"
    "$vbge" convert "$model/base.pth" --vocab "$model/vocab.txt" --out "$model/model" >/dev/null
    echo "$sources" >"$model/ready"
fi
exec "$venv/bin/python" $here/bench_peers.py "$model" --vbge "$vbge" "$@"
