//go:build linux

package doctor

import (
	"context"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
)

const manifestCheck = "manifest"

// judgeManifest reports whether the manifest is right: m, or what is wrong with it.
func judgeManifest(names []string, m *manifest.Manifest, errs []error) []explain.Finding {
	n := notes{check: manifestCheck}
	object := strings.Join(names, ", ")
	switch {
	case len(errs) > 0:
		n.add(explain.LevelError, object, validate, "%s: %v", explain.Count(len(errs), "error"),
			errs[0])
	case m == nil:
		n.unknown(object, "there is no manifest, so less is checked: name one with -f")
	default:
		n.ok(object, "%s", explain.Count(len(m.Profiles), "profile"))
	}
	return n.list
}

// lookAtManifest has nothing to look at: the manifest was read before all checks.
func lookAtManifest(_ context.Context, p *Facts) ([]explain.Finding, error) {
	return judgeManifest(p.Names, p.Manifest, p.Errs), nil
}
