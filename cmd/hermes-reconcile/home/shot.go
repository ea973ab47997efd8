//go:build linux

package home

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/loglines"
	"hermes-reconcile/s6ctl/safefile"
)

// The files of an s6-log besides those that are full: the one it writes to, and what that is called
// while it makes a new one.
const (
	currentFile  = "current"
	previousFile = "previous"
)

// labelLength is how many hexadecimal digits a TAI64N label has.
const labelLength = 24

// isRotated reports whether a file is one that s6-log is done with: "@", the time as TAI64N in 24
// hexadecimal digits, which sort by time, and ".s", or ".u" where a logger was killed.
func isRotated(name string) bool {
	const digits, length = "0123456789abcdef", 1 + labelLength + 2
	return len(name) == length && name[0] == '@' && strings.Trim(name[1:length-2], digits) == "" &&
		(strings.HasSuffix(name, ".s") || strings.HasSuffix(name, ".u"))
}

// part is a file of a log.
type part struct {
	name   string
	path   string
	file   *os.File // nil: not opened yet
	info   fs.FileInfo
	offset int64 // how far it is read
	half   bool  // what was read last is no whole line
}

// open opens the file, if that is not done yet. Nothing that lies there in its place is followed or
// can block.
func (p *part) open(folder *safefile.Dir) error {
	if p.file != nil {
		return nil
	}
	file, _, err := folder.OpenRegular(p.name)
	if err != nil {
		return err
	}
	if p.info, err = file.Stat(); err != nil {
		file.Close()
		return err
	}
	p.file = file
	return nil
}

// close ends the use of one file; one that was never opened has nothing to end.
func (p *part) close() {
	if p.file != nil {
		p.file.Close()
		p.file = nil
	}
}

// named reports whether the part's name leads to it still.
func (p *part) named() bool {
	info, err := safefile.LstatOwn(p.path)
	return err == nil && os.SameFile(info, p.info)
}

// links is how many names the file has.
func (p *part) links() uint64 {
	info, err := p.file.Stat()
	if err != nil {
		return 0
	}
	return uint64(info.Sys().(*syscall.Stat_t).Nlink)
}

// shot is what a log consists of at one moment, oldest first. The files that are full keep their
// names and are not open yet. Those called previous and current are: their names are others' soon.
type shot struct {
	folder *safefile.Dir
	parts  []*part
}

// maxLooks is how often to look anew at a folder that changes meanwhile. s6-log needs a rotation
// for that each time.
const maxLooks = 100

