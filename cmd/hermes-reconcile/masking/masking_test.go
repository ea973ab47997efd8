package masking

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/changes"
	"hermes-reconcile/manifest"
	"hermes-reconcile/render"
)

func mask(t testing.TB) *Mask {
	t.Helper()
	m, err := New(SecretNames)
	require.NoError(t, err)
	return m
}

func TestNamesThatLookSecret(t *testing.T) {
	m := mask(t)
	for name, secret := range map[string]bool{
		"OPENAI_API_KEY": true, "TOKEN": true, "github_token": true, "DB_PASSWORD": true, "PASS": true, "AWS_SECRET_ACCESS_KEY": true,
		"PRIVATE_PEM": true, "API_KEYS": true, "TOKEN2": true, "MY_APIKEY": true, "X_CREDENTIALS": true, "SSH_PASSPHRASE": true,
		"KEYBOARD": false, "BYPASS": false, "TOKENIZER": false, "PASSENGER_NAME": false, "MONKEY": false, "LOG_LEVEL": false,
	} {
		require.Equal(t, secret, m.names.MatchString(name), name)
	}
}

func TestMask(t *testing.T) {
	m := mask(t)
	for _, c := range []struct{ name, before, after, wantBefore, wantAfter string }{
		{"changed", "export A_KEY='x'\n", "export A_KEY='y'\n", "export A_KEY=*** (before)\n", "export A_KEY=*** (after)\n"},
		{"the same", "export A_KEY='x'\n", "export A_KEY='x'\n", "export A_KEY=***\n", "export A_KEY=***\n"},
		{"the same, quoted otherwise", "export A_KEY=x\n", "export A_KEY='x'\n", "export A_KEY=***\n", "export A_KEY=***\n"},
		{"new", "", "export A_KEY='y'\nexport B='z'\n", "", "export A_KEY=***\nexport B='z'\n"},
		{"lines", "export A_KEY='1\n2'\\''\n3'\nexport B='z'\n", "", "export A_KEY=***\nexport B='z'\n", ""},
		{"in another's value", "export B='\nA_KEY=x\ny' C='z'\n", "", "export B='\nA_KEY=*** C='z'\n", ""},
		{"an argument", "exec env 'A_KEY=x y' hermes\n", "", "exec env 'A_KEY=*** hermes\n", ""},
		{"an option", "exec hermes --token x --api-key='y z' -v\n", "", "exec hermes --token *** --api-key=*** -v\n", ""},
		{"an option that changes", "set -- '--api-key' 'x y' -v\n", "set -- '--api-key' z -v\n", "set -- '--api-key' *** (before) -v\n", "set -- '--api-key' *** (after) -v\n"},
		{"options that follow each other", "a --token -secret x\n", "", "a --token *** ***\n", ""},
		{"an option at the end", "a --token\nb --key; c", "", "a --token\nb --key; c", ""},
		{"no option", "a token x - key --monkey y -- z\n", "", "a token x - key --monkey y -- z\n", ""},
		{"double quotes", "A_KEY=\"x \\\" y\"; B=z\n", "", "A_KEY=***; B=z\n", ""},
		{"a comment", "# A_KEY=x y\nB=it's\n", "", "# A_KEY=***\nB=it's\n", ""},
		{"an apostrophe in a comment", "# it's\nA_KEY='x y'\nB=z\n", "", "# it's\nA_KEY=***\nB=z\n", ""},
		{"empty", "A_KEY= B=z A_KEY=''\n", "", "A_KEY= B=z A_KEY=***\n", ""},
		{"an open quote", "A_KEY='x\ny", "A_KEY=\\", "A_KEY=*** (before)", "A_KEY=*** (after)"},
		{"the second changes", "A_KEY=1\nA_KEY=2\n", "A_KEY=1\nA_KEY=3\n", "A_KEY=***\nA_KEY=*** (before)\n", "A_KEY=***\nA_KEY=*** (after)\n"},
	} {
		before, after := m.Both(c.before, c.after)
		require.Equal(t, c.wantBefore, before, c.name)
		require.Equal(t, c.wantAfter, after, c.name)
	}
}

