package cmdline

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"hermes-reconcile/manifest/wording"
)

// Wrong says in plain words what pflag found wrong with the flags of a command, behind the flag
// that may be meant, or nothing.
func Wrong(known *pflag.FlagSet, err error) (meant string, plain error) {
	var (
		unknown *pflag.NotExistError
		empty   *pflag.ValueRequiredError
		value   *pflag.InvalidValueError
		syntax  *pflag.InvalidSyntaxError
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return "", fmt.Errorf("unknown flag: -%s", unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		return nearest(known, name), fmt.Errorf("unknown flag: --%s", name)
	case errors.As(err, &empty):
		kind, _ := pflag.UnquoteUsage(empty.GetFlag())
		return "", fmt.Errorf("--%s needs a value (%s)", empty.GetFlag().Name, kind)
	case errors.As(err, &value):
		f := value.GetFlag()
		return "", fmt.Errorf("--%s: %q %s", f.Name, value.GetValue(), why(f, value.Unwrap()))
	case errors.As(err, &syntax):
		return "", fmt.Errorf("%q is not a flag", syntax.GetSpecifiedFlag())
	}
	return "", err
}

// nearest is the flag with the name that is most like the one that was typed, or the only one that
// begins so, or nothing.
func nearest(known *pflag.FlagSet, name string) string {
	var names []string
	known.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if meant := wording.Nearest(name, names); meant != "" {
		return "--" + meant
	}
	meant := ""
	for _, known := range names {
		switch {
		case !strings.HasPrefix(known, name):
		case meant != "":
			return ""
		default:
			meant = "--" + known
		}
	}
	return meant
}

// why says what is wrong with a value, and what a right one is.
func why(f *pflag.Flag, err error) string {
	if errors.Is(err, strconv.ErrRange) {
		return "is too large"
	}
	switch f.Value.Type() {
	case "bool":
		return "is not known (want true or false)"
	case "duration":
		return "is not a duration (want a number with a unit, such as 90s, 5m or 1h30m)"
	case "int", "int64":
		return "is not a whole number"
	}
	return err.Error()
}
