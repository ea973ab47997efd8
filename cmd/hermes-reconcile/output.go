package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp/syntax"
	"strings"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/changes"
	"hermes-reconcile/cmd/hermes-reconcile/cmdline"
	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/masking"
	"hermes-reconcile/cmd/hermes-reconcile/oldside"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/placed"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl/safefile"
)

// The forms of output.
const (
	formText     = "text"
	formJSON     = "json"
	formMarkdown = "markdown"
	formGitHub   = "github"
)

// The values of --color.
const (
	colorAuto   = "auto"
	colorAlways = "always"
	colorNever  = "never"
)

// outputFlags say in which form a plan, or what became of it, is printed.
type outputFlags struct {
	form        string
	color       string
	secretNames string
	showSecrets bool
	limit       int
	showFiles   bool

	mask *masking.Mask
}

// add gives a command its form, and how secrets are masked: values are shown wherever a plan is.
func (f *outputFlags) add(cmd *cobra.Command, forms ...string) {
	f.addForm(cmd, forms...)
	cmd.Flags().BoolVar(&f.showSecrets, "show-secrets", false,
		"show the values of variables and options whose names look secret")
	cmd.Flags().StringVar(&f.secretNames, "secret-names", masking.SecretNames,
		"`REGEXP` of variables and options whose values are masked")
	cmd.Flags().Lookup("secret-names").DefValue = "those with KEY, TOKEN, SECRET, PASSWORD and the like"
}

// addPlainForm adds the flag of a command that prints text without color.
func addPlainForm(cmd *cobra.Command, form *string) {
	cmdline.Choice(cmd, form, "output", "o", "`FORM` of the output", formText, formJSON)
}

// document prints the result of a command for programs.
func (u ui) document(v any) error {
	text, err := explain.Document(v)
	if err == nil {
		_, err = u.stdout.Write(text)
	}
	return err
}

// addForm adds the flags of a command that prints no plan.
func (f *outputFlags) addForm(cmd *cobra.Command, forms ...string) {
	cmdline.Choice(cmd, &f.form, "output", "o", "`FORM` of the output", forms...)
	f.addColor(cmd)
}

// addColor adds --color alone.
func (f *outputFlags) addColor(cmd *cobra.Command) {
	cmdline.Choice(cmd, &f.color, "color", "",
		"color the text `WHEN`; auto is on a terminal without $NO_COLOR",
		colorAuto, colorAlways, colorNever)
}

// colors reports whether text is colored: where it is asked for, and else on a terminal without
// NO_COLOR. https://no-color.org
func (f *outputFlags) colors(u ui) bool {
	switch f.color {
	case colorAlways:
		return true
	case colorNever:
		return false
	}
	return os.Getenv("NO_COLOR") == "" && onTerminal(u)
}

// onTerminal reports whether results go to a terminal that knows more than lines.
func onTerminal(u ui) bool {
	out := console.FileOf(u.stdout)
	return out != nil && os.Getenv("TERM") != "dumb" && console.TakesColors(out)
}

// check checks the values of the flags.
func (f *outputFlags) check() (err error) {
	if f.showSecrets {
		return nil
	}
	f.mask, err = masking.New(f.secretNames)
	var wrong *syntax.Error
	if errors.As(err, &wrong) {
		return usagef("--secret-names: %s in %q (want a regular expression)", wrong.Code,
			wrong.Expr)
	}
	return err
}

// explain makes a report of a plan: of what changes for each profile where full asks for it, which
// any form but a text of what was done has.
func (f *outputFlags) explain(
	plan reconcile.Plan, fresh *placed.Manifest, old oldside.Side, full bool,
) explain.Report {
	opt := explain.Options{
		Against: old.Kind,
		Places:  map[string]explain.Place{},
		Mask:    f.mask,
		Unknown: old.Unknown,
		Diffs:   f.showFiles || f.form == formJSON,
	}
	opt.NoFiles = f.form == formText && !f.showFiles
	if full || f.form != formText {
		opt.Changes = changes.Of(plan, fresh, old.Manifest)
		opt.Place = f.placer(fresh.Files())
	}
	for _, p := range fresh.Profiles {
		opt.Places[p.Name] = f.place(p.Pos)
	}
	if len(fresh.Profiles) > 0 { // for annotations that are about no line of it
		opt.Manifest = f.place(fresh.Profiles[0].Pos).File
	}
	return explain.New(plan, opt)
}

