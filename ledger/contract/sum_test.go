package contract

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"manx/ledger"
	"manx/ledger/faulty"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
	"manx/storage"
)

// Who may ask whom for a sum, for what, and over what.
func TestSumProposals(t *testing.T) {
	s, _ := begin(t)
	sites := s.Sites(ledger.Health, 4)
	denied(t, "before the organisations have seats", s.Try(sites[0], s.Proposal(sites...)), notice.Unavailable)
	s.Seats()
	bank, person := s.Party(ledger.Credit, ledger.Lender), s.Party(ledger.Health, ledger.Person)
	worker := s.Party(ledger.Common, ledger.Worker)
	for what, c := range map[string]struct {
		by     *ledgertest.Key
		change func(*ledger.ProposeSum)
		kind   notice.Kind
	}{
		"Invariant5: hospitals with a bank":      {sites[0], func(b *ledger.ProposeSum) { b.Sites[3] = bank.Party() }, notice.Denied},
		"Invariant5: a bank with hospitals":      {bank, func(*ledger.ProposeSum) {}, notice.Denied},
		"Invariant5: a purpose of credit":        {sites[0], func(b *ledger.ProposeSum) { b.Purpose = ledger.AccountReview }, notice.Denied},
		"Invariant5: a bank's own, of hospitals": {bank, func(b *ledger.ProposeSum) { b.Purpose, b.Sites[3] = ledger.AccountReview, bank.Party() }, notice.Denied},
		"Invariant5: with a worker of both":      {sites[0], func(b *ledger.ProposeSum) { b.Sites[3] = worker.Party() }, notice.Denied},
		"over a person":                          {sites[0], func(b *ledger.ProposeSum) { b.Sites[3] = person.Party() }, notice.Denied},
		"a person's":                             {person, func(b *ledger.ProposeSum) { b.Sites[3] = person.Party() }, notice.Denied},
		"over others":                            {sites[3], func(b *ledger.ProposeSum) { b.Sites = b.Sites[:3] }, notice.Denied},
		"over two":                               {sites[0], func(b *ledger.ProposeSum) { b.Sites = b.Sites[:2] }, notice.Invalid},
		"one twice":                              {sites[0], func(b *ledger.ProposeSum) { b.Sites[3] = b.Sites[2] }, notice.Invalid},
		"over seventeen":                         {sites[0], func(b *ledger.ProposeSum) { b.Sites = make([]ledger.PartyID, 17) }, notice.Invalid},
		"who is not registered":                  {sites[0], func(b *ledger.ProposeSum) { b.Sites[3] = ledger.NewPartyID(ledger.Health, make([]byte, 32)) }, notice.NotFound},
		"a minimum that points at a person":      {sites[0], func(b *ledger.ProposeSum) { b.Minimum = ledger.MinCohort - 1 }, notice.Invalid},
		"without a title":                        {sites[0], func(b *ledger.ProposeSum) { b.Title = "" }, notice.Invalid},
		"a title of two lines":                   {sites[0], func(b *ledger.ProposeSum) { b.Title = "a\nb" }, notice.Invalid},
		"a column without a bound":               {sites[0], func(b *ledger.ProposeSum) { b.Columns[0].Most = 0 }, notice.Invalid},
		"a column without a name":                {sites[0], func(b *ledger.ProposeSum) { b.Columns[0].Name = " " }, notice.Invalid},
		"two columns of one name": {sites[0], func(b *ledger.ProposeSum) {
			b.Columns = append(b.Columns, ledger.SumColumn{Name: "Smoker", Most: 2})
		}, notice.Invalid},
		"groups without a column":   {sites[0], func(b *ledger.ProposeSum) { b.Groups = []string{"a", "b"} }, notice.Invalid},
		"one group":                 {sites[0], func(b *ledger.ProposeSum) { b.GroupBy, b.Groups = "sex", []string{"a"} }, notice.Invalid},
		"groups by what is summed":  {sites[0], func(b *ledger.ProposeSum) { b.GroupBy, b.Groups = "smoker", []string{"a", "b"} }, notice.Invalid},
		"two groups of one name":    {sites[0], func(b *ledger.ProposeSum) { b.GroupBy, b.Groups = "sex", []string{"a", "A"} }, notice.Invalid},
		"computed by a hospital":    {sites[0], func(b *ledger.ProposeSum) { b.Organisations[0] = sites[1].Party() }, notice.Denied},
		"computed by two":           {sites[0], func(b *ledger.ProposeSum) { b.Organisations[0] = b.Organisations[1] }, notice.Invalid},
		"for ever":                  {sites[0], func(b *ledger.ProposeSum) { b.Until += ledger.MaxSum }, notice.Invalid},
		"over before it has begun":  {sites[0], func(b *ledger.ProposeSum) { b.Until = s.World.Now() }, notice.Invalid},
		"a purpose that nobody has": {sites[0], func(b *ledger.ProposeSum) { b.Purpose = "marketing" }, notice.Denied},
	} {
		b := s.Proposal(sites...)
		c.change(&b)
		denied(t, what, s.Try(c.by, b), c.kind)
	}
	s.Do(sites[0], s.Proposal(sites...))
	lenders := s.Sites(ledger.Credit, 3)
	s.Do(lenders[2], s.Proposal(lenders...))
}

