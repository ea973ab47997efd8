#!/bin/sh
# Prints the licences of all that is linked into the program, on any of the systems that it is built for: its own, Go's, and those of
# the modules, from the module cache.
set -eu
cd "$(dirname "$0")/../.."

# texts NAME FOLDER: the folder's licence texts and notices. One at least has to be there.
texts() {
  found=
  for file in "$2"/LICENSE* "$2"/LICENCE* "$2"/COPYING* "$2"/NOTICE* "$2"/PATENTS*; do
    [ -f "$file" ] || continue
    found=yes
    printf '\n== %s: %s\n\n' "$1" "${file##*/}"
    cat "$file"
  done
  [ -n "$found" ] || { echo "licenses.sh: $1 has no licence in $2" >&2; exit 1; }
}

modules() {
  for os in linux darwin windows; do
    GOOS=$os CGO_ENABLED=0 go list -deps \
      -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/hermes-reconcile
  done | sort -u
}

echo "hermes-reconcile, and what is linked into it. Each text follows the name of what it is for."
texts hermes-reconcile .
texts "Go, $(go env GOVERSION)" "$(go env GOROOT)"
modules | while read -r path version dir; do texts "$path $version" "$dir"; done
