package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// A needle is what must not be found. Its name is shown; what it is, is not.
type needle struct {
	name string
	raw  []byte
}

// A finder looks for many needles at once, each in every form that software
// gives bytes: plain, UTF-16, hexadecimal, base64, and base64 of those.
type finder struct {
	at      map[uint64][]form // by the first eight bytes
	filter  []uint64
	longest int
}

type form struct {
	name  string
	bytes []byte
}

const prefix = 8

// inBase64 returns what is certain of a text's base64, wherever the text begins.
func inBase64(b []byte) (out [][]byte) {
	for skip := range 3 {
		e := base64.StdEncoding.EncodeToString(append(make([]byte, skip), b...))
		first := []int{0, 2, 3}[skip]
		last := (skip + len(b)) * 8 / 6
		out = append(out, []byte(e[first:last]))
		if url := strings.NewReplacer("+", "-", "/", "_").Replace(e[first:last]); url != e[first:last] {
			out = append(out, []byte(url))
		}
	}
	return out
}

func forms(raw []byte, text bool) (out [][]byte) {
	lower := []byte(hex.EncodeToString(raw))
	out = [][]byte{raw, lower, bytes.ToUpper(lower)}
	if text {
		var le, be []byte
		for _, u := range utf16.Encode([]rune(string(raw))) {
			le, be = binary.LittleEndian.AppendUint16(le, u), binary.BigEndian.AppendUint16(be, u)
		}
		out = append(out, le, be)
	}
	for _, b := range inBase64(raw) {
		out = append(append(out, b), inBase64(b)...)
	}
	return append(out, inBase64(lower)...)
}

func newFinder(t testing.TB, needles []needle) *finder {
	t.Helper()
	f := &finder{at: map[uint64][]form{}, filter: make([]uint64, 1<<16)}
	for _, n := range needles {
		if len(n.raw) < prefix {
			t.Fatalf("a needle of %d bytes is found everywhere: %s", len(n.raw), n.name)
		}
		for _, b := range forms(n.raw, printable(n.raw)) {
			if len(b) < prefix {
				continue
			}
			k := binary.LittleEndian.Uint64(b)
			f.at[k] = append(f.at[k], form{n.name, b})
			h := hash(k)
			f.filter[h>>6] |= 1 << (h & 63)
			f.longest = max(f.longest, len(b))
		}
	}
	return f
}

func printable(b []byte) bool {
	return bytes.IndexFunc(b, func(r rune) bool { return r < ' ' || r == 0xFFFD }) < 0
}

func hash(k uint64) uint64 { return k * 0x9E3779B97F4A7C15 >> 42 }

// in returns the names of the needles in b.
func (f *finder) in(b []byte) (found []string) {
	for i := 0; i+prefix <= len(b); i++ {
		k := binary.LittleEndian.Uint64(b[i:])
		if h := hash(k); f.filter[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		for _, x := range f.at[k] {
			if bytes.HasPrefix(b[i:], x.bytes) {
				found = append(found, x.name)
			}
		}
	}
	return found
}

// reader searches a stream; size is what it read.
func (f *finder) reader(r io.Reader) (found []string, size int64, err error) {
	const step = 4 << 20
	buf := make([]byte, 0, step+f.longest)
	for {
		n, err := io.ReadFull(r, buf[len(buf):len(buf)+min(step, cap(buf)-len(buf))])
		buf = buf[:len(buf)+n]
		size += int64(n)
		found = append(found, f.in(buf)...)
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = nil
			}
			return unique(found), size, err
		}
		keep := min(len(buf), f.longest-1)
		buf = append(buf[:0], buf[len(buf)-keep:]...)
	}
}

func unique(all []string) (out []string) {
	seen := map[string]bool{}
	for _, s := range all {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// folder searches every file below dir, and their names, but what skip leaves
// out. Files of a running node come and go.
func (f *finder) folder(t testing.TB, dir string, skip ...string) (found []string, files int, size int64) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, s := range skip {
			if path == s {
				if d.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
		}
		for _, n := range f.in([]byte(d.Name())) {
			found = append(found, n+" in the name "+path)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		file, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer file.Close()
		names, n, err := f.reader(file)
		for _, s := range names {
			found = append(found, s+" in "+path)
		}
		files, size = files+1, size+n
		return err
	}))
	return found, files, size
}

// memory searches what a process can read and write.
func (f *finder) memory(t testing.TB, pid int) (found []string, size int64) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this system does not show a process's memory")
	}
	check(t, err)
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	check(t, err)
	defer mem.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); n != 3 || mode[0] != 'r' || strings.Contains(line, "[v") {
			continue
		}
		names, n, _ := f.reader(io.NewSectionReader(mem, from, to-from)) // a mapping may be gone by now
		for _, s := range names {
			found = append(found, s+" at "+line)
		}
		size += n
	}
	return found, size
}

// The search can fail: every form is found, over the edges of what is read at
// once too.
func TestFinderFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	raw := make([]byte, 16)
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	all := []needle{{"text", []byte("Zqxplant^Anna")}, {"umlaut", []byte("Müßiggängér")}, {"key", raw}}
	f := newFinder(t, all)
	hay := make([]byte, 4<<20+8<<10)
	for i := range hay {
		hay[i] = byte(r.Uint32())
	}
	if found, n, err := f.reader(bytes.NewReader(hay)); len(found) > 0 || n != int64(len(hay)) || err != nil {
		t.Fatalf("found %v in noise of %d, %v", found, n, err)
	}
	for _, x := range all {
		for i, b := range forms(x.raw, printable(x.raw)) {
			for _, at := range []int{4<<20 - len(b)/2, len(hay) - len(b)} {
				old := bytes.Clone(hay[at : at+len(b)])
				copy(hay[at:], b)
				if found, _, err := f.reader(bytes.NewReader(hay)); err != nil || len(found) != 1 || found[0] != x.name {
					t.Errorf("%s, form %d at %d: found %v, %v", x.name, i, at, found, err)
				}
				copy(hay[at:], old)
			}
		}
		// And where it stands in JSON in a command's body.
		for skip := range 7 {
			body := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%*s%s", skip, "", base64.StdEncoding.EncodeToString(x.raw)))
			if found := f.in([]byte(`{"body":"` + body + `"}`)); len(found) == 0 {
				t.Errorf("%s is not found in base64 of base64 after %d bytes", x.name, skip)
			}
		}
	}
}
