package owner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"manx/ledger"
	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/onnx"
	"manx/privacy/notice"
	"manx/storage"
)

// A Published card is what a model's card pack holds.
type Published struct {
	Card      json.RawMessage `json:"card"`
	Scorecard json.RawMessage `json:"scorecard,omitempty"` // of a points model: its bins, points and reasons
	Graph     storage.Ref     `json:"graph,omitzero"`      // manifest of the model as ONNX, where its owner shows it
	Trees     json.RawMessage `json:"trees,omitempty"`     // of boosted trees in points: XGBoost's JSON
}

const maxCard = 1 << 20

// Card fetches what a model's owner published about it.
func (p *Party) Card(ctx context.Context, m ledger.Model) (c Published, err error) {
	b, err := p.Fetch(ctx, m.Card, maxCard)
	if err != nil {
		return c, err
	}
	if err := ledger.Decode(b, &c); err != nil {
		return c, notice.Because(err, notice.Integrity, "the model's card is damaged", "choose another model: `manx model list`")
	}
	return c, nil
}

// ModelNamed returns the model on offer with an id, or the newest of a name: see
// Named.
func (p *Party) ModelNamed(ctx context.Context, name string) (ledger.Model, error) {
	models, err := p.Models(ctx)
	if err != nil {
		return ledger.Model{}, err
	}
	if m, ok := Named(models, name, p.Vertical()); ok {
		return m, nil
	}
	return ledger.Model{}, notice.New(notice.NotFound, "no model of that name is on offer for your side of the exchange", "`manx model list` shows those that are")
}

// Named returns the model of a vertical that is on offer with an id, or the newest
// version of a name, out of a list that is newest first. A name is the party's that
// published it first, retired or not: nobody else's model answers to it, but by id.
func Named(models []ledger.Model, name string, v ledger.Vertical) (ledger.Model, bool) {
	for _, m := range models {
		if string(m.ID) == name && ledger.VerticalOf(m.ID) == v && !m.Retired {
			return m, true
		}
	}
	for _, m := range Versions(models, name, v) {
		if !m.Retired {
			return m, true
		}
	}
	return ledger.Model{}, false
}

// Versions returns what a list has of a name, as it has it: all that the party has put on
// offer that published the name first, what is retired too.
func Versions(models []ledger.Model, name string, v ledger.Vertical) (all []ledger.Model) {
	first := publisher(models, name, v)
	for _, m := range models {
		if m.Name == name && m.Owner == first && ledger.VerticalOf(m.ID) == v {
			all = append(all, m)
		}
	}
	return all
}

// publisher returns who published a name first, "" where nobody has.
func publisher(models []ledger.Model, name string, v ledger.Vertical) (first ledger.PartyID) {
	for _, m := range models {
		if m.Name == name && ledger.VerticalOf(m.ID) == v {
			first = m.Owner
		}
	}
	return first
}

// An Offer is a model that is to be published.
type Offer struct {
	Model ledger.PublishModel // its plan, plan hash and card are filled in
	Plan  *ckks.Plan          // nil: it runs on shares only
	Joint *ckks.Plan          // for a committee's key; nil: no committee serves it
	Card  Published
	Graph []byte // the model as ONNX, for its card; nil shows none
}

// Offered returns the model that publishing an offer's name and version would come
// to: the one that is on offer already, ok false where there is none. Another
// party's name, and a version that has another hash, or other shares or another limit, are notice.Conflict.
func (p *Party) Offered(ctx context.Context, o ledger.PublishModel) (m ledger.Model, ok bool, err error) {
	models, err := p.Models(ctx)
	if err != nil {
		return m, false, err
	}
	if first := publisher(models, o.Name, o.Vertical); first != "" && first != p.ID() {
		return m, false, notice.New(notice.Conflict, "another party has published a model of that name", "give yours another name in its card")
	}
	for _, m := range models {
		if m.Name != o.Name || m.Owner != p.ID() || ledger.VerticalOf(m.ID) != o.Vertical {
			continue
		}
		if m.Version == o.Version && m.Hash != o.Hash {
			return m, false, notice.New(notice.Conflict, "you have published another model under that name and version", "raise the version in the card")
		}
		if m.Version == o.Version && !m.Retired && (m.Limit != o.Limit || !slices.Equal(m.Shares, o.Shares)) {
			return m, false, notice.New(notice.Conflict, "that version is on offer with other shares or another limit, which stay as they are", "raise the version in the card, and retire the old one: `manx model retire`")
		}
		if m.Version == o.Version && !m.Retired {
			return m, true, nil
		}
	}
	return m, false, nil
}

