package wraps_test

import (
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
	"manx/storage/wraps"
)

// A share waits for its holder alone, and for no longer than its grant.
func TestSharesWaitForTheirHolder(t *testing.T) {
	for name, end := range map[string]func(s *scene, a ledgertest.Away){
		"revoked": func(s *scene, a ledgertest.Away) { s.Do(a.Borrower, ledger.RevokeGrant{Grant: a.Grant}) },
		"erased":  func(s *scene, a ledgertest.Away) { s.Do(a.Borrower, ledger.EraseRecord{Record: a.Record}) },
		"expired": func(s *scene, _ ledgertest.Away) { s.Wait(3700) },
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			s.watch(0)
			a := s.Beforehand()
			put := wraps.PutShare{Service: s.services[0].Org, Grant: a.Grant, Sealed: []byte("sealed to holder 0")}
			take := wraps.TakeShare{Service: s.services[0].Org, Grant: a.Grant}
			_, err := s.ask(0, a.Sharers[0].Holder, take)
			refused(t, "a share that is not there", err, notice.NotFound, "no share waits")
			_, err = s.ask(0, a.Lender, put)
			refused(t, "a lender's share", err, notice.Denied, "")
			_, err = s.ask(1, a.Borrower, put)
			refused(t, "a share for another organisation", err, notice.Denied, "")
			put.Grant = s.grant()
			_, err = s.ask(0, s.patient, put)
			refused(t, "a share under a grant to read", err, notice.Denied, "to read")
			put.Grant = a.Grant
			for range 2 { // repeated after a lost reply
				_, err = s.ask(0, a.Borrower, put)
				check(t, err)
			}
			for _, who := range []*ledgertest.Key{a.Borrower, a.Lender, a.Sharers[1].Holder} {
				_, err = s.ask(0, who, take)
				refused(t, "another takes the share", err, notice.Denied, "sits for")
			}
			got, err := s.ask(0, a.Sharers[0].Holder, take)
			check(t, err)
			if string(got) != string(put.Sealed) {
				t.Fatalf("took %q", got)
			}
			end(s, a)
			s.eventually("the share is destroyed", func() bool { return s.kept(0, "part/"+string(a.Record)) == 0 })
			_, err = s.ask(0, a.Sharers[0].Holder, take)
			refused(t, "a share after the end", err, notice.Denied, "")
			_, err = s.ask(0, a.Borrower, put)
			refused(t, "a share left after the end", err, notice.Denied, "")
		})
	}
}

// What a holder keeps itself waits nowhere.
func TestAHolderEmptiesItsInbox(t *testing.T) {
	s := begin(t)
	a := s.Beforehand()
	_, err := s.ask(0, a.Borrower, wraps.PutShare{Service: s.services[0].Org, Grant: a.Grant, Sealed: []byte("sealed")})
	check(t, err)
	drop := wraps.DropShare{Service: s.services[0].Org, Grant: a.Grant}
	_, err = s.ask(0, a.Lender, drop)
	refused(t, "a lender destroys", err, notice.Denied, "")
	if s.kept(0, "part/"+string(a.Record)) != 1 {
		t.Fatal("it is gone")
	}
	_, err = s.ask(0, a.Sharers[0].Holder, drop)
	check(t, err)
	if s.kept(0, "part/"+string(a.Record)) != 0 {
		t.Error("the inbox keeps what its holder took")
	}
}
