#!/bin/sh
# Checks every script that is rendered in a golden tree, and our own.
set -eu
cd "$(dirname "$0")/.."
find render/testdata/golden -type f \( -name run -o -name finish \) >"${TMPDIR:-/tmp}/scripts.$$"
trap 'rm -f "${TMPDIR:-/tmp}/scripts.$$"' EXIT
count=$(wc -l <"${TMPDIR:-/tmp}/scripts.$$")
[ "$count" -gt 10 ] || { echo "only $count golden scripts found" >&2; exit 1; }
xargs shellcheck -s sh <"${TMPDIR:-/tmp}/scripts.$$"
shellcheck -s sh e2e/*.sh examples/ci/*.sh .ci/run
shellcheck -s sh e2e/docker/base/*.sh e2e/docker/base/rootfs/init e2e/docker/base/rootfs/usr/libexec/overlay/*
shellcheck -s sh examples/container/rootfs/etc/cont-*.d/* examples/container/rootfs/etc/s6-overlay/s6-rc.d/*/run
echo "shellcheck: $count rendered scripts"
