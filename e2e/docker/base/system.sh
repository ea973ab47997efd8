#!/bin/sh
# Makes a small Debian with s6 and execline, as a tar archive.
#   system.sh OUT.tar           nothing but Debian's own packages is in it, and none of their scripts has run
#   system.sh OUT.tar with-apt  Debian's essential packages besides, set up: one that packages can be installed in
# It stays in a cache outside of the source, under a name that says what it is made of.
set -eu
out=$(realpath "$1")
cd "$(dirname "$0")/.."
suite=bookworm
case ${2-} in
  '') variant=extract packages=s6,execline,busybox-static,dash,base-files ;;
  with-apt) variant=apt packages=s6,execline ;;
  *) echo "system.sh: unknown kind $2 (want with-apt, or nothing)" >&2; exit 2 ;;
esac
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hermes-reconcile
system=$cache/$suite-$variant-$(echo "$packages" | tr , -)-$(uname -m).tar
if [ ! -s "$system" ]; then
  sh ../deps.sh mmdebstrap:mmdebstrap >&2
  mkdir -p "$cache"
  # Under a name of its own until it is whole: two runs at once, or one that is killed, spoil nothing.
  trap 'rm -f "$system.$$"' EXIT
  mmdebstrap --quiet --variant="$variant" --format=tar --include="$packages" "$suite" "$system.$$" >&2
  mv "$system.$$" "$system"
fi
cp "$system" "$out"