// From the invitation to the result: who does what, once, and in which order.
func TestSums(t *testing.T) {
	s, _ := begin(t)
	seats, sites := s.Seats(), s.Sites(ledger.Health, 4)
	outsider, bank := s.Party(ledger.Health, ledger.Hospital), s.Party(ledger.Credit, ledger.Lender)
	h := func(i int) *ledgertest.Key { return seats[i].Holder }
	id := ledger.NewSumID(ledger.Health, s.Do(sites[0], s.Proposal(sites...)))
	join := s.Joining(id)
	denied(t, "an outsider joins", s.Try(outsider, join), notice.NotFound)
	denied(t, "Invariant5: a bank joins", s.Try(bank, join), notice.NotFound)
	denied(t, "a holder joins", s.Try(h(0), join), notice.NotFound)
	for what, c := range map[string]struct {
		change func(*ledger.JoinSum)
		kind   notice.Kind
	}{
		"other terms":             {func(b *ledger.JoinSum) { b.Terms[0]++ }, notice.Integrity},
		"sealed to others":        {func(b *ledger.JoinSum) { b.Holders[0] = outsider.Party() }, notice.Integrity},
		"sealed to one twice":     {func(b *ledger.JoinSum) { b.Holders[0] = b.Holders[1] }, notice.Invalid},
		"a digest that hides not": {func(b *ledger.JoinSum) { b.Digests[1] = ledger.Hash{} }, notice.Invalid},
		"a share that is nowhere": {func(b *ledger.JoinSum) { b.Shares[2] = storage.Ref{} }, notice.Invalid},
	} {
		b := join
		c.change(&b)
		denied(t, what, s.Try(sites[1], b), c.kind)
	}
	s.Do(sites[0], join)
	denied(t, "joined twice", s.Try(sites[0], join), notice.Conflict)
	s.Do(sites[1], join)
	denied(t, "begun before all have spoken", s.Try(h(0), ledger.BeginSum{Sum: id}), notice.Conflict)
	s.Do(sites[2], join)
	s.Do(sites[3], ledger.LeaveSum{Sum: id})
	denied(t, "left twice", s.Try(sites[3], ledger.LeaveSum{Sum: id}), notice.Conflict)
	denied(t, "joined after leaving", s.Try(sites[3], join), notice.Conflict)
	denied(t, "an outsider leaves", s.Try(outsider, ledger.LeaveSum{Sum: id}), notice.NotFound)

	denied(t, "a site begins", s.Try(sites[0], ledger.BeginSum{Sum: id}), notice.Denied)
	denied(t, "another holder begins", s.Try(h(1), ledger.BeginSum{Sum: id}), notice.Denied)
	post := func(i int) ledger.PostSum {
		return ledger.PostSum{Sum: id, Try: 2, PostedShare: ledgertest.Posted()[i]}
	}
	denied(t, "a share before it is begun", s.Try(h(0), post(0)), notice.Conflict)
	s.Do(h(0), ledger.BeginSum{Sum: id})
	denied(t, "a share of another try", s.Try(h(0), post(0)), notice.Conflict)
	denied(t, "left while it is computed", s.Try(sites[1], ledger.LeaveSum{Sum: id}), notice.Conflict)
	denied(t, "ended while it is computed", s.Try(sites[0], ledger.EndSum{Sum: id}), notice.Conflict)
	s.Do(h(0), ledger.BeginSum{Sum: id})
	posted := ledgertest.Posted()
	for i, p := range posted {
		denied(t, "a site's share of the result", s.Try(sites[i], ledger.PostSum{Sum: id, Try: 2, PostedShare: p}), notice.NotFound)
		s.Do(h(i), ledger.PostSum{Sum: id, Try: 2, PostedShare: p})
		if i < 2 {
			denied(t, "a second share", s.Try(h(i), ledger.PostSum{Sum: id, Try: 2, PostedShare: p}), notice.Conflict)
		}
	}
	got := ledgertest.Read[ledger.Sum](s, ledger.KeyOf(id))
	if got.Stage != ledger.SumDone || !slices.Equal(got.Summed(), got.Sites[:3]) || !slices.Equal(got.Shares, posted[:]) {
		t.Errorf("the sum is %s over %d", got.Stage, len(got.Summed()))
	}
	denied(t, "begun after its end", s.Try(h(0), ledger.BeginSum{Sum: id}), notice.Conflict)
	denied(t, "ended after its end", s.Try(sites[0], ledger.EndSum{Sum: id}), notice.Conflict)
}

