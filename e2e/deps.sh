#!/bin/sh
# Installs Debian packages whose commands are missing. Each argument is COMMAND:PACKAGE[:PACKAGE...]; the path of a file that is no
# command does, too.
set -eu
missing=
for want in "$@"; do
  command -v "${want%%:*}" >/dev/null 2>&1 || [ -e "${want%%:*}" ] || missing="$missing $(echo "${want#*:}" | tr : ' ')"
done
[ -n "$missing" ] || exit 0
as_root=
if [ "$(id -u)" != 0 ]; then as_root=sudo; fi
if ! command -v apt-get >/dev/null 2>&1 || ! command -v ${as_root:-true} >/dev/null 2>&1; then
  echo "missing:$missing; install them and try again" >&2
  exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086 # several words on purpose
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
