#!/usr/bin/env bash
# bench_http.sh [--infinity]: the figures of docs/benchmarks.md about the server, in one run of six minutes.
# It starts bin/vbge serve with the demo's model and with the full-size one (random weights), each on a
# free port and alone, and measures them with `vbge bench http`. A public load tool (wrk, vegeta) repeats
# one of the measurements, if it is installed. --infinity brings infinity-emb in (0.3 GB, once), which
# later runs then measure as well.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../../.."
vbge=${VBGE:-bin/vbge}
cache=${VBGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vbge}
infinity=$cache/infinity-0.0.78
out=build/bench-http
mkdir -p "$out"

title() { printf '\n== %s\n' "$*"; }

# prepare_infinity makes a virtual environment that uses the PyTorch of make bench-peers.
prepare_infinity() {
    local torch=$cache/torch-2.15.0
    [[ -f $torch/ready ]] || { echo "run make bench-peers first: infinity-emb uses its PyTorch" >&2; exit 1; }
    echo "preparing $infinity" >&2
    rm -rf "$infinity"
    "$torch/bin/python" -m venv "$infinity"
    local packages
    packages=$("$infinity/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    "$torch/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$packages/torch.pth"
    "$infinity/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/infinity.txt"
    touch "$infinity/ready"
}

pid=
end() { # the server that was started
    [[ -z $pid ]] && return
    kill "$pid" 2>/dev/null || true
    wait "$pid" || true
    pid=
}
trap end EXIT

# await PATTERN waits until the server's log has it.
await() {
    for _ in $(seq 1200); do
        grep -q "$1" "$out/server.log" && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$out/server.log" >&2
    exit 1
}

serve() { # flags of vbge serve
    "$vbge" serve --listen 127.0.0.1:0 "$@" >"$out/server.log" 2>&1 &
    pid=$!
    await 'msg=serving'
    url=$(sed -n 's/.*msg=serving address=\([^ ]*\).*/\1/p' "$out/server.log")
}

bench() { "$vbge" bench http --url "$url" "$@"; }
status=0
figures() { # a missed goal is said and is no failure; after a failure the others are measured all the same
    bench --figures "$@" || (($? == 1)) || status=1
}

# Requests a second with 8 clients, each tool on the same request, for $1.
own() { bench --body "$out/body.json" --clients 8 --time "$1" --warm-up 500ms --json | sed -n 's/.*"requests_per_second":\([0-9.]*\).*/\1/p'; }
with_wrk() { wrk -t1 -c8 -d"$1" -s "$out/wrk.lua" "$url/v1/embeddings" | awk '/^Requests\/sec/ {print $2}'; }
with_vegeta() {
    printf 'POST %s/v1/embeddings\nContent-Type: application/json\n@%s\n' "$url" "$out/body.json" |
        vegeta attack -rate 0 -max-workers 8 -duration "$1" | vegeta report | awk -F'[ ,]+' '/^Requests/ {print $5}'
}

# agree SECONDS compares the tools in turns, on the same request: a median of three rounds.
agree() {
    printf '{"model":"vbge","input":"phone case with this image theme","encoding_format":"base64"}' >"$out/body.json"
    cat >"$out/wrk.lua" <<EOF
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = io.open("$out/body.json"):read("*a")
EOF
    local tools=(own)
    command -v wrk >/dev/null && tools+=(with_wrk)
    command -v vegeta >/dev/null && tools+=(with_vegeta)
    ((${#tools[@]} > 1)) || echo "neither wrk nor vegeta is installed: nothing to compare with"
    rm -f "$out"/rate.*
    for _ in 1 2 3; do
        for tool in "${tools[@]}"; do "$tool" "$1" >>"$out/rate.$tool"; done
    done
    for tool in "${tools[@]}"; do
        sort -n "$out/rate.$tool" | awk -v tool="$tool" -v own="$(sort -n "$out/rate.own" | sed -n 2p)" \
            '{all = all sprintf(" %.2f", $1)} NR == 2 {median = $1}
             END {printf "%s: %.2f requests a second (%s), %+.1f%% of own\n", tool, median, substr(all, 2), 100 * (median / own - 1)}'
    done
}

if [[ ${1:-} == --infinity ]]; then prepare_infinity; fi
began=$SECONDS
echo "$("$vbge" version), $(nproc) processors,$(sed -n 's/^model name.*://p' /proc/cpuinfo | head -1), $(date -u +%F)"

title "demo model"
[[ -f build/demo/catalog.db && -d build/demo/model ]] || "$vbge" demo >/dev/null
rm -f "$out"/demo.db* # a .db has one process
cp build/demo/catalog.db "$out/demo.db"
serve --model build/demo/model --uri "$out/demo.db" --images docs/demo/images
figures overhead --model build/demo/model --time 500ms --rounds 5
figures search --time 2s --rounds 3
figures lanes --time 3s --rounds 2
figures encodings --time 1s --rounds 3
for payload in 224 500 12mp; do bench --kinds image=1 --payload "$payload" --time 2s; done
bench --kinds image=1,text=3,pair=1,search-pair=1 --rate 50 --time 3s
title "demo model, the same request by other tools"
agree 2s
end

title "full-size model"
if [[ ! -f $out/full.db ]]; then # 60 pictures to be found
    mkdir -p "$out/pictures"
    find docs/demo/images -name '00[0-5]?.jpg' -exec cp {} "$out/pictures" \;
    "$vbge" index "$out/pictures" --model random --uri "$out/full.db" >"$out/index.log" 2>&1 || { cat "$out/index.log" >&2; exit 1; }
fi
serve --model random --uri "$out/full.db" --max-queue 48 --max-items 48 --queue-timeout 30s
figures share --model random --time 7s --rounds 3
figures search --full-size --time 4s --rounds 2
figures lanes --full-size --time 5s --rounds 1
figures overload --time 6s --rounds 1
title "full-size model, the same request by other tools"
agree 3s
title "full-size model, texts, 32 clients"
bench --kinds text=1 --time 8s --encoding float
end

if [[ -f $infinity/ready ]]; then
    title "infinity-emb, the text tower of the same weights, texts, 32 clients"
    [[ -f $out/text/modules.json ]] || "$infinity/bin/python" "$here/export_text_tower.py" docs/demo/vocab.txt "$out/text"
    port=$("$infinity/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    DO_NOT_TRACK=1 HF_HUB_OFFLINE=1 INFINITY_ANONYMOUS_USAGE_STATS=0 "$infinity/bin/infinity_emb" v2 --model-id "$out/text" \
        --served-model-name vbge --engine torch --device cpu --dtype float32 --no-bettertransformer --no-model-warmup --url-prefix /v1 \
        --host 127.0.0.1 --port "$port" >"$out/server.log" 2>&1 &
    pid=$!
    await 'Uvicorn running'
    url=http://127.0.0.1:$port
    bench --kinds text=1 --time 8s --encoding float --warm-up 3s
    end
else
    echo "infinity-emb is not there: $0 --infinity brings it in"
fi
echo
echo "$((SECONDS - began)) s in all"
exit $status
