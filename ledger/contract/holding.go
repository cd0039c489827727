package contract

import (
	"slices"

	"manx/ledger"
	"manx/privacy/notice"
)

func setHoldings(t *txn, b ledger.SetHoldings) error {
	if err := t.governed(); err != nil {
		return err
	}
	return t.save(ledger.HoldingScheduleKey, b.HoldingSchedule, ledger.HoldingScheduled)
}

func (t *txn) schedule() (ledger.HoldingSchedule, error) {
	s, ok, err := load[ledger.HoldingSchedule](t, ledger.HoldingScheduleKey)
	if err == nil && !ok {
		err = refuse(notice.Unavailable, "the network pays for no holding: its organisations have set no schedule", "")
	}
	return s, err
}

// askHolding challenges who runs a storage node, by a seed that neither side chose
// alone. Who pays is not asked: it would judge itself.
func askHolding(t *txn, b ledger.AskHolding) error {
	if t.author.Role != ledger.Governor {
		return refuse(notice.Denied, "only an organisation asks for proof of holding", "")
	}
	s, err := t.schedule()
	if err != nil {
		return err
	}
	p, err := t.party(b.Provider)
	if err != nil {
		return err
	}
	last, _, err := load[ledger.Time](t, ledger.LastHoldingKey(b.Provider))
	if err != nil {
		return err
	}
	switch {
	case p.Role != ledger.Governor && p.Role != ledger.Worker && p.Role != ledger.Holder:
		return refuse(notice.Denied, "only an organisation or an operator of machines runs a storage node", "")
	case b.Provider == t.cmd.Author || b.Provider == Exchange(*t.genesis):
		return refuse(notice.Denied, "nobody proves holding to itself, nor the exchange to itself", "let another organisation ask")
	case len(b.Blobs) > s.Blobs:
		return refuse(notice.Invalid, "the schedule pays for fewer blobs at once", "ask for fewer")
	case last != 0 && t.now < last+s.Every:
		return refuse(notice.Exhausted, "the provider was asked not long ago", "wait as long as the schedule says")
	}
	drawn, err := t.state.Get(ledger.CheckpointKey)
	if err != nil {
		return err
	}
	h := ledger.Holding{ID: ledger.NewHoldingID(t.cmd.ID), Provider: b.Provider, Verifier: t.cmd.Author, Blobs: b.Blobs,
		Seed: ledger.HoldingSeed(drawn, t.cmd.ID), Due: t.now + ledger.HoldingAnswer, Stage: ledger.HoldingAsked}
	if err := t.save(ledger.LastHoldingKey(b.Provider), t.now, ""); err != nil {
		return err
	}
	return t.save(ledger.KeyOf(h.ID), h, ledger.HoldingChanged)
}

func (t *txn) holding(id ledger.HoldingID) (ledger.Holding, error) {
	h, ok, err := load[ledger.Holding](t, ledger.KeyOf(id))
	if err == nil && !ok {
		err = refuse(notice.NotFound, "there is no such challenge", "list yours: `manx storage holdings`")
	}
	return h, err
}

func answerHolding(t *txn, b ledger.AnswerHolding) error {
	h, err := t.holding(b.Holding)
	switch {
	case err != nil:
		return err
	case h.Provider != t.cmd.Author:
		return refuse(notice.Denied, "the challenge is another party's to answer", "list yours: `manx storage holdings`")
	case h.Stage != ledger.HoldingAsked:
		return refuse(notice.Conflict, "the challenge is "+string(h.Stage)+", which does not allow this", "list yours: `manx storage holdings`")
	case t.now >= h.Due:
		return late()
	case len(b.Answers) != len(h.Blobs):
		return refuse(notice.Invalid, "a challenge has an answer for each of its blobs", "")
	}
	h.Answers, h.Stage = b.Answers, ledger.HoldingAnswered
	return t.save(ledger.KeyOf(h.ID), h, ledger.HoldingChanged)
}

// judgeHolding keeps the verifier's word. A challenge that nobody answered in time
// is judged with none right.
func judgeHolding(t *txn, b ledger.JudgeHolding) error {
	h, err := t.holding(b.Holding)
	switch {
	case err != nil:
		return err
	case h.Verifier != t.cmd.Author:
		return refuse(notice.Denied, "another organisation asked, and judges", "")
	case h.Stage == ledger.HoldingAsked && t.now < h.Due:
		return refuse(notice.Conflict, "the provider may still answer", "wait until its time has passed")
	case h.Stage != ledger.HoldingAsked && h.Stage != ledger.HoldingAnswered:
		return refuse(notice.Conflict, "the challenge is "+string(h.Stage)+", which does not allow this", "")
	case len(b.Right) != len(h.Answers):
		return refuse(notice.Invalid, "each answer is right or not", "")
	}
	for i, right := range b.Right {
		if right && h.Answers[i].IsZero() {
			return refuse(notice.Integrity, "no answer is not right", "")
		}
	}
	h.Right, h.Stage = b.Right, ledger.HoldingJudged
	return t.save(ledger.KeyOf(h.ID), h, ledger.HoldingChanged)
}

// payHoldings pays each provider once for all that it has shown.
func payHoldings(t *txn, b ledger.PayHoldings) error {
	if err := t.governed(); err != nil {
		return err
	}
	if t.cmd.Author != Exchange(*t.genesis) {
		return refuse(notice.Denied, "holding is paid for out of the exchange's part", "the exchange signs first")
	}
	s, err := t.schedule()
	if err != nil {
		return err
	}
	left, err := t.spend(b.Fund)
	if err != nil {
		return err
	}
	var out []ledger.Output
	for _, id := range b.Holdings {
		h, err := t.holding(id)
		if err != nil {
			return err
		}
		if h.Stage != ledger.HoldingJudged || h.Shown() == 0 {
			return refuse(notice.Conflict, "a challenge was paid for already, or nothing was shown", "")
		}
		at := slices.IndexFunc(out, func(o ledger.Output) bool { return o.To == h.Provider })
		if at < 0 {
			at = len(out)
			out = append(out, ledger.Output{To: h.Provider, As: "storage"})
		}
		for range h.Shown() {
			if left, err = left.Sub(s.Each); err != nil {
				return refuse(notice.Exhausted, "the coins given do not cover what was shown", "see what you hold: `manx wallet balance`")
			}
			if out[at].Amount, err = out[at].Amount.Add(s.Each); err != nil {
				return err
			}
		}
		h.Stage = ledger.HoldingPaid
		if err := t.save(ledger.KeyOf(h.ID), h, ledger.HoldingChanged); err != nil {
			return err
		}
	}
	if !left.IsZero() {
		out = append(out, ledger.Output{To: t.cmd.Author, Amount: left})
	}
	return t.pay(slices.DeleteFunc(out, func(o ledger.Output) bool { return o.Amount.IsZero() }))
}
