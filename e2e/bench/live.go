package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// liveProfiles is how many gateways the live part has.
	liveProfiles = 30
	// liveRuns is how often each of two commands of the live part is run, in turn.
	liveRuns = 7
	// patience is how long s6-svscan may take to start, or to end all that it has started.
	patience = time.Minute
	// uid is that of the account that the gateways run as where root measures, on all common systems.
	uid = 65534
	// A log of some files of a megabyte each, as s6-log leaves it.
	logFiles, logLines = 10, 10_000
)

// tree is an s6-svscan of our own on a scandir of our own, with gateways that only sleep.
type tree struct {
	*bench
	scandir, home, manifest string
	svscan                  *exec.Cmd // nil: it does not run
}

// live measures commands that tell s6 something, or wait for it, against the same by hand. Such a
// command may take no processor and yet too long, so here the ratio of the times that pass counts,
// too.
func (b *bench) live() (err error) {
	t := &tree{bench: b, scandir: b.path("live"), home: b.path("home"), manifest: b.path("live.yaml")}
	if err := t.prepare(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.end()) }()
	model := b.path("livemodel")
	apply := b.ours("apply", "-f", t.manifest, "--wait=supervised")
	if err := errors.Join(t.fresh(), spend(b.ours("apply", "-f", t.manifest, "--no-rescan")()), t.end()); err != nil {
		return err
	}
	err = errors.Join(os.RemoveAll(model), os.RemoveAll(t.scandir+"/.s6-svscan"), os.Rename(t.scandir, model))
	if err != nil {
		return err
	}
	byHand := t.script(`"$0" copy "$1" "$2" && s6-svscanctl -a "$2" && exec "$0" await "$2"`, model, t.scandir)
	if err := t.pairLive(fmt.Sprintf("live apply %d", liveProfiles), t.fresh, apply, byHand); err != nil {
		return err
	}
	if err := errors.Join(t.fresh(), spend(apply())); err != nil {
		return err
	}
	return errors.Join(t.restart(), t.logs())
}

// restart measures a restart by hand. The one of s6 takes a second: s6-supervise waits that long
// between two starts. Ours takes it to see that the gateway stays up.
func (t *tree) restart() error {
	return t.pairLive("live restart", nil, t.ours("restart", "p0000", "--scandir", t.scandir),
		t.script(`exec s6-svc -wr -r "$1"`, filepath.Join(t.scandir, "gateway-p0001")))
}

// logs measures a look at whole logs, whose lines take turns.
func (t *tree) logs() error {
	one, two := t.logOf("p0000"), t.logOf("p0001")
	if err := errors.Join(t.writeLog(one, 0), t.writeLog(two, 1)); err != nil {
		return err
	}
	logs := func(args ...string) func() *exec.Cmd {
		return t.ours(append([]string{"logs", "--scandir", t.scandir}, args...)...)
	}
	const cat = `exec cat "$@"`
	return errors.Join(
		t.pairLive("live logs", nil, logs("p0000"), t.script(cat, one...)),
		t.pairLive("live logs --grep", nil, logs("p0000", "--grep", "ERROR"), t.script(cat, one...)),
		t.pairLive("live logs of 2", nil, logs("p0000", "p0001"), t.script(cat, append(one, two...)...)),
	)
}

// logOf are the files of a log, oldest first: those that are full have TAI64N labels.
func (t *tree) logOf(profile string) (files []string) {
	folder := filepath.Join(t.home, "logs", "gateways", profile)
	for i := range logFiles - 1 {
		files = append(files, filepath.Join(folder, fmt.Sprintf("@40000000670000%02x00000000.s", i)))
	}
	return append(files, filepath.Join(folder, "current"))
}

// writeLog writes lines whose times are those of another log's, nearly.
func (t *tree) writeLog(files []string, nanosecond int) error {
	for i, name := range files {
		var text strings.Builder
		for line := range logLines {
			at := i*logLines + line
			fmt.Fprintf(&text, "2026-11-27 %02d:%02d:%02d.%09d  %s\n", at/36_000, at/600%60, at/10%60, at%10*100_000_000+nanosecond,
				strings.Repeat("x", 68))
		}
		if err := errors.Join(os.WriteFile(name, []byte(text.String()), 0o644), t.give(name)); err != nil {
			return err
		}
	}
	return nil
}

// script is a shell script, whose first argument is the floor.
func (t *tree) script(text string, args ...string) func() *exec.Cmd {
	return func() *exec.Cmd {
		return exec.Command("sh", append([]string{"-c", text, t.path("floor")}, args...)...)
	}
}

// prepare writes the manifest, and makes the home of its gateways.
func (t *tree) prepare() error {
	var text strings.Builder
	fmt.Fprintf(&text, "version: 1\nruntime: s6\nscandir: %s\nhermes_home: %s\ndefaults: {command: [sleep, infinity], log: {stdout: false}",
		t.scandir, t.home)
	if os.Geteuid() == 0 {
		text.WriteString(", user: nobody")
	}
	text.WriteString("}\nprofiles:\n")
	for i := range liveProfiles {
		fmt.Fprintf(&text, "  p%04d: {}\n", i)
	}
	return errors.Join(os.Chmod(t.work, 0o755), os.MkdirAll(t.home, 0o755), t.give(t.home),
		os.WriteFile(t.manifest, []byte(text.String()), 0o644))
}

// give gives a file to the account that the gateways run as.
func (t *tree) give(name string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(name, uid, uid)
}

// fresh ends what runs, and starts an s6-svscan on a scandir that is empty.
func (t *tree) fresh() error {
	if err := errors.Join(t.end(), os.RemoveAll(t.scandir), os.MkdirAll(t.scandir, 0o755)); err != nil {
		return err
	}
	svscan := exec.Command("s6-svscan", t.scandir)
	svscan.Dir = "/"
	if err := svscan.Start(); err != nil {
		return err
	}
	t.svscan = svscan
	for end := time.Now().Add(patience); exec.Command("s6-svscanctl", t.scandir).Run() != nil; {
		if time.Now().After(end) {
			return errors.New("s6-svscan takes no commands")
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// end ends the s6-svscan, with all that it has started.
func (t *tree) end() error {
	if t.svscan == nil {
		return nil
	}
	svscan := t.svscan
	t.svscan = nil
	if err := spend(exec.Command("s6-svscanctl", "-t", t.scandir)); err != nil {
		return errors.Join(err, svscan.Process.Kill())
	}
	late := time.AfterFunc(patience, func() { _ = svscan.Process.Kill() })
	defer late.Stop()
	return svscan.Wait()
}

// pairLive is pair, with the ratio of the times that pass.
func (b *bench) pairLive(name string, before func() error, ours, floor func() *exec.Cmd) error {
	processor, elapsed, err := inTurn(liveRuns, before, ours, floor)
	b.ratios[name], b.ratios[name+", elapsed"] = processor, elapsed
	return err
}
