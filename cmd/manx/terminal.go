package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/web/owner"
	"manx/web/owner/patient"
)

// A terminal is how one invocation speaks and where its home is.
type terminal struct {
	out, err       io.Writer
	lock           func(text string) (seal.Passphrase, error)
	data, node     string
	passphraseFile string
	json           bool
	quiet, yes     bool
}

// print writes v as one line of JSON: an object that says whether all is well.
func (t *terminal) print(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		b = []byte(`{"ok":false}`)
	}
	if _, says := v.(map[string]any); !says && bytes.HasPrefix(b, []byte("{\"")) {
		b = append([]byte(`{"ok":true,`), b[1:]...)
	}
	_, _ = fmt.Fprintf(t.out, "%s\n", b)
}

// say writes v as JSON under --json, and otherwise what text writes.
func (t *terminal) say(v any, text func(w io.Writer)) {
	if t.json {
		t.print(v)
		return
	}
	w := tabwriter.NewWriter(t.out, 0, 8, 2, ' ', 0)
	text(w)
	_ = w.Flush()
}

// dir returns the home folder.
func (t *terminal) dir() (string, error) {
	if t.data != "" {
		return t.data, nil
	}
	if d := os.Getenv("MANX_DATA"); d != "" {
		return d, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", notice.Because(err, notice.Invalid, "there is no home folder", "name one with --data or MANX_DATA")
	}
	return filepath.Join(home, ".manx"), nil
}

// address returns the node's address where one was given.
func (t *terminal) address() string {
	if t.node != "" {
		return t.node
	}
	return os.Getenv("MANX_NODE")
}

// joined is the node that a new home joins: the one that was named, or this machine's.
func (t *terminal) joined() string {
	if a := t.address(); a != "" {
		return a
	}
	return "http://127.0.0.1:8420"
}

// passphrase reads the passphrase from a file or asks for it; never from an
// argument, which other users of the machine could see.
func (t *terminal) passphrase(fresh bool) (seal.Passphrase, error) {
	file := t.passphraseFile
	if file == "" {
		file = os.Getenv("MANX_PASSPHRASE_FILE")
	}
	if file != "" {
		b, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return seal.Passphrase{}, notice.Because(err, notice.NotFound, "the passphrase file is not there", "check --passphrase-file or MANX_PASSPHRASE_FILE")
		}
		if err != nil {
			return seal.Passphrase{}, fmt.Errorf("read passphrase: %w", err)
		}
		return t.newPassphrase(strings.TrimRight(string(b), "\r\n"), fresh)
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return seal.Passphrase{}, notice.New(notice.Invalid, "a passphrase is needed and there is no terminal to ask on", "name a file with MANX_PASSPHRASE_FILE")
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(t.err, prompt)
		b, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(t.err)
		return string(b), err
	}
	p, err := ask("Passphrase: ")
	if err != nil {
		return seal.Passphrase{}, fmt.Errorf("read passphrase: %w", err)
	}
	if fresh {
		again, err := ask("Once more: ")
		if err != nil {
			return seal.Passphrase{}, fmt.Errorf("read passphrase: %w", err)
		}
		if again != p {
			return seal.Passphrase{}, notice.New(notice.Invalid, "the two passphrases are not the same", "try again")
		}
	}
	return t.newPassphrase(p, fresh)
}

// minPassphrase is the fewest bytes of a passphrase that a keyring is made
// under; guessing is slow, but not slow enough for shorter ones.
const minPassphrase = 10

func (t *terminal) newPassphrase(text string, fresh bool) (seal.Passphrase, error) {
	if fresh && len(text) < minPassphrase {
		return seal.Passphrase{}, notice.New(notice.Invalid, fmt.Sprintf("the passphrase is shorter than %d characters", minPassphrase), "choose a longer one: four words nobody would guess are good")
	}
	return t.lock(text)
}

