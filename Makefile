# Everything that is not Go's own lands in .cache/, which may be deleted.
CACHE    := $(CURDIR)/.cache
MINIO    := $(CACHE)/minio
LINTER   := $(CACHE)/golangci-lint
GOVULNCHECK := $(CACHE)/govulncheck
KUBERNETES := $(CACHE)/kubernetes/kubelet
ARGO     := $(CACHE)/argo/workflow-controller
# A test binary would wait a second at its end for races that nobody waits for.
GOTEST   := GORACE=atexit_sleep_ms=50 go test -race -timeout 30m -parallel 6
IMAGE    ?= gymline:dev
export GYMLINE_MINIO := $(MINIO)

# The commit that 'gymline version' names. Go's own stamp has the nearest tag too,
# which not every clone has; this one is equal for equal commits.
COMMIT = $(shell git rev-parse HEAD 2>/dev/null)$(shell test -z "$$(git status --porcelain 2>/dev/null)" || echo +dirty)
STAMP  = -X main.commit=$(COMMIT)
PAPERS := -sbom bin/gymline.cdx.json -licences bin/gymline.licences.txt

.PHONY: tampering vulnerabilities licences pages build test lint portable bench bench-peers fuzz simulations docs minio kubernetes argo image e2e clean

build: ## the gymline binary
	go build -ldflags "$(STAMP)" -o bin/gymline ./orchestrator

# The commands' tests wait for processes and servers much of their time: they
# begin first, several at once, and the others fill the processors.
test: $(MINIO) ## unit, fuzz seeds, command scripts and integration with real servers
	$(GOTEST) ./orchestrator ./...

tampering: ## every attack on every object of runs of the shipped experiments, with counts
	GYMLINE_TAMPERING=1 go test ./orchestrator -run 'TestTamperingShipped' -v -timeout 30m

lint: $(LINTER) ## vet, golangci-lint with the arrows of the design, tidy modules
	go vet ./...
	$(LINTER) run ./...
	go mod tidy -diff

vulnerabilities: $(GOVULNCHECK) ## known vulnerabilities that gymline calls, where their database can be reached
	tools/vulnerabilities.sh $(GOVULNCHECK)

portable: ## the same digests from a binary that fuses multiplication and addition
	tools/portable.sh

pages: build ## every page, made and looked at in a Chromium: what cannot be read or reached, and pictures
	go run ./test/pages -gymline bin/gymline -o bin/pages $(PAGES)

bench: build $(MINIO) ## the whole against limits and rivals, in one run: a table, and JSON in bin/bench.json
	go build -o bin/bench ./test/bench
	bin/bench -gymline bin/gymline -minio $(MINIO) -o bin/bench.json $(BENCHFLAGS)

# What users would pick instead, each with the libraries that are pinned beside its script.
PEERS := $(CACHE)/peers
bench-peers: build $(PEERS)/clients/bin/ok $(PEERS)/distilabel/bin/ok $(PEERS)/curator/bin/ok $(PEERS)/datadesigner/bin/ok ## peers in Python behind the same server; needs Python 3.11
	go build -o bin/bench ./test/bench
	bin/bench -gymline bin/gymline -only peers -peers $(PEERS) -o bin/bench-peers.json $(BENCHFLAGS)

$(PEERS)/%/bin/ok: test/bench/peers/%.txt
	python3 -m venv $(PEERS)/$* && $(PEERS)/$*/bin/pip install -q -r $< && touch $@

# With SPEC=DIR the schemas of OpenLineage are read from a folder of its spec/.
verify-audit: build $(CACHE)/audit/bin/ok ## a run as OpenLineage and RO-Crate, and its models' signatures, judged by their validators; needs Python 3.11 and the network
	SPEC="$(SPEC)" test/audit/verify.sh $(CURDIR)/bin/gymline $(CACHE)/audit/bin
	test/audit/models.sh $(CURDIR)/bin/gymline $(CACHE)/audit/bin

