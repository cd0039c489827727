package score

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"manx/credit/scoreproof"
	"manx/ledger"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
)

// A Shown claim is what a borrower hands to whoever gave her a nonce: that her
// score reaches a floor, with its proof. It goes by any channel.
type Shown struct {
	Claim scoreproof.Claim `json:"claim"`
	Proof scoreproof.Proof `json:"proof"`
}

// maxShown bounds a shown claim, in bytes.
const maxShown = 8 << 10

// A Wanted claim says what to prove.
type Wanted struct {
	Furnisher ledger.PartyID // whose file; empty for the borrower's newest
	Model     string         // name or id of a scorecard
	AtLeast   int            // in points
	Nonce     string         // the verifier's
}

// Claim proves that the borrower's score reaches a floor, without the score and
// its reasons, for the verifier who chose the nonce. It returns the floors she
// has claimed under the model, this one among them, in order: together they
// narrow her score down.
func Claim(ctx context.Context, p *owner.Party, want Wanted) (s Shown, floors []int, err error) {
	m, err := p.ModelNamed(ctx, want.Model)
	if err != nil {
		return s, nil, err
	}
	card, err := model(ctx, p, m)
	if err != nil {
		return s, nil, err
	}
	r, w, err := witness(ctx, p, card, func(r ledger.Record) bool {
		return want.Furnisher == "" || r.Commitment.Furnisher == want.Furnisher
	})
	if err != nil {
		return s, nil, err
	}
	info, err := p.Info(ctx)
	if err != nil {
		return s, nil, err
	}
	s.Claim = scoreproof.ClaimOf(w, scoreproof.Occasion{Network: string(p.Home.Network.Genesis.ID()),
		Furnisher: string(r.Commitment.Furnisher), AsOf: uint32(info.Now / secondsADay), Nonce: want.Nonce}, want.AtLeast)
	if err := s.Claim.Check(); err != nil {
		return s, nil, notice.Because(err, notice.Invalid, err.Error(), "the verifier makes a nonce with `manx credit nonce`")
	}
	if !s.Claim.Holds(w) {
		return s, nil, notice.New(notice.Denied, "your score does not reach that floor, so there is nothing to prove", "`manx credit consent` shows what a lender would see; nothing was written")
	}
	k, err := keys(ctx, p, m)
	if err != nil {
		return s, nil, err
	}
	counted := floorsOf{p, m.ID, want.AtLeast}
	released, err := privacy.Release(ctx, privacy.Hide([]float64{float64(want.AtLeast)}), privacy.Policy{Step: 1}, counted)
	if err != nil {
		return s, nil, err
	}
	if s.Proof, err = scoreproof.Prove(ctx, k, s.Claim, w); err != nil {
		return s, nil, err
	}
	return newShown(released, s), counted.before(), nil
}

const secondsADay = 86400

// newShown takes a released floor: what else is known of the score cannot be
// given to it.
func newShown(released privacy.Released, s Shown) Shown {
	s.Claim.AtLeast = int(released.Values()[0])
	return s
}

// floorsOf is the count of what has been claimed under a model.
type floorsOf struct {
	p     *owner.Party
	model ledger.ModelID
	floor int
}

func (f floorsOf) name() string { return "claimed/" + string(f.model) }

func (f floorsOf) before() (floors []int) {
	if kept, ok := f.p.Keys.Kept(f.name()); ok {
		_ = json.Unmarshal(kept.Reveal(reveal.Token{}), &floors) // written by Spend alone
	}
	return floors
}

// Spend implements privacy.Budget: a floor is written down before it is proved.
func (f floorsOf) Spend(context.Context) error {
	floors := f.before()
	at, found := slices.BinarySearch(floors, f.floor)
	if found {
		return nil
	}
	b, err := json.Marshal(slices.Insert(floors, at, f.floor))
	if err != nil {
		return fmt.Errorf("encode floors: %w", err)
	}
	return f.p.Keys.Keep(f.name(), b)
}

// A Seen claim is what its verifier may rely on.
type Seen struct {
	Subject   ledger.PartyID `json:"subject"`
	Furnisher ledger.PartyID `json:"furnisher"`
	Name      string         `json:"furnisher_name"`
	AtLeast   int            `json:"at_least"`
	Low       int            `json:"low"`  // lowest the scorecard gives
	High      int            `json:"high"` // highest
	Date      string         `json:"date"` // of the credit file
	AsOf      string         `json:"as_of"`
	Model     string         `json:"model"`
	Version   string         `json:"model_version"`
}

// SeeClaim verifies a shown claim against the verifier's nonce and the ledger:
// that the file is the furnisher's latest about the subject, that the furnisher
// is one whom the network has admitted, that the scorecard is the named model.
func SeeClaim(ctx context.Context, p *owner.Party, b []byte, name, nonce string) (v Seen, err error) {
	bad := func(text string) error {
		return notice.New(notice.Integrity, text, "do not rely on it; give the borrower a fresh nonce: `manx credit nonce`")
	}
	var s Shown
	if len(b) > maxShown {
		return v, notice.New(notice.Invalid, "the file is too long for a claim", "check its name")
	}
	if err := ledger.Decode(b, &s); err != nil {
		return v, notice.Because(err, notice.Invalid, "the file is no claim", "the borrower makes one with `manx credit prove`")
	}
	c := s.Claim
	info, err := p.Info(ctx)
	if err != nil {
		return v, err
	}
	switch {
	case c.Occasion.Network != string(p.Home.Network.Genesis.ID()):
		return v, bad("the claim is of another network")
	case c.Occasion.Nonce != nonce:
		return v, bad("the claim was made for another nonce than yours: it may be a copy")
	case ledger.Time(c.Occasion.AsOf) > info.Now/secondsADay:
		return v, bad("the claim is dated after today")
	}
	m, err := p.ModelNamed(ctx, name)
	if err != nil {
		return v, err
	}
	if ledger.Hash(c.Model) != m.Hash {
		return v, bad("the claim is about another scorecard than " + m.Name)
	}
	f, err := owner.Get[ledger.Party](ctx, p.Client, ledger.PartyID(c.Occasion.Furnisher))
	if err != nil {
		return v, err
	}
	if f.Role != ledger.Furnisher {
		return v, bad("whoever signed the file is no furnisher of this network")
	}
	latest, err := commitment(ctx, p, f.ID, ledger.PartyID(c.Subject))
	if err != nil {
		return v, err
	}
	if ledger.Hash(c.Commitment) != latest.Value || uint64(c.Sequence) != latest.Sequence || day(c.Date) != latest.Date {
		return v, bad("the claim is not about the furnisher's latest credit file")
	}
	k, err := keys(ctx, p, m)
	if err != nil {
		return v, err
	}
	if err := scoreproof.Verify(k.Verifying(), c, s.Proof); err != nil {
		return v, err
	}
	v = Seen{Subject: ledger.PartyID(c.Subject), Furnisher: f.ID, Name: f.Name, AtLeast: c.AtLeast,
		Date: dateOf(c.Date), AsOf: dateOf(c.Occasion.AsOf), Model: m.Name, Version: m.Version}
	v.Low, v.High, err = s.Proof.Range()
	return v, err
}
