package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/keyhelp"
	"hermes-reconcile/manifest"
)

// generated are the parts of pages that are made from the code, by the name in their marker. What
// stands around them is written by hand.
var generated = map[string]func(*testing.T) string{
	"keys of the top level": func(*testing.T) string { return keysTable(false) },
	"keys of a profile":     func(*testing.T) string { return keysTable(true) },
	"unknown key":           wrongManifest,
	"commands":              commandsTable,
	"flags":                 flagsTable,
	"variables":             func(*testing.T) string { return surroundingsTable("variable", variables) },
	"files":                 func(*testing.T) string { return surroundingsTable("file", usedFiles) },
	"exit codes":            exitCodesTable,
}

// marked is what stands between the two markers of a generated part.
var marked = regexp.MustCompile(`(?s)(<!-- generated: ([a-z ]+); go test ./cmd/hermes-reconcile -update -->\n).*?(<!-- end -->\n)`)

// TestGeneratedParts: what pages say of keys, commands, flags, variables, files and exit codes is
// what the code says. With -update it is written anew.
func TestGeneratedParts(t *testing.T) {
	left := map[string]bool{}
	for name := range generated {
		left[name] = true
	}
	for _, page := range pageNames(t) {
		text := read(t, page)
		want := marked.ReplaceAllStringFunc(text, func(found string) string {
			groups := marked.FindStringSubmatch(found)
			make := generated[groups[2]]
			require.NotNil(t, make, "%s: nothing makes %q", page, groups[2])
			delete(left, groups[2])
			return groups[1] + make(t) + groups[3]
		})
		require.Equal(t, strings.Count(text, "<!-- "), 2*len(marked.FindAllString(text, -1)), "%s: a marker that is not whole", page)
		if *update {
			require.NoError(t, os.WriteFile("../../"+page, []byte(want), 0o644))
			text = want
		}
		if diff := cmp.Diff(want, text); diff != "" {
			t.Errorf("%s (-of the code +there), go test ./cmd/hermes-reconcile -update writes it anew:\n%s", page, diff)
		}
	}
	require.Empty(t, left, "no page has these parts")
}

// table is one of markdown.
type table struct{ strings.Builder }

func newTable(heads ...string) *table {
	var b table
	b.row(heads...)
	b.WriteString(strings.Repeat("|---", len(heads)) + "|\n")
	return &b
}

// row adds one. A bar would end its cell.
func (b *table) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(cell, "|", `\|`)
	}
	b.WriteString(strings.ReplaceAll("| "+strings.Join(cells, " | ")+" |\n", "|  |", "| |"))
}

// code is a text as it is typed.
func code(text string) string { return "`" + text + "`" }

// keysTable has the keys of the top level, or those of a profile.
func keysTable(ofProfile bool) string {
	head := "key"
	if ofProfile {
		head = "key of a profile"
	}
	b := newTable(head, "meaning", "value", "default")
	for _, k := range keyhelp.Keys(manifest.Shape()) {
		if (k.Path != k.Name) != ofProfile {
			continue
		}
		about, value, byDefault := k.Title+". "+k.About, k.Type, code(k.Default)
		if k.Range != "" && !strings.Contains(about, k.Range) {
			value += ": " + k.Range
		}
		switch {
		case k.Default == "none":
			byDefault = ""
		case strings.HasSuffix(k.Default, "required"):
			byDefault = "required"
		case k.Groups:
			byDefault = k.Default
		}
		b.row(code(k.Name), about, value, byDefault)
	}
	return b.String()
}

// wrongManifest is what is said of a manifest with two errors.
func wrongManifest(t *testing.T) string {
	const name = "profiles.yaml"
	file := filepath.Join(t.TempDir(), name)
	write(t, file, "version: 1\nprofiles:\n  coder:\n    prot: 9201\n  writer:\n    port: 70000\n")
	got := hermes("validate", "-f", file)
	require.Equal(t, failure.ExitUsage, got.code)
	return "```console\n$ hermes-reconcile validate\n" + strings.ReplaceAll(got.stderr, file, name) + "```\n"
}

// shown are the commands that pages tell of.
func shown() []*cobra.Command {
	return slices.DeleteFunc(newRootCommand(ui{stdout: io.Discard, stderr: io.Discard}).Commands(),
		func(c *cobra.Command) bool { return c.Hidden || c.Name() == "help" })
}

func commandsTable(*testing.T) string {
	b := newTable("command", "does")
	for _, cmd := range shown() {
		b.row(code(cmd.Use), cmd.Short)
	}
	return b.String()
}

// flagsTable has a row for each flag, and more where commands mean different things by it.
func flagsTable(*testing.T) string {
	type row struct{ flag, about string }
	of := map[row][]string{}
	for _, cmd := range shown() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Name != "help" {
				r := row{flagCell(f), flagAbout(f)}
				of[r] = append(of[r], cmd.Name())
			}
		})
	}
	rows := make([]row, 0, len(of))
	for r := range of {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.flag+"\x00"+of[a][0], b.flag+"\x00"+of[b][0]) })
	b := newTable("flag", "of", "meaning")
	for _, r := range rows {
		b.row(r.flag, strings.Join(of[r], ", "), r.about)
	}
	return b.String()
}

// flagCell is a flag as it is typed, long and short.
func flagCell(f *pflag.Flag) string {
	value, _ := pflag.UnquoteUsage(f)
	cell := code(strings.TrimSpace("--" + f.Name + " " + value))
	if f.Shorthand != "" {
		cell += ", " + code("-"+f.Shorthand)
	}
	return cell
}

// flagAbout is what --help says of a flag, with its default.
func flagAbout(f *pflag.Flag) string {
	_, about := pflag.UnquoteUsage(f)
	if slices.Contains([]string{"", "0", "0s", "[]", "false"}, f.DefValue) {
		return about
	}
	return about + " (default " + code(f.DefValue) + ")"
}

func surroundingsTable(head string, all []surrounding) string {
	b := newTable(head, "what for")
	for _, s := range all {
		b.row(code(s.name), s.about)
	}
	return b.String()
}

func exitCodesTable(*testing.T) string {
	b := newTable("code", "meaning")
	for _, e := range failure.Meanings {
		b.row(fmt.Sprint(e.Code), e.About)
	}
	return b.String()
}