// Every way in which a sum ends without a result.
func TestSumsEnd(t *testing.T) {
	s, _ := begin(t)
	seats, sites := s.Seats(), s.Sites(ledger.Health, 4)
	outsider := s.Party(ledger.Health, ledger.Hospital)
	open := func(joining int) ledger.SumID {
		id := ledger.NewSumID(ledger.Health, s.Do(sites[0], s.Proposal(sites...)))
		for _, k := range sites[:joining] {
			s.Do(k, s.Joining(id))
		}
		return id
	}
	ended := func(id ledger.SumID, why ledger.SumEnd) {
		t.Helper()
		if got := ledgertest.Read[ledger.Sum](s, ledger.KeyOf(id)); got.Stage != ledger.SumEnded || got.Reason != why {
			t.Errorf("the sum is %s, %s; want %s", got.Stage, got.Reason, why)
		}
	}
	begin := func(id ledger.SumID) { t.Helper(); s.Do(seats[0].Holder, ledger.BeginSum{Sum: id}) }

	id := open(1)
	denied(t, "a site that did not propose it ends it", s.Try(sites[1], ledger.EndSum{Sum: id}), notice.NotFound)
	s.Do(sites[0], ledger.EndSum{Sum: id})
	ended(id, ledger.SumWithdrawn)

	id = open(3)
	s.Do(sites[0], ledger.LeaveSum{Sum: id}) // what it had joined with counts no more
	if got := ledgertest.Read[ledger.Sum](s, ledger.KeyOf(id)); len(got.Summed()) != 2 || !got.Joined[0].Withdrawn {
		t.Errorf("%d sites are summed after one has left", len(got.Summed()))
	}
	s.Do(sites[1], ledger.LeaveSum{Sum: id})
	ended(id, ledger.SumTooFew)

	id = open(2)
	denied(t, "ended while others may join", s.Try(outsider, ledger.EndSum{Sum: id}), notice.NotFound)
	s.Wait(3601)
	denied(t, "joined too late", s.Try(sites[2], s.Joining(id)), notice.Expired)
	denied(t, "begun over two", s.Try(seats[0].Holder, ledger.BeginSum{Sum: id}), notice.Conflict)
	s.Do(outsider, ledger.EndSum{Sum: id})
	ended(id, ledger.SumTooFew)

	id = open(3)
	s.Wait(3601) // the fourth says nothing, and does not count
	begin(id)
	denied(t, "a site's share is bad, says a site", s.Try(sites[0], ledger.EndSum{Sum: id, Site: sites[1].Party()}), notice.NotFound)
	denied(t, "one that did not join, says a holder", s.Try(seats[2].Holder, ledger.EndSum{Sum: id, Site: sites[3].Party()}), notice.NotFound)
	s.Do(seats[2].Holder, ledger.EndSum{Sum: id, Site: sites[1].Party()})
	ended(id, ledger.SumUnusable)

	id = open(3)
	s.Wait(3601)
	begin(id)
	other := ledgertest.Posted()
	for i, p := range ledgertest.Posted() {
		if i == 1 {
			p = other[1]
		}
		s.Do(seats[i].Holder, ledger.PostSum{Sum: id, Try: 1, PostedShare: p})
	}
	ended(id, ledger.SumDiffers)

	for _, again := range []bool{true, false} {
		id = open(3)
		s.Wait(3601)
		for range ledger.MaxTries {
			denied(t, "ended before the last try", s.Try(seats[0].Holder, ledger.EndSum{Sum: id}), notice.NotFound)
			begin(id)
		}
		denied(t, "another holder ends it after the last try", s.Try(seats[1].Holder, ledger.EndSum{Sum: id}), notice.NotFound)
		if again {
			s.Do(seats[0].Holder, ledger.EndSum{Sum: id})
			ended(id, ledger.SumLate)
		}
	}
	denied(t, "a try too many", s.Try(seats[0].Holder, ledger.BeginSum{Sum: id}), notice.Exhausted)
	s.Wait(ledger.SumGrace)
	denied(t, "a share after its time", s.Try(seats[0].Holder, ledger.PostSum{Sum: id, Try: ledger.MaxTries, PostedShare: other[0]}), notice.Expired)
	denied(t, "begun after its time", s.Try(seats[0].Holder, ledger.BeginSum{Sum: id}), notice.Expired)
	s.Do(outsider, ledger.EndSum{Sum: id})
	ended(id, ledger.SumLate)
}