// home opens the home.
func (t *terminal) home() (*owner.Home, error) {
	dir, err := t.dir()
	if err != nil {
		return nil, err
	}
	if _, err := owner.PinnedNetwork(dir); err != nil {
		return nil, err
	}
	pass, err := t.passphrase(false)
	if err != nil {
		return nil, err
	}
	return owner.Open(dir, pass, t.address())
}

// as runs f as the home's party on one side of the exchange.
func (t *terminal) as(ctx context.Context, v ledger.Vertical, f func(ctx context.Context, p *owner.Party) error) error {
	if !v.Valid() {
		return usage{errors.New("that is not an id: ids look like health-rec-… and are listed by `manx audit`")}
	}
	h, err := t.home()
	if err != nil {
		return err
	}
	defer h.Close()
	p, err := h.As(v)
	if err != nil {
		return err
	}
	defer p.Close()
	return f(ctx, p)
}

// named checks that an argument is an id of the kind a command works on.
func named[ID ~string](arg, word, what, list string) (ID, error) {
	id := ID(arg)
	if ledger.CheckID(id, word) != nil {
		return id, usage{fmt.Errorf("%q is not the id of %s: `%s` shows them", arg, what, list)}
	}
	return id, nil
}

func recordNamed(arg string) (ledger.RecordID, error) {
	return named[ledger.RecordID](arg, "rec", "a record", "manx study list")
}

func partyNamed(arg string) (ledger.PartyID, error) {
	return named[ledger.PartyID](arg, "p", "a party", "manx keys show")
}

func jobNamed(arg string) (ledger.JobID, error) {
	return named[ledger.JobID](arg, "job", "a job", "manx job list")
}

// count writes a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// listOf is a list that is never null in JSON.
func listOf[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// sure asks before what cannot be undone.
func (t *terminal) sure(question string) error {
	if t.yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return usage{fmt.Errorf("%q needs a yes, and there is no terminal to ask on: say it with --yes", question)}
	}
	fmt.Fprintf(t.err, "%s [y/N] ", question)
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil || !strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "y") {
		return notice.New(notice.Denied, "nothing was done", "")
	}
	return nil
}

// A stage is a part of long work; total is 0 where it is not known.
type stage struct {
	name        string
	done, total int64
}

// bar returns a function that shows how far the stages of long work are, on a
// terminal and not more than ten times a second, and one that clears the line.
func (t *terminal) bar() (show patient.Progress, end func()) {
	f, ok := t.err.(*os.File)
	if t.quiet || t.json || !ok || !term.IsTerminal(int(f.Fd())) {
		return func(string, int64, int64) {}, func() {}
	}
	var last time.Time
	var running []stage
	return func(name string, done, total int64) {
			running = slices.DeleteFunc(running, func(s stage) bool { return s.name != name && s.done >= s.total })
			if i := slices.IndexFunc(running, func(s stage) bool { return s.name == name }); i >= 0 {
				running[i] = stage{name, done, total}
			} else {
				running = append(running, stage{name, done, total})
			}
			if time.Since(last) < 100*time.Millisecond {
				return
			}
			last = time.Now()
			var parts []string
			for _, s := range running {
				switch {
				case s.total > 0:
					parts = append(parts, fmt.Sprintf("%s %3d%%", s.name, min(100, 100*s.done/s.total)))
				case s.done > 0:
					parts = append(parts, fmt.Sprintf("%s %d", s.name, s.done))
				default:
					parts = append(parts, s.name)
				}
			}
			fmt.Fprintf(t.err, "\r\x1b[K%s", strings.Join(parts, ", "))
		}, func() {
			if !last.IsZero() {
				fmt.Fprint(t.err, "\r\x1b[K")
			}
		}
}

// when writes contract time as local time.
func when(at ledger.Time) string {
	if at == 0 {
		return "-"
	}
	return time.Unix(int64(at), 0).Format("2006-01-02 15:04:05 MST")
}
