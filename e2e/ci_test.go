//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// A pull request with every kind of change: writer comes, painter goes, coder has another variable,
// critic another log, and default is left alone.
const (
	baseManifest = `version: 1
profiles:
  default: {port: 9200}
  coder: {port: 9201, env: {TONE: dry, API_TOKEN: hidden}}
  critic: {port: 9202}
  painter: {port: 9203}
`
	headManifest = `version: 1
profiles:
  default: {port: 9200}
  coder: {port: 9201, env: {TONE: warm, API_TOKEN: hidden}}
  critic: {port: 9202, log: {keep: 20}}
  writer: {port: 9204}
`
)

var changes = []string{"update (restart) coder", "update (restart logger) critic", "remove painter", "create writer"}

// repository is a git repository with a base branch, and a branch that is merged into it as GitHub
// does for a pull request.
type repository struct {
	t   *testing.T
	dir string
	env []string
}

// newRepository commits files, by name, on main and then those of a branch; no content removes a
// file.
func newRepository(t *testing.T, base, head map[string]string) *repository {
	t.Helper()
	r := &repository{t: t, dir: t.TempDir()}
	r.env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org", "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
	r.git("init", "-q", "-b", "main")
	r.commit("base", base)
	r.git("checkout", "-q", "-b", "change")
	r.commit("head", head)
	r.git("checkout", "-q", "main")
	r.commit("more on main", map[string]string{"README": "2"})
	r.git("checkout", "-q", "--detach")
	r.git("merge", "-q", "--no-ff", "-m", "merge", "change")
	return r
}

func (r *repository) git(args ...string) {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.CombinedOutput()
	require.NoError(r.t, err, "git %v: %s", args, out)
}

func (r *repository) commit(message string, files map[string]string) {
	r.t.Helper()
	for name, content := range files {
		path := filepath.Join(r.dir, name)
		require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(r.t, os.WriteFile(path, []byte(content), 0o644))
	}
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", message)
}

// run runs a command in the repository, or a folder of it.
func (r *repository) run(dir string, argv ...string) result {
	r.t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = filepath.Join(r.dir, dir), r.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		require.NoError(r.t, err)
	}
	return result{stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode()}
}

func (r *repository) read(path string) string {
	r.t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(r.t, err)
	return string(data)
}

func example(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs("../examples/" + name)
	require.NoError(t, err)
	return path
}

// TestShellCIExample: examples/ci/plan.sh says of a branch what it would do, in any shell.
func TestShellCIExample(t *testing.T) {
	t.Parallel()
	script := example(t, "ci/plan.sh")
	for _, shell := range [][]string{{"dash"}, {"busybox", "sh"}, {"bash", "--posix"}} {
		r := newRepository(t, map[string]string{"profiles.yaml": baseManifest}, map[string]string{"profiles.yaml": headManifest})
		r.git("checkout", "-q", "change")
		got := r.run("", append(shell, script, "main")...)
		require.Equal(t, 0, got.code, "%v", got)
		require.Empty(t, got.stderr)
		var report struct {
			Profiles []struct{ Profile, Action string }
		}
		require.NoError(t, json.Unmarshal([]byte(r.read(filepath.Join(r.dir, "plan.json"))), &report))
		require.Len(t, report.Profiles, 5)
		markdown := r.read(filepath.Join(r.dir, "plan.md"))
		for _, change := range changes {
			fields := regexp.MustCompile(`^(.*) (\w+)$`).FindStringSubmatch(change)
			require.Regexp(t, "(?m)^"+regexp.QuoteMeta(fields[1])+" +"+fields[2]+" ", got.stdout)
			require.Contains(t, markdown, "| `"+fields[2]+"` | "+fields[1]+" |")
		}
		require.NotContains(t, got.stdout+markdown, "hidden")
		require.Contains(t, got.stdout, "1 to create, 2 to update, 1 to remove, 1 unchanged")
	}
}

