//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// outcome is how a release takes a command line: the exit code of its refusal, or 0, and the last
// line that it says.
func outcome(t *testing.T, release, line, home string) (code int, says string) {
	t.Helper()
	c, err := parseArgs(release, strings.Fields(line))
	if err == nil {
		err = c.refuseSecond(release, home)
	}
	if err == nil {
		return 0, ""
	}
	var r *refusal
	require.True(t, errors.As(err, &r), "%s: %v", line, err)
	lines := strings.Split(strings.TrimRight(r.text, "\n"), "\n")
	return r.code, lines[len(lines)-1]
}

// TestReleases holds the table of what each release takes: a column a release, as in the table of
// options.
func TestReleases(t *testing.T) {
	const refused = "hermes: error: unrecognized arguments: "
	for _, row := range []struct{ line, codes, says string }{
		// 0.15.1 0.16.0 0.19.1 0.20.3 0.21 phase3
		{"-p coder gateway run --external-supervisor --force", "2 2 0 0 0 2", refused + "--external-supervisor --force"},
		{"gateway run --external-supervisor --force", "2 2 0 0 0 2", refused + "--external-supervisor --force"},
		{"-p coder gateway start --foreground --port 9201", "2 2 2 2 2 0", refused + "--foreground --port 9201"},
		{"gateway start --foreground", "2 2 2 2 2 0", refused + "--foreground"},
		{"gateway run --port 9201", "2 2 2 2 2 2", refused + "--port 9201"},
		{"gateway run --replace", "0 0 0 0 0 2", refused + "--replace"},
		{"-p coder gateway run --replace", "0 0 0 0 0 2", refused + "--replace"},
		{"-p coder gateway run --no-supervise --accept-hooks -v -q", "0 0 0 0 78 2", ""},
		{"-p coder gateway run", "0 0 0 0 78 0", "✗ Profile 'coder' does not get a gateway of its own."},
		{"-p coder gateway", "0 0 0 0 78 0", "✗ Profile 'coder' does not get a gateway of its own."},
		{"-p coder gateway run --force", "2 2 0 0 0 2", refused + "--force"},
		{"-p default gateway run", "0 0 0 0 0 0", ""},
		{"gateway run", "0 0 0 0 0 0", ""},
		{"gateway", "0 0 0 0 0 0", ""},
		{"gateway start --system --all", "0 0 0 0 0 2", refused + "--system --all"},
		{"gateway start --force", "2 2 2 2 2 2", ""},
		{"dashboard --port 9119", "0 0 0 0 0 0", ""},
	} {
		for i, want := range strings.Fields(row.codes) {
			code, says := outcome(t, releases[i], row.line, t.TempDir())
			require.Equal(t, want, map[int]string{0: "0", 2: "2", 78: "78"}[code], "hermes %s by %s: %s", row.line, releases[i], says)
			if code != 0 && row.says != "" {
				require.Equal(t, row.says, says)
			}
		}
	}
}

// TestArgparse: what its messages say, and where an option may stand. It is the same in each
// release.
func TestArgparse(t *testing.T) {
	for line, want := range map[string]string{
		"gateway run -p coder --replace":         "",
		"gateway --profile coder run --replace":  "",
		"--profile=coder gateway run --replace":  "",
		"-m x --continue --yolo gateway run":     "",
		"-mx -c s gateway run":                   "",
		"-V -rlast gateway run":                  "",
		"gateway --accept-hooks run -vvq --repl": "",
		"gateway run --no":                       "",
		"gateway run -v=1":                       "hermes gateway run: error: argument -v/--verbose: ignored explicit argument '1'",
		"gateway run more":                       "hermes: error: unrecognized arguments: more",
		"gateway run --":                         "hermes: error: unrecognized arguments: --",
		"gateway run -- --replace":               "hermes: error: unrecognized arguments: -- --replace",
		"--what gateway run --port=1 more":       "hermes: error: unrecognized arguments: --what --port=1 more",
		"gateway run --replace=yes":              "hermes gateway run: error: argument --replace: ignored explicit argument 'yes'",
		"gateway run -vz":                        "hermes gateway run: error: argument -v/--verbose: ignored explicit argument 'z'",
		"gateway stand":                          "hermes gateway: error: argument gateway_command: invalid choice: 'stand' (choose from run, start)",
		"--continue gateway run":                 "hermes: error: argument command: invalid choice: 'run' (choose from gateway, dashboard)",
		"--usage-file gateway run":               "hermes: error: argument command: invalid choice: 'run' (choose from gateway, dashboard)",
		"-m":                                     "hermes: error: argument -m/--model: expected one argument",
		"-m --yolo gateway":                      "hermes: error: argument -m/--model: expected one argument",
		"--ignore gateway run":                   "hermes: error: ambiguous option: --ignore could match --ignore-user-config, --ignore-rules",
		"-p Bad gateway run":                     "hermes: error: argument command: invalid choice: 'Bad' (choose from gateway, dashboard)",
		"gateway run -p":                         "hermes: error: unrecognized arguments: -p",
		"-p " + strings.Repeat("x", 65) + " a":   "hermes: error: argument command: invalid choice: '" + strings.Repeat("x", 65) + "' (choose from gateway, dashboard)",
		"-p " + strings.Repeat("x", 64) + " gateway run --replace": "",
	} {
		for _, release := range releases[:len(releases)-1] { // the last one is none
			code, says := outcome(t, release, line, t.TempDir())
			require.Equal(t, want, says, "hermes %s by %s", line, release)
			require.Equal(t, want != "", code == 2, line)
		}
	}
	for _, release := range releases[:len(releases)-1] {
		c, err := parseArgs(release, []string{"gateway", "run", "-p", "coder", "--repl", "-vq"})
		require.NoError(t, err)
		require.Equal(t, call{"coder", "run", map[string]string{"--replace": "", "-v": "", "-q": ""}}, c)
	}
	_, err := parseArgs("0.1", nil)
	require.ErrorContains(t, err, `STUB_RELEASE: "0.1" is unknown (want one of 0.15.1, `)
}

