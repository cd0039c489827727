package holder_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy"
	"manx/privacy/cohort"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/test/webtest"
	"manx/web/owner"
)

// Three hospitals learn totals, nobody else does, and what too few stand behind
// stays unknown. Repeated, every step changes nothing.
func TestThreeHospitalsLearnASum(t *testing.T) {
	s := onSums(t, ledger.Health, 4, itself, webtest.Options{})
	ctx := t.Context()
	id := s.propose(3)
	if _, _, _, err := s.sites[0].SumResult(ctx, id); !notice.Is(err, notice.Unavailable) {
		t.Errorf("a result before anybody has joined: %v", err)
	}
	for i := range 3 {
		s.join(id, i)
	}
	done := s.over(id)
	if done.Stage != ledger.SumDone || done.Try != 1 {
		t.Fatalf("the sum is %s, %s, after try %d", done.Stage, done.Reason, done.Try)
	}
	s.join(id, 0)
	if err := s.sites[0].JoinSum(ctx, id, numbers(41, 10, 20, 100)); !notice.Is(err, notice.Conflict) {
		t.Errorf("joined again with other numbers: %v", err)
	}
	want := cohort.Total{Told: true, Persons: 123, Cells: []cohort.CellTotal{{Told: true, Persons: 33, Sum: 33}, {Told: true, Persons: 63, Sum: 303}}}
	for i, p := range s.sites[:3] {
		r, sum, differs, err := p.SumResult(ctx, id)
		if err != nil || differs != "" || !r.Told || len(r.OutOfRange) != 0 || len(sum.Joined) != 3 {
			t.Fatalf("site %d: %+v, %v", i, r, err)
		}
		if got := r.Rows[0]; got.Persons != want.Persons || !slices.Equal(got.Cells, want.Cells) {
			t.Errorf("site %d reads %+v", i, got)
		}
	}
	for _, other := range []*owner.Party{s.sites[3], s.seats[0].Party} {
		if _, _, _, err := other.SumResult(ctx, id); !notice.Is(err, notice.Denied) {
			t.Errorf("somebody else's result: %v", err)
		}
		if b, err := other.Fetch(ctx, done.Shares[0].Output, 1<<20); err != nil {
			t.Error(err)
		} else if _, err := other.Keys.OpenMessage(b); err == nil {
			t.Error("somebody else opens a share of the result")
		}
	}
	if all, err := s.sites[1].Sums(ctx); err != nil || len(all) != 1 || all[0].ID != id {
		t.Errorf("%d sums, %v", len(all), err)
	}

	// Next: few smokers, at one site whose own number the others could tell.
	id = s.propose(3)
	for i, smokers := range []uint64{12, 12, 3} {
		s.check(s.sites[i].JoinSum(ctx, id, numbers(40, smokers, 20, 100)))
	}
	s.over(id)
	r, _, _, err := s.sites[2].SumResult(ctx, id)
	if err != nil || !r.Told || !r.Rows[0].Cells[0].Told {
		t.Errorf("others have 24, or 15: %+v, %v", r, err)
	}
	id = s.propose(3)
	for i, smokers := range []uint64{22, 3, 3} {
		s.check(s.sites[i].JoinSum(ctx, id, numbers(40, smokers, 20, 100)))
	}
	s.over(id)
	r, _, _, err = s.sites[0].SumResult(ctx, id)
	if err != nil || !r.Told || r.Rows[0].Cells[0].Told || r.Rows[0].Cells[0].Persons != 0 || !r.Rows[0].Cells[1].Told {
		t.Errorf("beside the first site's own there are six: %+v, %v", r, err)
	}
}

// What a holder at one place gets is a share that nobody else opens, and that says
// nothing alone: it is not the same twice.
func TestInvariant1_NoReadableNumberLeavesASite(t *testing.T) {
	s := onSums(t, ledger.Credit, 3, itself, webtest.Options{})
	ctx := t.Context()
	for _, h := range s.seats {
		h.stop() // so that the shares stay
	}
	id, again := s.propose(3), s.propose(3)
	s.join(id, 0)
	s.join(again, 0)
	in, _ := s.at(id).Input(s.sites[0].ID())
	twice, _ := s.at(again).Input(s.sites[0].ID())
	for place := range in.Shares {
		sealed, err := s.sites[1].Fetch(ctx, in.Shares[place], 1<<20)
		s.check(err)
		for i, h := range s.seats {
			if b, err := h.Party.Keys.OpenMessage(sealed); (err == nil) != (i == place) {
				t.Errorf("the holder at place %d opens the share of %d: %v", i, place, err)
			} else if err == nil {
				if _, err := mpc.ReadShare(b, place, 4); err != nil {
					t.Error(err)
				}
			}
		}
		for i, p := range s.sites {
			if _, err := p.Keys.OpenMessage(sealed); err == nil {
				t.Errorf("site %d opens a holder's share", i)
			}
		}
		if in.Digests[place] == twice.Digests[place] {
			t.Error("the digests of the same numbers are the same: they could be tried out")
		}
	}
}

