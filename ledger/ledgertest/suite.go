package ledgertest

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"sync"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/faulty"
	"manx/ledger/receipt"
	"manx/privacy/notice"
)

// Run is the suite. open returns a ledger that runs the exchange's contract for
// the world's genesis, and closes it when the test ends. It may be the same each
// time: a story counts from where it began.
func Run(t *testing.T, open func(t *testing.T) (ledger.Ledger, World)) {
	for name, tell := range map[string]func(*Story){
		"a diagnosis is paid for and has a receipt":     diagnosis,
		"a score is asked, consented to and answered":   score,
		"a score is computed while its subject is away": away,
		"a committee opens a score":                     jointly,
		"three sites learn a sum":                       sum,
		"hospitals train a model that pays them":        training,
		"a record has one budget":                       budget,
		"a doctor annotates and another corrects":       annotated,
		"Invariant8_annotated_lost":                     func(s *Story) { annotatedBroken(s, faulty.Lost) },
		"Invariant8_annotated_lostReply":                func(s *Story) { annotatedBroken(s, faulty.Reply) },
		"a contract goes its ways":                      contract,
		"Invariant3_4_8_contracts at random":            agreement,
		"a call pays by recorded shares and is counted": attributed,
		"holding is shown and paid for":                 held,
		"the portal is published":                       published,
		"replicas prove a result":                       proved,
		"Invariant8_the same command again":             again,
		"Invariant8_lost":                               func(s *Story) { broken(s, faulty.Lost) },
		"Invariant8_lostReply":                          func(s *Story) { broken(s, faulty.Reply) },
		"Invariant8_many jobs by one command":           many,
		"Invariant8_many_lost":                          func(s *Story) { manyBroken(s, faulty.Lost) },
		"Invariant8_many_lostReply":                     func(s *Story) { manyBroken(s, faulty.Reply) },
		"a refusal writes nothing":                      refusal,
		"events replay and follow":                      events,
		"many at once":                                  manyAtOnce,
		"absent state":                                  absent,
		"a tick off the clock":                          skewed,
		"Invariant2_what was signed is given back":      givenBack,
	} {
		t.Run(name, func(t *testing.T) {
			l, w := open(t)
			tell(Begin(t, l, w))
		})
	}
}

// A Diagnosed is everybody in a finished or unfinished self-diagnosis.
type Diagnosed struct {
	Patient, Worker, Scientist *Key
	Record                     ledger.RecordID
	Model                      ledger.ModelID
	Job                        ledger.JobID
}

// Diagnosis tells the health story as far as a posted request of some life.
func (s *Story) Diagnosis(life ledger.Time) (d Diagnosed) {
	s.T.Helper()
	d.Patient, d.Scientist = s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Scientist)
	d.Worker = s.Party(ledger.Common, ledger.Worker)
	d.Model, d.Record = s.HealthModel(d.Scientist), s.Study(d.Patient)
	d.Job = s.Diagnose(d.Patient, d.Model, d.Record, s.Fund(d.Patient, ledger.MAN(5)), life)
	return d
}

// A Scored is everybody in a credit story.
type Scored struct {
	Borrower, Lender, Furnisher, Worker, Scientist *Key
	Record                                         ledger.RecordID
	Model                                          ledger.ModelID
	Job                                            ledger.JobID
}

// Scoring tells the credit story as far as the lender's request.
func (s *Story) Scoring(life ledger.Time) (c Scored) {
	s.T.Helper()
	c.Borrower, c.Lender = s.Party(ledger.Credit, ledger.Person), s.Party(ledger.Credit, ledger.Lender)
	c.Furnisher, c.Scientist = s.Party(ledger.Credit, ledger.Furnisher), s.Party(ledger.Credit, ledger.Scientist)
	c.Worker = s.Party(ledger.Common, ledger.Worker)
	c.Model, c.Record = s.CreditModel(c.Scientist, "credit_limit", "worst_delay"), s.File(c.Borrower, c.Furnisher)
	c.Job = s.AskScore(c.Lender, c.Borrower, c.Model, s.Fund(c.Lender, ledger.MAN(2)), life)
	return c
}

func diagnosis(s *Story) {
	d := s.Diagnosis(3600)
	s.Compute(d.Worker, d.Job)
	s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	if j := s.Job(d.Job); j.Stage != ledger.Settled {
		s.T.Fatalf("the job is %s", j.Stage)
	}
	r := s.Proved(d.Job)
	want := map[ledger.PartyID]string{d.Worker.Party(): "1.8", d.Scientist.Party(): "0.9", s.World.Organisations[0].Party(): "0.3"}
	for _, p := range r.Payments {
		if p.Amount.String() != want[p.To] {
			s.T.Errorf("paid %v, want %s", p.Amount, want[p.To])
		}
		delete(want, p.To)
	}
	if len(want) != 0 {
		s.T.Errorf("%d parties were not paid", len(want))
	}
}

// Proved has the organisations sign a checkpoint and returns the receipt that
// verifies offline under it.
func (s *Story) Proved(j ledger.JobID) ledger.Receipt {
	s.T.Helper()
	s.Checkpoint()
	return s.Verified(j)
}

