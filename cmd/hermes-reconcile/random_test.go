package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/reconcile"
)

// planted is in every secret value and nowhere else.
const planted = "c4n4ry"

// author writes random manifests.
type author struct{ *rand.Rand }

func (a author) one(of ...string) string { return of[a.IntN(len(of))] }

func (a author) maybe() bool { return a.IntN(2) == 0 }

// manifest is a manifest of a few profiles, with values that are hard to quote.
func (a author) manifest() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nruntime: %s\nprofiles:\n  keep: {}\n", a.one("s6", "s6", "s6", "s6-overlay"))
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		if a.maybe() {
			fmt.Fprintf(&b, "  %s:\n%s", name, a.profile(i))
		}
	}
	return b.String()
}

func (a author) profile(i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "    state: %s\n", a.one("up", "up", "down"))
	if a.maybe() {
		fmt.Fprintf(&b, "    port: %d\n", 9000+2*i+a.IntN(2))
	}
	if a.maybe() {
		fmt.Fprintf(&b, "    log: {keep: %d}\n", 10+a.IntN(2))
	}
	if a.maybe() {
		fmt.Fprintf(&b, "    stop_timeout: %ds\n", 1+a.IntN(2))
	}
	b.WriteString("    env:\n      PLAIN: x\n")
	for _, name := range []string{"API_KEY", "MY_TOKEN_2", "PASSWORD", "A_PRIVATE_THING", "NOTE"} {
		if !a.maybe() {
			continue
		}
		value := a.value()
		if name != "NOTE" {
			value = planted + value + planted
		}
		quoted, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "      %s: %s\n", name, quoted)
	}
	return b.String()
}

// value is text of pieces that a shell, a diff or markdown could stumble over.
func (a author) value() string {
	var b strings.Builder
	for range a.IntN(6) {
		b.WriteString(a.one("'", `"`, "\n", "\\", " ", "$(x)", "`", "```", "#", "API_KEY=", "export PASSWORD='", "a", "=", "|", "::error::", "</details>", "\t", "é", "\x1b[31m"))
	}
	return b.String()
}

// Whatever the manifests are: text, JSON, annotations and exit code agree, no secret is in any of
// them, the same question has the same answer, and a manifest does not differ from itself.
func TestFormsAndExitCodeAgree(t *testing.T) {
	github(t, "")
	t.Setenv("GITHUB_STEP_SUMMARY", "")
	t.Chdir(t.TempDir())
	const pairs = 30
	differ, secrets := 0, 0
	for seed := range uint64(pairs) {
		a := author{rand.New(rand.NewPCG(seed, 6))}
		write(t, "old.yaml", a.manifest())
		write(t, "new.yaml", a.manifest())
		prune := a.one("owned", "all", "none")
		answer := func(form string, more ...string) output {
			args := append([]string{"diff", "-f", "new.yaml", "--against", "old.yaml", "--exit-code", "--prune", prune, "-o", form}, more...)
			got := hermes(args...)
			require.Equal(t, got, hermes(args...), "seed %d", seed)
			require.Empty(t, got.stderr, "seed %d", seed)
			require.NotContains(t, got.stdout, planted, "seed %d, %s", seed, form)
			return got
		}
		text, js, md, gh := answer(formText), answer(formJSON), answer(formMarkdown), answer(formGitHub)
		answer(formText, "--files")
		answer(formMarkdown, "--files")
		r := readReport(t, js.stdout)
		code := failure.ExitDone
		if r.Differs {
			code = failure.ExitDiffers
			differ++
		}
		require.Equal(t, []int{code, code, code, code}, []int{text.code, js.code, md.code, gh.code}, "seed %d", seed)
		requireAgreement(t, r, text.stdout, md.stdout, gh.stdout)
		shown := hermes("diff", "-f", "new.yaml", "--against", "old.yaml", "--prune", prune, "--show-secrets")
		secrets += strings.Count(shown.stdout, planted)
		require.Equal(t, failure.ExitDone, hermes("diff", "-f", "new.yaml", "--against", "new.yaml", "--exit-code").code)
	}
	require.Greater(t, differ, pairs/2, "hardly any pair differs: the test shows little")
	require.Greater(t, secrets, pairs, "hardly any secret in a diff: the test shows little")
}

// requireAgreement checks the other forms against the JSON one.
func requireAgreement(t *testing.T, r explain.Report, text, md, gh string) {
	t.Helper()
	table, _, _ := strings.Cut(text, "\n"+r.Summary.Text+"\n")
	if strings.HasPrefix(text, r.Summary.Text+"\n") {
		table = ""
	}
	require.Equal(t, r.Differs, !strings.HasPrefix(r.Summary.Text, "no changes: "))
	require.Contains(t, md, "### hermes-reconcile: "+r.Summary.Text+"\n")
	require.Contains(t, gh, r.Summary.Text+"\n")
	acting := 0
	for _, p := range r.Profiles {
		acts := reconcile.Change{Op: p.Action}.Acts()
		if acts {
			acting++
		}
		row := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(p.Verb()) + ` +` + p.Profile + `  `).MatchString(table)
		require.Equal(t, acts || len(p.Reasons) > 0, row, "%s in:\n%s", p.Profile, table)
		require.Equal(t, row, strings.Contains(md, "| `"+p.Profile+"` | "+p.Verb()+" |"))
		named := regexp.MustCompile("(?m)::" + regexp.QuoteMeta(p.Verb()) + ` (\d+ profiles \([^)]*)?\b` + p.Profile + `\b([^)]*\))?: |and \d more\): `)
		require.Equal(t, acts, acts && named.MatchString(gh), "%s in:\n%s", p.Profile, gh)
		require.True(t, acts || len(p.Files) == 0, "%s: files differ, and nothing is done", p.Profile)
	}
	require.Equal(t, acting > 0, r.Differs)
	require.Equal(t, acting > 0, strings.Contains(gh, "::notice "))
}

// What is masked can be shown, and names can be chosen.
func TestSecretsCanBeShown(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	old := file("old.yaml", "version: 1\nprofiles: {a: {env: {API_KEY: before, COLOR: red, KEYBOARD: us}}}\n")
	fresh := file("new.yaml", "version: 1\nprofiles: {a: {env: {API_KEY: after, COLOR: blue, KEYBOARD: de}}}\n")
	diff := func(args ...string) string {
		return hermes(append([]string{"diff", "-f", fresh, "--against", old, "--files"}, args...)...).stdout
	}
	require.Contains(t, diff(), "    env.API_KEY: *** (before) -> *** (after)\n    env.COLOR: red -> blue\n    env.KEYBOARD: us -> de\n")
	require.Contains(t, diff("--show-secrets"), "    env.API_KEY: before -> after\n")
	require.Contains(t, diff("--secret-names", "^COLOR$"), "    env.API_KEY: before -> after\n    env.COLOR: *** (before) -> *** (after)\n")
	require.Contains(t, diff(), "-export API_KEY=*** (before)\n-export COLOR='red'\n-export KEYBOARD='us'\n+export API_KEY=*** (after)\n+export COLOR='blue'\n")
	require.Contains(t, diff("--show-secrets"), "-export API_KEY='before'\n")
	require.Contains(t, diff("--secret-names", "^COLOR$"), "-export API_KEY='before'\n-export COLOR=*** (before)\n")
}
