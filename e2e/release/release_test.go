//go:build docker

package release

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// targets are the systems and processors that a release is for.
var targets = []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64", "windows_amd64"}

// path of a file of the first release, whose name goes on behind the version.
func path(rest string) string {
	return filepath.Join(made.dist[0], "hermes-reconcile_"+made.version+"_"+rest)
}

func program(target string) string {
	if strings.HasPrefix(target, "windows") {
		target += ".exe"
	}
	return path(target)
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(data)
}

// TestReleaseIsTheSameAnywhere: two folders, one commit, the same bytes; and the sums are right.
func TestReleaseIsTheSameAnywhere(t *testing.T) {
	t.Parallel()
	sums := read(t, filepath.Join(made.dist[0], "SHA256SUMS"))
	require.Equal(t, sums, read(t, filepath.Join(made.dist[1], "SHA256SUMS")))
	_, err := run(made.dist[0], nil, "sha256sum", "--check", "--strict", "SHA256SUMS")
	require.NoError(t, err)
	files, err := os.ReadDir(made.dist[0])
	require.NoError(t, err)
	require.Equal(t, len(files)-1, strings.Count(sums, "\n"), "each file but SHA256SUMS has a sum")
	for _, target := range targets {
		require.Contains(t, sums, "  "+filepath.Base(program(target))+"\n")
	}
	for _, file := range []string{"amd64.deb", "arm64.deb", "amd64.apk", "arm64.apk", "licenses.txt"} {
		require.Contains(t, sums, "  "+filepath.Base(path(file))+"\n")
	}
}

// TestProgramsAreStaticAndStripped: they need nothing of the system that they run on.
func TestProgramsAreStaticAndStripped(t *testing.T) {
	t.Parallel()
	for target, machine := range map[string]elf.Machine{"linux_amd64": elf.EM_X86_64, "linux_arm64": elf.EM_AARCH64} {
		f, err := elf.Open(program(target))
		require.NoError(t, err)
		defer f.Close()
		require.Equal(t, machine, f.Machine)
		require.Nil(t, f.Section(".symtab"), "%s has symbols", target)
		for _, p := range f.Progs {
			require.NotEqual(t, elf.PT_INTERP, p.Type, "%s is linked with a shared library", target)
		}
	}
	for target, cpu := range map[string]macho.Cpu{"darwin_amd64": macho.CpuAmd64, "darwin_arm64": macho.CpuArm64} {
		f, err := macho.Open(program(target))
		require.NoError(t, err)
		defer f.Close()
		require.Equal(t, cpu, f.Cpu)
	}
	f, err := pe.Open(program("windows_amd64"))
	require.NoError(t, err)
	defer f.Close()
	require.EqualValues(t, pe.IMAGE_FILE_MACHINE_AMD64, f.Machine)
}

// TestLicencesAndBillNameAllThatIsLinked: each module in each program has its licence in the
// release, and a line in the program's bill of materials.
func TestLicencesAndBillNameAllThatIsLinked(t *testing.T) {
	t.Parallel()
	licences := read(t, path("licenses.txt"))
	require.Contains(t, licences, "== hermes-reconcile: LICENSE\n")
	require.Contains(t, licences, "\n== Go, ")
	for _, target := range targets {
		info, err := buildinfo.ReadFile(program(target))
		require.NoError(t, err)
		require.Greater(t, len(info.Deps), 5)
		var bill struct {
			Components []struct{ Name, Version string }
		}
		require.NoError(t, json.Unmarshal([]byte(read(t, path(target+".cdx.json"))), &bill))
		listed := map[string]string{}
		for _, c := range bill.Components {
			listed[c.Name] = c.Version
		}
		for _, dep := range info.Deps {
			require.Contains(t, licences, "\n== "+dep.Path+" "+dep.Version+": ")
			require.Equal(t, dep.Version, listed[dep.Path], "%s in the bill of %s", dep.Path, target)
		}
	}
}

// TestVersionOfARelease: it names the commit, and the commit's date in UTC.
func TestVersionOfARelease(t *testing.T) {
	t.Parallel()
	out, err := run("/", nil, program("linux_"+runtime.GOARCH), "version")
	require.NoError(t, err)
	require.Equal(t, "hermes-reconcile "+made.version+" ("+made.commit+", 2026-11-28T07:00:00Z)\n", out)
}

// TestProgramOfTheOtherProcessor: under an emulator arm64's does the same as that of amd64.
func TestProgramOfTheOtherProcessor(t *testing.T) {
	t.Parallel()
	require.Equal(t, "amd64", runtime.GOARCH, "the programs are compared on amd64")
	_, err := run(".", nil, "sh", "../deps.sh", "qemu-aarch64:qemu-user")
	require.NoError(t, err)
	examples, err := filepath.Abs("../../examples")
	require.NoError(t, err)
	for _, args := range [][]string{
		{"version"}, {"--help"}, {"schema"}, {"completion", "bash"},
		{"validate", "-f", "full.yaml"},
		{"diff", "-f", "full.yaml", "--against", "minimal.yaml", "-o", "json"},
	} {
		want, err := run(examples, nil, program("linux_amd64"), args...)
		require.NoError(t, err)
		got, err := run(examples, nil, "qemu-aarch64", append([]string{program("linux_arm64")}, args...)...)
		require.NoError(t, err)
		require.Equal(t, want, got, "%v", args)
	}
}

