package chaincode

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// MAN is issued in the lane of who gets it; what both sides see of it, the record
// and the mark that a payment has counted, names nobody of either.
func TestInvariant5_IssuesNameNobodyInPublic(t *testing.T) {
	l, w := open(t)
	s := ledgertest.Begin(t, l, w)
	orgs := w.Organisations
	_, secret, _ := ed25519.GenerateKey(rand.Reader)
	schedule := ledger.Schedule{Version: 1, Need: 1, Oracles: []ledger.Oracle{{Name: "bank", Key: secret.Public().(ed25519.PublicKey)}},
		Rewards: []ledger.Reward{{Name: "r", Amount: ledger.MAN(3), Start: 1, Every: 3600, Periods: 3}}, Fees: ledger.Fees{Send: ledger.Units(5)}}
	s.Do(orgs[0], ledger.SetSchedule{Schedule: schedule}, orgs[1])
	for i, v := range []ledger.Vertical{ledger.Health, ledger.Credit} {
		who := s.Party(v, ledger.Person)
		p := ledger.Payment{Network: w.Genesis.ID(), Party: who.Party(), Amount: ledger.MAN(2), Reference: ledger.Hash{byte(i + 1)}, At: w.Now() - 1}
		p.Attests = []ledger.Attesting{{Oracle: "bank", Sig: ed25519.Sign(secret, p.SigningBytes())}}
		issue := ledger.IssueCoins{Out: []ledger.Output{{To: who.Party(), Amount: p.Amount}}, Reason: "bought", Payment: &p}
		id := s.Do(orgs[0], issue, orgs[1])
		if err := s.Try(orgs[0], issue, orgs[1]); !notice.Is(err, notice.Conflict) {
			t.Errorf("the payment again: %v", err)
		}
		if m := ledgertest.Read[ledger.Mint](s, ledger.KeyOf(ledger.NewMintID(id))); m.Payment == nil || len(m.By) != 2 {
			t.Errorf("the record is %+v", m)
		}
		granted := ledger.IssueCoins{Out: []ledger.Output{{To: who.Party(), Amount: ledger.MAN(1)}}, Reason: "kept", Granted: &ledger.Granted{Reward: "r", Period: i + 1}}
		s.Do(orgs[1], granted, orgs[2])
		coin, rest := ledger.NewCoinID(id, 0), ledger.MAN(2)
		rest, _ = rest.Sub(ledger.Units(5))
		s.Do(who, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: who.Party(), Amount: rest}}})
		for k, b := range l.peer.state {
			if k[0] == public && bytes.Contains(b, []byte(who.Party())) {
				t.Errorf("public state under %s names a party of %s", k[1], v)
			}
		}
	}
}