// Checkpoint has the organisations sign the receipts there are.
func (s *Story) Checkpoint() {
	s.T.Helper()
	head, err := receipt.Head(s.T.Context(), s.Ledger)
	if err != nil {
		s.T.Fatal(err)
	}
	orgs := s.World.Organisations
	s.Do(orgs[0], head, orgs[1:]...)
}

// Verified returns a job's receipt, which verifies offline under the latest checkpoint.
func (s *Story) Verified(j ledger.JobID) ledger.Receipt {
	s.T.Helper()
	b, err := receipt.Prove(s.T.Context(), s.Ledger, s.World.Genesis, j)
	if err != nil {
		s.T.Fatal(err)
	}
	r, err := receipt.Verify(b, s.World.Genesis.ID())
	if err != nil {
		s.T.Fatal(err)
	}
	return r
}

func score(s *Story) {
	c := s.Scoring(3600)
	g := s.Consent(c.Borrower, c.Job, c.Record)
	s.Compute(c.Worker, c.Job)
	s.Answer(c.Borrower, c.Job)
	s.Do(c.Lender, ledger.AcceptJob{Job: c.Job})
	if j := s.Job(c.Job); j.Stage != ledger.Settled || j.Grant != g {
		s.T.Fatalf("the job is %s under grant %s", j.Stage, j.Grant)
	}
	got := map[ledger.PartyID]string{}
	for _, p := range s.Proved(c.Job).Payments {
		got[p.To] = p.Amount.String()
	}
	for who, want := range map[*Key]string{c.Worker: "0.8", c.Borrower: "0.4", c.Scientist: "0.6", s.World.Organisations[0]: "0.2"} {
		if got[who.Party()] != want {
			s.T.Errorf("paid %s, want %s", got[who.Party()], want)
		}
	}
}

func again(s *Story) {
	k := NewKey(ledger.Health, rand.Reader)
	c := s.Sign(k, ledger.RegisterParty{Vertical: ledger.Health, Role: ledger.Person, Key: k.Public(), Sealing: "age1again"})
	first, err := s.Submit(c)
	if err != nil || first == 0 {
		s.T.Fatalf("height %d, %v", first, err)
	}
	second, err := s.Submit(c)
	if err != nil || second != first {
		s.T.Errorf("the second try gives height %d, %v; the first %d", second, err, first)
	}
	other, err := ledger.NewCommandWithID(s.World.Genesis.ID(), c.ID, k, c.NotAfter, ledger.RotateKey{Key: k.Public(), Sealing: "age1other"})
	if err != nil {
		s.T.Fatal(err)
	}
	if _, err := s.Submit(other); !notice.Is(err, notice.Conflict) {
		s.T.Errorf("other bytes under a used id: %v", err)
	}
}

// broken tells a story in which every first try fails and is repeated.
func broken(s *Story, how faulty.Fault) {
	s.breaks(how)
	s.diagnosisPaidOnce()
}

// diagnosisPaidOnce ends with exactly the coins that one effect of each
// command makes.
func (s *Story) diagnosisPaidOnce() {
	d := s.Diagnosis(3600)
	s.Compute(d.Worker, d.Job)
	s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	sum := ledger.Amount{}
	for _, c := range s.Coins() {
		var err error
		if sum, err = sum.Add(c.Amount); err != nil {
			s.T.Fatal(err)
		}
	}
	issued, err := Read[ledger.Amount](s, ledger.SupplyKey).Sub(s.supply)
	if err != nil || sum != issued || issued != ledger.MAN(5) {
		s.T.Errorf("the story's coins sum to %v, issued were %v (%v)", sum, issued, err)
	}
}

type retrying struct{ ledger.Ledger }

func (l retrying) Submit(ctx context.Context, c ledger.Command) (ledger.Height, error) {
	h, err := l.Ledger.Submit(ctx, c)
	if errors.Is(err, faulty.ErrFault) {
		return l.Ledger.Submit(ctx, c)
	}
	return h, err
}

// Coins returns the unspent coins that the story's events so far leave.
func (s *Story) Coins() map[ledger.Key]ledger.Coin {
	s.T.Helper()
	out := map[ledger.Key]ledger.Coin{}
	for _, e := range s.Happened(s.began) {
		switch e.Name {
		case ledger.CoinMade:
			var c ledger.Coin
			if err := ledger.Decode(e.Body, &c); err != nil {
				s.T.Fatal(err)
			}
			out[e.Key] = c
		case ledger.CoinSpent:
			delete(out, e.Key)
		}
	}
	return out
}

// Happened returns the events from a height on, up to now: it makes an event
// of its own and reads until it sees it.
func (s *Story) Happened(from ledger.Height) (out []ledger.Event) {
	s.T.Helper()
	k := NewKey(ledger.Health, rand.Reader)
	mark := s.Do(k, ledger.RegisterParty{Vertical: ledger.Health, Role: ledger.Person, Key: k.Public(), Sealing: "age1" + rand.Text()})
	ctx, stop := context.WithTimeout(s.T.Context(), 30*time.Second)
	defer stop()
	for e, err := range s.Ledger.Events(ctx, from) {
		if err != nil {
			s.T.Fatal(err)
		}
		if e.Cause == mark {
			return out
		}
		out = append(out, e)
	}
	s.T.Fatal("the events ended before the last command's")
	return nil
}

