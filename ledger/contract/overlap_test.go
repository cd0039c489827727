package contract

import (
	"strings"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
	"manx/storage"
)

func TestOverlaps(t *testing.T) {
	s, _ := begin(t)
	north, south, east := s.Party(ledger.Health, ledger.Hospital), s.Party(ledger.Health, ledger.Hospital), s.Party(ledger.Health, ledger.Hospital)
	bank, person := s.Party(ledger.Credit, ledger.Lender), s.Party(ledger.Health, ledger.Person)
	org := func(v ledger.Vertical) *ledgertest.Key {
		for i, o := range s.World.Genesis.Organisations {
			if o.Serves == v {
				return s.World.Organisations[i]
			}
		}
		t.Fatalf("no organisation serves %s", v)
		return nil
	}
	counter := org(ledger.Health)
	propose := ledger.ProposeOverlap{With: south.Party(), Counter: counter.Party(), Purpose: ledger.Research, Minimum: 10, Until: s.World.Now() + 3600}
	for what, c := range map[string]struct {
		by     *ledgertest.Key
		change func(*ledger.ProposeOverlap)
		kind   notice.Kind
	}{
		"Invariant5: a hospital with a bank":           {north, func(b *ledger.ProposeOverlap) { b.With = bank.Party() }, notice.Denied},
		"Invariant5: a bank with a hospital":           {bank, func(*ledger.ProposeOverlap) {}, notice.Denied},
		"Invariant5: a purpose of credit":              {north, func(b *ledger.ProposeOverlap) { b.Purpose = ledger.AccountReview }, notice.Denied},
		"Invariant5: counted by credit's organisation": {north, func(b *ledger.ProposeOverlap) { b.Counter = org(ledger.Credit).Party() }, notice.Denied},
		"a person's list":                              {person, func(*ledger.ProposeOverlap) {}, notice.Denied},
		"with a person":                                {north, func(b *ledger.ProposeOverlap) { b.With = person.Party() }, notice.Denied},
		"with itself":                                  {south, func(*ledger.ProposeOverlap) {}, notice.Invalid},
		"counted by a hospital":                        {north, func(b *ledger.ProposeOverlap) { b.Counter = east.Party() }, notice.Denied},
		"a minimum that points at a person":            {north, func(b *ledger.ProposeOverlap) { b.Minimum = 4 }, notice.Invalid},
		"for ever":                                     {north, func(b *ledger.ProposeOverlap) { b.Until += ledger.MaxOverlap }, notice.Invalid},
		"over before it begins":                        {north, func(b *ledger.ProposeOverlap) { b.Until = s.World.Now() }, notice.Invalid},
	} {
		b := propose
		c.change(&b)
		denied(t, what, s.Try(c.by, b), c.kind)
	}

	id := ledger.NewOverlapID(ledger.Health, s.Do(north, propose))
	post := func(tags bool, ref string) ledger.PostOverlap {
		return ledger.PostOverlap{Overlap: id, Tags: tags, Message: ledgertest.Ref(ref)}
	}
	answer := ledger.AnswerOverlap{Overlap: id, Answers: [2]storage.Ref{ledgertest.Ref("an"), ledgertest.Ref("as")}}
	denied(t, "points before the other agrees", s.Try(north, post(false, "bn")), notice.Conflict)
	denied(t, "another agrees", s.Try(east, ledger.AgreeOverlap{Overlap: id}), notice.Denied)
	s.Do(south, ledger.AgreeOverlap{Overlap: id})
	denied(t, "agreed twice", s.Try(south, ledger.AgreeOverlap{Overlap: id}), notice.Conflict)
	s.Do(north, post(false, "bn"))
	denied(t, "tags before the other's points", s.Try(north, post(true, "tn")), notice.Conflict)
	denied(t, "other points", s.Try(north, post(false, "again")), notice.Conflict)
	denied(t, "a third hospital's points", s.Try(east, post(false, "be")), notice.NotFound)
	s.Do(south, post(false, "bs"))
	s.Do(south, post(true, "ts"))
	denied(t, "an answer before all tags", s.Try(counter, answer), notice.Conflict)
	s.Do(north, post(true, "tn"))
	denied(t, "a holder answers", s.Try(north, answer), notice.NotFound)
	denied(t, "another organisation answers", s.Try(org(ledger.Common), answer), notice.NotFound)
	s.Do(counter, answer)
	denied(t, "a second answer", s.Try(counter, answer), notice.Conflict)
	denied(t, "ended after its answer", s.Try(north, ledger.EndOverlap{Overlap: id}), notice.Conflict)
	got := ledgertest.Read[ledger.Overlap](s, ledger.KeyOf(id))
	if got.Stage != ledger.OverlapCounted || got.Blinded != [2]storage.Ref{ledgertest.Ref("bn"), ledgertest.Ref("bs")} || got.Answers != answer.Answers {
		t.Errorf("the comparison is %+v", got)
	}
}

// Two holders agree on twelve comparisons in thirty days: more could tell of one
// person by the difference of two lists.
func TestOverlapsOfAPairAreCounted(t *testing.T) {
	s, _ := begin(t)
	a, b := s.Party(ledger.Credit, ledger.Lender), s.Party(ledger.Credit, ledger.Lender)
	var counter ledger.PartyID
	for _, o := range s.World.Genesis.Organisations {
		if o.Serves == ledger.Common {
			counter = o.ID
		}
	}
	try := func(i int) error {
		first, second := a, b
		if i%2 == 1 {
			first, second = b, a
		}
		id := ledger.NewOverlapID(ledger.Credit, s.Do(first, ledger.ProposeOverlap{With: second.Party(), Counter: counter, Purpose: ledger.AccountReview, Minimum: 5, Until: s.World.Now() + 60}))
		return s.Try(second, ledger.AgreeOverlap{Overlap: id})
	}
	for i := range ledger.OverlapsOfAPair {
		if err := try(i); err != nil {
			t.Fatalf("comparison %d: %v", i+1, err)
		}
	}
	denied(t, "one too many", try(0), notice.Exhausted)
	s.Wait(ledger.OverlapsWithin)
	if err := try(1); err != nil {
		t.Errorf("thirty days later: %v", err)
	}
}

// What nobody finishes ends: by its holders at any time, by anybody afterwards.
func TestOverlapsEnd(t *testing.T) {
	s, _ := begin(t)
	north, south, east := s.Party(ledger.Health, ledger.Hospital), s.Party(ledger.Health, ledger.Hospital), s.Party(ledger.Health, ledger.Hospital)
	propose := ledger.ProposeOverlap{With: south.Party(), Counter: s.World.Genesis.Organisations[0].ID, Purpose: ledger.Care, Minimum: 5, Until: s.World.Now() + 60}
	id := ledger.NewOverlapID(ledger.Health, s.Do(north, propose))
	denied(t, "a third ends it", s.Try(east, ledger.EndOverlap{Overlap: id}), notice.NotFound)
	s.Do(south, ledger.EndOverlap{Overlap: id})
	denied(t, "agreed after its end", s.Try(south, ledger.AgreeOverlap{Overlap: id}), notice.Conflict)

	propose.Until = s.World.Now() + 60
	id = ledger.NewOverlapID(ledger.Health, s.Do(north, propose))
	s.Wait(61)
	err := s.Try(south, ledger.AgreeOverlap{Overlap: id})
	denied(t, "agreed too late", err, notice.Expired)
	if !strings.Contains(notice.From(err).Hint, "overlap propose") {
		t.Errorf("the hint does not name the cure: %q", notice.From(err).Hint)
	}
	s.Do(east, ledger.EndOverlap{Overlap: id})
}
