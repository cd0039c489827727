package desk

import (
	"context"
	"errors"
	"strings"

	"manx/ledger"
	"manx/privacy/keyring"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/web/owner"
)

// Status says what the door looks like, and who sits at the desk.
type Status struct {
	Accounts []string        `json:"accounts"` // that have keys in this browser
	Open     bool            `json:"open"`     // one of them is unlocked:
	Account  string          `json:"account,omitempty"`
	Side     ledger.Vertical `json:"side,omitempty"`
	Party    ledger.PartyID  `json:"party,omitempty"`
	Name     string          `json:"name,omitempty"`  // public, of organisations
	Local    bool            `json:"local,omitempty"` // the desk is that of a process beside, which has the keys
	Demo     bool            `json:"demo,omitempty"`  // the account was made by `manx up --demo`
}

func (d *Desk) status(ctx context.Context, _ none, _ Show) (any, error) {
	s := Status{Accounts: []string{}}
	for _, a := range accounts() {
		if d.hasKeys(a) {
			s.Accounts = append(s.Accounts, a.name)
		}
	}
	p, err := d.as()
	if err != nil {
		return s, nil //nolint:nilerr // locked is a status
	}
	s.Open, s.Account, s.Side, s.Party, s.Local, s.Demo = true, d.at.name, d.at.side, p.ID(), d.more != nil, d.at.demo
	if d.at.named {
		if s.Name, err = nameOf(ctx, p, p.ID()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// entry is what somebody says at the door. Account "" is the patient's.
type entry struct {
	Account    string `json:"account"`
	Passphrase string `json:"passphrase"`
}

// leastPassphrase is how many characters a new passphrase has at least: who copies
// the browser's profile can try guesses at a second each for as long as he likes.
const leastPassphrase = 12

func newPassphrase(text string) (seal.Passphrase, error) {
	if len([]rune(text)) < leastPassphrase {
		return seal.Passphrase{}, notice.New(notice.Invalid, "the passphrase is too short", "take 12 characters or more: four words that nobody would put together")
	}
	return seal.NewPassphrase(text)
}

// join makes an account's keys and registers it; interrupted, it goes on with the
// keys that are there.
func (d *Desk) join(ctx context.Context, a struct {
	entry
	Name string `json:"name"` // public, of an organisation
}, show Show) (any, error) {
	who, err := accountNamed(a.Account)
	if err != nil {
		return nil, err
	}
	if a.Name = strings.TrimSpace(a.Name); who.named && a.Name == "" {
		return nil, notice.New(notice.Invalid, "this account needs a name that others see", "type the name of the organisation")
	}
	pass, err := newPassphrase(a.Passphrase)
	if err != nil {
		return nil, err
	}
	show(Progress{Stage: "keys"})
	h, err := owner.Join(ctx, d.homeOf(who), pass, d.node, string(who.side))
	if notice.Is(err, notice.Conflict) && d.hasKeys(who) {
		h, err = owner.Open(d.homeOf(who), pass, d.node)
	}
	if err != nil {
		return nil, err
	}
	show(Progress{Stage: "registering"})
	p, err := h.As(who.side)
	if err == nil {
		err = p.Register(ctx, who.role, a.Name)
		p.Close()
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	if err := d.sit(h, who); err != nil {
		return nil, err
	}
	return d.status(ctx, none{}, show)
}

func (d *Desk) unlock(ctx context.Context, a entry, show Show) (any, error) {
	who, err := accountNamed(a.Account)
	if err != nil {
		return nil, err
	}
	if _, err := d.as(); err == nil {
		return d.status(ctx, none{}, show)
	}
	pass, err := seal.NewPassphrase(a.Passphrase)
	if err != nil {
		return nil, err
	}
	show(Progress{Stage: "keys"})
	h, err := owner.Open(d.homeOf(who), pass, d.node)
	if err != nil {
		return nil, err
	}
	if err := d.sit(h, who); err != nil {
		return nil, err
	}
	return d.status(ctx, none{}, show)
}

func (d *Desk) lock(ctx context.Context, _ none, show Show) (any, error) {
	if err := d.Close(); err != nil {
		return nil, err
	}
	return d.status(ctx, none{}, show)
}

// passphrase changes it.
func (d *Desk) passphrase(_ context.Context, p *owner.Party, a entry, _ Show) (any, error) {
	pass, err := newPassphrase(a.Passphrase)
	if err != nil {
		return nil, err
	}
	return none{}, p.Home.Keys.SetPassphrase(pass)
}

// fund asks for test MAN; who has had it gets none, and that is no error.
func (d *Desk) fund(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	given, err := p.Faucet(ctx)
	if err != nil && !notice.Is(err, notice.Conflict) {
		return nil, err
	}
	return struct {
		Given ledger.Amount `json:"given"`
	}{given}, nil
}

// kit stores a sealed backup with the organisations and returns the phrase that
// opens it, for its owner's eyes.
func (d *Desk) kit(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	if err := p.Home.Backup(ctx); err != nil {
		return nil, err
	}
	return phrase{p.Home.Keys.Kit().Phrase().Reveal(reveal.Token{})}, nil
}

type phrase struct {
	Phrase string `json:"phrase"`
}

// drill compares what was written down with the kit, and changes nothing.
func (d *Desk) drill(_ context.Context, p *owner.Party, a phrase, _ Show) (any, error) {
	kit, err := keyring.ParsePhrase(a.Phrase)
	if err != nil {
		return nil, err
	}
	if !kit.Equal(p.Home.Keys.Kit()) {
		return nil, notice.New(notice.Denied, "these words belong to other keys", "show the kit again and compare word by word")
	}
	return none{}, nil
}

// recover brings everything back from the phrase, under a new passphrase.
func (d *Desk) recover(ctx context.Context, a struct {
	phrase
	entry
}, show Show) (any, error) {
	who, err := accountNamed(a.Account)
	if err != nil {
		return nil, err
	}
	kit, err := keyring.ParsePhrase(a.Phrase)
	if err != nil {
		return nil, err
	}
	pass, err := newPassphrase(a.Passphrase)
	if err != nil {
		return nil, err
	}
	show(Progress{Stage: "recovering"})
	h, got, err := owner.Recover(ctx, d.homeOf(who), pass, kit, d.node)
	if err != nil {
		return nil, err
	}
	if err := d.sit(h, who); err != nil {
		return nil, err
	}
	return struct {
		Records int `json:"records"`
		Grants  int `json:"grants"`
	}{got.Records, got.Grants}, nil
}
