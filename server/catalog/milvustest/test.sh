#!/usr/bin/env bash
# `make test-milvus`: the tests of the catalogue, of indexing and of the commands beside each Milvus server in turn,
# and what they share with pymilvus. The servers are started by the tests and do not outlive them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
if [[ -f third_party/native/env ]]; then . third_party/native/env; fi
failed=()
for server in ${SERVERS:-milvus-lite-2.5.1 milvus-lite-3.2.2 milvus-2.3.5}; do
    echo "beside $server"
    for tests in './server/catalog .' './server/index .' './cmd/vbge ^TestMilvusServer$'; do
        read -r package run <<<"$tests"
        # One package at a time: each starts servers of its own. -short leaves out what has nothing to do with servers.
        VBGE_TEST_SERVER=$server go test -tags "${VBGE_TAGS:-}" -count=1 -short -timeout 8m -run "$run" "$package" || failed+=("$server $package")
    done
done
((${#failed[@]} == 0)) || { printf 'failed: %s\n' "${failed[@]}" >&2; exit 1; }
