package render

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKeysOfAMarkerCompareExactly: a key that only looks like one of ours says nothing.
func TestKeysOfAMarkerCompareExactly(t *testing.T) {
	m, err := ParseMarker([]byte(`{"format": 1, "profile": "a", "Profile": "b", "PORT": 7, "la\u017ft": true, "file\u017f": {"run": "x"}}`))
	require.NoError(t, err)
	require.Equal(t, Marker{Format: 1, Profile: "a"}, m)
	_, err = ParseMarker([]byte(`{"Format": 1, "profile": "a"}`))
	require.ErrorContains(t, err, "marker of format 0")
}

// FuzzMarker: what we write of a marker is what we read.
func FuzzMarker(f *testing.F) {
	for _, seed := range []string{`{"format": 1, "profile": "a", "files": {"run": "x"}}`, `{"format":1,"Profile":"b"}`, `{"format": 1, "port": 1e3}`, `{}`, ``, `[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseMarker(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		read, err := ParseMarker(again)
		if m.Files == nil {
			read.Files = nil // written as null or as nothing
		}
		if err != nil || !reflect.DeepEqual(m, read) {
			t.Fatalf("%q: %v became %v: %v", data, m, read, err)
		}
	})
}