// look takes a shot of a folder. Of what s6-log does there meanwhile it has seen all or nothing.
func look(path string) (*shot, error) {
	for range maxLooks {
		s := &shot{}
		whole, err := s.take(path)
		if whole && err == nil {
			return s, nil
		}
		s.close()
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("cannot read %q: its files come and go too fast", path)
}

// take fills the shot. It is not whole if something has changed meanwhile.
func (s *shot) take(path string) (whole bool, err error) {
	if s.folder, err = safefile.Open(path); err != nil {
		return false, err
	}
	names, err := s.list()
	if err != nil {
		return false, err
	}
	for _, name := range names {
		p := &part{name: name, path: filepath.Join(path, name)}
		s.parts = append(s.parts, p)
		if isRotated(name) {
			continue
		}
		if err := p.open(s.folder); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	again, err := s.list()
	if err != nil || !slices.Equal(names, again) { // a rotation adds a name
		return false, err
	}
	s.unite()
	return true, nil
}

// maxNames bounds what is kept of a folder that a user fills. s6-log keeps as many files as it is
// told, 10000 at most.
const maxNames = 100_000

// list are the names of the log's files, oldest first.
func (s *shot) list() (names []string, err error) {
	passing := map[string]bool{}
	err = s.folder.Each(func(name string) bool {
		switch {
		case isRotated(name):
			names = append(names, name)
		case name == previousFile, name == currentFile:
			passing[name] = true
		}
		return len(names) <= maxNames
	})
	if err == nil && len(names) > maxNames {
		err = fmt.Errorf("cannot read %q: it has more than %d files", s.folder.Path(), maxNames)
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range []string{previousFile, currentFile} {
		if passing[name] {
			names = append(names, name)
		}
	}
	return names, nil
}

// unite drops a part that is there under its next name, too: s6-log gives that first, and takes the
// old one away then, maybe by now.
func (s *shot) unite() {
	s.parts = slices.DeleteFunc(s.parts, func(p *part) bool {
		moved := p.file != nil &&
			// Most often it is not, and nothing more is asked.
			(p.links() > 1 || !p.named())
		twice := moved && slices.ContainsFunc(s.parts, func(other *part) bool {
			info, err := safefile.LstatOwn(other.path)
			return isRotated(other.name) && err == nil && os.SameFile(info, p.info)
		})
		if twice {
			p.close()
		}
		return twice
	})
}

// current is the part that s6-log writes to, or nil.
func (s *shot) current() *part {
	if n := len(s.parts); n > 0 && s.parts[n-1].name == currentFile {
		return s.parts[n-1]
	}
	return nil
}

// names are those of the parts that keep them.
func (s *shot) names() map[string]bool {
	names := map[string]bool{}
	for _, p := range s.parts {
		if isRotated(p.name) {
			names[p.name] = true
		}
	}
	return names
}

// has reports whether an open file is one of those that had no lasting name when the shot was
// taken.
func (s *shot) has(p *part) bool {
	return slices.ContainsFunc(s.parts,
		func(own *part) bool { return !isRotated(own.name) && os.SameFile(own.info, p.info) })
}

// close closes all files of a moment.
func (s *shot) close() {
	for _, p := range s.parts {
		p.close()
	}
	if s.folder != nil {
		s.folder.Close()
	}
}

// since is the first part that may have lines of that time or later: the name of one that is full
// says when it was.
func (s *shot) since(from time.Time) int {
	if from.IsZero() {
		return 0
	}
	for i, p := range s.parts {
		if !isRotated(p.name) {
			return i
		}
		if full, known := loglines.TAI64N(p.name[1 : 1+labelLength]); !known || !full.Before(from) {
			return i
		}
	}
	return len(s.parts)
}

// last finds the part where the last lines of the log begin, and sets that to where they do.
func (s *shot) last(ctx context.Context, lines int) (from int, err error) {
	if lines == AllLines {
		return 0, nil
	}
	for i, p := range slices.Backward(s.parts) {
		if err := p.open(s.folder); errors.Is(err, fs.ErrNotExist) {
			return i + 1, nil // it has been rotated away, and so have those before it
		} else if err != nil {
			return 0, err
		}
		begin, found, err := lastLines(ctx, p.file, p.info.Size(), lines)
		if err != nil {
			return 0, err
		}
		if lines -= found; lines == 0 {
			p.offset = begin
			return i, nil
		}
		if isRotated(p.name) {
			p.close() // there may be more than one may have open
		}
	}
	return 0, nil
}

// lastLines finds where the last lines of a text begin, and how many there are of those asked for.
// What follows the last line end is a line. No lines begin behind the last line end.
func lastLines(
	ctx context.Context,
	text io.ReaderAt,
	size int64,
	lines int,
) (begin int64, found int, err error) {
	end, wanted := size-1, lines // the line end that ends the text begins no line
	if lines == 0 {
		end, wanted = size, 1
	}
	block := make([]byte, blockSize)
	for end > 0 {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		start := max(end-blockSize, 0)
		read := block[:end-start]
		if n, err := text.ReadAt(read, start); err == io.EOF {
			read = read[:n] // it was cut short meanwhile
		} else if err != nil {
			return 0, 0, err
		}
		for i := bytes.LastIndexByte(read, '\n'); i >= 0; i = bytes.LastIndexByte(read[:i], '\n') {
			if found++; found == wanted {
				return start + int64(i) + 1, lines, nil
			}
		}
		end = start
	}
	if size > 0 && lines > 0 {
		found++ // the first line
	}
	return 0, found, nil
}