// Who has not joined in time does not count; of two there is no sum.
func TestSumsOverThoseWhoJoinInTime(t *testing.T) {
	s := onSums(t, ledger.Health, 4, itself, webtest.Options{})
	id := s.propose(4)
	for i := range 3 {
		s.join(id, i)
	}
	s.wait(1)
	if got := s.at(id); got.Stage != ledger.SumOpen {
		t.Fatalf("the sum is %s before its time", got.Stage)
	}
	s.wait(3600)
	if got := s.over(id); got.Stage != ledger.SumDone {
		t.Fatalf("the sum is %s, %s", got.Stage, got.Reason)
	}
	r, sum, _, err := s.sites[1].SumResult(t.Context(), id)
	if err != nil || r.Rows[0].Persons != 123 || len(sum.Joined) != 3 {
		t.Errorf("%+v over %d sites, %v", r, len(sum.Joined), err)
	}
	if _, _, _, err := s.sites[3].SumResult(t.Context(), id); !notice.Is(err, notice.Denied) {
		t.Errorf("who did not join reads the result: %v", err)
	}
	id = s.propose(4)
	s.join(id, 0)
	s.join(id, 1)
	s.wait(3601)
	if got := s.over(id); got.Reason != ledger.SumTooFew {
		t.Errorf("of two sites the sum is %s, %s", got.Stage, got.Reason)
	}
	if _, _, _, err := s.sites[0].SumResult(t.Context(), id); !notice.Is(err, notice.Expired) {
		t.Errorf("a result of none: %v", err)
	}
}

// forge joins a sum past the site's device: with any values, dealt and sealed by
// the rules but for what change does.
func (s *sums) forge(id ledger.SumID, i int, values []uint64, change func(b *ledger.JoinSum, sealed *[ledger.Sharers][]byte)) {
	s.t.Helper()
	ctx, p := s.t.Context(), s.sites[i]
	on := s.at(id)
	holders, to, err := p.Holders(ctx, on.Organisations)
	s.check(err)
	shares, err := mpc.Deal(values)
	s.check(err)
	b := ledger.JoinSum{Sum: id, Terms: on.Terms, Holders: holders}
	var sealed [ledger.Sharers][]byte
	for k, d := range mpc.Digests(shares) {
		plain, err := shares[k].MarshalBinary()
		s.check(err)
		sealed[k], err = seal.Message(plain, to[k])
		s.check(err)
		b.Digests[k] = d
	}
	change(&b, &sealed)
	for k := range sealed {
		if b.Shares[k].IsZero() {
			b.Shares[k], err = p.Vault.Write(ctx, bytes.NewReader(sealed[k]))
			s.check(err)
		}
	}
	_, err = p.Do(ctx, b)
	s.check(err)
}

