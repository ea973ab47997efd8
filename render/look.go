package render

import (
	"strconv"

	"hermes-reconcile/manifest"
)

// memoryPause is between two looks at a gateway that nothing is asked.
const memoryPause = "30s"

// looksAfter reports whether data/check has to look after a gateway that serves.
func looksAfter(p *manifest.Profile) bool { return p.Alive != nil || p.Memory.RestartAbove > 0 }

// look is the command that looks once after a gateway, in words of a shell. Its flags belong to what
// programs of later versions have to understand: a directory may be older than the program.
func look(p *manifest.Profile) []string {
	words := []string{
		"hermes-reconcile", "liveness", "--label", quote(Prefix + p.Name),
		"--stop-timeout", p.StopTimeout.String(),
	}
	if a := p.Alive; a != nil {
		words = append(words, "--url", quote(a.URL(p.Port)), "--interval", a.Interval.String(),
			"--failures", strconv.Itoa(a.Failures))
		if a.Action == manifest.AliveRestart {
			words = append(words, "--restart")
		}
	} else {
		words = append(words, "--interval", memoryPause)
	}
	if most := p.Memory.RestartAbove; most > 0 {
		words = append(words, "--memory", strconv.FormatInt(most, 10))
	}
	if d := p.Drain; d != nil && p.Memory.RestartAbove > 0 {
		words = append(words, "--drain-signal", string(d.Signal), "--drain-timeout", d.Timeout.String())
	}
	return words
}