// A site joins twelve sums in thirty days: more could tell of one person by the
// difference of two results.
func TestSumsOfASiteAreCounted(t *testing.T) {
	s, _ := begin(t)
	s.Seats()
	sites := s.Sites(ledger.Credit, 4)
	try := func(i int) error {
		b := s.Proposal(sites[0], sites[1+i%3], sites[1+(i+1)%3]) // who else is in it makes no difference
		return s.Try(sites[0], s.Joining(ledger.NewSumID(ledger.Credit, s.Do(sites[0], b))))
	}
	for i := range ledger.SumsOfASite {
		if err := try(i); err != nil {
			t.Fatalf("sum %d: %v", i+1, err)
		}
	}
	denied(t, "one too many", try(0), notice.Exhausted)
	s.Wait(ledger.SumsWithin)
	if err := try(1); err != nil {
		t.Errorf("thirty days later: %v", err)
	}
}

// Of two sums whose sites are the same but for one or two, the difference would
// be these sites' own numbers, and of three others it may be what follows from all:
// such a sum is not computed.
func TestInvariant5_SumsThatTellOfASite(t *testing.T) {
	s, _ := begin(t)
	seats, sites := s.Seats(), s.Sites(ledger.Health, 11)
	spoilt := false
	over := func(who ...int) ledger.Sum {
		t.Helper()
		var of []*ledgertest.Key
		for _, i := range who {
			of = append(of, sites[i])
		}
		id := ledger.NewSumID(ledger.Health, s.Do(of[0], s.Proposal(of...)))
		for _, k := range of {
			s.Do(k, s.Joining(id))
		}
		s.Do(seats[0].Holder, ledger.BeginSum{Sum: id})
		if spoilt {
			s.Do(seats[1].Holder, ledger.EndSum{Sum: id, Site: of[0].Party()})
		}
		return ledgertest.Read[ledger.Sum](s, ledger.KeyOf(id))
	}
	for _, c := range []struct {
		who  []int
		near bool
	}{
		{[]int{0, 1, 2, 3}, false},
		{[]int{3, 2, 1, 0}, false}, // the same again
		{[]int{0, 1, 2}, true},     // without one
		{[]int{0, 1, 2, 3, 4}, true},
		{[]int{5, 0, 1, 2, 3, 4}, true},
		{[]int{0, 1, 2, 3, 4, 5, 6}, false}, // with three more
		{[]int{0, 4, 5, 6}, false},          // which they know by the difference
		{[]int{0, 4, 5}, true},              // and now of 6
		{[]int{7, 8, 9}, false},
		{[]int{7, 8, 10}, true}, // how much more 9 has than 10
		{[]int{7, 9, 10}, true}, // and all would be known
		{[]int{0, 9, 10}, false},
	} {
		if got := over(c.who...); (got.Reason == ledger.SumTooClose) != c.near || (got.Stage == ledger.SumComputing) == c.near {
			t.Errorf("over %v: %s %s", c.who, got.Stage, got.Reason)
		}
	}
	s.Wait(ledger.SumsWithin)
	spoilt = true // by the share of one site, so that nothing was computed
	over(0, 1, 2, 3)
	spoilt = false
	if got := over(0, 1, 2); got.Stage != ledger.SumComputing {
		t.Errorf("thirty days later: %s %s", got.Stage, got.Reason)
	}
}

