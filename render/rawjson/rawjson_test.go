package rawjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const key = "desired_state"

func TestSetKeepsAllElse(t *testing.T) {
	for before, want := range map[string]string{
		`{}`:                                    `{"desired_state":"x"}`,
		` { } `:                                 ` {"desired_state":"x" } `,
		`{"b": 1, "a": 2}`:                      `{"b": 1, "a": 2, "desired_state": "x"}`,
		`{"b":1}`:                               `{"b":1,"desired_state":"x"}`,
		"{\n  \"b\": [1.50, {}, []]\n}\n":       "{\n  \"b\": [1.50, {}, []], \"desired_state\": \"x\"\n}\n",
		`{"desired_state" : "y", "b": 1e400}`:   `{"desired_state" : "x", "b": 1e400}`,
		`{"desired_state":1,"desired_state":2}`: `{"desired_state":"x","desired_state":"x"}`,
		`{"desired\u005fstate": "y"}`:           `{"desired\u005fstate": "x"}`,
		`{"de\u017fired_state": "y"}`:           `{"de\u017fired_state": "y", "desired_state": "x"}`,
		`{"deſired_state":"y"}`:                 `{"deſired_state":"y","desired_state":"x"}`,
		`{"DESIRED_STATE":"y"}`:                 `{"DESIRED_STATE":"y","desired_state":"x"}`,
		"\ufeff" + `{"n":12345678901234567890}`: "\ufeff" + `{"n":12345678901234567890,"desired_state":"x"}`,
		`{"n":[NaN,-Infinity,Infinity]}`:        `{"n":[NaN,-Infinity,Infinity],"desired_state":"x"}`,
		`{"n":"\ud800 \"} \\"}`:                 `{"n":"\ud800 \"} \\","desired_state":"x"}`,
		"{\"n\":\"\xff\x01\"}":                  "{\"n\":\"\xff\x01\",\"desired_state\":\"x\"}",
		`{"o":{"desired_state":"y"}}`:           `{"o":{"desired_state":"y"},"desired_state":"x"}`,
		`{"":{"":[[],{"a":[{"b":{}}]}]}}`:       `{"":{"":[[],{"a":[{"b":{}}]}]},"desired_state":"x"}`,
	} {
		o, err := Parse([]byte(before))
		require.NoError(t, err, before)
		require.Equal(t, want, string(o.Set(key, json.RawMessage(`"x"`))), before)
	}
}

func TestTheLastOfAKeyCounts(t *testing.T) {
	o, err := Parse([]byte(`{"a": 1, "A": 2, "a": 3}`))
	require.NoError(t, err)
	value, found := o.Get("a")
	require.True(t, found)
	require.Equal(t, "3", string(value))
	_, found = o.Get("b")
	require.False(t, found)
}

func TestWhatIsNoObject(t *testing.T) {
	for _, text := range []string{
		``, ` `, `[]`, `null`, `{`, `{"a"}`, `{"a":}`, `{"a":1`, `{"a":1,}`, `{,}`, `{"a":1}}`, `{"a":[1}`, `{"a":{1}}`, `{"a":{"b":1]}`,
		`{"a":01}`, `{"a":+1}`, `{"a":nul}`, `{"a":"x}`, `{"a":"\`, `{a:1}`, `{"a":[1,]}`, `{"a":{"b":1,}}`, `{"a":1} x`, `{"a":[1 2]}`, `{"a" 1}`,
	} {
		_, err := Parse([]byte(text))
		require.ErrorIs(t, err, ErrNoObject, text)
	}
}

func TestUnmarshal(t *testing.T) {
	var a int
	b := "kept"
	require.NoError(t, Unmarshal([]byte(`{"A": 7, "a": 1, "B": "lost"}`), map[string]any{"a": &a, "b": &b}))
	require.Equal(t, 1, a)
	require.Equal(t, "kept", b)
	require.ErrorContains(t, Unmarshal([]byte(`{"a": "x"}`), map[string]any{"a": &a}), "a: ")
}

// TestDepthAndSize: a file may be nested as deep as it is long.
func TestDepthAndSize(t *testing.T) {
	const size = 1 << 20
	for _, text := range []string{
		`{"a":` + strings.Repeat("[", size/2) + strings.Repeat("]", size/2) + `}`,
		`{"a":` + strings.Repeat(`{"b":`, size/8) + "1" + strings.Repeat("}", size/8) + `}`,
		"{" + strings.TrimSuffix(strings.Repeat(`"a":1,`, size/6), ",") + "}",
	} {
		o, err := Parse([]byte(text))
		require.NoError(t, err)
		require.Len(t, o.Set(key, json.RawMessage("1")), len(text)+len(`,"desired_state":1`))
	}
}

// FuzzSet: what encoding/json takes for an object is one, and Set changes the one key and nothing
// else.
func FuzzSet(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"desired_state":"running","gateway_state":"stopped"}`, "\ufeff{ \"a\" : [1, {\"b\": null}] }", `{"de\u017fired_state":1}`,
		`{"desired_state":1,"desired_state":[{}]}`, `{"n":1e400,"m":-0.5E+7,"t":"\ud834\udd1e\u0000"}`, `{"n":NaN}`, `{"a":{"a":{"a":[[[[]]]]}}}`, `[1]`, `{"a":1}x`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := Parse(data)
		plain := bytes.TrimPrefix(data, []byte(byteOrderMark))
		var before map[string]json.RawMessage
		isObject := json.Unmarshal(plain, &before) == nil && before != nil
		if err != nil {
			if isObject {
				t.Fatalf("an object is refused: %q", data)
			}
			return
		}
		after := o.Set(key, json.RawMessage(`"x"`))
		again, err := Parse(after)
		if err != nil {
			t.Fatalf("%q became %q: %v", data, after, err)
		}
		if value, found := again.Get(key); !found || string(value) != `"x"` {
			t.Fatalf("%q became %q", data, after)
		}
		if !isObject {
			return
		}
		var now map[string]json.RawMessage
		if err := json.Unmarshal(bytes.TrimPrefix(after, []byte(byteOrderMark)), &now); err != nil {
			t.Fatalf("%q became %q: %v", data, after, err)
		}
		delete(before, key)
		delete(now, key)
		if len(before) != len(now) {
			t.Fatalf("%q became %q", data, after)
		}
		for k, v := range before {
			if !bytes.Equal(v, now[k]) {
				t.Fatalf("%q of %q became %q", k, data, now[k])
			}
		}
	})
}
