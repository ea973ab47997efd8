//go:build linux

package main

// liveCalls are commands that look at a scandir, at one with what others have made.
func liveCalls(scandir, manifest string) [][]string {
	var calls [][]string
	for _, args := range [][]string{
		{"status"}, {"status", "-o", "json"}, {"status", trick}, {"doctor", "-f", manifest}, {"doctor", "-f", manifest, "-o", "json"}, {"diff", "-f", manifest},
		{"logs", trick}, {"start", trick}, {"stop", "--all"}, {"apply", "-f", manifest}, {"apply", "-f", manifest, "--no-rescan", "--dry-run"},
		{"apply", "--wait", trick}, {"down", "--timeout", "0s"},
	} {
		calls = append(calls, append(args, "--scandir", scandir))
	}
	return calls
}