func refusal(s *Story) {
	patient, other := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	coin := s.Fund(patient, ledger.MAN(1))
	before := len(s.Coins())
	err := s.Try(other, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: other.Party(), Amount: ledger.MAN(1)}}})
	if !notice.Is(err, notice.Denied) {
		s.T.Errorf("spending another's coin: %v", err)
	}
	if n := notice.From(err); n.Hint == "" {
		s.T.Error("a refusal without a hint")
	}
	if got := Read[ledger.Coin](s, ledger.KeyOf(coin)); got.Owner != patient.Party() || len(s.Coins()) != before {
		s.T.Error("a refused command changed coins")
	}
}

func events(s *Story) {
	k := s.Party(ledger.Health, ledger.Person)
	last := ledger.Height(0)
	for _, e := range s.Happened(1) {
		if e.Height < last {
			s.T.Fatalf("height %d after %d", e.Height, last)
		}
		last = e.Height
	}
	if last == 0 {
		s.T.Fatal("no events")
	}
	ctx, stop := context.WithTimeout(s.T.Context(), 30*time.Second)
	defer stop()
	seen, done := make(chan ledger.Event, 16), make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range s.Ledger.Events(ctx, last+1) {
			if err != nil {
				return
			}
			seen <- e
		}
	}()
	id := s.Do(k, ledger.RegisterRecord{Kind: ledger.Study, Manifest: Ref("m"), Digest: digest()})
	for {
		select {
		case e := <-seen:
			if e.Cause != id {
				continue // that of Happened
			}
			if e.Name != ledger.RecordRegistered || e.Key != ledger.KeyOf(ledger.NewRecordID(ledger.Health, id)) || len(e.Body) == 0 {
				s.T.Errorf("followed %+v", e)
			}
			stop()
			<-done
			return
		case <-ctx.Done():
			s.T.Fatal("the event of a new command was not followed")
		}
	}
}

// manyAtOnce has many register, be funded and pay, all of each at once: what many
// touch loses nothing.
func manyAtOnce(s *Story) {
	const n = 32
	payee := s.Party(ledger.Health, ledger.Person)
	keys := make([]*Key, n)
	var joined, issued, sent []ledger.Command
	orgs := s.World.Organisations
	for i := range keys {
		k := NewKey(ledger.Health, rand.Reader)
		keys[i] = k
		joined = append(joined, s.Sign(k, ledger.RegisterParty{Vertical: ledger.Health, Role: ledger.Person, Key: k.Public(), Sealing: "age1" + rand.Text()}))
		issued = append(issued, s.Sign(orgs[0], ledger.IssueCoins{Out: []ledger.Output{{To: k.Party(), Amount: ledger.MAN(1)}}, Reason: "test"}, orgs[1:]...))
		coin := ledger.NewCoinID(issued[i].ID, 0)
		sent = append(sent, s.Sign(k, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: payee.Party(), Amount: ledger.MAN(1)}}}))
	}
	seen, paid := map[ledger.Height]bool{}, 0
	for _, round := range [][]ledger.Command{joined, issued, sent} {
		for _, h := range s.atOnce(round) {
			if seen[h] {
				s.T.Errorf("height %d twice", h)
			}
			seen[h] = true
		}
	}
	for _, c := range s.Coins() {
		if c.Owner == payee.Party() {
			paid++
		}
	}
	if paid != n {
		s.T.Errorf("%d of %d coins arrived", paid, n)
	}
	if grown, err := Read[ledger.Amount](s, ledger.SupplyKey).Sub(s.supply); err != nil || grown != ledger.MAN(n) {
		s.T.Errorf("the supply grew by %v, want %d (%v)", grown, n, err)
	}
}

// atOnce submits commands from as many clients and returns their heights.
func (s *Story) atOnce(commands []ledger.Command) []ledger.Height {
	s.T.Helper()
	heights := make([]ledger.Height, len(commands))
	var wait sync.WaitGroup
	for i, c := range commands {
		wait.Go(func() {
			var err error
			if heights[i], err = s.Submit(c); err != nil {
				s.T.Errorf("submit: %v", err)
			}
		})
	}
	wait.Wait()
	return heights
}

func absent(s *Story) {
	if _, err := s.Ledger.Read(s.T.Context(), "health/rec/absent"); !errors.Is(err, fs.ErrNotExist) {
		s.T.Errorf("absent key: %v", err)
	}
}

func skewed(s *Story) {
	for _, off := range []ledger.Time{ledger.MaxSkew + 30, -ledger.MaxSkew - 30} {
		if err := s.Try(s.World.Organisations[0], ledger.Tick{Time: s.World.Now() + off}); !notice.Is(err, notice.Invalid) {
			s.T.Errorf("a tick %d s off: %v", off, err)
		}
	}
}
