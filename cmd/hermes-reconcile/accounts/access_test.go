//go:build linux

package accounts

import (
	"encoding/binary"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
	"hermes-reconcile/s6ctl/route"
)

// stage is where tests lay out routes to a secret, and an account that must not change it.
type stage struct {
	kit.Layout
	who Account
}

func newStage(t testing.TB) stage {
	who := Account{UID: uint32(os.Getuid()) + 4711, GID: 4711, Groups: []uint32{4711}}
	return stage{kit.NewLayout(t), who}
}

// Whatever a path leads through counts: folders, symlinks, what these lead through, and where a
// file is yet to come.
func TestEveryHopOfARouteCounts(t *testing.T) {
	s := newStage(t)
	safe, open := s.Dir("safe", 0o755, 0), s.Dir("open", 0o777, 0)
	sticky := s.Dir("sticky", 0o777|os.ModeSticky, 0)
	s.Dir("open/in", 0o755, 0)
	for _, name := range []string{"safe/file", "open/file", "open/in/file", "sticky/file"} {
		s.File(name)
	}
	s.Link(s.Path("open/in/file"), "safe/deep")
	s.Link("../open/turn", "safe/relative")
	s.Link("../safe/file", "open/turn")
	s.Link(s.Path("safe/relative"), "safe/twice")
	s.Link(s.Path("open/folder"), "safe/folder")
	s.Link("../safe", "open/folder")
	s.Link(s.Path("sticky/link"), "safe/bysticky")
	s.Link("../safe/file", "sticky/link")
	s.Link(s.Path("sticky/absent"), "safe/tobe")
	s.Link("loop", "safe/loop")
	s.Link("../safe/../safe/file", "safe/dots")
	for file, want := range map[string]string{
		"safe/file": "", "safe/absent": "", "safe/absent/below": "", "safe/file/below": "", "safe/loop": "", "safe/dots": "",
		"open/file": open, "open/absent": open, "open/turn": open, "open/in/file": open,
		"safe/deep":        open + `, where "` + s.Path("safe/deep") + `" leads`,
		"safe/relative":    open + `, where "` + s.Path("safe/relative") + `" leads`,
		"safe/twice":       open + `, where "` + s.Path("safe/relative") + `" leads`,
		"safe/folder/file": open + `, where "` + s.Path("safe/folder") + `" leads`,
		"sticky/file":      "", "sticky/link": "", "safe/bysticky": "",
		"sticky/absent": sticky + "/absent", "safe/tobe": sticky + `/absent, where "` + s.Path("safe/tobe") + `" leads`,
	} {
		require.Equal(t, want, s.who.Reach(s.Path(file)), file)
	}
	require.Empty(t, Account{}.Reach(s.Path("open/file")), "root needs no warning")
	require.NoError(t, os.Chmod(safe, 0o775))
	own := Account{UID: s.who.UID, Groups: []uint32{uint32(os.Getgid())}}
	require.Equal(t, safe, own.Reach(s.Path("safe/file")), "by its group")
	require.NoError(t, os.Chmod(safe, 0o707))
	require.Empty(t, own.Reach(s.Path("safe/file")), "its group may less than others")
	require.Equal(t, safe, s.who.Reach(s.Path("safe/file")))
	require.NoError(t, os.Chmod(safe, 0o755))
	require.NoError(t, os.Chmod(s.Path("safe/file"), 0o666))
	require.Equal(t, s.Path("safe/file"), s.who.Reach(s.Path("safe/file")))
}

// A path may be made so that looking along it never ends, or that its symlinks multiply.
func TestRouteHasAnEnd(t *testing.T) {
	s := newStage(t)
	s.Dir("d", 0o755, 0)
	s.Link("d", "l0")
	for i := 1; i < 60; i++ {
		s.Link("l"+strconv.Itoa(i-1)+"/../l"+strconv.Itoa(i-1), "l"+strconv.Itoa(i))
	}
	_, err := route.Of(s.Path("l59/file"))
	require.ErrorIs(t, err, syscall.ELOOP)
	hops, err := route.Of(s.Path("l4/file"))
	require.NoError(t, err, "the kernel follows that many, too")
	require.Less(t, len(hops), 400)
}

// What belongs to the account counts with any mode, in a sticky folder, too. Only root can give
// things away.
func TestWhatBelongsToTheAccountCounts(t *testing.T) {
	if os.Getuid() != 0 {
		return
	}
	s := newStage(t)
	uid := int(s.who.UID)
	mine := s.Dir("mine", 0o500, uid)
	s.File("mine/file")
	sticky := s.Dir("sticky", 0o777|os.ModeSticky, 0)
	own := s.Dir("ownsticky", 0o777|os.ModeSticky, uid)
	s.File("ownsticky/file")
	s.Link("../mine/file", "sticky/link")
	s.Link("/etc/passwd", "sticky/mine")
	require.NoError(t, os.Lchown(s.Path("sticky/mine"), uid, uid))
	s.Link(s.Path("mine/file"), "far")
	s.Dir("rootdir", 0o755, 0)
	s.Link("/etc/passwd", "rootdir/link")
	require.NoError(t, os.Lchown(s.Path("rootdir/link"), uid, uid))
	for file, want := range map[string]string{
		"mine/file": mine, "mine/absent": mine, "far": mine + `, where "` + s.Path("far") + `" leads`, "ownsticky/file": own,
		"sticky/mine": sticky + "/mine", "sticky/link": mine + `, where "` + s.Path("sticky/link") + `" leads`,
		"rootdir/link": "", // a symlink cannot be turned but by a new one in its folder
	} {
		require.Equal(t, want, s.who.Reach(s.Path(file)), file)
	}
}