$(CACHE)/audit/bin/ok: test/audit/requirements.txt
	python3 -m venv $(CACHE)/audit && $(CACHE)/audit/bin/pip install -q -r $< && touch $@

fuzz: ## every parser of outside text, FUZZTIME=20s each
	tools/fuzz.sh

simulations: ## what docs say of intervals and tests, with ten times the runs of make test
	go test ./internal/metrics ./internal/drift -run Simulated -v -simulations 10

docs: ## regenerate what is generated: the config reference
	go generate ./internal/experiment
	go test ./orchestrator -run 'TestCommandReference$$' -update

minio: $(MINIO) ## the MinIO server that tests run against

kubernetes: $(KUBERNETES) ## the control plane, kubelet and kubectl that tests run

argo: $(ARGO) ## Argo's controller and executor that tests run

clean:
	rm -rf bin $(CACHE)

bin/linux/gymline: FORCE
	CGO_ENABLED=0 GOOS=linux go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= $(STAMP)" -o $@ ./orchestrator

licences: bin/linux/gymline ## which modules are linked, as CycloneDX JSON, with their licences; fails on one that is not allowed
	go run ./tools/sbom -binary bin/linux/gymline -version "$(COMMIT)" -o bin/gymline.cdx.json -licences bin/gymline.licences.txt

image: licences ## gymline's image, as an OCI archive; the same digest each time for a commit
	go run ./tools/image -binary bin/linux/gymline $(PAPERS) -name $(IMAGE) -o bin/gymline.oci.tar

FORCE:

# In namespaces of its own: whatever it starts ends with it, and no packet leaves.
e2e: image $(MINIO) $(KUBERNETES) $(ARGO) ## a real Kubernetes, Argo and MinIO on this machine; needs root and Debian's packages
	go run ./tools/image -binary bin/linux/gymline $(PAPERS) -name local.test/gymline:dev -o bin/e2e.oci.tar
	go test -tags e2e -race -c -o bin/e2e.test ./test/e2e
	cd test/e2e && GYMLINE_E2E_NAMESPACE=1 unshare --pid --net --mount --fork --kill-child --mount-proc -- \
		sh -c '../../bin/e2e.test -test.v -test.timeout 40m -test.parallel 4 $(E2EFLAGS); exit $$?'

# The servers and tools that tests need, each from its own pinned module.
$(MINIO): tools/minio/go.mod
	cd tools/minio && go build -o $@ github.com/minio/minio

# Versions are stamped in as Kubernetes' own build does.
KUBE_VERSION := 1.33.4
$(KUBERNETES): tools/kubernetes/go.mod
	cd tools/kubernetes && go build -ldflags "-s -w \
		-X k8s.io/component-base/version.gitVersion=v$(KUBE_VERSION) -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=33" \
		-o $(CACHE)/kubernetes/ $(addprefix k8s.io/kubernetes/cmd/,kube-apiserver kube-controller-manager kube-scheduler kubectl kubelet)

# Argo's module lacks a file that its repository has as a link, so it is built
# from a vendored copy that gets it.
ARGO_MODULE := github.com/argoproj/argo-workflows/v3
$(ARGO): tools/argo/go.mod
	rm -rf $(CACHE)/argo/src && mkdir -p $(CACHE)/argo/src && cp tools/argo/go.mod tools/argo/go.sum $(CACHE)/argo/src/
	cd $(CACHE)/argo/src && go mod vendor && \
		cp vendor/$(ARGO_MODULE)/workflow/executor/osspecific/signal_darwin.go vendor/$(ARGO_MODULE)/workflow/executor/osspecific/signal_linux.go && \
		CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X $(ARGO_MODULE).version=v3.7.18" -o $(CACHE)/argo/ \
		$(ARGO_MODULE)/cmd/argoexec $(ARGO_MODULE)/cmd/workflow-controller

$(LINTER): tools/golangci-lint/go.mod
	cd tools/golangci-lint && go build -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(GOVULNCHECK): tools/govulncheck/go.mod
	cd tools/govulncheck && go build -o $@ golang.org/x/vuln/cmd/govulncheck
