package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/writing"
)

// TestStencilsAreWhatTheTemplatesGive, for scripts with any texts and any outline.
func TestStencilsAreWhatTheTemplatesGive(t *testing.T) {
	r := withAll(t, &manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: "/opt/data"})
	plain := template.Must(template.New("").Funcs(template.FuncMap{"quote": quote}).ParseFS(templateFiles, "templates/*.tmpl"))
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var s script
		fillRandomly(random, reflect.ValueOf(&s).Elem())
		key, texts := outline(&s)
		for _, name := range []string{"run.tmpl", "log-run.tmpl", "check.tmpl"} {
			if name == "check.tmpl" && s.Ready == nil {
				continue
			}
			var want bytes.Buffer
			require.NoError(t, plain.ExecuteTemplate(&want, name, s))
			got, err := r.execute(name, key, texts, &s)
			require.NoError(t, err)
			require.Equal(t, want.String(), string(got.Bytes()))
			require.True(t, got.Is(want.Bytes()))
			require.False(t, got.Is(append(want.Bytes(), 'x')))
			require.Equal(t, Digest(want.Bytes()), got.Digest())
			require.True(t, got.Equal(Text(want.Bytes())) && Text(want.Bytes()).Equal(got))
		}
	}
	require.Equal(t, maxStencils, r.stencils.n, "as many as are kept")
}

// fillRandomly sets all fields of a script. A field of a kind that it does not know fails.
func fillRandomly(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		text := ""
		for range r.IntN(3) {
			text += []string{"a", "it's", "''", "$(x)", "\x01", "7", "\n", "é", "{{.}}", `"`, " "}[r.IntN(11)]
		}
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(r.Int64N(3))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(3), 3))
		for i := range v.Len() {
			fillRandomly(r, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fillRandomly(r, v.Field(i))
		}
	case reflect.Pointer:
		if r.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fillRandomly(r, v.Elem())
		}
	default:
		panic(fmt.Sprint(v.Kind()))
	}
}

// TestMarkerIsWhatTheEncoderWrites, so that those of earlier versions stay as they are.
func TestMarkerIsWhatTheEncoderWrites(t *testing.T) {
	for _, excerpt := range []writing.Excerpt{{}, {Text: []byte(`{version: 1, a: "b\\c"}`)}, {Text: []byte("<é>&\u007f"), Format: 2}} {
		for _, d := range []Servicedir{
			{Profile: "x", Port: 1, OnFailure: true, Last: true},
			{Profile: "y", Files: []File{newFile("run", modeScript, []byte("1")), newFile("log/run", modeScript, nil)}},
		} {
			want := Marker{
				Format: markerFormat, Profile: d.Profile, Port: d.Port, OnFailure: d.OnFailure, Last: d.Last,
				Manifest: string(excerpt.Text), ManifestFormat: excerpt.Format, Files: map[string]string{},
			}
			for _, f := range d.Files {
				want.Files[f.Path] = f.Data.Digest()
			}
			if len(d.Files) == 0 {
				d.Files = []File{newFile("run", modeScript, nil)}
				want.Files["run"] = Digest(nil)
			}
			d.seal(excerpt)
			text, err := json.MarshalIndent(want, "", "  ")
			require.NoError(t, err)
			require.Equal(t, string(text)+"\n", string(d.File(MarkerPath).Data.Bytes()))
			parsed, err := ParseMarker(d.File(MarkerPath).Data.Bytes())
			require.NoError(t, err)
			require.Equal(t, parsed, d.Marker())
		}
	}
}

// TestStencilKnowsWhatItGives: what is compared without being put together is what would be.
func TestStencilKnowsWhatItGives(t *testing.T) {
	s, err := cut("a" + markQuoted + "0" + markQuoted + "b" + markRaw + "1" + markRaw + markRaw + "0" + markRaw)
	require.NoError(t, err)
	texts := []string{"it's", "x"}
	want := `ait'\''sbxit's`
	require.Equal(t, want, string(s.fill(nil, texts)))
	require.True(t, s.gives([]byte(want), texts))
	for i := range want {
		require.False(t, s.gives([]byte(want[:i]), texts), i)
		require.False(t, s.gives([]byte(want[:i]+"!"+want[i+1:]), texts), i)
	}
	require.False(t, s.gives([]byte(want+"!"), texts))
}

// BenchmarkRender is a manifest of a thousand profiles to their service directories.
func BenchmarkRender(b *testing.B) {
	m := &manifest.Manifest{Runtime: manifest.RuntimeS6Overlay, HermesHome: "/opt/data"}
	for i := range 1000 {
		p := manifest.Builtin(fmt.Sprintf("p%04d", i), 10_000+i)
		p.Env = []manifest.EnvVar{{Name: "TONE", Value: "dry"}}
		p.Ready = &manifest.Ready{HTTP: "/health", Interval: time.Second, Timeout: time.Minute}
		m.Profiles = append(m.Profiles, p)
	}
	b.ReportAllocs()
	for b.Loop() {
		dirs, err := All(m)
		require.NoError(b, err)
		require.Len(b, dirs, 1000)
	}
}
