.PHONY: bench-ratio build demo test test-kubernetes test-kubernetes-api test-docker test-hermes lint bench torture completions install release
PREFIX ?= /usr/local

build:
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w $$(sh cmd/packaging/stamp.sh)" -o bin/hermes-reconcile ./cmd/hermes-reconcile

demo:
	sh e2e/deps.sh s6-svscan:s6 execlineb:execline curl:curl
	CGO_ENABLED=0 go build -trimpath -o bin/demo/ ./cmd/hermes-reconcile ./e2e/stub/hermes
	sh e2e/demo.sh bin/demo

test: lint test-kubernetes
	go test -race -timeout 60m ./...
	go test -race -timeout 120m -parallel 5 -tags e2e ./e2e

# With the code of Kubernetes linked in: the first build takes a few minutes.
test-kubernetes:
	go -C e2e/kubernetes test -count=1 -timeout 30m ./...

# The same with a real API server, which is built first: about a quarter of an hour on one core, and 3 GB of Go's cache.
test-kubernetes-api:
	go -C e2e/kubernetes/api test -count=1 -timeout 120m -v ./...

test-docker:
	go test -count=1 -timeout 120m -tags docker ./e2e/docker ./e2e/release

# As the shell expands it, whether make or the environment has it.
test-hermes: export IMAGE := $(IMAGE)
test-hermes:
	@[ -n "$$IMAGE" ] || { echo "usage: make test-hermes IMAGE=NAME, an image with hermes-agent and s6-overlay 3" >&2; exit 2; }
	go test -count=1 -timeout 60m -tags hermes -v ./e2e/docker

lint:
	sh e2e/deps.sh s6-svscan:s6 execlineb:execline shellcheck:shellcheck busybox:busybox strace:strace gcc:gcc:libc6-dev faketime:faketime tmux:tmux \
	  zsh:zsh fish:fish /usr/share/bash-completion/bash_completion:bash-completion
	test -z "$$(gofmt -l .)" && go vet -tags e2e,docker,hermes ./... && go -C e2e/kubernetes vet ./... && go -C e2e/kubernetes/api vet ./... && go tool staticcheck -tags e2e,docker,hermes ./...
	sh e2e/shellcheck.sh && sh e2e/cross.sh

bench:
	go test -run '^$$' -bench . -benchmem ./manifest/... ./render ./reconcile/... ./s6ctl ./cmd/hermes-reconcile/...

bench-ratio:
	sh e2e/deps.sh gcc:gcc:libc6-dev
	go run ./e2e/bench

torture: lint
	TORTURE=$(or $(TORTURE),10m) go test -count=1 -timeout 0 -run PortsPassInAnyLife ./reconcile/apply
	TORTURE=$(or $(TORTURE),10m) go test -race -count=1 -timeout 0 -parallel 8 -tags e2e -run 'Walk|Torture|AllThatIsHostile' -v ./e2e

# The scripts that let shells complete, as they are named where bash-completion, zsh and fish look for them.
completions: build
	bin/hermes-reconcile completion bash > bin/hermes-reconcile.bash
	bin/hermes-reconcile completion zsh > bin/_hermes-reconcile
	bin/hermes-reconcile completion fish > bin/hermes-reconcile.fish

install: completions
	install -D bin/hermes-reconcile $(DESTDIR)$(PREFIX)/bin/hermes-reconcile
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man8 cmd/hermes-reconcile/man/*.8
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man5 cmd/hermes-reconcile/man/*.5
	install -D -m 644 bin/hermes-reconcile.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/hermes-reconcile
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/zsh/site-functions bin/_hermes-reconcile
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d bin/hermes-reconcile.fish

# Into dist/: programs, packages, and what belongs to them.
release:
	sh cmd/packaging/release.sh "$(VERSION)" dist
