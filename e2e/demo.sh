#!/bin/sh
# Shows hermes-reconcile on a private s6-svscan in a temporary folder, and checks what it shows.
#   demo.sh FOLDER, which holds hermes-reconcile and a stub of hermes
set -eu
bin=$(cd "$1" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/hermes-demo.XXXXXX")
svscan=

# Ends what was started, by pid: s6-svscan takes its services down with it.
cleanup() {
  status=$?
  if [ -n "$svscan" ]; then
    s6-svscanctl -t "$dir/scan" 2>/dev/null || true
    wait "$svscan" 2>/dev/null || true
  fi
  rm -rf "$dir"
  if [ "$status" = 0 ]; then echo "demo: every step held"; else echo "demo: FAILED" >&2; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '\n# %s\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }
fail() { echo "demo: $*" >&2; exit 1; }

# Runs a command, prints it and its output, and keeps the output in $out.
show() {
  printf '$ %s\n' "$*"
  out=$("$@" 2>&1) || { echo "$out"; fail "\"$*\" failed"; }
  printf '%s\n' "$out"
}

# expect TEXT: the last output has it. refuse TEXT: it has not.
expect() { case $out in *"$1"*) ;; *) fail "expected \"$1\"" ;; esac; }
refuse() { case $out in *"$1"*) fail "did not expect \"$1\"" ;; *) ;; esac; }

pid() { s6-svstat -o pid "scan/gateway-$1"; }

# eventually COMMAND...: polls for ten seconds.
eventually() {
  for _ in $(seq 200); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.05
  done
  fail "in vain: $*"
}

# Three ports that are free now.
free_ports() {
  port=$((20000 + $$ % 10000)) ports=
  while [ "$(echo "$ports" | wc -w)" -lt 3 ]; do
    port=$((port + 1))
    if ! curl -s -o /dev/null "http://127.0.0.1:$port/"; then ports="$ports $port"; fi
  done
  echo "$ports"
}

cd "$dir"
mkdir scan home
PATH=$bin:$PATH HERMES_HOME=$dir/home
export PATH HERMES_HOME
unset HERMES_RECONCILE_SCANDIR
# shellcheck disable=SC2046 # three words
set -- $(free_ports)
cat >profiles.yaml <<EOF
version: 1
runtime: s6
scandir: $dir/scan
defaults:
  user: $(id -un)
  log: {stdout: false}
profiles:
  default: {port: $1}
  coder: {port: $2}
  writer: {port: $3, env: {TONE: dry}}
EOF

say "a private s6-svscan, on an empty scandir"
printf '$ s6-svscan scan &\n'
s6-svscan scan 2>svscan.log &
svscan=$!
eventually s6-svscanctl scan

say "three profiles"
run cat profiles.yaml
show hermes-reconcile apply
expect "3 created"
for port in "$1" "$2" "$3"; do eventually curl -sf "http://127.0.0.1:$port/health"; done
show hermes-reconcile status
for port in "$1" "$2" "$3"; do
  show curl -sf "http://127.0.0.1:$port/health"
  expect '"profile"'
done

say "one profile changes"
was_default=$(pid default) was_coder=$(pid coder) was_writer=$(pid writer)
run sed -i 's/TONE: dry/TONE: warm/' profiles.yaml
show hermes-reconcile diff
expect "update (restart)"
expect "1 to update, 2 unchanged"
show hermes-reconcile apply
expect "1 updated, 2 unchanged"
[ "$(pid default)" = "$was_default" ] || fail "default was restarted"
[ "$(pid coder)" = "$was_coder" ] || fail "coder was restarted"
[ "$(pid writer)" != "$was_writer" ] || fail "writer was not restarted"
echo "pids: default $was_default -> $(pid default), coder $was_coder -> $(pid coder), writer $was_writer -> $(pid writer)"

say "one profile goes"
run sed -i '/coder:/d' profiles.yaml
show hermes-reconcile apply
expect "1 removed"
show ls -A scan
refuse gateway-coder
if kill -0 "$was_coder" 2>/dev/null; then fail "coder's gateway still runs"; fi
show find scan/.hermes-reconcile -type d -path '*/hidden/*'
[ -z "$out" ] || fail "something is left"

say "nothing left to do"
show hermes-reconcile apply
expect "nothing changed"