func TestShellCIExampleOfOtherBranches(t *testing.T) {
	t.Parallel()
	script := example(t, "ci/plan.sh")
	for name, c := range map[string]struct {
		base, head     map[string]string
		dir            string
		args           []string
		code           int
		stdout, stderr string
	}{
		"nothing": {map[string]string{"profiles.yaml": baseManifest}, map[string]string{"other": "x"}, "", []string{"main"}, 0, "plan: no gateway changes", ""},
		"comments alone": {map[string]string{"profiles.yaml": baseManifest}, map[string]string{"profiles.yaml": "# new\n" + baseManifest}, "", []string{"main"}, 0,
			"plan: no gateway changes", ""},
		"broken": {map[string]string{"profiles.yaml": baseManifest}, map[string]string{"profiles.yaml": baseManifest + "  x: {prt: 1}\n"}, "", []string{"main"}, 100,
			"", "profiles.yaml:7:7: profiles.x.prt: unknown key"},
		"first manifest": {map[string]string{"other": "x"}, map[string]string{"profiles.yaml": headManifest}, "", []string{"main"}, 0, "4 to create", ""},
		"broken base":    {map[string]string{"profiles.yaml": "a: ["}, map[string]string{"profiles.yaml": headManifest}, "", []string{"main"}, 100, "", "profiles.yaml:1:4: "},
		"folder": {map[string]string{"d/1.yaml": baseManifest}, map[string]string{"d/2.yaml": "profiles: {late: {}}\n"}, "", []string{"main", "d"}, 0,
			"1 to create, 4 unchanged", ""},
		"subfolder": {map[string]string{"deploy/my profiles.yaml": baseManifest}, map[string]string{"deploy/my profiles.yaml": headManifest}, "deploy",
			[]string{"main", "my profiles.yaml"}, 0, "1 to create, 2 to update, 1 to remove, 1 unchanged", ""},
		"unknown base": {map[string]string{"profiles.yaml": baseManifest}, nil, "", []string{"none"}, 1, "", "plan: none and HEAD have no commit in common"},
		"no base":      {map[string]string{"profiles.yaml": baseManifest}, nil, "", nil, 2, "", "usage: plan.sh BASE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t, c.base, c.head)
			r.git("checkout", "-q", "change")
			got := r.run(c.dir, append([]string{"dash", script}, c.args...)...)
			require.Equal(t, c.code, got.code, "%v", got)
			require.Contains(t, got.stdout, c.stdout)
			require.Contains(t, got.stderr, c.stderr)
		})
	}
}

// workflow is what this test needs of a GitHub Actions workflow.
type workflow struct {
	Jobs map[string]struct {
		Defaults struct{ Run struct{ Shell string } }
		Steps    []step
	}
}

type step struct {
	Name, Uses, If, Run, Shell string
	Dir                        string `yaml:"working-directory"`
	Env                        map[string]string
	With                       map[string]string
}

// runner carries out a job as a runner of GitHub would, but for the actions that it uses: what they
// bring is there.
type runner struct {
	*repository
	fork       bool   // the pull request comes from a fork
	temp       string // RUNNER_TEMP
	summary    string
	transcript map[string]result // by the step's name
}

// newRunner puts a program gh before the real one. It knows one pull request, whose comment it
// keeps.
func newRunner(t *testing.T, r *repository, fork bool) *runner {
	t.Helper()
	w := &runner{repository: r, fork: fork, temp: t.TempDir(), transcript: map[string]result{}}
	w.summary = filepath.Join(w.temp, "summary.md")
	bin := filepath.Join(w.temp, "runner-bin")
	require.NoError(t, os.Mkdir(bin, 0o755))
	gh := `#!/bin/sh
[ "$GH_TOKEN" = token ] || exit 9
echo "$*" >>"$RUNNER_TEMP/calls"
case "$*" in
"api --paginate repos/{owner}/{repo}/issues/7/comments --jq "*)
  printf '%s' "$5" >"$RUNNER_TEMP/filter"
  if [ -e "$RUNNER_TEMP/comment" ]; then echo 11; echo 12; fi ;;
"api --silent --method PATCH repos/{owner}/{repo}/issues/comments/11 --field body=@"*) cp "${7#body=@}" "$RUNNER_TEMP/comment" ;;
"pr comment 7 --body-file "*) [ ! -e "$RUNNER_TEMP/comment" ] && cp "$5" "$RUNNER_TEMP/comment" ;;
*) exit 9 ;;
esac
`
	require.NoError(t, os.WriteFile(filepath.Join(bin, "gh"), []byte(gh), 0o755))
	// Only what the workflow builds is hermes-reconcile here. Nothing comes from a network.
	w.env = append(w.env, "PATH="+bin+":"+os.Getenv("PATH"), "GOPROXY=off", "RUNNER_TEMP="+w.temp, "GITHUB_ACTIONS=true",
		"GITHUB_WORKSPACE="+r.dir, "GITHUB_STEP_SUMMARY="+w.summary, "GITHUB_PATH="+filepath.Join(w.temp, "path"))
	return w
}

// use stands in for an action.
func (w *runner) use(s step) {
	w.t.Helper()
	name, _, _ := strings.Cut(s.Uses, "@")
	switch {
	case name == "actions/checkout" && s.With["path"] != "":
		source, err := filepath.Abs("..")
		require.NoError(w.t, err)
		_ = os.Remove(filepath.Join(w.dir, s.With["path"]))
		require.NoError(w.t, os.Symlink(source, filepath.Join(w.dir, s.With["path"])))
	case name == "actions/checkout":
		require.Equal(w.t, "2", s.With["fetch-depth"], "the merge and its parents are needed")
	case name == "actions/setup-go":
		require.FileExists(w.t, filepath.Join(w.dir, s.With["go-version-file"]))
	default:
		require.Fail(w.t, "an action that this test does not know", s.Uses)
	}
}

// value fills in what GitHub knows.
func (w *runner) value(text string) string {
	w.t.Helper()
	return regexp.MustCompile(`\$\{\{ *(.*?) *\}\}`).ReplaceAllStringFunc(text, func(expression string) string {
		known := map[string]string{"github.token": "token", "github.event.pull_request.number": "7"}
		value, ok := known[strings.Trim(expression, "${} ")]
		require.True(w.t, ok, "an expression that this test does not know: %s", expression)
		return value
	})
}

