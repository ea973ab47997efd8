#!/bin/sh
# Makes all files of a release, byte for byte the same from one commit with one Go, wherever it lies.
#   release.sh VERSION FOLDER, which is new
set -eu
umask 022
[ $# = 2 ] || { echo "usage: release.sh VERSION FOLDER" >&2; exit 2; }
VERSION=$1
mkdir -p "$(dirname "$2")"
out=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
cd "$(dirname "$0")/../.."
fail() { echo "release.sh: $*" >&2; exit 1; }

newest=$(sed -n 's/^## \([^ ]*\).*/\1/p' CHANGELOG.md | head -n 1)
[ "$VERSION" = "$newest" ] || fail "CHANGELOG.md begins with $newest: give VERSION=$newest, or write an entry for $VERSION"
[ -z "$(git status --porcelain)" ] || fail "files have changed since the last commit: commit them first, see git status"
[ ! -e "$out" ] || fail "$out is there: remove it, or name another folder"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
files=$work/files
mkdir "$files"

# Packages hold the time of the commit instead of that of the build.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export VERSION SOURCE_DATE_EPOCH CGO_ENABLED=0 LC_ALL=C
stamp=$(sh cmd/packaging/stamp.sh)
name=hermes-reconcile_$VERSION
tools=$work/tools

# quietly COMMAND...: what it says counts only if it fails.
quietly() { "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2; fail "$1 failed"; }; }

(cd cmd/packaging && go build -o "$tools/" github.com/goreleaser/nfpm/v2/cmd/nfpm github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod)

for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64; do
  os=${target%/*} arch=${target#*/} suffix=
  [ "$os" != windows ] || suffix=.exe
  program=${name}_${os}_$arch
  GOOS=$os GOARCH=$arch go build -trimpath -buildvcs=false -ldflags "-s -w $stamp" \
    -o "$files/$program$suffix" ./cmd/hermes-reconcile
  quietly "$tools/cyclonedx-gomod" bin -json -noserial -notimestamp -licenses -version "$VERSION" \
    -output "$files/$program.cdx.json" "$files/$program$suffix"
done
sh cmd/packaging/licenses.sh >"$files/${name}_licenses.txt"

# What both packages hold, for each processor the same but for the program.
STAGE=$work/stage
export STAGE
mkdir -p "$STAGE/man5" "$STAGE/man8" "$STAGE/completion" "$STAGE/doc/examples"
go build -o "$work/native" ./cmd/hermes-reconcile
for shell in bash fish zsh; do "$work/native" completion "$shell" >"$STAGE/completion/$shell"; done
for page in cmd/hermes-reconcile/man/*.[58]; do
  gzip -9n <"$page" >"$STAGE/man${page##*.}/${page##*/}.gz"
done
git -c tar.umask=022 archive HEAD examples docs README.md CHANGELOG.md | tar -x -C "$STAGE/doc"
cp "$files/${name}_licenses.txt" "$STAGE/doc/copyright"
for ARCH in amd64 arm64; do
  export ARCH
  cp "$files/${name}_linux_$ARCH" "$STAGE/hermes-reconcile"
  find "$STAGE" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
  for kind in deb apk; do
    quietly "$tools/nfpm" package --config cmd/packaging/nfpm.yaml --packager "$kind" --target "$files/${name}_$ARCH.$kind"
  done
done

(cd "$files" && sha256sum -- * >SHA256SUMS)
mv "$files" "$out"
