package index_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/privacy/notice"
	"manx/web/index"
	"manx/web/index/indextest"
)

// before is what the index made of its tables before its migrations had numbers.
const before = "CREATE TABLE `states` (`key` text,`word` text,`body` blob,`height` integer,PRIMARY KEY (`key`));" +
	"CREATE INDEX `idx_states_height` ON `states`(`height`);" +
	"CREATE INDEX `idx_states_word` ON `states`(`word`);" +
	"CREATE TABLE `mentions` (`party` text,`word` text,`key` text,PRIMARY KEY (`party`,`word`,`key`));" +
	"CREATE INDEX `idx_mentions_key` ON `mentions`(`key`);" +
	"CREATE TABLE `cursors` (`id` integer PRIMARY KEY AUTOINCREMENT,`height` integer);" +
	"CREATE TABLE `sessions` (`hash` text,`party` text,`expires` integer,PRIMARY KEY (`hash`));" +
	"CREATE INDEX `idx_sessions_expires` ON `sessions`(`expires`);" +
	"CREATE TABLE `blobs` (`node` integer,`ref` text,`party` text,`size` integer,PRIMARY KEY (`node`,`ref`,`party`));"

// A database of that time is taken over with all it holds.
func TestAnIndexOfBeforeIsTakenOver(t *testing.T) {
	for _, filled := range []bool{false, true} {
		h := indextest.Random(43, 200)
		was := sqlite(t)
		x := indextest.Open(t, was)
		if err := x.Follow(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			if err := x.Uploaded(t.Context(), i, "bafkreiref", indextest.Party(1), 100+i); err != nil {
				t.Fatal(err)
			}
		}
		token, _, err := x.OpenSession(t.Context(), index.Who{Party: indextest.Party(2)}, time.Now())
		want := indextest.Dump(t, x)
		if err := errors.Join(err, x.Close()); err != nil {
			t.Fatal(err)
		}

		old := sqlite(t)
		indextest.Exec(t, old, before)
		if filled {
			indextest.Exec(t, old, "ATTACH '"+was.File+"' AS was; INSERT INTO states SELECT key, word, body, height FROM was.states;"+
				"INSERT INTO mentions SELECT party, word, key FROM was.mentions; INSERT INTO cursors SELECT id, height FROM was.cursors WHERE id = 1;"+
				"INSERT INTO sessions SELECT hash, party, expires FROM was.sessions; INSERT INTO blobs SELECT node, ref, party, size FROM was.blobs;"+
				"INSERT INTO blobs VALUES (0, 'bafkreiref', 'a second owner', 100);")
		}
		y := indextest.Open(t, old)
		if !filled { // nor is anything there that was not
			if n, err := y.Height(t.Context()); err != nil || n != 0 {
				t.Errorf("height %d, %v", n, err)
			}
			continue
		}
		if got := indextest.Dump(t, y); got != unmoved(want) {
			t.Errorf("taken over it holds\n%s\nwant\n%s", got, unmoved(want))
		}
		if _, err := y.Session(t.Context(), token, time.Now()); !notice.Is(err, notice.Denied) {
			t.Errorf("a session of before, which has no last use, goes on: %v", err)
		}
		if err := y.Follow(t.Context(), h); err != nil || indextest.Dump(t, y) != want {
			t.Errorf("following on changes it: %v", err)
		}
		indextest.Same(t, y, h)
	}
}

// unmoved is a dump without movements and the log, which an index of before learns from
// the ledger as it follows on.
func unmoved(dump string) (out string) {
	for l := range strings.Lines(dump) {
		switch strings.Fields(l)[0] {
		case "moved", "logged", "term", "id":
		default:
			out += l
		}
	}
	return out
}

// A file that is no database, or half of one, is named with the cure, and made
// again.
func TestADamagedFileIsMadeAgain(t *testing.T) {
	h := indextest.Random(47, 300)
	for name, damage := range map[string]func(b []byte) []byte{
		"no database": func([]byte) []byte { return []byte(strings.Repeat("no database ", 1000)) },
		"torn":        func(b []byte) []byte { return append(b[:len(b)/3], make([]byte, len(b)-len(b)/3)...) },
	} {
		t.Run(name, func(t *testing.T) {
			s := sqlite(t)
			x := indextest.Open(t, s)
			if err := errors.Join(x.Follow(t.Context(), h), x.Close()); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(s.File)
			if err == nil {
				err = os.WriteFile(s.File, damage(b), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			x, err = s.Open(t.Context(), quiet())
			if err == nil {
				_, err = x.Contents(t.Context())
				_ = x.Close()
			}
			n := (*notice.Error)(nil)
			if !errors.As(err, &n) || n.Kind != notice.Integrity || !strings.Contains(n.Hint, "manx index rebuild") {
				t.Fatalf("got %v", err)
			}
			done, err := index.Rebuild(t.Context(), s, h, stores(), h.Height(), quiet())
			if err != nil || done.Before != nil {
				t.Fatalf("%+v, %v", done, err)
			}
			indextest.Same(t, indextest.Open(t, s), h)
		})
	}
}

// The node is killed again and again while it reads the ledger.
func TestInvariant8_KilledWhileFollowing(t *testing.T) {
	h := indextest.Random(53, 3000)
	if file := os.Getenv("MANX_TEST_INDEX"); file != "" { // the child
		x, err := index.Open(file, quiet())
		if err != nil {
			t.Fatal(err)
		}
		for { // until it is killed
			if err := x.Follow(t.Context(), h); err != nil {
				t.Fatal(err)
			}
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := index.Source{File: filepath.Join(t.TempDir(), "index.db")}
	for i := range 8 {
		child := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), "MANX_TEST_INDEX="+s.File)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(30+25*i) * time.Millisecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait()
	}
	x := indextest.Open(t, s)
	if err := x.Follow(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	indextest.Same(t, x, h)
}
