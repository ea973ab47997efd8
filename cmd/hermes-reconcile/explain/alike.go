package explain

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"hermes-reconcile/render"
)

// Alike are texts that say the same of several objects, in the order in which they came.
type Alike struct {
	Text    string // of the only one, or what all of them say
	Objects []string
	First   int // which of the texts was the first
}

// Group puts texts that say the same of different objects together. They may differ in the object's
// own name, process, port and time.
func Group(objects, texts []string) (groups []Alike) {
	known := map[string]int{}
	for i, text := range texts {
		general := General(text, objects[i])
		key := durations().ReplaceAllString(general, " after TIME")
		at, found := known[key]
		if !found {
			known[key] = len(groups)
			groups = append(groups, Alike{text, []string{objects[i]}, i})
			continue
		}
		if len(groups[at].Objects) == 1 {
			groups[at].Text = General(groups[at].Text, groups[at].Objects[0])
		}
		groups[at].Objects = append(groups[at].Objects, objects[i])
	}
	return groups
}

// Each expression is compiled at its first use: few commands need them.
var (
	services  = lazily(render.Prefix + `[a-z0-9][a-z0-9_-]*`)
	processes = lazily(`\(pid \d+\)`)
	addresses = lazily(`127\.0\.0\.1:\d+`)
	durations = lazily(` after [0-9.hmsµn]+`)
)

func lazily(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// General is a text about one gateway, a service or a profile, as it would be about any.
func General(text, object string) string {
	profile := render.ProfileOf(object)
	text = services().ReplaceAllStringFunc(text, func(name string) string {
		if name == render.ServiceOf(profile) {
			return render.ServiceOf("NAME")
		}
		return name
	})
	text = strings.ReplaceAll(text, "/"+profile+"/", "/NAME/")
	text = processes().ReplaceAllString(text, "(pid N)")
	return addresses().ReplaceAllString(text, "127.0.0.1:PORT")
}

// ServiceIn is the first service that a text names, or empty.
func ServiceIn(text string) string { return services().FindString(text) }

// shownNames is how many names stand for a crowd.
const shownNames = 3

// Names lists names, and of many the first ones.
func Names(names []string) string {
	if len(names) <= shownNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shownNames], ", "),
		len(names)-shownNames)
}
