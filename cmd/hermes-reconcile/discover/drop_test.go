package discover

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// TestChangesOfUserAreUnderstood: each way to become another user gives the same profile.
func TestChangesOfUserAreUnderstood(t *testing.T) {
	for run, notes := range map[string][]string{
		"s6-setuidgid bot h x":          nil,
		"/command/s6-setuidgid bot h x": nil,
		"s6-setuidgid bot:bot h x":      nil,
		"setuidgid bot h x":             nil,
		"gosu bot h x":                  nil,
		"gosu bot:bot h x":              nil,
		"su-exec bot h x":               nil,
		"chpst -u bot h x":              nil,
		"chpst -ubot h x":               nil,
		"chpst -v -u bot:bot h x":       nil,
		"setpriv --reuid=bot --regid bot --init-groups h x":       nil,
		"setpriv --regid=bot --reuid bot --init-groups -- h x":    nil,
		"setpriv --reuid bot --clear-groups --no-new-privs h x":   {"--clear-groups", "--no-new-privs"},
		"su bot -c 'exec h x'":                                    nil,
		"su -c \"h x\" bot":                                       nil,
		"su - bot -c 'h x 2>&1'":                                  {"-"},
		"su -s /bin/sh -l bot --command='h x'":                    {"-s /bin/sh", "-l"},
		"runuser -u bot -- h x":                                   nil,
		"runuser -u bot h x":                                      nil,
		"runuser bot -c 'h x'":                                    nil,
		"sudo -u bot h x":                                         nil,
		"sudo -nEu bot -- h x":                                    nil,
		"sudo --user=bot -H h x":                                  nil,
		"doas -n -u bot h x":                                      nil,
		"s6-envuidgid bot s6-applyuidgid -U h x":                  nil,
		"s6-envuidgid bot s6-applyuidgid -Uz -- h x":              {"-z"},
		"chpst -u root:root /command/s6-setuidgid bot h x":        nil,
		"/usr/bin/setpriv --reuid bot /usr/sbin/gosu bot:bot h x": nil,
	} {
		var want []string
		for _, note := range notes {
			want = append(want, "run: not carried over: "+note)
		}
		t.Run(run, func(t *testing.T) {
			requireX(t, map[string]string{"run": "#!/bin/sh\nexec " + run + "\n", "log/run": plainLogRun}, func(p *manifest.Profile) {
				p.User, p.Command = "bot", []string{"h", "x"}
			}, want)
		})
	}
}

const plainLogRun = "#!/bin/sh\nexec s6-log 1 n10 s1000000 T \"$d\"\n"

