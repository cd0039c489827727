package score

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/credit"
	"manx/credit/scoreshare"
	"manx/ledger"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/privacy/seal/sealtest"
	"manx/storage/wraps"
	"manx/test/webtest"
	"manx/web/owner"
	"manx/web/owner/holder"
)

// A seat is an organisation's holder in this process, which can be killed.
type seat struct {
	*holder.Holder
	key  ed25519.PrivateKey
	as   committee.Identity
	dir  string
	wire *holder.Switchboard
	log  webtest.Log
	stop func()
}

// sit registers a holder for each organisation and starts them.
func (s *scene) sit(url func(i int) string) (out [ledger.Sharers]*seat) {
	s.t.Helper()
	for i := range out {
		out[i] = s.another(i, url(i))
	}
	return out
}

// another registers and starts a holder for an organisation.
func (s *scene) another(i int, url string) *seat {
	s.t.Helper()
	dir := s.t.TempDir()
	h, err := owner.Join(s.t.Context(), filepath.Join(dir, "home"), sealtest.Passphrase(s.t, "passphrase of a holder"), url, string(ledger.Common))
	s.check(err)
	p, err := h.As(ledger.Common)
	s.check(err)
	s.t.Cleanup(func() {
		p.Close()
		s.check(h.Close())
	})
	s.check(p.Register(s.t.Context(), ledger.Holder, "a holder"))
	_, key, err := ed25519.GenerateKey(rand.Reader)
	s.check(err)
	as, err := committee.NewIdentity()
	s.check(err)
	out := &seat{key: key, as: as, dir: dir, Holder: &holder.Holder{Party: p, Organisation: s.n.World.Organisations[i].Party()}}
	s.start(out, i)
	s.t.Cleanup(func() { out.stop() })
	return out
}

// start runs a holder on what its folder holds, as after a restart.
func (s *scene) start(h *seat, i int) {
	s.t.Helper()
	address := "127.0.0.1:0"
	if h.wire != nil {
		address = h.wire.Address()
	}
	var err error
	h.wire, err = holder.Listen(s.t.Context(), address, h.key)
	s.check(err)
	store, err := wraps.NewFolder(filepath.Join(h.dir, "shares"))
	s.check(err)
	h.Holder = &holder.Holder{Party: h.Party, Organisation: h.Organisation, Engine: NewEngine(h.Party), Wire: h.wire, Identity: h.as, Store: store, Journals: filepath.Join(h.dir, "journals"),
		Log:      slog.New(slog.NewTextHandler(&h.log, nil)),
		Patience: 3 * time.Second, Now: func() time.Time { return time.Unix(int64(s.n.World.Now()), 0) }}
	if address == "127.0.0.1:0" {
		me := h.as.Seat("")
		s.n.Story(s.t).Do(s.n.World.Organisations[i], ledger.TakeSeat{Holder: h.Party.ID(), Address: h.wire.Address(), Key: h.key.Public().(ed25519.PublicKey),
			Signing: me.Signing, Sealing: me.Sealing.String()})
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	running := h.Holder
	go func() { done <- running.Run(ctx) }()
	wire := h.wire
	h.stop = func() {
		cancel()
		s.check(errors.Join(wire.Close(), <-done))
		h.stop = func() {}
	}
}

func (s *scene) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// permit is what the borrower does before she goes: some scores within the hour.
func (s *scene) permit(calls int) Permitted {
	s.t.Helper()
	g, err := Share(s.t.Context(), s.borrower, Permission{Lender: s.lender.ID(), Model: DefaultModel, Purpose: ledger.CreditTransaction,
		Until: s.n.World.Now() + 3600, Calls: calls})
	s.check(err)
	return g
}

// ask asks for a score on shares.
func (s *scene) ask() ledger.JobID {
	s.t.Helper()
	id, _, err := Ask(s.t.Context(), s.lender, Question{Subject: s.borrower.ID(), Model: DefaultModel, Purpose: ledger.CreditTransaction, Life: 3600, By: MPC})
	s.check(err)
	return id
}

func (s *scene) until(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("in vain: ", what)
		}
	}
}