// A site that joins with what cannot be is named, and nobody learns anything.
func TestASiteThatCheatsIsNamed(t *testing.T) {
	s := onSums(t, ledger.Health, 3, itself, webtest.Options{})
	ctx := t.Context()
	as := func(*ledger.JoinSum, *[ledger.Sharers][]byte) {}
	id := s.propose(3)
	s.join(id, 0)
	s.join(id, 1)
	s.forge(id, 2, []uint64{50, 51, 20, 100}, as) // more smokers than persons
	s.over(id)
	r, sum, _, err := s.sites[0].SumResult(ctx, id)
	if err != nil || r.Told || r.Rows[0].Told || len(r.OutOfRange) != 1 || sum.Joined[r.OutOfRange[0]] != s.sites[2].ID() {
		t.Errorf("%+v, %v", r, err)
	}
	for what, c := range map[string]struct {
		values []uint64
		change func(*ledger.JoinSum, *[ledger.Sharers][]byte)
	}{
		"digests of others":        {[]uint64{50, 5, 20, 100}, func(b *ledger.JoinSum, _ *[ledger.Sharers][]byte) { b.Digests[1][0] ^= 1 }},
		"another number of values": {[]uint64{50, 5, 20}, as},
		"sealed to another":        {[]uint64{50, 5, 20, 100}, func(_ *ledger.JoinSum, sealed *[ledger.Sharers][]byte) { sealed[1] = sealed[0] }},
		"a share that is nowhere":  {[]uint64{50, 5, 20, 100}, func(b *ledger.JoinSum, _ *[ledger.Sharers][]byte) { b.Shares[0] = ledgertest.Ref(rand.Text()) }},
	} {
		id := s.propose(3)
		s.join(id, 0)
		s.join(id, 1)
		s.forge(id, 2, c.values, c.change)
		if got := s.over(id); got.Reason != ledger.SumUnusable || got.Site != s.sites[2].ID() {
			t.Errorf("%s: the sum is %s, %s %s", what, got.Stage, got.Reason, got.Site)
		}
	}
}

// A site that is cut off at any request of its joining, after which it happened or
// not, joins once when it tries again.
func TestInvariant8_JoiningASumIsOneEffect(t *testing.T) {
	var left atomic.Int64
	var stop atomic.Pointer[context.CancelFunc]
	s := onSums(t, ledger.Health, 3, itself, webtest.Options{Front: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if cancel := stop.Load(); cancel != nil && r.Method != http.MethodGet && left.Add(-1) == 0 {
				h.ServeHTTP(httptest.NewRecorder(), r) // it happens, and nobody hears of it
				(*cancel)()
				panic(http.ErrAbortHandler)
			}
			h.ServeHTTP(w, r)
		})
	}})
	for _, h := range s.seats {
		h.stop()
	}
	interrupted := func(do func(ctx context.Context) error) (tries int) {
		t.Helper()
		for after := int64(1); ; after += 3 {
			tries++
			ctx, cancel := context.WithCancel(t.Context())
			left.Store(after)
			stop.Store(&cancel)
			err := do(ctx)
			stop.Store(nil)
			cancel()
			if err == nil {
				return tries
			}
			if tries == 60 {
				t.Fatal(err)
			}
		}
	}
	var id ledger.SumID
	body := ledger.ProposeSum{Title: "persons", Purpose: ledger.Care, Minimum: 5, Sites: []ledger.PartyID{s.sites[1].ID(), s.sites[2].ID()}}
	proposals := interrupted(func(ctx context.Context) (err error) {
		id, err = s.sites[0].ProposeSum(ctx, body, 3600)
		return err
	})
	persons := func(n uint64) privacy.Secret[[]cohort.Row] { return privacy.Hide([]cohort.Row{{Persons: n}}) }
	joins := interrupted(func(ctx context.Context) error { return s.sites[0].JoinSum(ctx, id, persons(30)) })
	if proposals < 2 || joins < 3 {
		t.Errorf("%d and %d tries: the test says nothing", proposals, joins)
	}
	all, err := s.sites[0].Sums(t.Context())
	if err != nil || len(all) != 1 || len(all[0].Joined) != 1 {
		t.Fatalf("%d sums, %v", len(all), err)
	}
	for i := range s.seats {
		s.start(i)
	}
	s.check(s.sites[1].JoinSum(t.Context(), id, persons(31)))
	s.check(s.sites[2].JoinSum(t.Context(), id, persons(32)))
	s.over(id)
	if r, _, _, err := s.sites[0].SumResult(t.Context(), id); err != nil || r.Rows[0].Persons != 93 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A holder that is killed in the middle costs a try, never a session used twice.
