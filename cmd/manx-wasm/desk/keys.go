package desk

import (
	"context"
	"errors"

	"manx/ledger"
	"manx/privacy/keyring"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/web/owner"
)

// Status says what the door of the home looks like.
type Status struct {
	Keys  bool           `json:"keys"` // there is a keyring
	Open  bool           `json:"open"` // and it is unlocked
	Party ledger.PartyID `json:"party,omitempty"`
}

func (d *Desk) status(context.Context, none, Show) (any, error) {
	s := Status{Keys: d.hasKeys()}
	if p, err := d.as(); err == nil {
		s.Open, s.Party = true, p.ID()
	}
	return s, nil
}

type entry struct {
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

// people are a person's two sides, whose keys have nothing in common.
var people = []string{string(ledger.Health), string(ledger.Credit)}

// join makes keys and registers them; interrupted, it goes on with the keys that
// are there.
func (d *Desk) join(ctx context.Context, a entry, show Show) (any, error) {
	pass, err := newPassphrase(a.Passphrase)
	if err != nil {
		return nil, err
	}
	show(Progress{Stage: "keys"})
	h, err := owner.Join(ctx, d.dir, pass, d.node, people...)
	if notice.Is(err, notice.Conflict) && d.hasKeys() {
		h, err = owner.Open(d.dir, pass, d.node)
	}
	if err != nil {
		return nil, err
	}
	show(Progress{Stage: "registering"})
	for _, v := range people {
		p, err := h.As(ledger.Vertical(v))
		if err == nil {
			err = p.Register(ctx, ledger.Person, "")
			p.Close()
		}
		if err != nil {
			return nil, errors.Join(err, h.Close())
		}
	}
	if err := d.sit(h); err != nil {
		return nil, err
	}
	return d.status(ctx, none{}, show)
}

func (d *Desk) unlock(ctx context.Context, a entry, show Show) (any, error) {
	if _, err := d.as(); err == nil {
		return d.status(ctx, none{}, show)
	}
	pass, err := seal.NewPassphrase(a.Passphrase)
	if err != nil {
		return nil, err
	}
	show(Progress{Stage: "keys"})
	h, err := owner.Open(d.dir, pass, d.node)
	if err != nil {
		return nil, err
	}
	if err := d.sit(h); err != nil {
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
func (d *Desk) passphrase(_ context.Context, a entry, _ Show) (any, error) {
	p, err := d.as()
	if err != nil {
		return nil, err
	}
	pass, err := newPassphrase(a.Passphrase)
	if err != nil {
		return nil, err
	}
	return none{}, p.Home.Keys.SetPassphrase(pass)
}

// fund asks for test MAN; who has had it gets none, and that is no error.
func (d *Desk) fund(ctx context.Context, _ none, _ Show) (any, error) {
	p, err := d.as()
	if err != nil {
		return nil, err
	}
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
func (d *Desk) kit(ctx context.Context, _ none, _ Show) (any, error) {
	p, err := d.as()
	if err != nil {
		return nil, err
	}
	if err := p.Home.Backup(ctx); err != nil {
		return nil, err
	}
	return phrase{p.Home.Keys.Kit().Phrase().Reveal(reveal.Token{})}, nil
}

type phrase struct {
	Phrase string `json:"phrase"`
}

// drill compares what was written down with the kit, and changes nothing.
func (d *Desk) drill(_ context.Context, a phrase, _ Show) (any, error) {
	p, err := d.as()
	if err != nil {
		return nil, err
	}
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
	kit, err := keyring.ParsePhrase(a.Phrase)
	if err != nil {
		return nil, err
	}
	pass, err := newPassphrase(a.Passphrase)
	if err != nil {
		return nil, err
	}
	show(Progress{Stage: "recovering"})
	h, got, err := owner.Recover(ctx, d.dir, pass, kit, d.node)
	if err != nil {
		return nil, err
	}
	if err := d.sit(h); err != nil {
		return nil, err
	}
	return struct {
		Records int `json:"records"`
		Grants  int `json:"grants"`
	}{got.Records, got.Grants}, nil
}