func (s *scene) over(id ledger.JobID) ledger.Job {
	s.t.Helper()
	s.until("the job is over", func() bool { return s.n.Story(s.t).Job(id).Stage.Over() })
	return s.n.Story(s.t).Job(id)
}

func (s *scene) here(int) string { return s.n.URL }

// The borrower is gone when the lender asks. Three organisations compute; the
// lender gets score and reasons as they are in the clear, and the ledger settles.
// When she revokes, every holder destroys its share and says so.
func TestAScoreWhileTheBorrowerIsAway(t *testing.T) {
	s := begin(t)
	ctx := t.Context()
	seats := s.sit(s.here)
	s.furnish(7)
	g := s.permit(3)
	quotes, _, err := Plan(ctx, s.lender, Question{Subject: s.borrower.ID(), Model: DefaultModel, Purpose: ledger.CreditTransaction})
	s.check(err)
	if quotes[0].By != MPC || quotes[0].Missing != "" || quotes[0].Fee != quotes[1].Fee || !strings.Contains(quotes[0].Trust, "collude") {
		t.Errorf("the planner chooses %+v", quotes[0])
	}
	s.borrower.Close() // she is away
	id := s.ask()
	j := s.over(id)
	if j.Stage != ledger.Settled || j.Try != 1 || j.Grant != g.Grant {
		t.Fatalf("the job is %s after try %d", j.Stage, j.Try)
	}
	want := s.card.Score(credit.Sample(7).Features().Reveal(reveal.Token{}))
	v, err := Score(ctx, s.lender, id)
	s.check(err)
	if v.By != MPC || v.Score != want.Points || len(v.Reasons) != len(want.Reasons) || v.Differs != nil || !strings.Contains(v.Trust, "with-abort") {
		t.Errorf("%+v, in the clear %d", v, want.Points)
	}
	for i := range v.Reasons {
		if v.Reasons[i] != want.Reasons[i] {
			t.Errorf("reason %d is %d, in the clear %d", i, v.Reasons[i].Code, want.Reasons[i].Code)
		}
	}
	again, _, err := Ask(ctx, s.lender, Question{Subject: s.borrower.ID(), Model: DefaultModel, Purpose: ledger.CreditTransaction, Life: 3600, By: MPC, Security: ledger.SemiHonest})
	s.check(err)
	if j := s.over(again); j.Stage != ledger.Settled || j.Security != ledger.SemiHonest {
		t.Errorf("the semi-honest job is %s", j.Stage)
	}
	if w, err := Score(ctx, s.lender, again); err != nil || w.Score != v.Score || !strings.Contains(w.Trust, "semi-honest") {
		t.Errorf("semi-honest: %+v, %v", w, err)
	}
	if _, err := Score(ctx, s.furnisher, id); !notice.Is(err, notice.Denied) {
		t.Errorf("somebody else's score: %v", err)
	}
	for i, h := range seats {
		if log, err := filepath.Glob(filepath.Join(h.dir, "journals", string(g.Grant), "*")); err != nil || len(log) != 2 {
			t.Errorf("holder %d journaled %d sessions", i, len(log))
		}
	}
	s.check(s.borrower.Revoke(ctx, g.Grant))
	grant, err := owner.Get[ledger.Grant](ctx, s.borrower.Client, g.Grant)
	s.check(err)
	s.until("all three have destroyed their shares", func() bool {
		said, err := s.borrower.Destroyed(ctx, grant)
		s.check(err)
		return len(said) == ledger.Sharers
	})
	for i, h := range seats {
		if n := s.shares(seats) + s.begun(h, id); n != 0 {
			t.Errorf("holder %d keeps %d files", i, n)
		}
		if _, err := os.Stat(filepath.Join(h.dir, "journals", string(g.Grant))); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("holder %d keeps its journals: %v", i, err)
		}
	}
	if _, _, err := Ask(ctx, s.lender, Question{Subject: s.borrower.ID(), Model: DefaultModel, Purpose: ledger.CreditTransaction, Life: 3600, By: MPC}); !notice.Is(err, notice.Denied) {
		t.Errorf("asked after the end: %v", err)
	}
}

