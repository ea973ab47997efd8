//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// doctorOfAContainer runs doctor as root without CAP_SYS_PTRACE, which is what a container has by
// default.
func (tr *tree) doctorOfAContainer() diagnosis {
	tr.t.Helper()
	cmd := tr.command(tr.t.Context(), "setpriv", "--bounding-set=-sys_ptrace", "--", program, "doctor", "-o", "json")
	r := tr.finish(tr.t.Context(), cmd)
	require.Empty(tr.t, r.stderr)
	d := diagnosis{code: r.code}
	tr.jsonReport(r, "doctor", &d)
	return d
}

// TestDoctorInAContainerAsHermesMakesIt: the scandir belongs to the gateways' user, root may not
// look into processes of others, and the state file tells of a root gateway that once served all.
// Nothing of that is an error, and what can be seen as the gateways' user is.
func TestDoctorInAContainerAsHermesMakesIt(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // there is no other user
	}
	tr := newTree(t, treeOpts{})
	for _, dir := range []string{tr.home, tr.path("home", "stub"), tr.scandir} {
		require.NoError(t, os.Chown(dir, nobody, nobody))
	}
	port := freePorts(t, 1)[0]
	tr.manifest("default: {user: nobody}\ncoder: {user: nobody, port: %d}", port)
	for file, text := range map[string]string{
		"gateway_state.json": `{"gateway_state": "running", "served_profiles": ["default", "coder"]}`,
		"config.yaml":        "gateway: {multiplex_profiles: false}\n",
	} {
		path := filepath.Join(tr.home, file)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chown(path, nobody, nobody))
	}
	require.NoError(t, os.MkdirAll(tr.path("home", "profiles", "coder"), 0o755))
	require.NoError(t, os.Chown(tr.path("home", "profiles", "coder"), nobody, nobody))
	tr.mustApply("--wait=up")
	tr.serves("coder", port)

	d := tr.doctorOfAContainer()
	require.Zero(t, d.code, "%v", d)
	require.Empty(t, d.of("not checked", "", ""), "%v", d)
	found := d.names(t, "warning", "ownership", "it belongs to nobody, as in hermes-agent's image")
	require.Contains(t, found.Hint, "chown root:root "+tr.scandir)
	d.names(t, "ok", "ports", "1 port; none is used by another program")
	d.names(t, "ok", "multiplex", "the root gateway serves no other profile according to config.yaml")
	for _, warning := range d.of("warning", "", "") {
		require.NotEmpty(t, warning.Hint)
	}

	// Nothing says so: the list counts, as it may be true.
	require.NoError(t, os.Remove(filepath.Join(tr.home, "config.yaml")))
	tr.doctorOfAContainer().names(t, "warning", "multiplex", "both use the same bot token")

	// Another user's scandir is an error.
	require.NoError(t, os.Chown(tr.scandir, nobody-1, nobody-1))
	tr.doctorOfAContainer().names(t, "error", "ownership", "it belongs to user 65533")
}
