# `make help` lists the targets. Everything native comes from third_party/setup; where that is not
# possible, the same targets build and test the pure Go engine and say so.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
FUZZTIME    ?= 10m
SOAK        ?= 10m
SEED        ?= 1
COUNT       ?= 300
PKG         ?= ./...

version := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# env has the build tag and compiler flags; it is there once a native build is possible.
env     := third_party/native/env
native  := if [[ -f $(env) ]]; then . $(env); fi;
# The same for the CUDA build, which is always wanted by name.
cudaenv := third_party/native/env-cuda
gofiles := cmd cuda engine server tokenizer weights
cxx      = $(shell git ls-files '*.c' '*.cc' '*.cu' '*.cuh' '*.h')
# Without the flag, CMake's own make announces every folder that it enters.
cmake    = cmake --preset $(1) >/dev/null && MAKEFLAGS=--no-print-directory cmake --build --preset $(1)

# In the virtual environment with PyTorch and Pillow, which is made when it is first needed.
python  := engine/testdata/reference/torch.sh
vuln    := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 $(if $(VULNDB),-db $(VULNDB))

.PHONY: help setup build build-cuda test test-cuda test-cuda-long test-address test-thread test-milvus verify-reference gpu-bundle gpu-check \
	demo tutorial bench bench-peers bench-pillow bench-tokenizers bench-http fuzz soak lint format check vuln clean distclean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name what; do printf '  make %-16s %s\n' "$$name" "$$what"; done

setup: ## bring in oneDNN, Milvus Lite and the image libraries (95 MB, once)
	@third_party/setup

build: ## bin/vbge, with the native engine where it can be had
	@third_party/setup || echo "make: building without the native engine, on engine/ref" >&2
	@if [[ -f $(env) ]]; then $(call cmake,cpu); fi
	@$(native) go build -tags "$${VBGE_TAGS:-}" -ldflags "-X main.version=$(version)" -o bin/vbge ./cmd/vbge
	@echo "bin/vbge $(version) is built$$([[ -f $(env) ]] || echo ', without native code')"

build-cuda: ## bin/vbge-cuda, which uses the GPU where there is one (downloads 120 MB, once)
	@third_party/setup --cuda
	@$(call cmake,cpu)
	@$(call cmake,cuda)
	@. $(cudaenv); go build -tags "$$VBGE_TAGS" -ldflags "-X main.version=$(version)" -o bin/vbge-cuda ./cmd/vbge
	@echo "bin/vbge-cuda $(version) is built"

test: ## all tests: pure Go, native code with the race detector, ten seconds of fuzzing each (PKG=./tokenizer for some)
	@third_party/setup --test || [[ -z $${CI:-} ]] # in CI, native code not tested is a failure
	@$(MAKE) --no-print-directory build
	@.ci/test $(PKG)

test-cuda: build-cuda ## the CUDA build on an emulated GPU: kernels, engine, start-up, registers (PKG=./cuda/kernels for some)
	@third_party/setup --test
	@$(call cmake,emulated)
	@.ci/test-cuda $(PKG)

test-cuda-long: build-cuda ## the same with many seeds and devices; then kernels broken on purpose, each to be caught
	@third_party/setup --test
	@$(call cmake,emulated)
	@.ci/test-cuda-long
	@.ci/mutants

verify-reference: build ## vbge beside PyTorch and Pillow on fresh inputs from SEED, stage by stage (COUNT=2000 for more, FULL=1 for the released size)
	@third_party/setup --test
	@$(python) engine/testdata/reference/verify_reference.py --seed $(SEED) --count $(COUNT) $(if $(FULL),--full)

test-milvus: build ## the catalogue against Milvus 2.3.5, milvus-lite 3.2.2 and pymilvus 2.5 (downloads 270 MB once)
	@third_party/setup --milvus
	@server/catalog/milvustest/test.sh