// An access list lets more users write than the mode tells, or fewer.
func TestAccessListsCount(t *testing.T) {
	const owner, group, other = 7, 5, 5
	s := newStage(t)
	const (
		userObj, userTag, groupObj, groupTag, mask, otherTag = 1, 2, 4, 8, 16, 32
		none                                                 = 0xFFFFFFFF
	)
	type entry struct{ tag, perm, id uint32 }
	for name, c := range map[string]struct {
		list []entry
		want bool
	}{
		"named user":          {[]entry{{userObj, owner, none}, {userTag, 7, s.who.UID}, {groupObj, group, none}, {mask, 7, none}, {otherTag, other, none}}, true},
		"masked user":         {[]entry{{userObj, owner, none}, {userTag, 7, s.who.UID}, {groupObj, group, none}, {mask, 5, none}, {otherTag, other, none}}, false},
		"other user":          {[]entry{{userObj, owner, none}, {userTag, 7, s.who.UID + 1}, {groupObj, group, none}, {mask, 7, none}, {otherTag, other, none}}, false},
		"named group":         {[]entry{{userObj, owner, none}, {groupObj, group, none}, {groupTag, 7, 4711}, {mask, 7, none}, {otherTag, other, none}}, true},
		"group without write": {[]entry{{userObj, owner, none}, {groupObj, 7, none}, {groupTag, 5, 4711}, {mask, 7, none}, {otherTag, 7, none}}, false},
		"others":              {[]entry{{userObj, owner, none}, {userTag, 7, s.who.UID + 1}, {groupObj, group, none}, {mask, 7, none}, {otherTag, 7, none}}, true},
	} {
		data := binary.LittleEndian.AppendUint32(nil, 2)
		for _, e := range c.list {
			data = binary.LittleEndian.AppendUint16(data, uint16(e.tag))
			data = binary.LittleEndian.AppendUint16(data, uint16(e.perm))
			data = binary.LittleEndian.AppendUint32(data, e.id)
		}
		file := route.Hop{Path: "/x", Owner: s.who.UID + 9, Group: 1, Mode: 0o777, ACL: data}
		_, writes := s.who.changes(file)
		require.Equal(t, c.want, writes, name)
	}
	broken := route.Hop{Path: "/x", Mode: 0o755, ACL: []byte("\x02\x00\x00\x00\x01")}
	_, writes := s.who.changes(broken)
	require.False(t, writes, "what cannot be read says nothing")
}

// A real list, where the file system of the test has any.
func TestAccessListOfAFolder(t *testing.T) {
	s := newStage(t)
	dir := s.Dir("dir", 0o755, 0)
	s.File("dir/file")
	list := []byte{2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255}
	list = append(list, 2, 0, 7, 0)
	list = binary.LittleEndian.AppendUint32(list, s.who.UID)
	list = append(list, 4, 0, 5, 0, 255, 255, 255, 255, 16, 0, 7, 0, 255, 255, 255, 255, 32, 0, 5, 0, 255, 255, 255, 255)
	switch err := syscall.Setxattr(dir, route.AccessList, list, 0); err {
	case nil:
		require.Equal(t, dir, s.who.Reach(s.Path("dir/file")))
	default:
		require.ErrorIs(t, err, syscall.EOPNOTSUPP)
		require.Empty(t, s.who.Reach(s.Path("dir/file")))
	}
}

// FuzzAccessList: a list that the kernel would not give either says nothing, or lets some write; it
// never ends the program.
func FuzzAccessList(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00"), uint32(4711), uint32(0o777))
	f.Add([]byte("\x02\x00\x00\x00\x02\x00\x07\x00\x67\x12\x00\x00\x10\x00\x07\x00\xff\xff\xff\xff"), uint32(4711), uint32(0o700))
	f.Add([]byte("\x02\x00\x00\x00\x01"), uint32(0), uint32(0o1777))
	f.Fuzz(func(t *testing.T, list []byte, uid, mode uint32) {
		who := Account{UID: uid, GID: uid, Groups: []uint32{uid}}
		next := ""
		if mode&1 != 0 {
			next = "y"
		}
		at, can := who.changes(route.Hop{Path: "/x", Owner: 1, Mode: mode, ACL: list, Next: next})
		require.False(t, can && uid == 0, "root is not warned of")
		require.True(t, !can || at == "/x" || at == "/x/y")
		if uid > 1 && len(accessEntries(list)) == 0 && uid != 0 {
			require.Equal(t, mode&0o002 != 0, who.mayWrite(route.Hop{Owner: 1, Mode: mode, ACL: list}))
		}
	})
}
