package explain

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGroupPutsTogetherWhatIsAlike(t *testing.T) {
	var objects, texts []string
	add := func(object, text string) { objects, texts = append(objects, object), append(texts, text) }
	add("gateway-x", "timed out after 3s waiting for gateway-x to stop")
	for i := range 5 {
		name := fmt.Sprintf("gateway-x%d", i)
		add(name, fmt.Sprintf("timed out after 1%d.%ds waiting for %s to stop", i, i, name))
	}
	add("gateway-y", "not started: gateway-x still holds port 9201")
	add("gateway-z", "not started: gateway-x1 still holds port 9201")
	add("gateway-p", "up (pid 320), http://127.0.0.1:9201/health: answers 503")
	add("gateway-q", "up (pid 321), http://127.0.0.1:9202/health: answers 503")
	add("gateway-r", "up (pid 322), http://127.0.0.1:9203/health: answers 500")
	require.Equal(t, []Alike{
		{"timed out after 3s waiting for gateway-NAME to stop", objects[:6], 0},
		{"not started: gateway-x still holds port 9201", []string{"gateway-y"}, 6},
		{"not started: gateway-x1 still holds port 9201", []string{"gateway-z"}, 7},
		{"up (pid N), http://127.0.0.1:PORT/health: answers 503", []string{"gateway-p", "gateway-q"}, 8},
		{"up (pid 322), http://127.0.0.1:9203/health: answers 500", []string{"gateway-r"}, 10},
	}, Group(objects, texts))
}

func TestNames(t *testing.T) {
	require.Equal(t, "a, b, c", Names([]string{"a", "b", "c"}))
	require.Equal(t, "a, b, c and 1 more", Names([]string{"a", "b", "c", "d"}))
}

func TestDoctorPutsRowsThatRepeatTogether(t *testing.T) {
	var findings []Finding
	for _, name := range []string{"a", "b", "default", "d", "e"} {
		findings = append(findings, Finding{"gateway", LevelWarning, name, "it has been starting for 1m1s", "see /logs/gateways/" + name + "/current"})
	}
	findings = append(findings, Finding{"gateway", LevelOK, "f", "up", ""}, Finding{"gateway", LevelOK, "g", "up", ""})
	d := NewDiagnosis("/s", findings)
	require.Equal(t, `LEVEL    CHECK    OBJECT                    FOUND
warning  gateway  a, b, default and 2 more  it has been starting for 1m1s
                                            hint: see /logs/gateways/NAME/current
ok       gateway  f                         up
ok       gateway  g                         up
5 warnings, 2 ok
`, string(d.Text()))
	require.Len(t, d.Findings, 7, "programs see them all")
}
