//go:build linux

package deploy

import (
	"context"
	"os"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile/pace"
)

// Warn tells the user what is no reason to fail. The code is for programs.
type Warn = func(code explain.Code, format string, args ...any)

// WarnOfRisks warns of what surrounds an apply: what others can change that root reads, and what
// could not be seen. The manifests are the places of its files.
func (d *Deployment) WarnOfRisks(manifests []string, warn Warn) {
	d.warnOfFiles(manifests, warn)
	for _, what := range d.UnseenInputs() {
		warn(explain.WarnInput, "cannot tell whether to restart %s", what)
	}
	if why := d.Exposed(); why != "" {
		warn(explain.WarnExposed, "scandir %q is not safe: %s", d.Path, why)
	}
}

// warnOfFiles names the secret files and the manifests that a gateway's user can replace. Root reads
// secrets when the gateway starts: with a symlink there root would pass on any of its own files. A
// manifest says what runs as which user.
func (d *Deployment) warnOfFiles(manifests []string, warn Warn) {
	if os.Geteuid() != 0 {
		return
	}
	found, err := pace.WithinLimit(context.Background(),
		func() ([]accounts.Exposed, error) { return accounts.ExposedInputs(d.opt.Manifest), nil })
	if err != nil {
		warn(explain.WarnUnseen, "cannot find out who could replace a secret: %v", err)
	}
	for _, s := range found {
		warn(explain.WarnExposed,
			"profile %s: its user %s can write %s, so it could make root read another file instead of %s (want it to belong to root)",
			s.Profile,
			s.User,
			s.Path,
			s.Input.What,
		)
	}
	var users []string
	for _, p := range d.opt.Manifest.Profiles {
		users = append(users, p.User)
	}
	accounts.NewSuspects(users...).Each(manifests, func(file, at, who string) {
		warn(explain.WarnExposed, "%s can write %s, and so change manifest %q (want it to belong to root)", who, at,
			file)
	})
}
