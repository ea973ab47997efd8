//go:build linux

package process

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEffectiveUser(t *testing.T) {
	uid, ok := EffectiveUser("Name:\tUid:\nState:\tS\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n")
	require.True(t, ok)
	require.EqualValues(t, 2, uid)
	for _, text := range []string{"", "Uid:", "Uid:\t1", "Uid:\t1\tx", "Uid:\t1\t4294967296"} {
		_, ok := EffectiveUser(text)
		require.False(t, ok, text)
	}
}

// FuzzProc: what the kernel shows of a process is in parts what that process says.
func FuzzProc(f *testing.F) {
	for _, seed := range []string{
		"7 (sh) S 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0", "7 (a) b) S 1", "7 (", ")", "", "Name:\tx\nUid:\t0\t0\t0\t0\n",
		socketHeader + "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1\n",
		"Max open files            1024                 4096                 files\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, field := range []int{statParent, statSession, statFlags, statStart, statRSS} {
			behind := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
			if n := Stat(text).number(field); n != 0 && (len(behind) <= field || !strings.ContainsAny(behind[field], "123456789")) {
				t.Fatalf("%q: field %d is %d", text, field, n)
			}
		}
		if uid, ok := EffectiveUser(text); ok && !strings.Contains(text, "Uid:") {
			t.Fatalf("%q: user %d", text, uid)
		}
		for _, l := range parseSockets(text) {
			if !l.Address.IsValid() {
				t.Fatalf("%q: %v", text, l)
			}
		}
	})
}
