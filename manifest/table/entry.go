package table

// Value is what one key says, in the words of a manifest. A key of a map is NAME.KEY.
type Value struct {
	Key   string
	Value any // a string, an int64, a bool or a []string
}

// TellAll gives what p says, in the order of the table. A key that has no value is left out.
func TellAll[S, P any](keys []Key[S, P], p *P) []Value {
	var all []Value
	for _, k := range keys {
		if k.Tell != nil {
			all = append(all, k.Tell(p)...)
		}
	}
	return all
}

// TellBelow gives the values of a map, with its name before their keys.
func TellBelow[S, P any](name string, keys []Key[S, P], p *P) []Value {
	all := TellAll(keys, p)
	for i := range all {
		all[i].Key = name + "." + all[i].Key
	}
	return all
}

// TellText gives the value of a key that holds a text; an empty one is none.
func TellText(name, text string) []Value {
	if text == "" {
		return nil
	}
	return []Value{{name, text}}
}

// TellList gives the value of a key that holds a list; an empty one is none.
func TellList(name string, words []string) []Value {
	if len(words) == 0 {
		return nil
	}
	return []Value{{name, words}}
}