gpu-bundle: build-cuda ## bin/gpu: what gpu-check needs on a machine without compilers, beside a copy of the sources
	@. $(cudaenv); go build -tags cuda -ldflags "-s -w -X main.version=$(version)" -o bin/gpu/vbge-cuda ./cmd/vbge; \
	for package in cuda cuda/cublaslt cuda/kernels engine/gpu; do \
		go test -c -tags cuda -ldflags "-s -w" -o bin/gpu/gpu-tests/$${package//\//-}.test ./$$package; done
	@echo "bin/gpu is built"

gpu-check: gpu-bundle ## on a machine with a GPU: every kernel and golden test, speed; writes docs/gpu/<device>-<date>.md
	bin/gpu/vbge-cuda gpu-check

demo: build ## index the demo's pictures, search them, show and check the result
	bin/vbge demo

tutorial: build ## the tutorial on the released weights (downloads them)
	bin/vbge tutorial

bench: build ## images, pairs and texts a second beside the machine's limit; under three minutes
	bin/vbge bench

bench-peers: build ## beside PyTorch, ONNX Runtime and OpenVINO, by precision: table and plot (QUICK=1 for less, THREADS, ROUNDS; downloads 0.7 GB once)
	engine/bench/testdata/bench_peers.sh $(if $(QUICK),--quick) $(if $(THREADS),--threads $(THREADS)) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-pillow: build ## resizing and normalising, and reading JPEGs, beside Pillow, on one core (downloads 0.6 GB once)
	@$(native) $(python) engine/pixels/testdata/bench_pillow.py && $(python) engine/pixels/testdata/bench_jpeg.py

bench-tokenizers: build ## token ids a second beside the package tokenizers, on one core
	tokenizer/testdata/bench_tokenizers.sh

bench-http: build ## the server under load beside its goals, demo model and full size; seven minutes
	server/load/testdata/bench_http.sh

soak: build ## clients of all manners at a server for SOAK (10m); what it uses must not grow
	@$(native) VBGE_SOAK=$(SOAK) go test -v -tags "$${VBGE_TAGS:-}" -timeout 0 -run TestServeSoak ./cmd/vbge

fuzz: build ## every fuzz target for FUZZTIME (10m), as many side by side as there are processors
	@.ci/fuzz $(FUZZTIME) $(PKG)

lint: build ## golangci-lint and clang-format, pinned
	@third_party/setup --lint
	@$(native) third_party/native/linters/golangci-lint run --build-tags "$${VBGE_TAGS:-}" $(PKG)
	@if [[ -f $(cudaenv) ]]; then $(call cmake,cuda); . $(cudaenv); \
		third_party/native/linters/golangci-lint run --build-tags "$$VBGE_TAGS" $(PKG); fi
	@third_party/native/linters/clang-format --dry-run --Werror $(cxx)

format: ## gofmt and clang-format over everything
	@third_party/setup --lint
	gofmt -w $(gofiles)
	third_party/native/linters/clang-format -i $(cxx)

check: lint ## gofmt, go vet with and without tags, the linters, the README
	@unformatted=$$(gofmt -l $(gofiles)); [[ -z $$unformatted ]] || { echo "gofmt -w $$unformatted"; exit 1; }
	CGO_ENABLED=0 go vet $(PKG)
	@$(native) [[ -z $${VBGE_TAGS:-} ]] || { set -x; go vet -tags "$$VBGE_TAGS" $(PKG); }
	@[[ ! -f $(cudaenv) ]] || { . $(cudaenv); set -x; go vet -tags "$$VBGE_TAGS" $(PKG); }
	.ci/readme

vuln: build ## what govulncheck knows against the code and its dependencies (VULNDB=file:///... for a copy of the database)
	CGO_ENABLED=0 $(vuln) $(PKG)
	@$(native) [[ -z $${VBGE_TAGS:-} ]] || { set -x; $(vuln) -tags "$$VBGE_TAGS" $(PKG); }
	@[[ ! -f $(cudaenv) ]] || { . $(cudaenv); set -x; $(vuln) -tags "$$VBGE_TAGS" $(PKG); }

test-address: build ## engine/cpu and engine/pixels under the address sanitizer; then the decoders fuzzed so for FUZZTIME (10m)
	@$(call cmake,cpu-address)
	@$(native) CGO_LDFLAGS="$${CGO_LDFLAGS:-} -L$(CURDIR)/build/cpu-address -fsanitize=undefined" go test -asan -tags native ./engine/cpu/... ./engine/pixels
	@INSTRUMENT='-asan -fuzz=.' .ci/fuzz $(FUZZTIME) ./engine/pixels

test-thread: build ## engine/cpu under the thread sanitizer
	@$(call cmake,cpu-thread)
	@$(native) CGO_CFLAGS="$${CGO_CFLAGS:--O2 -g} -fsanitize=thread" \
		CGO_LDFLAGS="$${CGO_LDFLAGS:-} -L$(CURDIR)/build/cpu-thread -fsanitize=thread" go test -tags native ./engine/cpu

clean: ## remove what was built
	rm -rf bin build engine/cpu/archive_native.go cuda/archive_cuda.go cuda/cublaslt/archive_cuda.go cuda/kernels/*.fatbin

distclean: clean ## and what setup unpacked (downloads stay in the cache)
	rm -rf third_party/native
