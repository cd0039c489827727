package score

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/credit/scoreproof"
	"manx/ledger"
	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/consumertrees"
	points "manx/ml/scorecard"
	"manx/ml/tree"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
)

// A Definition is a credit model as its file has it: a scorecard, which runs encrypted,
// on shares and under a committee's key, and whose score is proved; or boosted trees,
// XGBoost's JSON over the features of the credit schema, which run on shares alone.
type Definition struct {
	Card *scorecard.Model // nil for trees

	raw   []byte
	hash  ledger.Hash
	trees *tree.Points // nil for a scorecard
}

// ReadDefinition reads a credit model's file. What is neither is notice.Invalid;
// trees that take anything but the schema's features are notice.Unsupported, and a
// prohibited basis among a scorecard's is notice.Denied.
func ReadDefinition(raw []byte) (d Definition, err error) {
	d.raw = raw
	var what struct {
		Format string `json:"format"`
	}
	if json.Unmarshal(raw, &what) == nil && what.Format != "" {
		if d.Card, err = scorecard.Parse(raw); err != nil {
			return d, err
		}
		d.hash = ledger.Hash(scoreproof.ModelHash(d.Card))
		return d, nil
	}
	if d.trees, d.hash, err = parseTrees(raw); err != nil {
		return d, err
	}
	_, err = compileTrees(d.trees)
	return d, err
}

// Features returns the names of the features that the model reads, in schema order.
func (d Definition) Features() (names []string) {
	if d.Card == nil {
		return credit.FeatureNames()
	}
	for _, f := range d.Card.Features {
		names = append(names, f.Name)
	}
	return names
}

// Range returns the lowest and the highest score that the model gives.
func (d Definition) Range() (low, high int) {
	if d.Card == nil {
		return d.trees.Range()
	}
	return d.Card.Range()
}

// Trees returns how many trees the model is of, 0 for a scorecard.
func (d Definition) Trees() int {
	if d.trees == nil {
		return 0
	}
	return len(d.trees.Trees)
}

// score returns the score of a file in the clear.
func (d Definition) score(f credit.Features) (scorecard.Score, error) {
	if d.Card == nil {
		return consumertrees.Score(d.trees, f)
	}
	return d.Card.Score(f), nil
}

// Offer returns the model with its card as it is to be put on offer, plans compiled.
// The card's hash, where it is open, is filled in; one of another model, or of
// health, is notice.Invalid. A scorecard's offer lacks proving keys: see Prove.
func (d Definition) Offer(c ml.Card) (o owner.Offer, err error) {
	text, err := d.hash.MarshalText()
	if err != nil {
		return o, err
	}
	if c.Hash == "" {
		c.Hash = string(text)
	}
	switch {
	case c.Hash != string(text):
		return o, notice.New(notice.Invalid, "the card is of another model than the file", "leave its hash empty: it is filled in")
	case c.Vertical != string(ledger.Credit):
		return o, notice.New(notice.Invalid, "the model is not one of credit", "put \"vertical\": \"credit\" into its card")
	}
	if err := c.Check(); err != nil {
		return o, err
	}
	o.Model = ledger.PublishModel{Vertical: ledger.Credit, Name: c.Name, Version: c.Version, Hash: d.hash, Accepts: []ledger.Kind{ledger.File}, Features: d.Features()}
	if o.Model.Price, err = ledger.ParseAmount(c.Price); err != nil {
		return o, err
	}
	if o.Model.Price.IsZero() {
		return o, notice.New(notice.Invalid, "the price of a call is nothing", "give one above 0")
	}
	if o.Card.Card, err = json.Marshal(c); err != nil {
		return o, fmt.Errorf("encode card: %w", err)
	}
	if d.Card == nil {
		o.Card.Trees = d.raw
		return o, nil
	}
	o.Card.Scorecard = d.raw
	g := points.Graph(d.Card)
	o.Model.Parameters = g.Parameters()
	if o.Plan, err = ckks.Compile(g, d.hash); err != nil {
		return o, err
	}
	o.Joint, err = JointPlan(d.Card)
	return o, err
}

