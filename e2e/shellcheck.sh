#!/bin/sh
# Checks every script that is rendered in a golden tree, those of a manifest with every mixture of keys, and our own.
set -eu
cd "$(dirname "$0")/.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# parity N: whether the binary digits of N have an odd number of ones
parity() {
  bits=$1 odd=0
  while [ "$bits" -gt 0 ]; do odd=$((odd ^ bits % 2)) bits=$((bits / 2)); done
  echo "$odd"
}

# matrix RUNTIME ODD: half of the mixtures of what run scripts consist of, a profile each; restart and log go along.
matrix() {
  printf 'version: 1\nruntime: %s\nprofiles:\n' "$1"
  n=-1
  for ready in '' 'ready: {http: "/it'\''s?a=1&b=2"},'; do
    for backoff in '' 'backoff: 0s,'; do
      for secrets in '' 'secrets: {TOKEN: "/run/it'\''s", PATH: /run/path},'; do
        for unset in '' 'unset: [A, B],'; do
          # shellcheck disable=SC2016 # it should look so
          for env in '' 'A1: "it'\''s\n$(x) `y`",'; do
            for loader in '' 'LD_PRELOAD: "/x y.so",'; do
              n=$((n + 1))
              [ "$(parity "$n")" = "$2" ] || continue
              printf '  p%s: {port: %s, %s %s %s %s env: {%s %s}, restart: %s, log: {stdout: %s, timestamp: %s}}\n' \
                "$n" "$((20000 + n))" "$ready" "$backoff" "$secrets" "$unset" "$env" "$loader" \
                "$(echo always on-failure | cut -d' ' -f$((n % 2 + 1)))" "$(echo true false | cut -d' ' -f$((n / 2 % 2 + 1)))" \
                "$(echo iso8601 tai64n none | cut -d' ' -f$((n % 3 + 1)))"
            done
          done
        done
      done
    done
  done
}

go build -o "$tmp/hermes-reconcile" ./cmd/hermes-reconcile
matrix s6 0 >"$tmp/s6.yaml"
matrix s6-overlay 1 >"$tmp/s6-overlay.yaml"
for runtime in s6 s6-overlay; do
  "$tmp/hermes-reconcile" render -f "$tmp/$runtime.yaml" --out "$tmp/$runtime" >/dev/null
done
find render/testdata/golden "$tmp/s6" "$tmp/s6-overlay" -type f \( -name run -o -name finish -o -name check \) >"$tmp/all"

# Scripts that differ in the profile's name and port alone are checked once.
mkdir "$tmp/distinct"
while read -r script; do
  sed -E 's/gateway-p[0-9]+/gateway-p/g; s/profile p[0-9]+/profile p/; s/'\''p[0-9]+'\''/'\''p'\''/g; s/\b20[0-9]{3}\b/20000/g' "$script" >"$tmp/one"
  mv "$tmp/one" "$tmp/distinct/$(cksum <"$tmp/one" | tr ' ' -)"
done <"$tmp/all"
count=$(find "$tmp/distinct" -type f | wc -l)
[ "$count" -gt 90 ] || { echo "only $count distinct scripts found" >&2; exit 1; }
find "$tmp/distinct" -type f -exec shellcheck -s sh {} +
find "$tmp/distinct" -type f | while read -r script; do
  for shell in dash 'busybox sh'; do
    # shellcheck disable=SC2086 # two words
    $shell -n "$script" || { cat "$script"; exit 1; }
  done
done
shellcheck -s sh e2e/*.sh e2e/overlay/*.sh examples/ci/*.sh cmd/packaging/*.sh .ci/run
shellcheck -s sh e2e/docker/base/*.sh e2e/docker/base/rootfs/init e2e/docker/base/rootfs/usr/libexec/overlay/*
shellcheck -s sh e2e/docker/base/rootfs/etc/s6-overlay/s6-rc.d/*/run
shellcheck -s sh examples/container/rootfs/etc/cont-*.d/* examples/container/rootfs/etc/s6-overlay/s6-rc.d/*/run
echo "shellcheck: $count distinct rendered scripts"