// Whatever the values of variables are: no part of a secret one is left in a rendered script, all
// of every other one is.
func FuzzMask(f *testing.F) {
	for _, s := range [][2]string{{"plain", "x"}, {"it's", "\"$(x)\""}, {"a\nb", "# no comment"}, {"'", "A_KEY='"}, {"\\", "`"}} {
		f.Add(s[0], s[1])
	}
	m := mask(f)
	f.Fuzz(func(t *testing.T, secret, open string) {
		if strings.ContainsRune(secret+open, 0) {
			return // no variable holds a NUL
		}
		const canary = "c4n4ry"
		dirs, err := render.All(&manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: "/it's", Profiles: []manifest.Profile{{
			Name: "a", Command: []string{"hermes", "it's"}, Env: []manifest.EnvVar{
				{Name: "A_KEY", Value: canary + secret + canary}, {Name: "B", Value: strings.ReplaceAll(open, canary, "")},
				{Name: "C_TOKEN", Value: secret + canary + secret}, {Name: "D", Value: "the end"},
			}}}})
		require.NoError(t, err)
		run := string(dirs[0].File("run").Data.Bytes())
		masked, _ := m.Both(run, "")
		require.NotContains(t, masked, canary)
		require.Contains(t, masked, "\nexport D='the end'\nshift\nexec \"$@\"\n")
		require.Contains(t, masked, "\nexport A_KEY=***\nexport B='")
		require.Contains(t, masked, "\nexport C_TOKEN=***\nexport D='the end'\n")
	})
}

// TestChangesAreMaskedAsScriptsAre: whatever a manifest says, the change of a key shows of its value
// what the diff of the script shows, and no more.
func TestChangesAreMaskedAsScriptsAre(t *testing.T) {
	mask, err := New(SecretNames)
	require.NoError(t, err)
	const canary = "c4n4ry"
	pieces := []string{"'", `"`, "\n", "\\", " ", "$(x)", "#", "API_KEY=", "export PASSWORD='", "--token", "-x", "=", ";", "&", "(", "?key=", "é", canary}
	shown, hidden := 0, 0
	m := &manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: "/h"}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 5))
		text := func() string {
			var b strings.Builder
			for range r.IntN(5) {
				b.WriteString(pieces[r.IntN(len(pieces))])
			}
			return b.String()
		}
		p := manifest.Profile{Name: "a", Env: []manifest.EnvVar{{Name: "NOTE", Value: text()}, {Name: "TOKEN", Value: text()}}}
		for range r.IntN(3) {
			p.Wrapper = append(p.Wrapper, text())
		}
		for range 1 + r.IntN(4) {
			p.Command = append(p.Command, text())
		}
		m.Profiles = append(m.Profiles, p)
	}
	dirs, err := render.All(m)
	require.NoError(t, err)
	for i, p := range m.Profiles {
		run := string(dirs[i].File("run").Data.Bytes())
		script, _ := mask.Both(run, "")
		led := ""
		if len(p.Wrapper) > 0 {
			led = p.Wrapper[len(p.Wrapper)-1]
		}
		var told []any
		for _, c := range []changes.Change{
			{Key: "env.NOTE", After: p.Env[0].Value}, {Key: "env.TOKEN", After: p.Env[1].Value},
			{Key: "wrapper", After: p.Wrapper}, {Key: "command", After: p.Command, Led: [2]string{"", led}},
		} {
			_, after := mask.Change(c)
			told = append(told, after)
		}
		line := fmt.Sprintf("%q", told)
		require.Equal(t, strings.Count(script, canary), strings.Count(line, canary), "%s\n%s", line, script)
		shown += strings.Count(line, canary)
		hidden += strings.Count(run, canary) - strings.Count(line, canary)
		for i, word := range p.Command { // an element shows the same as the list
			if i > 0 {
				led = p.Command[i-1]
			}
			_, alone := mask.Change(changes.Change{Key: "command[" + strconv.Itoa(i) + "]", Before: "", After: word, Led: [2]string{"", led}})
			same := strings.ReplaceAll(alone.(string), maskedAfter, masked)
			require.Equal(t, told[3].([]string)[i], same)
		}
	}
	require.Greater(t, shown, 500)
	require.Greater(t, hidden, 500)
}
