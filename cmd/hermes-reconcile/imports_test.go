package main

import (
	"encoding/json"
	"io"
	"os"
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

// layer says what a package may import of ours and of third parties, what of the standard library
// it must not, and why.
type layer struct {
	why                 string
	ours, others, never []string
}

// layers has a rule for each package. Data flows one way: manifest -> render -> reconcile -> s6ctl,
// and only the command knows them all.
var layers = map[string]layer{
	"manifest/visible": {
		why:   "A text is made fit for a terminal the same way wherever it comes from.",
		never: []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	"manifest/wording": {
		why:   "The parts of an error message know no YAML, so that commands can use them for arguments, too.",
		ours:  []string{"manifest/visible"},
		never: []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	"manifest/names": {
		why:   "discover checks the names that it finds by the same rules, without a manifest.",
		ours:  []string{"manifest/wording"},
		never: []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	"manifest/pattern": {
		why:    "It makes entries of an entry, before a key is read: it knows no key but its own.",
		ours:   []string{"manifest/names", "manifest/values", "manifest/yamlfile"},
		others: []string{"gopkg.in/yaml.v3"},
		never:  []string{"os", "os/exec", "net", "time", "path/filepath"},
	},
	"manifest/placeholder": {
		why:   "What a placeholder becomes depends on a name and a port alone.",
		ours:  []string{"manifest/wording"},
		never: []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	"manifest/yamlfile": {
		why:    "Texts of others are read within limits, with a place for each error, before any key is known.",
		ours:   []string{"manifest/names", "manifest/visible", "manifest/wording"},
		others: []string{"gopkg.in/yaml.v3", "github.com/hashicorp/go-multierror"},
		never:  []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	"manifest/values": {
		why:    "A sort of value is read, described and written in one place, whichever key has it.",
		ours:   []string{"manifest/names", "manifest/placeholder", "manifest/wording", "manifest/yamlfile"},
		others: []string{"gopkg.in/yaml.v3"},
		never:  []string{"os", "os/exec", "net", "path/filepath"},
	},
	"manifest/hermesconfig": {
		why:    "The config.yaml is a file of another program: keys of a manifest mean nothing there.",
		ours:   []string{"manifest/values", "manifest/yamlfile"},
		others: []string{"gopkg.in/yaml.v3"},
		never:  []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	"manifest/table": {
		why:    "What a row of a table can do is the same for all keys, so it knows none.",
		ours:   []string{"manifest/values", "manifest/yamlfile"},
		others: []string{"gopkg.in/yaml.v3"},
		never:  []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	"manifest/ports": {
		why:    "Which port a profile has depends on names and wishes alone, not on what else profiles say.",
		ours:   []string{"manifest/table", "manifest/values", "manifest/wording", "manifest/yamlfile"},
		others: []string{"gopkg.in/yaml.v3"},
		never:  []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	"manifest/variables": {
		why: "What counts of a variable depends on three keys alone, name by name.",
		ours: []string{
			"manifest/names", "manifest/placeholder", "manifest/table", "manifest/values", "manifest/wording", "manifest/yamlfile",
		},
		others: []string{"gopkg.in/yaml.v3"},
		never:  []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	"manifest/filling": {
		why:   "Placeholders are filled in the same way for every key, once a profile has its port.",
		ours:  []string{"manifest/placeholder", "manifest/table", "manifest/values", "manifest/yamlfile"},
		never: []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	"manifest/starting": {
		why:    "How long a turn to start lasts follows from two keys and from when a gateway is late, whatever else it is.",
		ours:   []string{"manifest/table", "manifest/values", "manifest/wording", "manifest/yamlfile"},
		others: []string{"gopkg.in/yaml.v3"},
		never:  []string{"os", "os/exec", "net", "path/filepath"},
	},
	"manifest": {
		why: "The same text is the same manifest on every machine, so it touches nothing of the one it is on.",
		ours: []string{
			"manifest/filling", "manifest/names", "manifest/pattern", "manifest/placeholder", "manifest/ports", "manifest/starting", "manifest/table",
			"manifest/values", "manifest/variables", "manifest/wording", "manifest/yamlfile",
		},
		others: []string{"gopkg.in/yaml.v3"},
		never:  []string{"os", "os/exec", "net", "text/template", "path/filepath"},
	},
	"manifest/writing": {
		why: "A manifest is read far more often than written, so what reads needs nothing of what writes.",
		ours: []string{
			"manifest", "manifest/placeholder", "manifest/values", "manifest/visible", "manifest/yamlfile",
		},
		others: []string{"gopkg.in/yaml.v3"},
		never:  []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	"manifest/placed": {
		why:    "Only what shows a plan asks where a manifest says what; others do not keep its text in memory.",
		ours:   []string{"manifest", "manifest/values", "manifest/yamlfile"},
		others: []string{"gopkg.in/yaml.v3"},
		never:  []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	"render/parallel": {
		why:   "It does not know with what it deals, so rendering and reading can share it.",
		never: []string{"os", "os/exec", "net", "flag", "log", "time"},
	},
	"render": {
		why:   "The same manifest gives the same bytes on every machine: apply compares them.",
		ours:  []string{"manifest", "manifest/names", "manifest/writing", "render/parallel", "render/rawjson"},
		never: []string{"os", "os/exec", "net", "math/rand", "math/rand/v2", "time"},
	},
	"render/rawjson": {
		why:   "All that read an object of another program have to compare its keys exactly.",
		never: []string{"os", "os/exec", "net", "time", "path/filepath"},
	},
	command + "/progress": {
		why:   "What it says follows from events and from the time that it is given.",
		ours:  []string{"reconcile", "render"},
		never: []string{"os", "os/exec", "net", "path/filepath"},
	},
	command + "/keyhelp": {
		why:    "What is said of a key follows from the tables of the manifest alone.",
		ours:   []string{"manifest/values", "manifest/wording", command + "/cmdline"},
		others: []string{"gopkg.in/yaml.v3"},
		never:  []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	command + "/loglines": {
		why:   "The helper that acts as a gateway's user needs it, too; it opens nothing.",
		never: []string{"os", "os/exec", "net", "path/filepath"},
	},
	command + "/choose": {
		why:   "What a pattern means depends on the names alone, whichever services or changes have them.",
		ours:  []string{"manifest/wording", "reconcile", "render", command + "/sources", command + "/usage"},
		never: []string{"os", "os/exec", "net", "path/filepath", "time"},
	},
	command + "/overview": {
		why: "What is shown follows from what was seen, and from the time that it was seen at.",
		ours: []string{
			"manifest/visible", "reconcile", command + "/choose", command + "/explain",
		},
		others: []string{"golang.org/x/text/width"},
		never:  []string{"os", "os/exec", "net", "path/filepath"},
	},
	command + "/kubernetes": {
		why: "The same manifest gives the same objects on every machine, without a cluster and its libraries.",
		ours: []string{
			"manifest", "manifest/names", "manifest/values", "manifest/visible", "manifest/wording", "manifest/writing",
			"manifest/yamlfile",
		},
		others: []string{"gopkg.in/yaml.v3", "github.com/hashicorp/go-multierror"},
		never:  []string{"os", "os/exec", "net", "path/filepath"},
	},
	command + "/discover": {
		why: "It reads files of others, so it opens them by safefile and home, and never writes.",
		ours: []string{
			"manifest", "manifest/hermesconfig", "manifest/names", "manifest/values", "manifest/writing", "render",
			"s6ctl/safefile", command + "/dotenv", command + "/home", command + "/kubernetes",
		},
		others: []string{"mvdan.cc/sh/v3/syntax"},
		never:  []string{"os", "os/exec", "net", "path/filepath"},
	},
	"reconcile": {
		why:    "The same look at a scandir and the same manifest make the same plan: it depends on nothing else.",
		ours:   []string{"reconcile/liveness", "render", "s6ctl/safefile", "s6ctl/seen"},
		others: []string{"github.com/hashicorp/go-multierror"},
		never:  []string{"os", "os/exec", "net", "flag", "log", "path/filepath"},
	},
	"reconcile/liveness": {
		why:   "What a look at a gateway means follows from what it sees and from the looks before, at whatever time.",
		never: []string{"os", "os/exec", "net", "flag", "log", "path/filepath"},
	},
	"reconcile/inputs": {
		why:   "What a gateway has read follows from what was seen and from when: at whatever time, on whatever disk.",
		never: []string{"os", "os/exec", "net", "flag", "log", "path/filepath"},
	},
	"reconcile/servicetree": {
		why:   "A plain folder is read and written without s6, on every system.",
		ours:  []string{"render", "reconcile", "reconcile/dirfd", "reconcile/fault", "render/parallel", "s6ctl/safefile"},
		never: []string{"os/exec", "net", "flag", "log"},
	},
	"reconcile/pace": {
		why:   "It waits for whatever it is told to look at.",
		ours:  []string{"reconcile", "reconcile/fault"},
		never: []string{"os", "os/exec", "net", "flag", "log"},
	},
	"reconcile/journal": {
		why:    "What applies leave each other is read and written in one place, and needs no s6 to be understood.",
		ours:   []string{"reconcile", "reconcile/dirfd", "reconcile/fault", "reconcile/inputs", "reconcile/pace", "render/rawjson", "s6ctl/safefile"},
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"os/exec", "net", "flag", "log"},
	},
	"reconcile/ownership": {
		why:    "What others must not change is told once, for the look and for the repair, whatever a service does.",
		ours:   []string{"reconcile", "reconcile/dirfd", "reconcile/liveness", "s6ctl/safefile", "s6ctl/seen"},
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"os", "os/exec", "net", "flag", "log"},
	},
	"reconcile/scandir": {
		why: "A look has no part in what is done after it: apply imports it, not the other way round.",
		ours: []string{
			"render", "render/parallel", "reconcile", "reconcile/dirfd", "reconcile/fault", "reconcile/journal", "reconcile/liveness",
			"reconcile/ownership", "s6ctl/safefile", "s6ctl/seen",
		},
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"os", "os/exec", "net", "flag", "log"},
	},
	"reconcile/operate": {
		why: "One service is stopped and started the same way by an apply and by hand, so it knows no plan's order.",
		ours: []string{
			"render", "reconcile", "reconcile/dirfd", "reconcile/fault", "reconcile/journal", "reconcile/ownership", "reconcile/pace",
			"reconcile/scandir",
		},
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"os", "os/exec", "net", "flag", "log"},
	},
	"reconcile/turns": {
		why:   "Who may restart next follows from the plan and from who is back: it touches no service.",
		ours:  []string{"reconcile", "reconcile/pace"},
		never: []string{"os", "os/exec", "net", "flag", "log"},
	},
	"reconcile/circle": {
		why:   "Who goes on follows from who takes whose port and from who drains, so all small cases can be tried.",
		never: []string{"os", "os/exec", "net", "flag", "log", "path/filepath", "time"},
	},
	"reconcile/apply": {
		why: "It has the order of an apply, and s6 itself is behind its Supervisor.",
		ours: []string{
			"render", "render/parallel", "reconcile", "reconcile/circle", "reconcile/dirfd", "reconcile/fault", "reconcile/journal", "reconcile/operate",
			"reconcile/ownership", "reconcile/pace", "reconcile/scandir", "reconcile/servicetree", "reconcile/turns",
		},
		never: []string{"os", "os/exec", "net", "flag", "log"},
	},
	"reconcile/testkit": {
		why:    "The tests of reconcile and of the packages below it share it, so it knows what is pure alone.",
		ours:   []string{"manifest", "render", "reconcile"},
		others: []string{"github.com/stretchr/testify/require", "github.com/google/go-cmp/cmp", "github.com/google/go-cmp/cmp/cmpopts"},
		never:  []string{"os", "os/exec", "net", "flag", "log"},
	},
	"reconcile/dirfd": {
		why:    "It changes directories for reconcile, and knows nothing of what is in them.",
		ours:   []string{"s6ctl/safefile"},
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"os/exec", "net", "flag", "log"},
	},
	"reconcile/watch": {
		why:    "It knows when to make a pass, and nothing of what a pass does.",
		ours:   []string{"reconcile/fault", "reconcile/pace"},
		others: []string{"github.com/fsnotify/fsnotify"},
		never:  []string{"os/exec", "net", "flag", "log"},
	},
	"reconcile/fault": {
		why:   "All that work on several things side by side may use it.",
		never: []string{"os", "os/exec", "net", "flag", "log", "time"},
	},
	command + "/changes": {
		why:   "What a plan changes depends on the plan and its manifests alone.",
		ours:  []string{"manifest", "manifest/placed", "manifest/writing", "render", "reconcile"},
		never: []string{"os", "os/exec", "net", "time", "path/filepath"},
	},
	command + "/masking": {
		why:   "What is hidden of a text follows from the text alone, whichever form of a report shows it.",
		ours:  []string{command + "/changes"},
		never: []string{"os", "os/exec", "net", "time", "path/filepath"},
	},
	command + "/explain": {
		why:    "A plan reads the same wherever it is printed: it depends on the plan alone.",
		ours:   []string{"manifest", "manifest/placed", "render", "reconcile", "manifest/visible", command + "/changes", command + "/masking"},
		others: []string{"github.com/aymanbagabas/go-udiff"},
		never:  []string{"os", "os/exec", "net", "time", "path/filepath"},
	},
	"s6ctl/start": {
		why:    "The helper that acts as a gateway's user starts programs, too, and has no business with s6.",
		ours:   []string{"s6ctl/route"},
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"net", "flag", "log"},
	},
	"s6ctl/route": {
		why:   "Who can change a path is asked of programs, manifests and logs alike.",
		never: []string{"os/exec", "net", "flag", "log"},
	},
	"s6ctl/safefile": {
		why:    "All that read what others can write have to go through one door.",
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"os/exec", "net", "flag", "log"},
	},
	"s6ctl/seen": {
		why:   "What s6 shows is data for a plan, which is made on systems without s6, too.",
		ours:  []string{"s6ctl/safefile"},
		never: []string{"os", "os/exec", "net", "flag", "log", "path/filepath"},
	},
	"s6ctl/process": {
		why:    "Who listens and who belongs to a service is asked of the kernel alone, without a scandir.",
		ours:   []string{"s6ctl/safefile"},
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"os/exec", "net", "flag", "log"},
	},
	"s6ctl": {
		why:    "It speaks s6 and no more: neither manifests nor service files concern it.",
		ours:   []string{"s6ctl/process", "s6ctl/start", "s6ctl/safefile", "s6ctl/seen", "render/parallel"},
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"os/exec", "net", "flag", "log"},
	},
	command + "/home": {
		why: "Its code runs as a gateway's user: the less it can do, the better.",
		ours: []string{
			"reconcile/inputs", "render/rawjson", "s6ctl/start", "s6ctl/safefile",
			command + "/content", command + "/loglines", command + "/dotenv", command + "/tokens",
		},
		others: []string{"golang.org/x/sys/unix"},
		never:  []string{"os/exec", "net", "flag", "log"},
	},
	command + "/content": {
		why:   "A file is looked at the same by root and by the child that is a gateway's user, and no content leaves it.",
		ours:  []string{"reconcile/inputs", "s6ctl/route", "s6ctl/safefile"},
		never: []string{"os", "os/exec", "net", "flag", "log"},
	},
	command + "/dotenv": {
		why:   "A .env is read the same by init and by the child that looks as its user.",
		ours:  []string{"manifest/names"},
		never: []string{"os", "os/exec", "net", "flag", "log"},
	},
	command + "/tokens": {
		why:   "Tokens are compared by validate, doctor and the child that reads a .env: without a disk.",
		ours:  []string{"manifest"},
		never: []string{"os", "os/exec", "net", "flag", "log"},
	},
	command + "/doctor": {
		why: "Its looks change nothing: they start programs by asuser and home alone, and files are opened by the door.",
		ours: []string{
			"manifest", "reconcile", "reconcile/pace", "render", "s6ctl", "s6ctl/process", "s6ctl/route", "s6ctl/safefile",
			command + "/accounts", command + "/asuser", command + "/containerenv", command + "/deploy", command + "/discover",
			command + "/dotenv", command + "/explain", command + "/home", command + "/homes", command + "/loglines", command + "/tokens",
			command + "/usage",
			command + "/failure",
			command + "/gateways",
			command + "/logs",
			command + "/sources",
		},
		never: []string{"os/exec", "net", "flag", "log"},
	},
	command + "/asuser": {
		why:   "Root cannot see into processes of others everywhere: a child that is the user looks, and no more.",
		ours:  []string{"s6ctl/process", "s6ctl/start", command + "/accounts"},
		never: []string{"os/exec", "net", "flag", "log"},
	},
	command + "/accounts": {
		why:   "Who can change a path is asked for warnings, for reports and by doctor.",
		ours:  []string{"manifest", "s6ctl/route", "s6ctl/safefile", "s6ctl/start"},
		never: []string{"os", "os/exec", "net", "flag", "log"},
	},
	command + "/containerenv": {
		why:   "A variable of the container counts for commands, homes and doctor alike.",
		never: []string{"os/exec", "net", "flag", "log"},
	},
	command + "/homes": {
		why: "Root opens nothing below HERMES_HOME: it asks children, by home, and trusts no answer.",
		ours: []string{
			"manifest", "manifest/names", "manifest/visible", "manifest/wording", "manifest/writing", "reconcile", "reconcile/fault",
			"reconcile/inputs",
			"render", "s6ctl", "s6ctl/process", command + "/accounts", command + "/containerenv", command + "/home",
			command + "/explain",
		},
		never: []string{"os/exec", "net", "flag", "log"},
	},
	command + "/notify": {
		why:   "What is worth telling follows from what it is given; programs are started by the door.",
		ours:  []string{"reconcile", "reconcile/liveness", "s6ctl/start", command + "/explain"},
		never: []string{"os", "os/exec", "net", "flag", "log"},
	},
	command + "/cmdline": {
		why:    "It has what all commands share of flags and help, so it knows none of them.",
		ours:   []string{"manifest/wording", command + "/usage"},
		others: []string{"github.com/spf13/cobra", "github.com/spf13/pflag"},
		never:  []string{"os", "os/exec", "net", "flag", "log", "time"},
	},
	command + "/failure": {
		why:    "What kind an error is counts for people, programs and exit codes alike, so nothing is printed here.",
		ours:   []string{"manifest", "reconcile", "s6ctl", command + "/explain", command + "/probe", command + "/usage"},
		others: []string{"github.com/hashicorp/go-multierror"},
		never:  []string{"os", "os/exec", "net", "flag", "log"},
	},
	command + "/logbook": {
		why: "watch and apply --boot log the same of a gateway; below HERMES_HOME its user writes, by home.",
		ours: []string{
			"manifest", "manifest/visible", "reconcile", "reconcile/pace", command + "/accounts", command + "/explain",
			command + "/failure", command + "/home", command + "/homes",
		},
		never: []string{"os/exec", "net", "flag", "log"},
	},
	command + "/canary": {
		why: "How a trial goes on is the same whatever tells the user of it; only deploy changes a scandir.",
		ours: []string{
			"manifest", "manifest/visible", "manifest/writing", "reconcile", "reconcile/journal", "render",
			command + "/choose", command + "/deploy", command + "/discover", command + "/explain", command + "/failure",
			command + "/late", command + "/usage",
		},
		never: []string{"os", "os/exec", "net", "flag", "log", "path/filepath"},
	},
	command + "/late": {
		why: "apply, a trial and watch say the same of a gateway that has not come.",
		ours: []string{
			"manifest", "reconcile", "s6ctl/process", command + "/deploy", command + "/doctor", command + "/explain", command + "/logs",
			command + "/probe",
			command + "/failure",
		},
		never: []string{"os", "os/exec", "net", "flag", "log", "path/filepath"},
	},
	command + "/watching": {
		why: "A pass follows from the manifest, the scandir and the passes before, whatever flags say; deploy applies.",
		ours: []string{
			"manifest", "reconcile", "reconcile/journal", "reconcile/operate", "reconcile/watch", "render",
			command + "/deploy", command + "/explain", command + "/failure", command + "/late", command + "/logbook",
			command + "/notify", command + "/sources", command + "/usage",
			command + "/accounts",
			"s6ctl/start",
		},
		never: []string{"os", "os/exec", "net", "flag", "log", "path/filepath"},
	},
	command + "/byhand": {
		why: "What a user does by hand is recorded the same way from whatever command, and only deploy opens a scandir.",
		ours: []string{
			"manifest", "manifest/writing", "reconcile", "reconcile/journal", "reconcile/operate", "render",
			command + "/choose", command + "/deploy", command + "/doctor", command + "/explain", command + "/failure",
			command + "/gateways", command + "/logs", command + "/usage",
		},
		never: []string{"os", "os/exec", "net", "flag", "log", "path/filepath"},
	},
	command + "/console": {
		why:    "What a terminal shows beside results is the same for all commands, so it knows none.",
		ours:   []string{"manifest/visible", "reconcile", command + "/failure", command + "/overview", command + "/progress"},
		others: []string{"golang.org/x/term", "golang.org/x/sys/windows"},
		never:  []string{"os/exec", "net", "flag", "log", "path/filepath"},
	},
	command + "/probe": {
		why:   "It asks a gateway over HTTP and starts nothing.",
		ours:  []string{"reconcile/fault"},
		never: []string{"os", "os/exec", "flag", "log"},
	},
	command + "/stack": {
		why: "It comes first of all packages as long as it needs none.",
	},
	command + "/usage": {
		why:    "Every package that a command calls may say what the user has to change, and how.",
		ours:   []string{"manifest/wording"},
		others: []string{"mvdan.cc/sh/v3/syntax"},
		never:  []string{"os", "os/exec", "net", "flag", "log"},
	},
	command + "/oldside": {
		why: "What a manifest is compared with needs no s6: a pull request is checked on every system.",
		ours: []string{
			"manifest", "manifest/placed", "reconcile", "reconcile/servicetree", "render", "s6ctl/safefile",
			command + "/explain", command + "/sources", command + "/usage",
		},
		never: []string{"os/exec", "net", "flag", "log"},
	},
	command + "/sources": {
		why:   "Files that the user names are opened in one place, for every command that reads a manifest.",
		ours:  []string{"manifest", "manifest/placed", "reconcile", "reconcile/fault", "render", "s6ctl/safefile", command + "/usage"},
		never: []string{"os/exec", "net", "flag", "log"},
	},
	command + "/logs": {
		why: "Logs are read by home alone, as their users; where they are follows from s6, the manifest and homes.",
		ours: []string{
			"manifest", "manifest/visible", "reconcile", "reconcile/operate", "render", "s6ctl",
			command + "/choose", command + "/deploy", command + "/explain", command + "/failure", command + "/home", command + "/homes",
			command + "/loglines", command + "/overview", command + "/sources", command + "/usage",
		},
		never: []string{"os/exec", "net", "flag", "log"},
	},
	command + "/checkup": {
		why:   "It runs in the session of a gateway, as its user: it can end that one, and judges by rules alone.",
		ours:  []string{"reconcile/liveness", "s6ctl", "s6ctl/process", command + "/probe", command + "/usage"},
		never: []string{"os/exec", "net", "flag", "log"},
	},
	command + "/guard": {
		why:   "Whether a plan is what was meant follows from the plan, and from what the user has typed.",
		ours:  []string{"manifest/visible", "reconcile", command + "/choose", command + "/explain", command + "/usage"},
		never: []string{"os", "os/exec", "net", "flag", "log", "path/filepath", "time"},
	},
	command + "/gateways": {
		why: "What a gateway is said to be is the same in status, metrics, doctor and watch: it is told by one look.",
		ours: []string{
			"manifest", "reconcile", "reconcile/operate", "render", "render/parallel", "s6ctl/process",
			command + "/accounts", command + "/asuser", command + "/choose", command + "/deploy", command + "/explain", command + "/home",
			command + "/homes", command + "/logs",
		},
		never: []string{"os/exec", "net", "flag", "log"},
	},
	command + "/deploy": {
		why: "It alone opens a scandir, so that each command checks and locks it in the same order.",
		ours: []string{
			"manifest", "manifest/visible", "reconcile", "reconcile/apply", "reconcile/fault", "reconcile/inputs", "reconcile/journal", "reconcile/liveness", "reconcile/operate", "reconcile/pace", "reconcile/scandir",
			"render",
			"s6ctl", "s6ctl/process", "s6ctl/safefile", "s6ctl/start",
			command + "/accounts", command + "/content", command + "/explain", command + "/home", command + "/homes", command + "/usage",
		},
		others: []string{"github.com/hashicorp/go-multierror"},
		never:  []string{"os/exec", "net", "flag", "log"},
	},
	command: {
		why: "It wires all of them; programs are started by s6ctl/start, gateways asked by probe, scandirs opened by deploy.",
		ours: []string{
			"manifest", "manifest/placed", "manifest/visible", "manifest/wording", "manifest/writing", "render", "render/parallel",
			"reconcile", "reconcile/apply", "reconcile/fault", "reconcile/journal", "reconcile/liveness", "reconcile/operate", "reconcile/pace",
			"reconcile/servicetree",
			"reconcile/watch",
			"s6ctl", "s6ctl/process", "s6ctl/start", "s6ctl/safefile", "s6ctl/route",
			command + "/accounts", command + "/asuser", command + "/byhand", command + "/canary", command + "/changes", command + "/checkup", command + "/choose",
			command + "/console",
			command + "/containerenv", command + "/deploy", command + "/discover", command + "/doctor", command + "/explain",
			command + "/failure", command + "/gateways", command + "/guard", command + "/home", command + "/homes", command + "/keyhelp",
			command + "/kubernetes", command + "/late",
			command + "/logbook", command + "/logs", command + "/masking", command + "/notify", command + "/oldside", command + "/overview", command + "/probe",
			command + "/progress",
			command + "/cmdline", command + "/sources", command + "/stack", command + "/tokens", command + "/usage", command + "/watching",
		},
		others: []string{
			"github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/hashicorp/go-multierror", "golang.org/x/term",
		},
		never: []string{"os/exec", "net/http"},
	},
	"e2e":             {why: "The tests see the built program from outside."},
	"e2e/bench":       {why: "It measures the built program from outside."},
	"e2e/bench/empty": {why: "It is the least that a program in Go can be.", never: []string{"fmt", "os"}},
	"e2e/bench/scale": {why: "It measures the built program from outside."},
	"e2e/docker":      {why: "The tests see the built program from outside."},
	"e2e/release":     {why: "The tests see the built programs from outside."},
	"e2e/kit": {
		why:    "Tests of all packages share it, so it must know none.",
		others: []string{"github.com/stretchr/testify/require", "golang.org/x/sys/unix"},
	},
	"e2e/stub/hermes": {why: "It stands for a program of others."},
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
	if !known || layer.why == "" {
		t.Errorf("package %s: no rule says what it may import, and why", pkg)
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

// TestTopLevel: a newcomer finds the place for a change from a handful of names, so what is new goes
// below the one that it belongs to.
func TestTopLevel(t *testing.T) {
	known := []string{
		"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md",
		"cmd", "docs", "e2e", "examples", "go.mod", "go.sum", "manifest", "reconcile", "render", "s6ctl",
		"bin", "dist", // made by make, and in no commit
	}
	entries, err := os.ReadDir("../..")
	require.NoError(t, err)
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, ".") && !slices.Contains(known, name) {
			t.Errorf("%s is new at the top (want it below one of %s)", name, strings.Join(known, ", "))
		}
	}
}
