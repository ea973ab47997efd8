#!/bin/sh
# What would this branch do to the gateways? For any CI system, or by hand before a push:
#
#     sh plan.sh origin/main [profiles.yaml]
#
# The manifest may be a folder, too. Needs git, tar, and hermes-reconcile on PATH: one static binary, built with `make install`
# and copied into the CI's image.
#
# Prints the answer, and leaves it in plan.md, for a comment, and in plan.json, for programs. Exit code 0: nothing changes for
# any gateway, or something does and the manifest is right. 100: the manifest is wrong, with each place. Else git or the disk
# failed.
set -eu
base=${1:?usage: plan.sh BASE [MANIFEST]} manifest=${2:-profiles.yaml}

hermes-reconcile validate -f "$manifest"

# The manifest where this branch left the base. Where there is none, an empty folder makes every gateway new.
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
old=$tmp
commit=$(git merge-base "$base" HEAD) || {
  echo "plan: $base and HEAD have no commit in common: fetch more history" >&2
  exit 1
}
if git cat-file -e "$commit:./$manifest" 2>/dev/null; then
  git archive "$commit" "$manifest" | tar -xf - -C "$tmp"
  old=$tmp/$manifest
fi

for form in markdown json; do
  case $form in markdown) file=plan.md ;; json) file=plan.json ;; esac
  hermes-reconcile diff -f "$manifest" --against "$old" -o "$form" >"$file"
done

code=0
hermes-reconcile diff -f "$manifest" --against "$old" --exit-code || code=$?
case $code in
  0) echo "plan: no gateway changes" ;;
  2) ;; # there are differences: they are what is asked for
  *) exit "$code" ;;
esac
