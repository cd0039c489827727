package escrow

import (
	"testing"

	"manx/ledger"
)

func TestProofFeePays(t *testing.T) {
	all := func(c Choice) Input { return says(Replicas, c, begin+1) }
	proved := []Input{all(Draw), all(Commit), all(Reveal), all(Result)}
	then := func(more ...Input) []Input { return append(append([]Input{}, proved...), more...) }
	split := []Input{all(Draw), all(Commit), all(Reveal), all(Differ)}
	full := map[ledger.PartyID]string{"replicas": "0.6", "exchange": "0.1", "owner": "0.3"}
	lent := map[ledger.PartyID]string{"replicas": "0.4", "subject": "0.2", "exchange": "0.1", "owner": "0.3"}
	back, worked := map[ledger.PartyID]string{"asker": "1"}, map[ledger.PartyID]string{"replicas": "0.4", "asker": "0.6"}
	for name, c := range map[string]struct {
		self    bool
		moves   []Input
		want    map[ledger.PartyID]string
		outcome string
	}{
		"self: accepted":              {true, then(says(Asker, Accept, begin+2)), full, Paid},
		"self: silence pays":          {true, then(passes(begin + 700)), full, Paid},
		"self: erased afterwards":     {true, then(says(Asker, Withdraw, begin+2)), full, Paid},
		"self: erased before":         {true, []Input{all(Draw), says(Asker, Withdraw, begin+2)}, back, Refunded},
		"self: not drawn":             {true, []Input{passes(begin + 200)}, back, Refunded},
		"self: no commitments":        {true, []Input{all(Draw), passes(begin + 300)}, back, Refunded},
		"self: no reveals":            {true, []Input{all(Draw), all(Commit), passes(begin + 400)}, back, Refunded},
		"self: no decision":           {true, []Input{all(Draw), all(Commit), all(Reveal), passes(begin + 500)}, back, Refunded},
		"self: nobody answers":        {true, []Input{all(Draw), all(Fail)}, back, Refunded},
		"self: differ, one is right":  {true, append(append([]Input{}, split...), says(Judges, Right, begin+2), says(Asker, Accept, begin+3)), full, Paid},
		"self: differ, none is right": {true, append(append([]Input{}, split...), says(Judges, Wrong, begin+2)), back, Refunded},
		"self: differ, never judged":  {true, append(append([]Input{}, split...), passes(begin+600)), back, Refunded},
		"self: a dissenter is wrong":  {true, then(says(Dissent, Dispute, begin+2), says(Judges, Right, begin+3)), full, Paid},
		"self: a dissenter is right":  {true, then(says(Dissent, Dispute, begin+2), says(Judges, Wrong, begin+3)), back, Refunded},
		"asked: accepted":             {false, then(says(Subject, Answer, begin+2), says(Asker, Accept, begin+3)), lent, Paid},
		"asked: silence pays":         {false, then(says(Subject, Answer, begin+2), passes(begin+700)), lent, Paid},
		"asked: answer withheld":      {false, then(passes(begin + 700)), worked, Refunded},
		"asked: revoked afterwards":   {false, then(says(Subject, Withdraw, begin+2)), worked, Refunded},
		"asked: denied":               {false, []Input{says(Subject, Withdraw, begin)}, back, Refunded},
		"asked: doubted, right":       {false, then(says(Subject, Dispute, begin+2), says(Judges, Right, begin+3)), worked, Refunded},
		"asked: doubted, wrong":       {false, then(says(Subject, Answer, begin+2), says(Dissent, Dispute, begin+3), says(Judges, Wrong, begin+4)), back, Refunded},
		"asked: never judged":         {false, then(says(Asker, Dispute, begin+2), passes(last)), back, Refunded},
	} {
		t.Run(name, func(t *testing.T) {
			f := Fee{Asker: "asker", Subject: "subject", ModelOwner: "owner", Exchange: "exchange", Parts: 1000, Asked: begin, Last: last}
			if c.self {
				f.Subject = f.Asker
			}
			terms, parts := ProofFee(f)
			o := opening(t, terms, parts, ledger.MAN(1))
			for _, in := range c.moves {
				o = o.step(t, in)
			}
			o.ended(t, c.want, c.outcome)
		})
	}
}
