//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shellDeps are the shells that are asked, and what they need, for deps.sh.
var shellDeps = []string{
	"zsh:zsh", "fish:fish", "/usr/share/bash-completion/bash_completion:bash-completion",
}

// askBash lets bash load the completion as it does at the first Tab, and prints what it offers for
// the words of a line. What it shows of several has a description behind each.
const askBash = `
. /usr/share/bash-completion/bash_completion
COMP_WORDS=($LINE)
case $LINE in *' ') COMP_WORDS+=('') ;; esac
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$LINE COMP_POINT=${#LINE} COMP_TYPE=63 COMP_KEY=9
_comp_load hermes-reconcile 2>/dev/null || _completion_loader hermes-reconcile
f=$(complete -p hermes-reconcile | sed 's/.*-F \([^ ]*\) .*/\1/')
nofiles=
compopt() { case " $* " in *' +o default '*) nofiles=yes ;; esac; } # the builtin works below readline alone
type() { if [ "$*" = '-t compopt' ]; then echo builtin; else builtin type "$@"; fi; }
"$f" hermes-reconcile "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
[ "$nofiles${#COMPREPLY[@]}" != 0 ] || COMPREPLY=($(compgen -o default -f -- "${COMP_WORDS[COMP_CWORD]}"))
printf '%s\n' "${COMPREPLY[@]}"
`

// askZsh presses Tab in an interactive zsh on a terminal of its own, and prints what is offered.
const askZsh = `
zmodload zsh/zpty
export OFFERED=$PWD/zsh.offered
: >$OFFERED
cat >zsh.setup <<'SETUP'
fpath=($SITE $fpath)
autoload -Uz compinit && compinit -u -d $SITE/zsh.dump
compadd() {
  case " ${@[1,(i)(-|--)]}" in *' -'[OAD]' '*) builtin compadd "$@"; return ;; esac
  local -a hits
  builtin compadd -A hits "$@"
  print -rl -- $hits >>$OFFERED
  builtin compadd "$@"
}
ask() { zle complete-word; : >$OFFERED.end }
zle -N ask && bindkey '^T' ask
SETUP
zpty -b z zsh -f -i
zpty -w z '. ./zsh.setup; : >$OFFERED.ready'
repeat 1200; do
  zpty -r z out; [[ -e $OFFERED.ready ]] && break; sleep 0.1
done
zpty -w -n z "$LINE"$'\x14'
repeat 1200; do
  zpty -r z out; [[ -e $OFFERED.end ]] && break; sleep 0.1
done
zpty -d z
[[ -e $OFFERED.end ]] || { print -u2 "zsh does not answer: $out"; exit 1 }
cat $OFFERED
`

const askFish = `complete -C "$LINE"`

// TestTabInThreeShells: where make install has put the scripts, bash, zsh and fish complete
// commands, flags, values, files and profiles, of the manifest and of the scandir.
func TestTabInThreeShells(t *testing.T) {
	deps := exec.Command("sh", append([]string{"deps.sh"}, shellDeps...)...)
	out, err := deps.CombinedOutput()
	require.NoError(t, err, "%s", out)
	work, root := t.TempDir(), t.TempDir()
	install := exec.Command("make", "-C", "..", "install", "DESTDIR="+root, "PREFIX=/usr")
	out, err = install.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.MkdirAll(filepath.Join(work, "scandir", "gateway-copy"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(work, "profiles.yaml"),
		[]byte("version: 1\nscandir: "+work+"/scandir\nprofiles: {coder: , writer: }\n"), 0o644))
	for shell, script := range map[string]string{"bash": askBash, "zsh": askZsh, "fish": askFish} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			s := asking{t: t, shell: shell, script: script, work: work, root: root}
			s.offers("ap", "apply")
			s.offers("apply --pru", "--prune")
			s.offers("apply --prune ", "all", "none", "owned")
			s.offers("diff --output m", "markdown")
			s.offers("status c", "coder", "copy")
			s.offers("stop coder c", "copy")
			s.offers("logs w", "writer")
			s.offers("schema st", "status")
			s.offers("completion z", "zsh")
			s.offers("validate -f prof", "profiles.yaml")
			s.offers("init --from-scandir sca", "scandir")
			s.offers("stop --timeout ")
		})
	}
}

// asking is a shell that is asked what Tab offers.
type asking struct {
	t                         *testing.T
	shell, script, work, root string
}

// offers fails the test if Tab behind a line offers other words than these.
func (s asking) offers(line string, want ...string) {
	s.t.Helper()
	args := map[string][]string{
		"bash": {"--norc", "--noprofile", "-c"}, "zsh": {"-f", "-c"}, "fish": {"-c"},
	}[s.shell]
	cmd := exec.Command(s.shell, append(args, s.script)...)
	dir := s.t.TempDir()
	require.NoError(s.t, os.CopyFS(dir, os.DirFS(s.work)))
	share := filepath.Join(s.root, "usr", "share")
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + filepath.Join(s.root, "usr", "bin") + ":" + os.Getenv("PATH"), "HOME=" + dir, "TERM=xterm",
		"LINE=hermes-reconcile " + line, "XDG_DATA_DIRS=" + share + ":/usr/share", "SITE=" + filepath.Join(share, "zsh", "site-functions"),
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(s.t, err, "%s: %s", s.shell, errs.String())
	var got []string
	for word := range strings.Lines(string(out)) {
		word, _, _ = strings.Cut(strings.TrimSpace(word), "\t")
		if word, _, _ = strings.Cut(word, "  "); word != "" {
			got = append(got, strings.TrimSuffix(word, "/"))
		}
	}
	slices.Sort(got)
	require.Equal(s.t, want, slices.Compact(got), fmt.Sprintf("%s: Tab behind %q\n%s", s.shell, line, errs.String()))
}
