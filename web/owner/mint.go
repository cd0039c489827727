package owner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/api"
)

// Schedule returns the schedule in force; version 0, with the fees that hold
// then, where the organisations have set none.
func (c *Client) Schedule(ctx context.Context) (s ledger.Schedule, err error) {
	b, err := c.Read(ctx, ledger.ScheduleKey)
	if errors.Is(err, fs.ErrNotExist) {
		return ledger.Schedule{Fees: ledger.DefaultFees()}, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("schedule: %w", err)
	}
	return s, nil
}

// Mints lists every change of the supply, newest first.
func (c *Client) Mints(ctx context.Context) ([]ledger.Mint, error) {
	return list[ledger.Mint](ctx, c, api.Mints)
}

// An Attestation is a payment that oracles attest, with what its reference hides:
// for them and for auditors, not for the ledger.
type Attestation struct {
	Payment   ledger.Payment `json:"payment"`
	Reference string         `json:"reference"`
	Salt      ledger.Hash    `json:"salt"`
}

// Check reports an error unless the payment is of the reference.
func (a Attestation) Check() error {
	if err := a.Payment.Check(); err != nil {
		return notice.Because(err, notice.Invalid, "the file is no payment: "+err.Error(), "an oracle makes one: `manx coin attest`")
	}
	if ledger.PaymentReference(a.Salt, a.Reference) != a.Payment.Reference {
		return notice.New(notice.Integrity, "the payment is not the one of the reference in the file", "ask the oracle for the file as it was made")
	}
	return nil
}

// maxReference bounds a reference, in bytes.
const maxReference = 200

// Refer names a payment by what it is known by outside. The same reference gives
// the same name whenever this persona says it, so that no payment counts twice.
func (p *Party) Refer(pay ledger.Payment, reference string) (a Attestation, err error) {
	if reference == "" || len(reference) > maxReference {
		return a, notice.New(notice.Invalid, "a reference is what the payment is known by outside, in 1 to 200 bytes", "give the bank's reference: --reference")
	}
	salt, err := p.Keys.Salt("payment/" + reference)
	if err != nil {
		return a, err
	}
	a = Attestation{Payment: pay, Reference: reference, Salt: salt.Reveal(reveal.Token{})}
	a.Payment.Network, a.Payment.Reference = p.Home.Network.Genesis.ID(), ledger.PaymentReference(a.Salt, reference)
	return a, a.Check()
}

// Attest signs a payment as the oracle that the schedule names with this persona's
// key.
func (p *Party) Attest(ctx context.Context, a Attestation) (Attestation, error) {
	if err := a.Check(); err != nil {
		return a, err
	}
	s, err := p.Schedule(ctx)
	if err != nil {
		return a, err
	}
	for _, o := range s.Oracles {
		if !o.Key.Equal(p.Keys.Public()) {
			continue
		}
		for _, old := range a.Payment.Attests {
			if old.Oracle == o.Name {
				return a, notice.New(notice.Conflict, "this oracle has attested the payment already", "hand it to another oracle, or to the organisations: `manx coin issue`")
			}
		}
		a.Payment.Attests = append(a.Payment.Attests, ledger.Attesting{Oracle: o.Name, Sig: p.Keys.Sign(a.Payment.SigningBytes())})
		return a, nil
	}
	return a, notice.New(notice.Denied, "the schedule names no oracle with this persona's key", "`manx coin oracle` writes what the organisations put into it: `manx coin schedule --set FILE`")
}

// A Proposal is what a majority of the organisations is to sign.
type Proposal struct {
	Command ledger.Command
	Body    ledger.Body // ledger.IssueCoins, BurnCoins, SetSchedule or PublishPortal
	By      []ledger.PartyID
	Need    int
}

// ReadProposal reads a proposal from outside, for a network.
func ReadProposal(b []byte, g ledger.Genesis) (p Proposal, err error) {
	malformed := func(err error) error {
		return notice.Because(err, notice.Invalid, "the file is no proposal of the organisations'", "an organisation makes one: `manx coin issue`, `manx coin burn`, `manx coin schedule --set FILE` or `manx portal publish`")
	}
	if err := ledger.Decode(b, &p.Command); err != nil {
		return p, malformed(err)
	}
	if p.Command.Network != g.ID() {
		return p, notice.New(notice.Denied, "the proposal is for another network", "compare the network's id: `manx audit`")
	}
	switch p.Command.Name {
	case ledger.IssueCoins{}.Command():
		p.Body, err = decoded[ledger.IssueCoins](p.Command.Body)
	case ledger.BurnCoins{}.Command():
		p.Body, err = decoded[ledger.BurnCoins](p.Command.Body)
	case ledger.PublishPortal{}.Command():
		p.Body, err = decoded[ledger.PublishPortal](p.Command.Body)
	case ledger.SetSchedule{}.Command():
		p.Body, err = decoded[ledger.SetSchedule](p.Command.Body)
	default:
		err = ledger.ErrCommand
	}
	if err != nil {
		return p, malformed(err)
	}
	p.By, p.Need = g.Signers(p.Command), g.Majority()
	if _, ok := g.Organisation(p.Command.Author); !ok || len(p.By) == 0 {
		return p, notice.New(notice.Integrity, "no organisation of the network has signed the proposal", "ask for the file as it was made")
	}
	return p, nil
}

func decoded[B ledger.Body](body []byte) (ledger.Body, error) {
	var b B
	if err := ledger.Decode(body, &b); err != nil {
		return nil, err
	}
	return b, b.Check()
}

// Propose signs body as an organisation, for a day less a minute.
func (c *Client) Propose(ctx context.Context, body ledger.Body) (cmd ledger.Command, err error) {
	info, err := c.Info(ctx)
	if err != nil {
		return cmd, err
	}
	cmd, err = ledger.NewCommand(c.network, c.as, info.Now+ledger.MaxValidity-60, body)
	if err != nil {
		return cmd, notice.Because(err, notice.Invalid, err.Error(), "`manx coin --help` shows how it is written")
	}
	return cmd, nil
}

// SetApart returns a coin of exactly an amount of the client's party, an
// organisation, which it makes of others where there is none.
func (c *Client) SetApart(ctx context.Context, amount ledger.Amount) (ledger.CoinID, error) {
	coins, err := Mine[ledger.Coin](ctx, c, "coin")
	if err != nil {
		return "", err
	}
	body, sum := ledger.SendCoins{Out: []ledger.Output{{To: c.as.Party(), Amount: amount}}}, ledger.Amount{}
	for _, k := range coins {
		if k.Amount == amount {
			return k.ID, nil
		}
		if sum.Cmp(amount) < 0 && len(body.In) < ledger.MaxCoins {
			body.In = append(body.In, k.ID)
			if sum, err = sum.Add(k.Amount); err != nil {
				return "", err
			}
		}
	}
	change, err := sum.Sub(amount)
	if err != nil {
		return "", notice.New(notice.Exhausted, "the organisation holds less than that", "only what it holds itself can be burnt: have it paid first, `manx wallet send`")
	}
	if !change.IsZero() {
		body.Out = append(body.Out, ledger.Output{To: c.as.Party(), Amount: change})
	}
	cmd, err := c.Do(ctx, body)
	return ledger.NewCoinID(cmd.ID, 0), err
}
