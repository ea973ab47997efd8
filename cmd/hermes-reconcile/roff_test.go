package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/keyhelp"
	"hermes-reconcile/manifest"
)

// roff writes a manual page.
type roff struct{ strings.Builder }

// plain is text without anything that roff takes for markup.
func plain(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

func (r *roff) section(name string) { fmt.Fprintf(r, ".SH %s\n", name) }

// item is a term in bold, and what is said of it below.
func (r *roff) item(term, about string) {
	fmt.Fprintf(r, ".TP\n\\fB%s\\fP\n%s\n", plain(term), plain(about))
}

// code is lines as they are.
func (r *roff) code(lines ...string) {
	r.WriteString(".EX\n")
	for _, line := range lines {
		r.WriteString(plain(line) + "\n")
	}
	r.WriteString(".EE\n")
}

// aroundOf are the sections about what a command uses besides its arguments, and how it ends.
func aroundOf(cmd *cobra.Command) string {
	var r roff
	for _, section := range []struct {
		name string
		all  []surrounding
	}{{"FILES", usedFiles}, {"ENVIRONMENT", variables}} {
		used := usedBy(cmd, section.all)
		if len(used) > 0 {
			r.section(section.name)
		}
		for _, s := range used {
			r.item(s.name, s.about)
		}
	}
	r.section("EXIT STATUS")
	for _, e := range failure.Meanings {
		differs := !cmd.HasParent() || cmd.Flags().Lookup("exit-code") != nil && cmd.Name() != "status"
		if e.Code != failure.ExitDiffers || differs {
			r.item(fmt.Sprint(e.Code), e.About)
		}
	}
	return r.String()
}

// withSurroundings puts these sections into the page of a command.
func withSurroundings(t *testing.T, page string, cmd *cobra.Command) string {
	t.Helper()
	page = strings.Replace(page, "\n.SH EXAMPLE\n", "\n.SH EXAMPLES\n", 1)
	before, after, found := strings.Cut(page, ".SH SEE ALSO\n")
	require.True(t, found, cmd.Name())
	after = strings.TrimSuffix(after, "\n") + ", \\fBprofiles.yaml(5)\\fP\n"
	return before + aroundOf(cmd) + "\n.SH SEE ALSO\n" + after
}

// keysPage is profiles.yaml(5).
func keysPage() string {
	var r roff
	r.WriteString(".nh\n.TH \"PROFILES.YAML\" \"5\" \"Nov 2026\" \"" + program + " " + version + "\" \"" + program + "\"\n")
	r.section("NAME")
	r.WriteString(plain("profiles.yaml - the gateways that hermes-reconcile keeps, a profile each") + "\n")
	r.section("SYNOPSIS")
	r.code("version: 1", "profiles:", "  default:", "  coder:", "    port: 9201")
	r.section("DESCRIPTION")
	r.WriteString(plain(manifest.Shape().Description+" It is YAML. A key that may stand in `defaults` counts for each "+
		"profile that does not have it. null is the same as no key, and drops a default. "+
		"hermes-reconcile explain KEY says the same of one key as this page.") + "\n")
	below := "the top level"
	keys := keyhelp.Keys(manifest.Shape())
	r.section("KEYS OF THE TOP LEVEL")
	for _, k := range keys {
		if k.Path != k.Name && below == "the top level" {
			below = "a profile"
			r.section("KEYS OF A PROFILE")
		}
		r.key(k)
	}
	r.section("FILES")
	for _, f := range usedFiles {
		if f.flag == "file" {
			r.item(f.name, f.about)
		}
	}
	r.section("SEE ALSO")
	r.WriteString("\\fBhermes\\-reconcile(8)\\fP, \\fBhermes\\-reconcile\\-explain(8)\\fP, \\fBhermes\\-reconcile\\-validate(8)\\fP, \\fBhermes\\-reconcile\\-schema(8)\\fP\n")
	return r.String()
}

// key is all that is to be said of a key.
func (r *roff) key(k keyhelp.Key) {
	r.item(k.Name, k.Title+". "+k.About)
	r.WriteString(".RS\n")
	for _, fact := range [][2]string{
		{"Type", k.Type}, {"Range", k.Range}, {"Default", k.Default}, {"Where", k.Places},
	} {
		if fact[1] != "" {
			fmt.Fprintf(r, ".PP\n%s: %s\n", fact[0], plain(fact[1]))
		}
	}
	r.WriteString(".PP\n")
	r.code(k.Examples...)
	r.WriteString(".RE\n")
}

// TestPagesHaveTheirSections: each page of a command has what readers of manuals look for.
func TestPagesHaveTheirSections(t *testing.T) {
	found := pages(t, manDir)
	require.Greater(t, len(found), 18)
	for name, text := range found {
		if name == "profiles.yaml.5" {
			continue
		}
		for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT STATUS", "SEE ALSO"} {
			require.Equal(t, 1, strings.Count(text, "\n.SH "+section+"\n"), "%s: %s", name, section)
		}
	}
	for _, section := range []string{"FILES", "ENVIRONMENT"} {
		require.Contains(t, found["hermes-reconcile-apply.8"], "\n.SH "+section+"\n")
		require.NotContains(t, found["hermes-reconcile-version.8"], "\n.SH "+section+"\n")
	}
}

// TestEachVariableThatIsReadIsNamed: the table has each variable that the sources read, and the
// documents and the help have what is in the table.
func TestEachVariableThatIsReadIsNamed(t *testing.T) {
	listed := map[string]bool{"GOGC": true} // Go's own
	help, all := surroundingsHelp(), documents(t)
	for _, s := range append(append([]surrounding{}, variables...), usedFiles...) {
		listed[s.name] = true
		require.Contains(t, help, "  "+s.name+"\n")
		has(t, all, "| `"+s.name+"` |")
	}
	read := 0
	for _, text := range programSources(t) {
		for _, call := range regexp.MustCompile(`(?:os\.Getenv|os\.LookupEnv|containerenv\.Look)\("([A-Z_]+)"\)`).FindAllStringSubmatch(text, -1) {
			require.True(t, listed[call[1]], "the sources read %s, which no table names", call[1])
			read++
		}
	}
	require.Greater(t, read, 5)
}

// programSources are the texts of all Go files of the program, without its tests.
func programSources(t *testing.T) (texts []string) {
	t.Helper()
	for _, folder := range []string{"cmd", "manifest", "reconcile", "render", "s6ctl"} {
		err := filepath.WalkDir("../../"+folder, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			texts = append(texts, string(text))
			return err
		})
		require.NoError(t, err)
	}
	require.Greater(t, len(texts), 100)
	return texts
}