// skips tells what a condition comes to.
func (w *runner) skips(s step) bool {
	w.t.Helper()
	if s.If == "" {
		return false
	}
	require.Equal(w.t, "github.event.pull_request.head.repo.full_name == github.repository", s.If)
	return w.fork
}

// job carries out the steps up to the first that fails, and gives its exit code.
func (w *runner) job(shell string, steps []step) int {
	w.t.Helper()
	require.Equal(w.t, "bash", shell)
	for i, s := range steps {
		if w.skips(s) {
			continue
		}
		if s.Uses != "" {
			w.use(s)
			continue
		}
		require.NotContains(w.t, s.Run, "${{", "what others may choose must not become a script")
		script := filepath.Join(w.temp, fmt.Sprintf("step%d.sh", i))
		require.NoError(w.t, os.WriteFile(script, []byte(s.Run), 0o644))
		lint, err := exec.Command("shellcheck", "-s", "bash", script).CombinedOutput()
		require.NoError(w.t, err, "%s", lint)
		before := w.env
		for name, value := range s.Env {
			w.env = append(w.env[:len(w.env):len(w.env)], name+"="+w.value(value))
		}
		got := w.run(s.Dir, "bash", "--noprofile", "--norc", "-eo", "pipefail", script)
		w.env = before
		w.transcript[s.Name] = got
		if got.code != 0 {
			return got.code
		}
		if path, err := os.ReadFile(filepath.Join(w.temp, "path")); err == nil { // one file a step
			require.NoError(w.t, os.Remove(filepath.Join(w.temp, "path")))
			w.env = append(w.env, "PATH="+strings.TrimSpace(string(path))+":"+filepath.Join(w.temp, "runner-bin")+":"+os.Getenv("PATH"))
		}
	}
	return 0
}

func (w *runner) workflow() int {
	w.t.Helper()
	var parsed workflow
	require.NoError(w.t, yaml.Unmarshal([]byte(w.read(example(w.t, "github-actions/gateways.yml"))), &parsed))
	require.Len(w.t, parsed.Jobs, 1)
	for _, job := range parsed.Jobs {
		return w.job(job.Defaults.Run.Shell, job.Steps)
	}
	return -1
}

// TestGitHubWorkflow: the steps of examples/github-actions/gateways.yml, carried out for a pull
// request, annotate, summarise and comment, and a second run edits the comment.
func TestGitHubWorkflow(t *testing.T) {
	t.Parallel()
	r := newRepository(t, map[string]string{"profiles.yaml": baseManifest}, map[string]string{"profiles.yaml": headManifest})
	w := newRunner(t, r, false)
	require.Equal(t, 0, w.workflow(), "%v", w.transcript)
	var annotations []string
	for _, m := range regexp.MustCompile(`(?m)^::notice file=profiles\.yaml,line=\d+(?:,col=\d+)?,title=hermes-reconcile::(.*?): `).FindAllStringSubmatch(w.transcript["What would change"].stdout, -1) {
		annotations = append(annotations, m[1])
	}
	noDiff(t, cmp.Diff(changes, annotations))
	comment := w.read(filepath.Join(w.temp, "comment"))
	require.Equal(t, comment, "<!-- hermes-reconcile -->\n"+w.read(w.summary))
	require.Equal(t, `.[] | select(.body | startswith("<!-- hermes-reconcile -->")) | .id`, w.read(filepath.Join(w.temp, "filter")))
	require.Contains(t, comment, "| `coder` | update (restart) |")
	require.NotContains(t, comment+w.transcript["What would change"].stdout, "hidden")

	require.Equal(t, 0, w.workflow(), "%v", w.transcript)
	require.Equal(t, comment, w.read(filepath.Join(w.temp, "comment")))
	require.Equal(t, 1, strings.Count(w.read(filepath.Join(w.temp, "calls")), "pr comment"))
	require.Equal(t, 1, strings.Count(w.read(filepath.Join(w.temp, "calls")), "PATCH"))
}

func TestGitHubWorkflowOfOtherPullRequests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		base, head string
		fork       bool
		code       int
		stdout     string
		comment    string
	}{
		"broken":         {baseManifest, baseManifest + "  x: {prt: 1}\n", false, 100, "::error file=profiles.yaml,line=7,col=7,", ""},
		"first manifest": {"", headManifest, false, 0, "create writer", "| `writer` | create |"},
		"from a fork":    {baseManifest, headManifest, true, 0, "create writer", ""},
	} {
		t.Run(name, func(t *testing.T) {
			base := map[string]string{"README": "1"}
			if c.base != "" {
				base["profiles.yaml"] = c.base
			}
			w := newRunner(t, newRepository(t, base, map[string]string{"profiles.yaml": c.head}), c.fork)
			require.Equal(t, c.code, w.workflow(), "%v", w.transcript)
			require.Contains(t, w.transcript["What would change"].stdout, c.stdout)
			if c.comment == "" {
				require.NoFileExists(t, filepath.Join(w.temp, "comment"))
				return
			}
			require.Contains(t, w.read(filepath.Join(w.temp, "comment")), c.comment)
		})
	}
}
