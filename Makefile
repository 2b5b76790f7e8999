# Everything that is not Go's own lands in .cache/, which may be deleted.
CACHE    := $(CURDIR)/.cache
MINIO    := $(CACHE)/minio
LINTER   := $(CACHE)/golangci-lint
GOTEST   := go test -race
export GYMLINE_MINIO := $(MINIO)

.PHONY: build test lint portable bench docs minio clean

build: ## the gymline binary
	go build -o bin/gymline ./orchestrator

test: $(MINIO) ## unit, fuzz seeds, command scripts and integration with real servers
	$(GOTEST) ./...

lint: $(LINTER) ## vet, golangci-lint with the arrows of the design, tidy modules
	go vet ./...
	$(LINTER) run ./...
	go mod tidy -diff

portable: ## the same digests from a binary that fuses multiplication and addition
	tools/portable.sh

bench: ## Go benchmarks: the store, the ledger, a model call against the bare client
	go test -run '^$$' -bench . -benchmem ./internal/store/... ./internal/llm/...

docs: ## regenerate what is generated: the config reference
	go generate ./internal/experiment

minio: $(MINIO) ## the MinIO server that tests run against

clean:
	rm -rf bin $(CACHE)

# The servers and tools that tests need, each from its own pinned module.
$(MINIO): tools/minio/go.mod
	cd tools/minio && go build -o $@ github.com/minio/minio

$(LINTER): tools/golangci-lint/go.mod
	cd tools/golangci-lint && go build -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
