package main

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module  = "hermes-reconcile"
	command = "cmd/hermes-reconcile"
)

// layers say what each package may import of ours and of third parties, and what of the standard
// library it must not. Data flows one way: manifest -> render -> reconcile -> s6ctl, and only the
// command knows them all. Two packages know nothing of the others and may be used by any that has
// need: s6ctl/safefile, since all that read what others can write have to go through one door, and
// render/rawjson, since all that read an object of another program have to compare its keys
// exactly.
var layers = map[string]struct {
	ours, others, never []string
}{
	"manifest/visible": {
		never: []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	"manifest": {
		ours:   []string{"manifest/visible"},
		others: []string{"gopkg.in/yaml.v3", "github.com/hashicorp/go-multierror"},
		never:  []string{"os", "os/exec", "net", "text/template", "path/filepath"},
	},
	"render": {
		ours:  []string{"manifest", "render/rawjson"},
		never: []string{"os", "os/exec", "net", "math/rand", "math/rand/v2", "time"},
	},
	"render/rawjson": {
		never: []string{"os", "os/exec", "net", "time", "path/filepath"},
	},
	command + "/discover": {
		ours:   []string{"manifest", "render", "s6ctl/safefile", command + "/home"},
		others: []string{"mvdan.cc/sh/v3/syntax"},
		never:  []string{"os", "os/exec", "net", "path/filepath"},
	},
	"reconcile": {
		ours:   []string{"render", "render/rawjson", "reconcile/dirfd", "reconcile/fault", "s6ctl/safefile"},
		others: []string{"github.com/hashicorp/go-multierror", "golang.org/x/sys/unix"},
		never:  []string{"os/exec", "net", "flag", "log"},
	},
	// It changes directories for reconcile, and knows nothing of what is in them.
	"reconcile/dirfd": {
		ours:   []string{"s6ctl/safefile"},
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"os/exec", "net", "flag", "log"},
	},
	// It knows when to make a pass, and nothing of what a pass does.
	"reconcile/watch": {
		ours:   []string{"reconcile/fault"},
		others: []string{"github.com/fsnotify/fsnotify"},
		never:  []string{"os/exec", "net", "flag", "log"},
	},
	// All that work on several things side by side may use it.
	"reconcile/fault": {
		never: []string{"os", "os/exec", "net", "flag", "log", "time"},
	},
	command + "/explain": {
		ours:   []string{"render", "reconcile", "manifest/visible"},
		others: []string{"github.com/aymanbagabas/go-udiff"},
		never:  []string{"os", "os/exec", "net", "time", "path/filepath"},
	},
	// The one door for starting programs stands below s6ctl, which runs those of s6, and apart from
	// it, since the helper that acts as a gateway's user goes through it, too, and has no business
	// with s6.
	"s6ctl/start": {
		ours:   []string{"s6ctl/route"},
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"net", "flag", "log"},
	},
	"s6ctl/route": {
		never: []string{"os/exec", "net", "flag", "log"},
	},
	"s6ctl/safefile": {
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"os/exec", "net", "flag", "log"},
	},
	"s6ctl": {
		ours:   []string{"s6ctl/start", "s6ctl/safefile"},
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"os/exec", "net", "flag", "log"},
	},
	command + "/home": {
		ours:   []string{"render/rawjson", "s6ctl/start", "s6ctl/safefile"},
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"os/exec", "net", "flag", "log"},
	},
	command + "/doctor": {
		ours:   []string{"manifest", "reconcile", "s6ctl", command + "/explain", command + "/home"},
		others: []string{"mvdan.cc/sh/v3/syntax"},
		never:  []string{"os", "os/exec", "net", "path/filepath"},
	},
	command + "/probe": {
		ours:  []string{"reconcile/fault"},
		never: []string{"os", "os/exec", "flag", "log"},
	},
	command: {
		ours: []string{
			"manifest", "manifest/visible", "render", "reconcile", "reconcile/fault", "reconcile/watch", "s6ctl", "s6ctl/start", "s6ctl/safefile", "s6ctl/route",
			command + "/discover", command + "/doctor", command + "/explain", command + "/home", command + "/probe",
		},
		others: []string{
			"github.com/spf13/cobra", "github.com/hashicorp/go-multierror", "golang.org/x/term",
		},
		never: []string{"os/exec", "net/http"},
	},
	"e2e":             {},
	"e2e/docker":      {},
	"e2e/kit":         {others: []string{"github.com/stretchr/testify/require"}},
	"e2e/stub/hermes": {},
}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "-tags=e2e,docker", module+"/...").Output()
	require.NoError(t, err)
	seen := 0
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; seen++ {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		err := decoder.Decode(&pkg)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		checkImports(t, strings.TrimPrefix(pkg.ImportPath, module+"/"), pkg.Imports)
	}
	require.Equal(t, len(layers), seen, "a package without a rule, or a rule without a package")
}

func checkImports(t *testing.T, pkg string, imports []string) {
	t.Helper()
	layer, known := layers[pkg]
	if !known {
		t.Errorf("package %s: no rule says what it may import", pkg)
	}
	for _, path := range imports {
		ours, isOurs := strings.CutPrefix(path, module+"/")
		first, _, _ := strings.Cut(path, "/")
		switch {
		case isOurs && !slices.Contains(layer.ours, ours),
			!isOurs && strings.Contains(first, ".") && !slices.Contains(layer.others, path),
			slices.Contains(layer.never, path):
			t.Errorf("package %s must not import %q", pkg, path)
		}
	}
}