// Publish stores a model's plan, card and graph and signs the offer. Repeated, it
// gives the model that is on offer already, and an interrupted Publish goes on.
func (p *Party) Publish(ctx context.Context, o Offer) (ledger.ModelID, error) {
	if m, ok, err := p.Offered(ctx, o.Model); ok || err != nil {
		return m.ID, err
	}
	name := fmt.Sprintf("publish/%s/%s/%s", o.Model.Name, o.Model.Version, o.Model.Hash)
	cmd, done, found, err := p.resume(ctx, name)
	if err != nil {
		return "", err
	}
	if !found {
		if err := p.upload(ctx, &o); err != nil {
			return "", err
		}
		if cmd, done, err = p.once(ctx, name, o.Model); err != nil {
			return "", err
		}
	}
	return ledger.NewModelID(o.Model.Vertical, cmd.ID), done()
}

// Retire takes a model of the party's own off offer, by id or by name: then the
// newest of it. Jobs that run finish. Repeated by id it changes nothing.
func (p *Party) Retire(ctx context.Context, name string) (ledger.Model, error) {
	models, err := p.Models(ctx)
	if err != nil {
		return ledger.Model{}, err
	}
	for _, m := range models {
		if m.Owner != p.ID() || string(m.ID) != name && (m.Name != name || m.Retired) {
			continue
		}
		if m.Retired {
			return m, nil
		}
		_, done, err := p.once(ctx, "retire/"+string(m.ID), ledger.RetireModel{Model: m.ID})
		if err != nil {
			return m, err
		}
		return m, done()
	}
	return ledger.Model{}, notice.New(notice.NotFound, "you have no model of that name or id on offer", "`manx model list` shows those that are")
}

func (p *Party) upload(ctx context.Context, o *Offer) (err error) {
	if o.Graph != nil {
		if o.Card.Graph, err = p.PublishGraph(ctx, o.Graph, o.Model.Hash); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if o.Plan != nil {
		if _, err := o.Plan.WriteTo(&b); err != nil {
			return fmt.Errorf("write plan: %w", err)
		}
		o.Model.PlanHash = o.Plan.Hash()
		if o.Model.Plan, err = p.Vault.Write(ctx, &b); err != nil {
			return err
		}
	}
	if o.Joint != nil {
		b.Reset()
		if _, err := o.Joint.WriteTo(&b); err != nil {
			return fmt.Errorf("write plan: %w", err)
		}
		o.Model.Joint.Hash = o.Joint.Hash()
		if o.Model.Joint.Plan, err = p.Vault.Write(ctx, &b); err != nil {
			return err
		}
	}
	raw, err := json.Marshal(o.Card)
	if err != nil {
		return fmt.Errorf("encode card: %w", err)
	}
	if len(raw) > maxCard {
		return notice.New(notice.Exhausted, "the model's card is over 1 MiB", "shorten it")
	}
	o.Model.Card, err = p.Vault.Write(ctx, bytes.NewReader(raw))
	return err
}

// PublishGraph stores a model's ONNX file, for the Graph of its Published card:
// whoever asks the model may then see, on a device of her own, what moved it. A
// file whose graph has not the hash that the model is published with is
// notice.Invalid.
func (p *Party) PublishGraph(ctx context.Context, file []byte, hash ledger.Hash) (r storage.Ref, err error) {
	g, err := onnx.Read(bytes.NewReader(file))
	if err != nil {
		return r, err
	}
	if err := named(g, hash); err != nil {
		return r, notice.Because(err, notice.Invalid, "the ONNX file is not the model that is published", "export the model that the card names")
	}
	return p.Vault.Write(ctx, bytes.NewReader(file))
}

// Graph fetches the graph that a model's owner published and checks that it has
// the model's hash on the ledger. A model without one is notice.Unsupported.
func (p *Party) Graph(ctx context.Context, m ledger.Model) (ml.Graph, error) {
	card, err := p.Card(ctx, m)
	if err != nil {
		return ml.Graph{}, err
	}
	if card.Graph.IsZero() {
		return ml.Graph{}, notice.New(notice.Unsupported, "the model's owner has not published its graph", "the finding stands without pictures")
	}
	file, err := p.Fetch(ctx, card.Graph, onnx.MaxFile)
	if err != nil {
		return ml.Graph{}, err
	}
	g, err := onnx.Read(bytes.NewReader(file))
	if err == nil {
		err = named(g, m.Hash)
	}
	if err != nil {
		return ml.Graph{}, notice.Because(err, notice.Integrity, "the stored graph is not the one the model was published with", "choose another model, and tell its owner")
	}
	return g, nil
}

// named returns nil where a graph has a hash.
func named(g ml.Graph, want ledger.Hash) error {
	text, err := ml.Hash(g)
	if err != nil {
		return err
	}
	var got ledger.Hash
	if err := got.UnmarshalText([]byte(text)); err != nil {
		return err
	}
	if got != want {
		return errors.New("another graph")
	}
	return nil
}