// nextOf is what a sum waits for.
func nextOf(s *ledgertest.Story, on ledger.Sum, sites []*ledgertest.Key, seats [ledger.Sharers]ledgertest.Sharer) (*ledgertest.Key, ledger.Body) {
	for _, k := range sites {
		if _, joined := on.Input(k.Party()); !joined && slices.Contains(on.Sites, k.Party()) && on.Stage == ledger.SumOpen {
			return k, s.Joining(on.ID)
		}
	}
	if on.Stage != ledger.SumComputing {
		return seats[0].Holder, ledger.BeginSum{Sum: on.ID}
	}
	at := max(0, slices.IndexFunc(on.Shares, func(p ledger.PostedShare) bool { return p.Hash.IsZero() }))
	return seats[at].Holder, ledger.PostSum{Sum: on.ID, Try: on.Try, PostedShare: ledger.PostedShare{Output: ledgertest.Ref("o"), Hash: ledger.Hash{1},
		Digests: [2]ledger.Hash{{byte(at + 1)}, {byte((at+1)%ledger.Sharers + 1)}}}}
}

// Whatever anybody sends in whatever order, with replies lost and commands sent
// again: a sum is done only over three sites or more that have signed for it, each
// once; what is over stays as it is; and no rule fails but by a notice.
func TestInvariant2_8_RandomSums(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 22))
	s, m := begin(t)
	seats, sites := s.Seats(), s.Sites(ledger.Health, 6)
	parties := append(slices.Clone(sites), seats[0].Holder, seats[1].Holder, seats[2].Holder, s.Party(ledger.Credit, ledger.Lender))
	flaky := faulty.New(m, func(ledger.Command) faulty.Fault { return faulty.Fault(max(0, r.IntN(6)-3)) })
	var ids []ledger.SumID
	var past []ledger.Command
	over, done := map[ledger.SumID]ledger.Sum{}, map[ledger.SumEnd]int{}
	for range 3000 {
		by := pick(r, parties)
		if r.IntN(3) == 0 {
			by = seats[r.IntN(3)].Holder
		}
		var body ledger.Body
		switch n := r.IntN(40); {
		case n == 0 || len(ids) == 0:
			r.Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] })
			b := s.Proposal(sites[:3+r.IntN(3)]...)
			b.Until = s.World.Now() + 40
			by, body = sites[0], b
		case n == 1 && len(past) > 0:
			_, _ = flaky.Submit(t.Context(), pick(r, past))
			continue
		case n == 2 && r.IntN(2) == 0:
			s.Wait(ledger.Time(1 + r.IntN(60)))
			continue
		case n == 3 && r.IntN(20) == 0:
			s.Wait(pick(r, []ledger.Time{ledger.SumGrace, ledger.SumsWithin}))
			continue
		case n < 30:
			on := ledgertest.Read[ledger.Sum](s, ledger.KeyOf(ids[len(ids)-1]))
			by, body = nextOf(s, on, sites, seats)
		default:
			id := pick(r, ids[max(0, len(ids)-3):])
			on := ledgertest.Read[ledger.Sum](s, ledger.KeyOf(id))
			switch r.IntN(12) {
			case 0:
				body = ledger.LeaveSum{Sum: id}
			case 1:
				body = ledger.EndSum{Sum: id}
			case 2:
				body = ledger.EndSum{Sum: id, Site: pick(r, on.Sites)}
				if r.IntN(8) > 0 {
					continue
				}
			case 3, 4, 5:
				body = ledger.BeginSum{Sum: id}
			case 6, 7:
				p := ledger.PostedShare{Output: ledgertest.Ref("o"), Hash: ledger.Hash{1}}
				if at := on.Place(by.Party()); at >= 0 {
					p.Digests = [2]ledger.Hash{{byte(at + 1)}, {byte((at+1)%3 + 1)}}
				}
				if r.IntN(9) == 0 {
					p.Digests[0] = ledger.Hash{9}
				}
				body = ledger.PostSum{Sum: id, Try: max(1, on.Try), PostedShare: p}
			default:
				body = s.Joining(id)
			}
		}
		cmd, err := ledger.NewCommand(s.World.Genesis.ID(), by, s.World.Now()+600, body)
		if err != nil {
			continue
		}
		if _, err := flaky.Submit(t.Context(), cmd); errors.Is(err, faulty.ErrFault) {
			_, _ = m.Submit(t.Context(), cmd) // sent again
		}
		if m.internal != nil {
			t.Fatal(m.internal)
		}
		past = append(past, cmd)
		if id := ledger.NewSumID(ledger.Health, cmd.ID); cmd.Name == "sum.propose" {
			if _, ok := ledgertest.Find[ledger.Sum](s, ledger.KeyOf(id)); ok {
				ids = append(ids, id)
			}
		}
		for _, id := range ids[max(0, len(ids)-4):] {
			if _, known := over[id]; !known {
				if on := ledgertest.Read[ledger.Sum](s, ledger.KeyOf(id)); on.Stage.Over() {
					over[id] = on
				}
			}
		}
	}
	for _, id := range ids {
		on := ledgertest.Read[ledger.Sum](s, ledger.KeyOf(id))
		if was, ok := over[id]; ok && !reflect.DeepEqual(was, on) {
			t.Errorf("a sum that was over has changed: %+v", on)
		}
		if !on.Stage.Over() {
			continue
		}
		done[on.Reason]++
		for _, p := range on.Summed() {
			c := ledgertest.Read[ledger.Command](s, ledger.SumJoinKey(id, p))
			if c.Author != p || slices.Contains(on.Left, p) || !slices.Contains(on.Sites, p) {
				t.Errorf("%s takes part in %+v", p, on)
			}
		}
		if on.Stage == ledger.SumDone && len(on.Summed()) < ledger.MinSumSites {
			t.Errorf("a sum is done over %d sites", len(on.Summed()))
		}
	}
	t.Logf("%d sums, ends %v", len(ids), done)
	if len(ids) < 20 || done[""]+done[ledger.SumTooClose] == 0 || done[ledger.SumTooFew] == 0 {
		t.Errorf("%d sums, ends %v: the test says little", len(ids), done)
	}
}