// Prove gives a scorecard's offer the proving keys that DefaultModel was published
// with: one circuit serves every scorecard, and nobody else need hold a ceremony.
// Trees have no proof, and are left as they are.
func (d Definition) Prove(ctx context.Context, p *owner.Party, o *owner.Offer) error {
	if d.Card == nil {
		return nil
	}
	m, err := p.ModelNamed(ctx, DefaultModel)
	if notice.Is(err, notice.NotFound) {
		return notice.Because(err, notice.Unavailable, "the organisations have not published the keys that scores are proved with", "wait until consumer-risk is on offer: a node makes them as it starts")
	}
	if err != nil {
		return err
	}
	o.Model.Keys, o.Model.KeysRef = m.Keys, m.KeysRef
	return nil
}

// PublishedDefinition reads a model that is on offer as its owner published it.
func PublishedDefinition(ctx context.Context, p *owner.Party, m ledger.Model) (d Definition, err error) {
	pub, err := p.Card(ctx, m)
	if err != nil {
		return d, err
	}
	raw := pub.Scorecard
	if len(pub.Trees) > 0 {
		raw = pub.Trees
	}
	if len(raw) == 0 {
		return d, notice.New(notice.Unsupported, "the model was published without what it computes", "choose another model: `manx model list`")
	}
	if d, err = ReadDefinition(raw); err == nil && d.hash != m.Hash {
		err = notice.New(notice.Integrity, "the published scorecard is not the one whose hash is on the ledger", "choose another model: `manx model list`")
	}
	return d, err
}

// A Trial is a model run on the file of a person who does not exist.
type Trial struct {
	Score   int                `json:"score"`
	Low     int                `json:"low"`
	High    int                `json:"high"`
	Reasons []scorecard.Reason `json:"reasons"`

	// Of a scorecard: under a key made for it, encrypted; zero for trees.
	Encrypted  float64 `json:"encrypted,omitempty"` // the result before it is rounded
	Difference float64 `json:"difference,omitempty"`
	Keys       float64 `json:"keys_seconds,omitempty"`
	Evaluate   float64 `json:"evaluate_seconds,omitempty"`
	KeyBytes   int64   `json:"key_bytes,omitempty"`
	Up         int64   `json:"bytes_up,omitempty"`
	Down       int64   `json:"bytes_down,omitempty"`
}

// Try runs the model on the made-up file of a seed: in the clear, and a scorecard
// encrypted too. An encrypted score that does not round to the clear one is
// notice.Integrity. It asks nobody.
func (d Definition) Try(ctx context.Context, seed uint64) (t Trial, err error) {
	f := credit.Sample(seed).Features().Reveal(reveal.Token{}) // nobody's
	s, err := d.score(f)
	if err != nil {
		return t, err
	}
	t.Score, t.Reasons = s.Points, append([]scorecard.Reason{}, s.Reasons...)
	t.Low, t.High = d.Range()
	if d.Card == nil {
		return t, nil
	}
	g := points.Graph(d.Card)
	plan, err := ckks.Compile(g, d.hash)
	if err != nil {
		return t, err
	}
	began := time.Now() // a tab has no other clock
	c, err := plan.Compare(ctx, g, [][]float64{d.Card.OneHot(f)}, func() time.Duration { return time.Since(began) }, nil)
	if err != nil {
		return t, err
	}
	t.Encrypted, t.Difference = c.Encrypted[0][0], c.Worst
	t.Keys, t.Evaluate, t.KeyBytes, t.Up, t.Down = c.KeyTime.Seconds(), c.Wall.Seconds(), c.KeyBytes, c.InputUp, c.ResultOut
	if int(math.Round(t.Encrypted)) != t.Score {
		return t, notice.New(notice.Integrity, "the encrypted score does not round to the clear one", "report it: no scorecard may do that")
	}
	return t, nil
}
