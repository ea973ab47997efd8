#!/bin/sh
# Checks that what needs no s6 builds for the systems of those who write manifests. No file of ours is for one processor
# alone, so one each will do.
set -eu
cd "$(dirname "$0")/.."
for target in darwin/arm64 windows/amd64; do
  GOOS=${target%/*} GOARCH=${target#*/} CGO_ENABLED=0 go vet ./...
  GOOS=${target%/*} GOARCH=${target#*/} CGO_ENABLED=0 go build -o /dev/null ./cmd/hermes-reconcile
done
