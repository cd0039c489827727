package owner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"manx/ledger"
	"manx/ml"
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
