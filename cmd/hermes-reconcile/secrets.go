//go:build linux

package main

import (
	"context"
	"os"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
)

// warnFiles names the secret files and the manifests that a gateway's user could put something else
// in the place of. Root reads secrets when the gateway starts: a symlink there would hand any file
// of root's over. A manifest says what runs as which user.
func warnFiles(u ui, m *manifest.Manifest, files *manifestFlags) {
	if os.Geteuid() != 0 {
		return
	}
	found, err := doctor.WithinLimit(context.Background(),
		func() ([]accounts.Exposed, error) { return accounts.ExposedInputs(m), nil })
	if err != nil {
		u.warning(explain.WarnUnseen, "cannot find out who could replace a secret: %v", err)
	}
	for _, s := range found {
		u.warning(explain.WarnExposed,
			"profile %s: its user %s can write %s, so it could make root read another file instead of %s (want it to belong to root)",
			s.Profile,
			s.User,
			s.Path,
			s.Input.What,
		)
	}
	var users []string
	for _, p := range m.Profiles {
		users = append(users, p.User)
	}
	accounts.NewSuspects(users...).Each(files.names().Places(), func(file, at, who string) {
		u.warning(explain.WarnExposed, "%s can write %s, and so change manifest %q (want it to belong to root)", who, at,
			file)
	})
}