func TestInvariant8_AKilledHolderCostsATryOfASum(t *testing.T) {
	for killed := range ledger.Sharers {
		t.Run(string(rune('0'+killed)), func(t *testing.T) {
			t.Parallel() // it waits, most of the time
			s := onSums(t, ledger.Health, 3, itself, webtest.Options{})
			missing := 1 + killed%2
			s.seats[missing].stop() // the try begins, and waits for this one
			id := s.propose(3)
			for i := range 3 {
				s.join(id, i)
			}
			s.until("a session has begun", func() bool { return s.begun(killed, id) > 0 })
			s.seats[killed].stop()
			s.start(killed)
			s.start(missing)
			if got := s.over(id); got.Stage != ledger.SumDone || got.Try < 2 {
				t.Fatalf("the sum is %s, %s, after try %d", got.Stage, got.Reason, got.Try)
			}
			if r, _, _, err := s.sites[2].SumResult(t.Context(), id); err != nil || r.Rows[0].Persons != 123 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// Every holder computes only what sites have signed, whatever its node shows: it
// begins no session and touches no share.
func TestInvariant5_2_HoldersComputeWhatSitesSigned(t *testing.T) {
	var l liar
	s := onSums(t, ledger.Health, 4, l.deceived(t), webtest.Options{})
	story := s.n.Story(t)
	bank := story.Party(ledger.Credit, ledger.Lender)
	for i := range s.seats {
		s.seats[i].stop()
	}
	id := s.propose(4)
	for i := range 3 {
		s.join(id, i)
	}
	shown := s.at(id)
	shown.Stage, shown.Try, shown.Left = ledger.SumComputing, 1, []ledger.PartyID{s.sites[3].ID()}
	proposal := ledgertest.Read[ledger.Command](story, ledger.SumSignedKey(id))
	var terms ledger.ProposeSum
	s.check(ledger.Decode(proposal.Body, &terms))
	joined := func(i int) ledger.Command {
		return ledgertest.Read[ledger.Command](story, ledger.SumJoinKey(id, s.sites[i].ID()))
	}
	sign := func(by ledger.Signer, cmd ledger.CommandID, b ledger.Body) ledger.Command {
		c, err := ledger.NewCommandWithID(s.n.World.Genesis.ID(), cmd, by, s.n.World.Now()+600, b)
		s.check(err)
		return c
	}
	proposed := func(by ledger.Signer, change func(*ledger.ProposeSum)) ledger.Command {
		b := terms
		b.Sites = slices.Clone(b.Sites)
		change(&b)
		return sign(by, proposal.ID, b)
	}
	altered := proposal
	altered.Body = bytes.Replace(altered.Body, []byte(`"minimum":10`), []byte(`"minimum":11`), 1)
	for _, c := range []struct {
		name, says string
		lie        func(on *ledger.Sum) map[ledger.Key]any
	}{
		{"a proposal that was altered", "not signed by its author", func(*ledger.Sum) map[ledger.Key]any {
			return map[ledger.Key]any{ledger.SumSignedKey(id): altered}
		}},
		{"a proposal that its author has signed twice", "have not signed", func(*ledger.Sum) map[ledger.Key]any {
			return map[ledger.Key]any{ledger.SumSignedKey(id): proposed(s.sites[0].Signer(), func(b *ledger.ProposeSum) { b.Minimum = ledger.MinCohort })}
		}},
		{"a proposal of somebody else", "have not signed", func(*ledger.Sum) map[ledger.Key]any {
			return map[ledger.Key]any{ledger.SumSignedKey(id): proposed(bank, func(*ledger.ProposeSum) {})}
		}},
		{"a site that has not joined", "", func(on *ledger.Sum) map[ledger.Key]any {
			on.Left = nil
			on.Joined = append(slices.Clone(on.Joined), ledger.SumInput{Site: s.sites[3].ID()})
			return map[ledger.Key]any{}
		}},
		{"another's joining in a site's place", "have not signed", func(on *ledger.Sum) map[ledger.Key]any {
			return map[ledger.Key]any{ledger.SumJoinKey(id, s.sites[0].ID()): joined(1)}
		}},
		{"a joining that somebody else has signed", "not signed by its author", func(on *ledger.Sum) map[ledger.Key]any {
			c := joined(0)
			c.Sig = joined(1).Sig
			return map[ledger.Key]any{ledger.SumJoinKey(id, s.sites[0].ID()): c}
		}},
		{"a joining of another sum", "have not signed", func(on *ledger.Sum) map[ledger.Key]any {
			var b ledger.JoinSum
			s.check(ledger.Decode(joined(0).Body, &b))
			b.Sum = ledger.NewSumID(ledger.Health, ledger.NewCommandID())
			return map[ledger.Key]any{ledger.SumJoinKey(id, s.sites[0].ID()): sign(s.sites[0].Signer(), ledger.NewCommandID(), b)}
		}},
		{"two sites only", "too few sites", func(on *ledger.Sum) map[ledger.Key]any {
			on.Joined = slices.Clone(on.Joined[:2])
			return map[ledger.Key]any{}
		}},
		{"while others may still join", "may still join", func(on *ledger.Sum) map[ledger.Key]any {
			on.Left = nil
			return map[ledger.Key]any{}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			on := shown
			lies := c.lie(&on)
			lies[ledger.KeyOf(id)] = on
			l.tell(lies)
			var before [ledger.Sharers]int
			for i := range s.seats { // they read all again
				before[i] = len(s.seats[i].log.String())
				s.start(i)
			}
			s.until("each holder refuses by itself", func() bool {
				for i, h := range s.seats {
					if log := h.log.String()[before[i]:]; !strings.Contains(log, "part ended without a result\" of=\"a sum") && !strings.Contains(log, "a try failed\" of=\"a sum") || !strings.Contains(log, c.says) {
						return false
					}
				}
				return true
			})
			for i, h := range s.seats {
				h.stop()
				if n := s.begun(i, id); n != 0 {
					t.Errorf("holder %d began %d sessions", i, n)
				}
			}
			l.tell(nil)
		})
	}
}

// A sum that the contract has ended, since with an earlier one it would tell of a
// site, is refused by each holder from its own book, too; thirty days later its
// marks and journals are gone.
func TestInvariant5_HoldersKeepABookOfSums(t *testing.T) {
	var l liar
	s := onSums(t, ledger.Health, 4, l.deceived(t), webtest.Options{})
	first := s.propose(3)
	for i := range 3 {
		s.join(first, i)
	}
	s.over(first)
	second := s.propose(4)
	for i := range 4 {
		s.join(second, i)
	}
	on := s.over(second)
	if on.Reason != ledger.SumTooClose {
		t.Fatalf("the sum is %s, %s", on.Stage, on.Reason)
	}
	on.Stage, on.Reason, on.Try = ledger.SumComputing, "", 1
	for _, h := range s.seats {
		h.stop()
	}
	l.tell(map[ledger.Key]any{ledger.KeyOf(second): on})
	for i := range s.seats {
		s.start(i)
	}
	s.until("each holder refuses", func() bool {
		return !slices.ContainsFunc(s.seats[:], func(h *seat) bool { return !strings.Contains(h.log.String(), "would follow from this one") })
	})
	for i := range s.seats {
		if n, m := s.begun(i, first), s.begun(i, second); n != 1 || m != 0 {
			t.Errorf("holder %d began %d and %d sessions", i, n, m)
		}
	}
	l.tell(nil)
	s.wait(ledger.SumsWithin + 7200)
	third := s.propose(4)
	for i := range 4 {
		s.join(third, i)
	}
	if got := s.over(third); got.Stage != ledger.SumDone {
		t.Fatalf("thirty days later the sum is %s, %s", got.Stage, got.Reason)
	}
	for i, h := range s.seats {
		journals, err := filepath.Glob(filepath.Join(h.dir, "journals", "*"))
		s.check(err)
		if n := s.begun(i, first); n != 0 || len(journals) != 1 {
			t.Errorf("holder %d keeps %d marks and %d journals", i, n, len(journals))
		}
	}
}

// One sum gives one result: a node that lets holders compute it over fewer sites
// first, or afterwards, learns no difference.
func TestInvariant5_ASumGivesOneResult(t *testing.T) {
	var l liar
	s := onSums(t, ledger.Health, 4, l.deceived(t), webtest.Options{})
	id := s.propose(4)
	for i := range 4 {
		s.join(id, i)
	}
	if got := s.over(id); got.Stage != ledger.SumDone {
		t.Fatalf("the sum is %s, %s", got.Stage, got.Reason)
	}
	hidden := s.at(id)
	hidden.Stage, hidden.Try, hidden.Shares = ledger.SumComputing, 2, nil
	hidden.Joined, hidden.Left = slices.Clone(hidden.Joined[:3]), []ledger.PartyID{s.sites[3].ID()}
	for _, h := range s.seats {
		h.stop()
	}
	l.tell(map[ledger.Key]any{ledger.KeyOf(id): hidden})
	for i := range s.seats {
		s.start(i)
	}
	s.until("each holder refuses", func() bool {
		return !slices.ContainsFunc(s.seats[:], func(h *seat) bool { return !strings.Contains(h.log.String(), "over other sites before") })
	})
	for i := range s.seats {
		if n := s.begun(i, id); n != 1 {
			t.Errorf("holder %d began %d sessions", i, n)
		}
	}
}
