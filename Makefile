# Thin lines over go; the README names the two that matter: demo and test.
SHELL := /bin/bash
GO    ?= go
STUDY ?=
CREDIT ?=

# What a phase of `make test` took.
export TIMEFORMAT = (%lR)

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

build: portal ## manx with the portal in it, what evaluates on a GPU and, for Fabric, the process of its contract, in bin/
	$(GO) build -trimpath -o bin/ ./cmd/manx ./cmd/manx-gpu ./cmd/manx-contract

portal: ## the browser's side into web/ui/dist, where there is npm
	./web/ui/scripts/build.sh

demo: build ## both stories on embedded parts; STUDY=dir or CREDIT=file.csv for your own input
	bin/manx demo $(if $(STUDY),--study "$(STUDY)") $(if $(CREDIT),--credit "$(CREDIT)")

real: build ## a node on Fabric, Kubo and PostgreSQL, started here; prints what runs where
	./test/setup.sh
	bin/manx up --data real-data --listen 127.0.0.1:0 --ledger fabric --storage ipfs --db postgres --detach

real-down: build ## stop it
	bin/manx down --data real-data

demo-real: build ## both stories on Fabric, Kubo and PostgreSQL
	./test/setup.sh
	bin/manx demo --real --data demo-real-data $(if $(STUDY),--study "$(STUDY)") $(if $(CREDIT),--credit "$(CREDIT)")

test: ## every test, with the Debian packages some of them compare against
	time ./test/setup.sh
	time ./web/ui/scripts/build.sh
	time $(GO) vet ./...
	time $(GO) test -count=1 -timeout 30m ./... # tests that build or list this tree are never to be remembered

generate: ## the interface's document and its clients, from web/api/openapi
	$(GO) run ./web/api/generate

lint: ## golangci-lint with the rules of .golangci.yml
	$(GO) tool -modfile=test/lint/go.mod golangci-lint run ./...

bench: ## the figures of docs/benchmarks.md
	$(GO) test -run '^$$' -bench . -benchtime 3x -timeout 60m ./...

bench-he: ## encrypted evaluation beside stock lattigo: medians and ratios
	$(GO) test -run '^$$' -bench 'Transform|BesideLattigo|SumsOfFeatures' -benchtime 31x -timeout 60m ./privacy/ckks
	$(GO) test -run '^$$' -bench . -benchtime 15x -timeout 60m ./ml/ckks

bench-gpu: ## this machine's GPU beside its processor; first that it gives the same bytes
	MANX_LIBCUDA=libcuda.so.1 $(GO) test -count=1 ./privacy/ckks/gpu/... ./ml/pool/engine
	MANX_LIBCUDA=libcuda.so.1 $(GO) test -count=1 -run 'GPU|Accelerator' -v -bench GPU -benchtime 9x -timeout 20m ./privacy/ckks
	MANX_LIBCUDA=libcuda.so.1 $(GO) test -run '^$$' -v -bench OnGPU -benchtime 9x -timeout 20m ./ml/ckks

bench-api: ## pages of lists of 100,000 at 200 requests a second, on SQLite and PostgreSQL
	$(GO) test -run '^$$' -bench API -benchtime 1x -timeout 30m ./test/load

ptx: ## the GPU's kernels again, by CLANG (clang); it commits nothing
	./privacy/ckks/gpu/kernels/ptx.sh $(or $(CLANG),clang) >kernels.ptx.new
	mv kernels.ptx.new privacy/ckks/gpu/kernels/kernels.ptx

bench-mpc: ## three-party computation: three processes on loopback, then on slow links
	$(GO) test -run '^$$' -bench . -benchtime 5x -timeout 60m ./privacy/mpc/... ./ml/mpc

bench-real: ## the figures on Fabric, Kubo and PostgreSQL
	./test/setup.sh
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./test/real/... ./web/index

bench-escrow: ## contracts: the step function, the checker's growth, both ledgers
	$(GO) test -run '^$$' -bench 'Step|Check' ./escrow ./escrow/check
	$(GO) test -run '^$$' -bench EscrowStep -benchtime 2000x ./ledger/embedded
	./test/setup.sh
	$(GO) test -run '^$$' -bench FabricEscrowStep -benchtime 500x -timeout 20m ./test/real

bench-portal: ## a study of 500 slices through a tab of Chromium: rate and memory, stage by stage
	./web/ui/scripts/build.sh
	$(GO) test -run '^$$' -v -bench Tab -benchtime 1x -timeout 40m ./test/portal

bench-pool: ## the pool: overhead, jobs a second to their settlement, two workers, growth to a million waiting, the machine's limits, the sandbox
	$(GO) test -run '^$$' -bench Overhead -benchtime 7x -timeout 20m ./ml/pool
	$(GO) test -run '^$$' -bench 'Jobs|Scale|Away' -benchtime 3x -timeout 20m ./ml/pool
	$(GO) test -run '^$$' -bench 'Depth|Publish' -benchtime 2000x -timeout 20m ./ml/pool
	$(GO) test -run '^$$' -bench Waiting -benchtime 200x -timeout 20m ./ml/pool
	$(GO) test -run '^$$' -bench Limits ./ml/pool
	$(GO) test -run '^$$' -bench . -benchtime 200000x -timeout 20m ./ml/pool/schedule
	$(GO) test -run '^$$' -bench . -benchtime 9x -timeout 20m ./ml/pool/sandbox
	MANX_LONG=1 $(GO) test -run 'TestDay|TestLoad' -v -timeout 60m ./ml/pool/simulation

bench-train: ## training together: whole rounds, masked sums beside plain averaging, heart, survival, poison, contribution, lung-ct, noise, who was in it (a quarter of an hour of one core)
	$(GO) test -run '^$$' -bench Train -benchtime 1x -timeout 60m ./ml/heart/hospitals ./ml/lungsurvival
	MANX_LONG=1 $(GO) test -run '^$$' -bench Train -benchtime 1x -timeout 120m ./ml/lungct/sites
	$(GO) test -run '^$$' -bench TrainRound -benchtime 1x -timeout 30m ./web/owner/training
	$(GO) test -run '^$$' -bench . -benchtime 15x -timeout 30m ./privacy/secagg
	$(GO) test -run '^$$' -bench . -benchtime 3x -timeout 30m ./privacy/secagg/bounded
	$(GO) test -run '^$$' -bench . ./privacy/dp/...
	$(GO) test -run '^$$' -bench Membership -benchtime 1x -timeout 20m ./ml/membership

fuzz: ## every fuzz target for FUZZTIME (30s)
	./test/fuzz.sh $(or $(FUZZTIME),30s)

train: ## train lung-ct again from DATA=…/iq-oth-nccd
	$(GO) run ./cmd/manx model train lung-ct --data-set "$(DATA)" --out ml/lungct

clean: ## what build and demo made
	rm -rf bin web/ui/dist/portal web/ui/src/made demo-data demo-real-data

.PHONY: bench-portal help build generate bench-api demo real real-down demo-real test lint bench bench-gpu bench-he bench-mpc bench-real bench-escrow bench-pool fuzz ptx train clean bench-train portal
