package committee_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"manx/ml/ckks"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// scored returns a committee with one result under its key.
func scored(t testing.TB, need, n int) (*table, *he.Ciphertext, []int) {
	t.Helper()
	tb := found(t, he.Shared, need, n)
	p, err := ckks.CompileShared(card(1), [32]byte{1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tb, tb.evaluate(p.Plan, tb.keys(first(need), p.Needs()), applicant(1)), p.Results()
}

// reborn returns a member as it is after its process ended.
func (tb *table) reborn(m int) *committee.Member {
	tb.t.Helper()
	kept, err := tb.members[m-1].Keep()
	if err != nil {
		tb.t.Fatal(err)
	}
	as, err := committee.ReadIdentity(tb.identities[m-1].Keep())
	if err != nil {
		tb.t.Fatal(err)
	}
	out, err := committee.ReadMember(tb.charter, as, kept)
	if err != nil {
		tb.t.Fatal(err)
	}
	return out
}

// A share is given once: what the journal has is given again, in the same bytes,
// and nothing else in that session; what it has not was never given.
func TestInvariant8_AShareIsGivenOnce(t *testing.T) {
	tb, c, slots := scored(t, 2, 3)
	o, err := tb.charter.Order([]int{1, 2}, c, slots)
	if err != nil {
		t.Fatal(err)
	}
	// The write failed: nothing is given, and the next try is the first.
	j := tb.journals[0]
	broken := errors.New("the disk is full")
	j.before = broken
	if m, err := tb.members[0].Serve(o, c, j); !errors.Is(err, broken) || m != nil {
		t.Fatalf("given without a journal: %v", err)
	}
	// The write happened and the reply was lost.
	j.before, j.after = nil, broken
	if m, err := tb.members[0].Serve(o, c, j); !errors.Is(err, broken) || m != nil {
		t.Fatalf("given though the journal failed: %v", err)
	}
	j.after = nil
	kept := j.entries[o.Session()].Message
	for _, m := range []*committee.Member{tb.members[0], tb.reborn(1)} {
		again, err := m.Serve(o, c, j)
		if err != nil || !bytes.Equal(again, kept) {
			t.Fatalf("asked again a member gives other bytes: %v", err)
		}
	}
	// The same session for other members, and for another ciphertext.
	b := bytes.Clone(o.Bytes())
	b[70] = 3 // the second active member
	others, err := tb.charter.ReadOrder(b)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ckks.CompileShared(card(1), [32]byte{1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c2 := tb.evaluate(p.Plan, tb.keys([]int{1, 2}, p.Needs()), applicant(2))
	o2, err := tb.charter.Order([]int{1, 2}, c2, slots)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Clone(o2.Bytes())
	session := o.Session()
	copy(b[36:], session[:])
	replaced, err := tb.charter.ReadOrder(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tb.members[0].Serve(others, c, j); !notice.Is(err, notice.Conflict) {
		t.Errorf("other members in a session: %v", err)
	}
	if _, err := tb.members[0].Serve(replaced, c2, j); !notice.Is(err, notice.Conflict) {
		t.Errorf("another ciphertext in a session: %v", err)
	}
	if _, err := tb.members[0].Serve(o, c2, j); !notice.Is(err, notice.Integrity) {
		t.Errorf("a ciphertext that is not the order's: %v", err)
	}
	// Two sessions of one ciphertext share nothing.
	o3, err := tb.charter.Order([]int{1, 2}, c, slots)
	if err != nil {
		t.Fatal(err)
	}
	other, err := tb.members[0].Serve(o3, c, j)
	if err != nil || bytes.Equal(other[44:len(other)-64], kept[44:len(kept)-64]) {
		t.Errorf("two sessions give one share: %v", err)
	}
}

// killer ends its process, as the kernel would, once the journal has an entry.
type killer struct{ *committee.Files }

func (k killer) Write(s [32]byte, e committee.Entry) error {
	err := k.Files.Write(s, e)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	return err
}

func TestInvariant8_KilledBetweenJournalAndSending(t *testing.T) {
	if dir := os.Getenv("MANX_COMMITTEE_KILLED"); dir != "" {
		serveAndDie(t, dir)
		t.Fatal("this process was to be killed")
	}
	tb, c, slots := scored(t, 2, 3)
	o, err := tb.charter.Order([]int{1, 2}, c, slots)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	journal := filepath.Join(dir, "journal")
	if err := os.Mkdir(journal, 0o700); err != nil {
		t.Fatal(err)
	}
	kept, err := tb.members[0].Keep()
	if err != nil {
		t.Fatal(err)
	}
	var result bytes.Buffer
	if _, err := c.WriteTo(&result); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"charter": tb.charter.Bytes(), "order": o.Bytes(), "result": result.Bytes(),
		"member": kept, "identity": tb.identities[0].Keep().Reveal(reveal.Token{}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", t.Name()+"$")
	cmd.Env = append(os.Environ(), "MANX_COMMITTEE_KILLED="+dir)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("it was not killed: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(journal, ".entry-1"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := committee.OpenFiles(journal)
	if err != nil {
		t.Fatal(err)
	}
	e, ok, err := j.Read(o.Session())
	if n, _ := j.Spent(); err != nil || !ok || n != 2 {
		t.Fatalf("what was journaled is gone: %v, %v, %d values", ok, err, n)
	}
	again, err := tb.reborn(1).Serve(o, c, j)
	if err != nil || !bytes.Equal(again, e.Message) {
		t.Fatalf("it gives other bytes than it journaled: %v", err)
	}
	if n, _ := j.Spent(); n != 2 {
		t.Errorf("the repeated request was counted: %d values", n)
	}
	if err := j.Write(o.Session(), committee.Entry{}); !errors.Is(err, committee.ErrTaken) {
		t.Errorf("an entry is replaced: %v", err)
	}
	second, err := tb.members[1].Serve(o, c, tb.journals[1])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Combine(tb.public(), c, []committee.Message{again, second}); err != nil {
		t.Error(err)
	}
	// A damaged entry stops the member rather than let it give a second share.
	path := filepath.Join(journal, hexOf(o.Session())+".share")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[50] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tb.members[0].Serve(o, c, j); !notice.Is(err, notice.Integrity) {
		t.Errorf("a damaged entry: %v", err)
	}
	if _, err := committee.OpenFiles(journal); !notice.Is(err, notice.Integrity) {
		t.Errorf("a damaged journal: %v", err)
	}
}

func serveAndDie(t *testing.T, dir string) {
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	charter, err := committee.ReadCharter(read("charter"))
	if err != nil {
		t.Fatal(err)
	}
	as, err := committee.ReadIdentity(privacy.Hide(read("identity")))
	if err != nil {
		t.Fatal(err)
	}
	m, err := committee.ReadMember(charter, as, read("member"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := charter.ReadOrder(read("order"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := he.ReadCiphertext(bytes.NewReader(read("result")), charter.Set(), charter.Set().Floor())
	if err != nil {
		t.Fatal(err)
	}
	j, err := committee.OpenFiles(filepath.Join(dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = m.Serve(o, c, killer{j})
}

// Asked from many sides at once a member still gives one share a session.
func TestInvariant8_AskedByManyAtOnce(t *testing.T) {
	tb, c, slots := scored(t, 2, 3)
	j, err := committee.OpenFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var orders []*committee.Order
	for range 3 {
		o, err := tb.charter.Order([]int{1, 2}, c, slots)
		if err != nil {
			t.Fatal(err)
		}
		orders = append(orders, o)
	}
	given := make([]committee.Message, 12)
	var group errgroup.Group
	for i := range given {
		group.Go(func() (err error) {
			given[i], err = tb.members[0].Serve(orders[i%3], c, j)
			return err
		})
	}
	group.Go(func() error { // its share is read meanwhile
		_, err := tb.members[0].Keep()
		return err
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i := range given {
		if !bytes.Equal(given[i], given[i%3]) {
			t.Fatal("two requests for one order got two shares")
		}
	}
	if n, err := j.Spent(); n != 6 || err != nil {
		t.Errorf("%d values are counted, want 6: %v", n, err)
	}
}

// The key is good for so many values, whoever counted them.
func TestTheKeyHasACap(t *testing.T) {
	tb, c, slots := scored(t, 2, 3)
	tb.members[0].Spend(committee.ValueCap - 3)
	for i := range 2 {
		o, err := tb.charter.Order([]int{1, 2}, c, slots)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tb.members[0].Serve(o, c, tb.journals[0])
		if i == 0 && err != nil || i == 1 && !notice.Is(err, notice.Exhausted) {
			t.Fatalf("order %d, of two values each with three left: %v", i+1, err)
		}
		if i == 1 {
			t.Log(err)
		}
	}
	if a, err := tb.charter.Audit([]int{1, 2}); err != nil {
		t.Fatal(err)
	} else if _, err := tb.members[0].Serve(a, nil, tb.journals[0]); !notice.Is(err, notice.Exhausted) {
		t.Errorf("an audit at the cap: %v", err)
	}
	// Sharing anew does not reset it.
	next, err := tb.charter.Succeed(2, tb.charter.Seats())
	if err != nil {
		t.Fatal(err)
	}
	young := tb.reshare(next, tb.identities, []int{1, 2})
	o, err := next.Order([]int{1, 2}, c, slots)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := young[1].Serve(o, c, newJournal()); !notice.Is(err, notice.Exhausted) {
		t.Errorf("a member that joined at the cap: %v", err)
	}
}
