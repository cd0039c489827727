package owner

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"manx/escrow"
	"manx/escrow/check"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// A Contract is an escrow on the ledger, read and checked: its terms, and where
// they stand.
type Contract struct {
	ledger.Escrow
	Read  escrow.Terms `json:"-"` // the terms, as Escrow.Terms spells them
	State escrow.State `json:"state"`
}

// Parts returns who plays which role.
func Parts(players []ledger.Player) []escrow.Part {
	out := make([]escrow.Part, len(players))
	for i, p := range players {
		out[i] = escrow.Part{Role: escrow.Role(p.Role), Party: p.Party}
	}
	return out
}

// Roles returns the roles that a party plays.
func (c Contract) Roles(p ledger.PartyID) (out []escrow.Role) {
	for _, q := range c.State.Parties {
		if q.Party == p {
			out = append(out, q.Role)
		}
	}
	return out
}

// CheckTerms explores terms as the contract will: from a time, with nothing in
// the pots.
func CheckTerms(terms escrow.Terms, players []ledger.Player, at, last ledger.Time) (check.Report, error) {
	r, err := check.Terms(terms, Parts(players), nil, at, last)
	if err != nil {
		return r, notice.Because(err, notice.Invalid, "the terms are refused: "+err.Error(), "correct the terms: `manx escrow check` tells where")
	}
	return r, nil
}

// OpenContract puts terms on the ledger, pays the exchange what the schedule asks
// for that, and returns the contract's id.
func (p *Party) OpenContract(ctx context.Context, title string, terms escrow.Terms, players []ledger.Player, last ledger.Time) (ledger.EscrowID, error) {
	b, err := json.Marshal(terms)
	if err != nil {
		return "", fmt.Errorf("encode terms: %w", err)
	}
	body := ledger.OpenEscrow{Title: title, Terms: b, Players: players, Last: last}
	name := "escrow/" + ledger.TermsHash(b, players).String()
	s, err := p.Schedule(ctx)
	if err != nil {
		return "", err
	}
	var cmd ledger.Command
	var done func() error
	if s.Fees.Open.IsZero() {
		cmd, done, err = p.once(ctx, name, body)
	} else {
		cmd, done, err = p.spend(ctx, name, s.Fees.Open, func(coins []ledger.CoinID, _ ledger.Amount) (ledger.Body, error) {
			body.Coins = coins
			return body, nil
		})
	}
	if err != nil {
		return "", err
	}
	return ledger.NewEscrowID(p.Vertical(), cmd.ID), done()
}

// Contract reads a contract, and checks that its hash is of its terms, that a
// ledger would take them, and that they can stand where the node says.
func (p *Party) Contract(ctx context.Context, id ledger.EscrowID) (c Contract, err error) {
	if c.Escrow, err = Get[ledger.Escrow](ctx, p.Client, id); err != nil {
		return c, err
	}
	if err := ledger.Decode(c.Escrow.Terms, &c.Read); err != nil || ledger.TermsHash(c.Escrow.Terms, c.Players) != c.Hash {
		return c, notice.Because(err, notice.Integrity, "the contract that the node shows is not the one its hash is of", "do not act on it; tell the organisations")
	}
	b, err := p.Client.Read(ctx, ledger.EscrowStateKey(id))
	if err != nil {
		return c, err
	}
	if err = json.Unmarshal(b, &c.State); err == nil {
		err = c.Read.Check(Parts(c.Players), c.Opened, c.Last)
	}
	if err != nil || len(c.State.Pots) != len(c.Read.Pots) || !c.State.Over() && !c.waits() {
		return c, notice.Because(err, notice.Integrity, "the contract that the node shows is none that a ledger holds", "do not act on it; tell the organisations")
	}
	return c, nil
}

// Proof explores the terms again, from when the contract was opened: what comes out
// is what the ledger's certificate is of.
func (c Contract) Proof() (check.Report, error) {
	r, err := CheckTerms(c.Read, c.Players, c.Opened, c.Last)
	if err != nil {
		return r, err
	}
	b, err := json.Marshal(r)
	if err != nil {
		return r, fmt.Errorf("encode report: %w", err)
	}
	if ledger.EscrowCertificate(c.Hash, b) != c.Certificate {
		return r, notice.New(notice.Integrity, "the contract's certificate is not of what exploring its terms gives", "use a `manx` of the network's version; if it is, tell the organisations")
	}
	return r, nil
}

// waits reports whether a contract's state is at a wait of its terms.
func (c Contract) waits() bool {
	return c.State.At >= 0 && c.State.At < len(c.Read.Clauses) && c.Read.Clauses[c.State.At].Wait != nil
}

// Contracts lists the contracts that the party opened or has a part in, newest
// first.
func (p *Party) Contracts(ctx context.Context) ([]ledger.Escrow, error) {
	return Mine[ledger.Escrow](ctx, p.Client, "escrow")
}

// Evidence is what a file that was shown in a contract is checked with. It goes
// with the file to whoever judges, and not to the ledger.
type Evidence struct {
	Escrow ledger.EscrowID `json:"escrow"`
	Digest ledger.Hash     `json:"digest"`
	Salt   ledger.Hash     `json:"salt"`
}

// Evidence makes the digest under which the party shows a file in a contract.
func (p *Party) Evidence(id ledger.EscrowID, file io.Reader) (e Evidence, err error) {
	salt, err := p.Keys.Salt("evidence/" + string(id))
	if err != nil {
		return e, err
	}
	e = Evidence{Escrow: id, Salt: salt.Reveal(reveal.Token{})}
	e.Digest, err = ledger.EvidenceDigest(id, e.Salt, file)
	return e, err
}

// Showed returns where a file was shown in a contract.
func (c Contract) Showed(e Evidence, file io.Reader) (s escrow.Shown, err error) {
	d, err := ledger.EvidenceDigest(c.ID, e.Salt, file)
	if err != nil {
		return s, err
	}
	for _, s := range c.State.Shown {
		if s.Digest == d {
			return s, nil
		}
	}
	return s, notice.New(notice.Integrity, "this file was not shown in the contract", "ask for the file as it was, and the .evidence file that was made with it")
}

// StepContract does one thing that a contract waits for. The command names the
// terms that c was read with, so that it holds for no others; a deposit is paid
// out of the party's coins.
func (p *Party) StepContract(ctx context.Context, c Contract, step ledger.StepEscrow) error {
	step.Escrow, step.Terms = c.ID, c.Hash
	if step.Deposit == nil {
		_, err := p.Do(ctx, step)
		return err
	}
	name := fmt.Sprintf("escrow/%s/%d/%s/%s", c.ID, c.State.At, step.Role, step.Deposit)
	_, done, err := p.spend(ctx, name, *step.Deposit, func(coins []ledger.CoinID, _ ledger.Amount) (ledger.Body, error) {
		step.Coins = coins
		return step, nil
	})
	if err != nil {
		return err
	}
	return done()
}
