package ledger

import "errors"

// A Coin is an unspent output. Money is held as coins, never as one balance,
// so that no two payments touch the same key.
type Coin struct {
	ID     CoinID  `json:"id"`
	Owner  PartyID `json:"owner"`
	Amount Amount  `json:"amount"`
	As     string  `json:"as,omitempty"` // the role that terms paid with it
}

// An Output is a coin to be made.
type Output struct {
	To     PartyID `json:"to"`
	Amount Amount  `json:"amount"`
	As     string  `json:"as,omitempty"` // the role that terms paid; only they set it
}

// MaxCoins bounds what one command spends or makes.
const MaxCoins = 64

// SupplyKey is where the sum of all MAN issued and not burnt is kept.
const SupplyKey Key = "common/supply"

// SendCoins spends coins of the author's into new ones of the same sum.
type SendCoins struct {
	In  []CoinID `json:"in"`
	Out []Output `json:"out"`
}

// Command implements Body.
func (SendCoins) Command() string { return "coin.send" }

// Check implements Body.
func (b SendCoins) Check() error {
	if len(b.In) == 0 || len(b.In) > MaxCoins {
		return errors.New("spend 1 to 64 coins")
	}
	return checkOutputs(b.Out)
}

func checkOutputs(out []Output) error {
	if len(out) == 0 || len(out) > MaxCoins {
		return errors.New("make 1 to 64 coins")
	}
	for _, o := range out {
		if o.Amount.IsZero() {
			return errors.New("a coin holds more than nothing")
		}
		if o.As != "" {
			return errors.New("only the terms of a job or a contract pay a role")
		}
		if err := CheckID(o.To, "p"); err != nil {
			return err
		}
	}
	return nil
}

// BurnCoins takes MAN of the author's, an organisation's, out of the world: what
// was paid out elsewhere, or issued by mistake. A majority of the organisations
// must sign; nobody else's coins can be burnt.
type BurnCoins struct {
	In      []CoinID `json:"in"`
	Reason  string   `json:"reason"`            // recorded for auditors
	Payment *Payment `json:"payment,omitempty"` // by which it was paid out elsewhere
}

// Command implements Body.
func (BurnCoins) Command() string { return "coin.burn" }

// Check implements Body.
func (b BurnCoins) Check() error {
	switch {
	case b.Reason == "" || len(b.Reason) > MaxReason:
		return errors.New("burning MAN states its reason in 1 to 200 bytes")
	case len(b.In) == 0 || len(b.In) > MaxCoins:
		return errors.New("burn 1 to 64 coins")
	case b.Payment == nil:
		return nil
	case !b.Payment.Out:
		return errors.New("MAN is burnt for what was paid out, not for what was paid in")
	}
	return b.Payment.Check()
}

// MaxReason bounds a recorded reason, in bytes.
const MaxReason = 200

// IssueCoins makes new MAN. A majority of the organisations must sign. From the
// first schedule on it rests on a payment that oracles attested, or on a reward of
// the schedule; before, as when a network is founded, on its reason alone.
type IssueCoins struct {
	Out     []Output `json:"out"`
	Reason  string   `json:"reason"` // recorded for auditors
	Payment *Payment `json:"payment,omitempty"`
	Granted *Granted `json:"granted,omitempty"`
}

// Command implements Body.
func (IssueCoins) Command() string { return "coin.issue" }

// Check implements Body.
func (b IssueCoins) Check() error {
	switch p := b.Payment; {
	case b.Reason == "" || len(b.Reason) > MaxReason:
		return errors.New("an issue of MAN states its reason in 1 to 200 bytes")
	case p != nil && b.Granted != nil:
		return errors.New("an issue of MAN rests on a payment or on a reward, not on both")
	case b.Granted != nil && !word(b.Granted.Reward):
		return errors.New("there is no reward of such a name")
	case p == nil:
	case p.Out:
		return errors.New("MAN is issued for what was paid in, not for what was paid out")
	case len(b.Out) != 1 || b.Out[0] != (Output{To: p.Party, Amount: p.Amount}):
		return errors.New("MAN is issued to who paid, as much as the payment was worth")
	default:
		if err := p.Check(); err != nil {
			return err
		}
	}
	return checkOutputs(b.Out)
}