// TestUsage is what argparse prints, lines included, before it says what is wrong.
func TestUsage(t *testing.T) {
	said := func(line string) string {
		_, err := parseArgs("0.20.3", strings.Fields(line))
		require.Error(t, err)
		return err.Error()
	}
	require.Equal(t, `usage: hermes [-h] [--version] [-z PROMPT] [--usage-file PATH] [-m MODEL]
              [--provider PROVIDER] [--reasoning LEVEL] [-t TOOLSETS]
              [--resume SESSION] [--no-restore-cwd] [--in DIR]
              [--continue [SESSION_NAME]] [--worktree] [--accept-hooks]
              [--skills SKILLS] [--yolo] [--pass-session-id]
              [--ignore-user-config] [--ignore-rules] [--safe-mode] [--tui]
              [--cli] [--dev]
              {gateway,dashboard} ...
hermes: error: unrecognized arguments: --foreground --port 9201
`, said("-p coder gateway start --foreground --port 9201"))
	require.Equal(t, `usage: hermes gateway run [-h] [-v] [-q] [--replace] [--force]
                          [--no-supervise] [--external-supervisor]
                          [--accept-hooks]
`, said("gateway run --help"))
	require.Equal(t, "usage: hermes gateway start [-h] [--system] [--all]\n", said("gateway start -h"))
	require.Equal(t, "usage: hermes gateway [-h] [--accept-hooks] {run,start} ...\n", said("gateway -h"))
}

func TestProfilesOfTheirOwn(t *testing.T) {
	for config, want := range map[string]int{
		"gateway:\n  standalone: true\n":                                    0,
		"a: b\n\ngateway: # of its own\n  x: y\n  standalone: true # yes\n": 0,
		"gateway:\n  standalone: false\n":                                   78,
		"standalone: true\n":                                                78,
		"gateway:\n# other:\nother:\n  standalone: true\n":                  78,
		"": 78,
	} {
		home := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(home, "profiles", "coder"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(home, "profiles", "coder", "config.yaml"), []byte(config), 0o644))
		code, _ := outcome(t, "0.21", "-p coder gateway run", home)
		require.Equal(t, want, code, config)
		code, _ = outcome(t, "0.21", "-p writer gateway run", home)
		require.Equal(t, 78, code)
	}
}

func TestProfileThatDoesNotExist(t *testing.T) {
	home := t.TempDir()
	for _, line := range []string{"-p coder gateway run --force", "gateway run --what --profile=coder"} {
		var r *refusal
		require.ErrorAs(t, refuseUnknown(strings.Fields(line), home), &r)
		require.Equal(t, 1, r.code)
		require.Equal(t, "Error: Profile 'coder' does not exist. Create it with: hermes profile create coder\n", r.text)
	}
	require.NoError(t, os.MkdirAll(filepath.Join(home, "profiles", "coder"), 0o755))
	require.NoError(t, refuseUnknown([]string{"-p", "coder"}, home))
	require.NoError(t, refuseUnknown([]string{"-p", "default"}, home))
	require.NoError(t, refuseUnknown([]string{"gateway"}, home))
}
