#!/bin/sh
# Prints what the linker writes into the program: the commit, and its date in UTC. Nothing where there is no repository.
set -eu
cd "$(dirname "$0")/../.."
commit=$(git rev-parse HEAD 2>/dev/null) || exit 0
[ -z "$(git status --porcelain)" ] || commit=$commit-dirty
date=$(TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ)
echo "-X main.commit=$commit -X main.date=$date"