// TestAlpinePackage: it holds what Debian's does, in Alpine's places, and says what it is.
func TestAlpinePackage(t *testing.T) {
	t.Parallel()
	for arch, name := range map[string]string{"amd64": "x86_64", "arm64": "aarch64"} {
		files := apkFiles(t, path(arch+".apk"))
		require.Contains(t, files[".PKGINFO"], "pkgname = hermes-reconcile\n")
		require.Contains(t, files[".PKGINFO"], "pkgver = "+made.version+"\n")
		require.Contains(t, files[".PKGINFO"], "arch = "+name+"\n")
		require.Equal(t, read(t, program("linux_"+arch)), files["usr/bin/hermes-reconcile"])
		require.Equal(t, read(t, path("licenses.txt")), files["usr/share/doc/hermes-reconcile/copyright"])
		for _, want := range []string{
			"usr/share/man/man5/profiles.yaml.5.gz", "usr/share/man/man8/hermes-reconcile.8.gz", "usr/share/man/man8/hermes-reconcile-apply.8.gz",
			"usr/share/bash-completion/completions/hermes-reconcile", "usr/share/zsh/site-functions/_hermes-reconcile",
			"usr/share/fish/vendor_completions.d/hermes-reconcile.fish",
			"usr/share/doc/hermes-reconcile/examples/container/Dockerfile",
		} {
			require.NotEmpty(t, files[want], want)
		}
	}
}

// TestAlpinePackageUnpacks: busybox, of which Alpine is made, unpacks it, and what is in it runs.
// That stands for an installation, since there is no Alpine here.
func TestAlpinePackageUnpacks(t *testing.T) {
	t.Parallel()
	_, err := run(".", nil, "sh", "../deps.sh", "busybox:busybox")
	require.NoError(t, err)
	dir := t.TempDir()
	_, err = run(dir, nil, "busybox", "tar", "-xzf", path(runtime.GOARCH+".apk"))
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{".PKGINFO", "usr"}, names, "no script, which apk would run as root")
	err = filepath.WalkDir(filepath.Join(dir, "usr"), func(name string, e os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		mode := os.FileMode(0o644)
		if e.IsDir() || strings.HasSuffix(name, "/bin/hermes-reconcile") || strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		if strings.Contains(name, "/examples/") && !e.IsDir() {
			mode = info.Mode().Perm() &^ 0o022 // as in git
		}
		require.Equal(t, mode, info.Mode().Perm(), name)
		require.Zero(t, info.Mode()&(os.ModeSetuid|os.ModeSetgid|os.ModeSymlink), name)
		return nil
	})
	require.NoError(t, err)
	program := filepath.Join(dir, "usr/bin/hermes-reconcile")
	out, err := run(dir, nil, program, "version")
	require.NoError(t, err)
	require.Contains(t, out, made.version)
	_, err = run(dir, nil, program, "validate", "-f", "usr/share/doc/hermes-reconcile/examples/full.yaml")
	require.NoError(t, err)
	_, err = run(dir, nil, "busybox", "zcat", "usr/share/man/man8/hermes-reconcile.8.gz")
	require.NoError(t, err)
}

// apkFiles reads an Alpine package: tar archives, each compressed for itself, one behind the other.
func apkFiles(t *testing.T, name string) map[string]string {
	t.Helper()
	files := map[string]string{}
	rest := bufio.NewReader(bytes.NewReader([]byte(read(t, name))))
	for {
		zipped, err := gzip.NewReader(rest)
		if err == io.EOF {
			return files
		}
		require.NoError(t, err)
		zipped.Multistream(false)
		archive := tar.NewReader(zipped)
		for {
			header, err := archive.Next()
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				break // the first archive has no end of its own
			}
			require.NoError(t, err)
			data, err := io.ReadAll(archive)
			require.NoError(t, err)
			files[header.Name] = string(data)
		}
		_, err = io.Copy(io.Discard, zipped)
		require.NoError(t, err)
	}
}

// TestReleaseRefuses: another version than that of the changelog, and files that no commit has.
func TestReleaseRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, copySource(dir))
	_, err := commitAll(dir)
	require.NoError(t, err)
	for _, version := range []string{"9.9.9", ""} {
		_, err = run(dir, nil, "make", "release", "VERSION="+version)
		require.ErrorContains(t, err, "CHANGELOG.md begins with "+made.version+": give VERSION="+made.version)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "new"), nil, 0o644))
	_, err = run(dir, nil, "make", "release", "VERSION="+made.version)
	require.ErrorContains(t, err, "files have changed since the last commit: commit them first")
	require.NoDirExists(t, filepath.Join(dir, "dist"))
}