// TestWhatIsNotUnderstoodIsLeftOut: a gateway that works is not made one that cannot start.
func TestWhatIsNotUnderstoodIsLeftOut(t *testing.T) {
	for run, want := range map[string]string{
		"s6-envdir ./env s6-setuidgid bot h x": `s6-envdir: it takes variables from a folder (want them in env or secrets): ./env s6-setuidgid bot h x`,
		"envdir /etc/env setuidgid bot h":      `envdir: it takes variables from a folder (want them in env or secrets): /etc/env setuidgid bot h`,
		"s6-setuidgid bot s6-envdir env h":     `s6-envdir: it takes variables from a folder`,
		"chpst -e ./env -u bot h":              `chpst: -e is not understood`,
		"chpst -P h":                           `chpst: -P is not understood`,
		"chpst -v h":                           `chpst: it does not say which user`,
		"chpst -u":                             `chpst: -u has no value`,
		"setpriv --nnp h":                      `setpriv: it does not say which user`,
		"setpriv --euid bot h":                 `setpriv: --euid is not understood`,
		"setpriv --reuid 1000 h":               `its user cannot be carried over: 1000 is a number`,
		"setpriv --reuid bot --regid www h":    `its group cannot be carried over: "www" is not that of its user bot`,
		"gosu bot:www h":                       `its group cannot be carried over: "www" is not that of its user bot`,
		"s6-setuidgid 1000 h":                  `its user cannot be carried over: 1000 is a number`,
		"s6-setuidgid bot":                     `s6-setuidgid: its arguments are not understood`,
		"sudo h":                               `sudo: it does not say which user`,
		"sudo -u bot A=b h":                    `sudo: it sets variables: A=b`,
		"sudo -g www -u bot h":                 `sudo: -g is not understood`,
		"doas -C /etc/x -u bot h":              `doas: -C is not understood`,
		"su bot":                               `su: it has no -c`,
		"su -c 'h x'":                          `su: its arguments are not understood`,
		"su bot -c 'h $X'":                     `su: its command is not known before it runs: h $X`,
		"su bot -c 'a; h'":                     `su: its command is not known before it runs: a; h`,
		"su bot -c 'A=b h'":                    `su: its command is not known before it runs: A=b h`,
		"su bot -c 'h >/log'":                  `su: its command is not known before it runs: h >/log`,
		"su bot -c 'h &'":                      `su: its command is not known before it runs: h &`,
		"su bot -c \"h '\"":                    `su: its command is not known before it runs: h '`,
		"runuser -u bot -l h":                  `runuser: -l is not understood`,
		"s6-applyuidgid -u 1000 -g 1000 h":     `its user cannot be carried over: 1000 is a number`,
		"s6-applyuidgid -U h":                  `s6-applyuidgid: it does not say which user`,
		"s6-envuidgid bot h":                   `s6-envuidgid: no s6-applyuidgid -U follows`,
		"nice -n 5 s6-setuidgid bot h":         `nice runs s6-setuidgid: cannot find out how it changes the user`,
		"env A=b /usr/bin/chpst -u bot h":      `env runs chpst: cannot find out how it changes the user`,
		"sh -c 'cd /srv && exec gosu bot h'":   `sh runs gosu: cannot find out how it changes the user`,
		"sh -c 'HOME=$(pwd);su-exec bot h'":    `sh runs su-exec: cannot find out how it changes the user`,
		"s6-setuidgid bot ./h":                 `its command has the relative path "./h", which leads elsewhere from HERMES_HOME`,
		"s6-setuidgid bot bin/h":               `its command has the relative path "bin/h", which leads elsewhere from HERMES_HOME`,
		"s6-setuidgid bot python3 ../bot.py":   `its command has the relative path "../bot.py", which leads elsewhere from HERMES_HOME`,
		"s6-setuidgid bot h --config=./c.yaml": `its command has the relative path "--config=./c.yaml", which leads elsewhere from HERMES_HOME`,
		"s6-setuidgid bot h -d .":              `its command has the relative path ".", which leads elsewhere from HERMES_HOME`,
	} {
		text, found := written(t, tree(t, map[string]string{"gateway-x/run": "#!/bin/sh\nexec " + run + "\n"}), unsupervised)
		require.Empty(t, found.Draft.Manifest.Profiles, run)
		require.Contains(t, text, "# gateway-x is left out, and an apply leaves it alone: run: "+want, run)
	}
}

// TestRelativePathsFromHermesHome: a script that goes there first means what ours means.
func TestRelativePathsFromHermesHome(t *testing.T) {
	for _, cd := range []string{`cd "$HERMES_HOME"`, "cd /opt/data"} {
		requireX(t, map[string]string{"run": "#!/bin/sh\n" + cd + "\nexec gosu bot ./h\n", "log/run": plainLogRun}, func(p *manifest.Profile) {
			p.User, p.Command = "bot", []string{"./h"}
		}, nil)
	}
	_, found := written(t, tree(t, map[string]string{"gateway-x/run": "#!/bin/sh\ncd /opt/data\ncd /srv\nexec gosu bot ./h\n"}), unsupervised)
	require.Empty(t, found.Draft.Manifest.Profiles)
}

// TestHermesMayBeToldOfOtherPrograms: words of its own command line are no programs.
func TestHermesMayBeToldOfOtherPrograms(t *testing.T) {
	requireX(t, map[string]string{"run": "#!/bin/sh\nexec gosu bot hermes -p su gateway run\n", "log/run": plainLogRun}, func(p *manifest.Profile) {
		p.User, p.Command = "bot", []string{"hermes", "-p", "su", "gateway", "run"}
	}, nil)
}