// A holder that is killed in the middle costs a try, never a share given twice:
// the next session is another, and the result is the same.
func TestInvariant8_AKilledHolderCostsATry(t *testing.T) {
	for _, killed := range []int{0, 1, 2} {
		t.Run(string(rune('0'+killed)), func(t *testing.T) {
			s := begin(t)
			seats := s.sit(s.here)
			s.furnish(7)
			s.permit(3)
			s.until("the shares are taken", func() bool { return s.shares(seats) == ledger.Sharers || s.beat() })
			missing := 1 + killed%2
			seats[missing].stop() // the try begins, and waits for this one
			id := s.ask()
			s.until("a session has begun", func() bool { return s.begun(seats[killed], id) > 0 })
			seats[killed].stop()
			s.start(seats[killed], killed)
			s.start(seats[missing], missing)
			j := s.over(id)
			if j.Stage != ledger.Settled || j.Try < 2 {
				t.Fatalf("the job is %s after try %d", j.Stage, j.Try)
			}
			v, err := Score(t.Context(), s.lender, id)
			s.check(err)
			if want := s.card.Score(credit.Sample(7).Features().Reveal(reveal.Token{})); v.Score != want.Points || v.Try != j.Try {
				t.Errorf("%+v", v)
			}
		})
	}
}

// beat lets time pass, by which holders look for shares again.
func (s *scene) beat() bool {
	s.n.Story(s.t).Wait(1)
	return false
}

func (s *scene) shares(seats [ledger.Sharers]*seat) (n int) {
	for _, h := range seats {
		found, err := filepath.Glob(filepath.Join(h.dir, "shares", "grant", "*", "share"))
		s.check(err)
		n += len(found)
	}
	return n
}

// begun counts the sessions of a job that a holder has begun.
func (s *scene) begun(h *seat, j ledger.JobID) int {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(h.dir, "shares", "grant", "*", "session-"+string(j)+".*"))
	s.check(err)
	return len(found)
}

// A share that was left but is not the furnisher's is refused by its holder, and
// nothing is computed.
func TestSharesOfAnotherFileAreRefused(t *testing.T) {
	s := begin(t)
	ctx := t.Context()
	seats := s.sit(s.here)
	s.furnish(7)
	for _, h := range seats { // or they take the right ones meanwhile
		h.stop()
	}
	g := s.permit(3)
	other, err := scoreshareOf(credit.Sample(8))
	s.check(err)
	for i := range seats {
		to, err := s.borrower.RecipientOf(ctx, seats[i].Party.ID())
		s.check(err)
		sealed, err := seal.Message(other[i], to)
		s.check(err)
		_, err = s.borrower.Ask(ctx, seats[i].Organisation, wraps.PutShare{Service: seats[i].Organisation, Grant: g.Grant, Sealed: sealed})
		s.check(err)
	}
	for i, h := range seats {
		s.start(h, i)
	}
	id := s.ask()
	s.until("the first holder refuses its share", func() bool {
		return strings.Contains(seats[0].log.String(), "not the one that the furnisher committed to")
	})
	for i := range seats {
		if n := s.begun(seats[i], id); n != 0 {
			t.Errorf("holder %d began %d sessions", i, n)
		}
	}
	s.n.Story(t).Wait(3600)
	s.n.Story(t).Do(s.n.World.Organisations[0], ledger.CloseJob{Job: id})
	if j := s.n.Story(t).Job(id); j.Stage != ledger.Refunded {
		t.Errorf("the job is %s", j.Stage)
	}
}

func scoreshareOf(f *credit.File) (out [][]byte, err error) {
	shares, err := scoreshare.Deal(f.Features())
	if err != nil {
		return nil, err
	}
	return shareBytes(shares)
}