// placer gives positions as the form wants them.
func (f *outputFlags) placer(fresh []string) func(manifest.Position, bool) explain.Place {
	return func(p manifest.Position, old bool) explain.Place {
		place := f.place(p)
		// A pull request shows annotations at its own files alone, and the old manifest is often none
		// of them: a copy, or standard input.
		if old && f.form == formGitHub && sources.IsElsewhere(place.File) {
			place.File = f.place(manifest.Position{File: sources.Counterpart(p.File, fresh)}).File
		}
		return place
	}
}

// place is a position as the form wants it: GitHub knows files by their place in the repository.
func (f *outputFlags) place(p manifest.Position) explain.Place {
	file := p.File
	if f.form == formGitHub {
		file = sources.InCheckout(file, os.Getenv("GITHUB_WORKSPACE"))
	}
	return explain.Place{File: file, Line: p.Line, Column: p.Column}
}

// print prints a report, with the diffs of files that it has.
func (f *outputFlags) print(u ui, r *explain.Report) error {
	out := bufio.NewWriterSize(u.stdout, printAtOnce)
	if err := f.write(out, f.colors(u), r); err != nil {
		return err
	}
	return out.Flush()
}

// printAtOnce is how much of a report is printed at a time: bytes.
const printAtOnce = 64 << 10

// write prints a report in the form that was asked for. A form for GitHub goes to its step summary,
// too, where there is one.
func (f *outputFlags) write(out io.Writer, color bool, r *explain.Report) error {
	var err error
	switch f.form {
	case formJSON:
		return r.WriteJSON(out)
	case formMarkdown:
		_, err = out.Write(r.Markdown(f.limit))
	case formGitHub:
		if err := summarize(r.Markdown(explain.SummaryLimit)); err != nil {
			return err
		}
		_, err = out.Write(r.GitHub())
	default:
		if _, err := out.Write(r.Text(color)); err != nil {
			return err
		}
		return r.WriteDiffs(out, color)
	}
	return err
}

// summarize appends to the summary of the step, where GitHub Actions wants one.
func summarize(markdown []byte) error {
	name := os.Getenv("GITHUB_STEP_SUMMARY")
	if name == "" {
		return nil
	}
	f, err := safefile.OpenToAppend(name, 0o644)
	if err != nil {
		return fmt.Errorf("cannot write the step summary: %w", err)
	}
	if _, err := f.Write(markdown); err != nil {
		f.Close()
		return fmt.Errorf("cannot write the step summary: %w", err)
	}
	return f.Close()
}

// annotate prints an error where GitHub Actions shows it: at its place in a manifest, or beside the
// step. It returns it.
func (f *outputFlags) annotate(u ui, err error) error {
	if err == nil || f.form != formGitHub || errors.Is(err, failure.ErrDiffers) {
		return err
	}
	var lines []string
	for _, e := range failure.Flatten(err) {
		var at *explain.Place
		message := e.Error()
		var wrong *manifest.Error
		lines = append(lines, message)
		if errors.As(e, &wrong) && wrong.Pos.Line > 0 && wrong.Pos.File != sources.Stdin {
			p := f.place(wrong.Pos)
			at, message = &p, strings.TrimPrefix(message, wrong.Pos.String()+": ")
		}
		fmt.Fprint(u.stdout, explain.Annotation("error", at, program, message))
	}
	return errors.Join(err, summarize(explain.Failure(lines, explain.SummaryLimit)))
}
