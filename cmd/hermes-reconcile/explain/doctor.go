package explain

import (
	_ "embed"
	"fmt"
	"strings"
)

// DoctorFormat is the version of the JSON form of a Diagnosis.
const DoctorFormat = 1

// Diagnosis is what is wrong in one place, and what is not. Its JSON form is described by
// schema/doctor.json.
type Diagnosis struct {
	Format   int       `json:"format"`
	Scandir  string    `json:"scandir"`
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Findings []Finding `json:"findings"`
}

// Finding is one thing that was looked at.
type Finding struct {
	Check  string `json:"check"` // what kind of thing it is, in a word
	Level  Level  `json:"level"`
	Object string `json:"object"` // that was looked at
	Found  string `json:"found"`
	Hint   string `json:"hint,omitempty"` // what to type or to edit next
}

// Level says how bad a finding is.
type Level string

const (
	LevelOK      Level = "ok"
	LevelWarning Level = "warning"
	LevelError   Level = "error"
	// LevelUnknown is of what could not be looked at: that is no good news.
	LevelUnknown Level = "not checked"
)

// NewDiagnosis makes a diagnosis of findings.
func NewDiagnosis(scandir string, findings []Finding) Diagnosis {
	d := Diagnosis{
		Format:   DoctorFormat,
		Scandir:  scandir,
		Findings: append([]Finding{}, findings...),
	}
	d.Errors, d.Warnings = d.count(LevelError), d.count(LevelWarning)
	return d
}

// count is how many findings have a level: the summary and the exit code follow from it.
func (d *Diagnosis) count(level Level) (n int) {
	for _, f := range d.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// DoctorSchema describes the JSON form of a Diagnosis, in JSON Schema's draft-07.
//
//go:embed schema/doctor.json
var DoctorSchema []byte

// JSON is the diagnosis for programs.
func (d *Diagnosis) JSON() ([]byte, error) { return encode(d) }

// Text is a line for each finding, one for what to do about it where there is something, and the
// tally. Rows that would repeat for many objects are one.
func (d *Diagnosis) Text() []byte { return []byte(d.Table() + d.Tally() + "\n") }

// Table is the text without the tally.
func (d *Diagnosis) Table() string {
	lines := []string{Cells("LEVEL", "CHECK", "OBJECT", "FOUND")}
	for _, f := range d.rows() {
		lines = append(lines, Cells(string(f.Level), f.Check, f.Object, f.Found))
		if f.Hint != "" {
			lines = append(lines, Cells("", "", "", "hint: "+f.Hint))
		}
	}
	return Table(lines)
}

// rows are the findings, those that say the same of many objects in one.
func (d *Diagnosis) rows() (rows []Finding) {
	alike := map[Finding][]string{} // the objects of a general finding
	general := func(f Finding) Finding {
		return Finding{
			Check: f.Check,
			Level: f.Level,
			Found: General(f.Found, f.Object),
			Hint:  General(f.Hint, f.Object),
		}
	}
	for _, f := range d.Findings {
		alike[general(f)] = append(alike[general(f)], f.Object)
	}
	said := map[Finding]bool{}
	for _, f := range d.Findings {
		row := general(f)
		switch objects := alike[row]; {
		case len(objects) <= shownNames:
			rows = append(rows, f)
		case !said[row]:
			said[row] = true
			row.Object = Names(objects)
			rows = append(rows, row)
		}
	}
	return rows
}

// Tally counts the findings by level: "1 error, 2 warnings, 9 ok".
func (d *Diagnosis) Tally() string {
	var parts []string
	for _, c := range []struct {
		level    Level
		one, all string
	}{
		{LevelError, "error", "errors"}, {LevelWarning, "warning", "warnings"}, {LevelUnknown, "not checked", "not checked"}, {LevelOK, "ok", "ok"},
	} {
		switch n := d.count(c.level); n {
		case 0:
		case 1:
			parts = append(parts, "1 "+c.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", n, c.all))
		}
	}
	return strings.Join(parts, ", ")
}
