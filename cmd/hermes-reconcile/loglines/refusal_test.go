package loglines

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRefusal(t *testing.T) {
	for log, want := range map[string]string{
		"": "", "hermes: started\nerror: no\n": "", "x: error: unrecognized arguments: --y\n": "",
		"2026-11-27 12:00:00.1 usage: hermes [-h]\n2026-11-27 12:00:00.1 hermes: error: unrecognized arguments: --foreground --port 9201\nhermes-reconcile: gateway-a: died again and again: the next start waits 2 s\n": "hermes: error: unrecognized arguments: --foreground --port 9201",
		"2026-11-27 12:00:00.1 Error: Profile 'codr' does not exist. Create it with: hermes profile create codr\n":                                                                                                       "Error: Profile 'codr' does not exist. Create it with: hermes profile create codr",
		"hermes gateway run: error: argument -v: expected one argument":                                                                                                                                                  "hermes gateway run: error: argument -v: expected one argument",
		"hermes: error: unrecognized arguments: --old\nhermes: error: unrecognized arguments: --new\n":                                                                                                                   "hermes: error: unrecognized arguments: --new",
		"hermes gateway: error: argument gateway_command: invalid choice: 'rum' (choose from 'run')\n":                                                                                                                   "hermes gateway: error: argument gateway_command: invalid choice: 'rum' (choose from 'run')",
	} {
		require.Equal(t, want, Refusal(log), "%q", log)
	}
}
