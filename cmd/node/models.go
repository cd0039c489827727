package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/credit/scoreproof"
	"manx/ledger"
	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/consumertrees"
	"manx/ml/heart"
	"manx/ml/lungct"
	"manx/ml/pneumonia"
	points "manx/ml/scorecard"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/patient"
	"manx/web/owner/score"
)

// PublishModels puts the models that come with manx on offer, each owned by a
// scientist of its vertical whose keys lie in the node's folder. What is on
// offer already stays; while a part is away it waits; a name that somebody else has
// is left to them. The first time, making the proving keys of the scorecard takes
// about a minute.
func (n *Node) PublishModels(ctx context.Context, say func(string)) error {
	type publishing struct {
		name    string
		publish func(context.Context, func(string)) error
	}
	var all []publishing
	for _, b := range builtIn() {
		all = append(all, publishing{b.name, func(ctx context.Context, say func(string)) error { return n.publishBuiltIn(ctx, b, say) }})
	}
	for _, m := range append(all, publishing{"consumer-risk", n.publishConsumerRisk}, publishing{consumertrees.Name, n.publishTrees}) {
		for {
			err := m.publish(ctx, say)
			if err == nil {
				break
			}
			if notice.Is(err, notice.Conflict) {
				n.opts.Log.WarnContext(ctx, "a model of the node's own is not published", slog.String("model", m.name), slog.Any("error", err))
				break
			}
			if !notice.Is(err, notice.Unavailable) {
				return fmt.Errorf("publish %s: %w", m.name, err)
			}
			n.opts.Log.WarnContext(ctx, "a model waits to be published", slog.String("model", m.name), slog.Any("error", err))
			select { // a part that is away keeps no node from serving
			case <-time.After(publishAgain):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

const publishAgain = 2 * time.Second

// asScientist runs f as the node's own scientist of a vertical.
func (n *Node) asScientist(ctx context.Context, v ledger.Vertical, f func(p *owner.Party) error) (err error) {
	dir, passFile, err := n.childHome("scientist-" + string(v))
	if err != nil {
		return err
	}
	b, err := os.ReadFile(passFile)
	if err != nil {
		return fmt.Errorf("read passphrase: %w", err)
	}
	pass, err := seal.NewPassphrase(strings.TrimSpace(string(b)))
	if err != nil {
		return err
	}
	h, err := owner.Open(dir, pass, n.Address)
	if notice.Is(err, notice.NotFound) {
		h, err = owner.Join(ctx, dir, pass, n.Address, string(v))
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	p, err := h.As(v)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := p.Register(ctx, ledger.Scientist, "manx built-in models"); err != nil {
		return err
	}
	return f(p)
}

// bundled is a health model that comes with manx.
type bundled struct {
	name string
	open func() (ml.Graph, ml.Card, error)
	onnx func() []byte
}

func builtIn() []bundled {
	return []bundled{{lungct.Name, lungct.Model, lungct.ONNX}, {pneumonia.Name, pneumonia.Model, pneumonia.ONNX}, {heart.Name, heart.Model, heart.ONNX}}
}

// publishBuiltIn puts a bundled model on offer, as its card says.
func (n *Node) publishBuiltIn(ctx context.Context, b bundled, say func(string)) error {
	g, card, err := b.open()
	if err != nil {
		return err
	}
	o, err := patient.OfferOf(card)
	if err != nil {
		return err
	}
	return n.asScientist(ctx, ledger.Health, func(p *owner.Party) error {
		if _, done, err := p.Offered(ctx, o.Model); done || err != nil {
			return err
		}
		say("compiling " + card.Name + " for encrypted runs")
		o.Graph = b.onnx()
		return publish(ctx, p, g, o, say)
	})
}

// publish compiles a graph and puts it on offer.
func publish(ctx context.Context, p *owner.Party, g ml.Graph, o owner.Offer, say func(string)) (err error) {
	if o.Plan, err = ckks.Compile(g, o.Model.Hash); err != nil {
		return err
	}
	o.Model.Parameters = g.Parameters()
	if _, err := p.Publish(ctx, o); err != nil {
		return err
	}
	say(o.Model.Name + " " + o.Model.Version + " is on offer for " + o.Model.Price.String() + " MAN a call")
	return nil
}

func (n *Node) publishConsumerRisk(ctx context.Context, say func(string)) error {
	m, err := scorecard.ConsumerRisk()
	if err != nil {
		return err
	}
	var card struct {
		Price string `json:"price_man"`
	}
	if err := json.Unmarshal(scorecard.ConsumerRiskCard(), &card); err != nil {
		return fmt.Errorf("card: %w", err)
	}
	price, err := ledger.ParseAmount(card.Price)
	if err != nil {
		return err
	}
	hash := ledger.Hash(scoreproof.ModelHash(m))
	return n.asScientist(ctx, ledger.Credit, func(p *owner.Party) error {
		body := ledger.PublishModel{Vertical: ledger.Credit, Name: m.Name, Version: m.Version, Hash: hash, Accepts: []ledger.Kind{ledger.File}, Price: price}
		if _, done, err := p.Offered(ctx, body); done || err != nil {
			return err
		}
		keys, digest, err := n.provingKeys(ctx, say)
		if err != nil {
			return err
		}
		body.Keys = ledger.Hash(digest)
		for _, f := range m.Features {
			body.Features = append(body.Features, f.Name)
		}
		if body.KeysRef, err = p.Vault.Write(ctx, bytes.NewReader(keys)); err != nil {
			return err
		}
		definition, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("encode scorecard: %w", err)
		}
		joint, err := score.JointPlan(m)
		if err != nil {
			return err
		}
		return publish(ctx, p, points.Graph(m), owner.Offer{Joint: joint, Model: body, Card: owner.Published{Card: scorecard.ConsumerRiskCard(), Scorecard: definition}}, say)
	})
}

// publishTrees offers boosted trees, which run on shares only.
func (n *Node) publishTrees(ctx context.Context, say func(string)) error {
	definition, card, err := consumertrees.Published()
	if err != nil {
		return err
	}
	body := ledger.PublishModel{Vertical: ledger.Credit, Name: card.Name, Version: card.Version, Accepts: []ledger.Kind{ledger.File}, Features: credit.FeatureNames()}
	if err := body.Hash.UnmarshalText([]byte(card.Hash)); err != nil {
		return err
	}
	if body.Price, err = ledger.ParseAmount(card.Price); err != nil {
		return err
	}
	return n.asScientist(ctx, ledger.Credit, func(p *owner.Party) error {
		if _, done, err := p.Offered(ctx, body); done || err != nil {
			return err
		}
		raw, err := json.Marshal(card)
		if err != nil {
			return fmt.Errorf("encode card: %w", err)
		}
		published, err := json.Marshal(owner.Published{Card: raw, Trees: definition})
		if err != nil {
			return fmt.Errorf("encode card: %w", err)
		}
		if body.Card, err = p.Vault.Write(ctx, bytes.NewReader(published)); err != nil {
			return err
		}
		if _, err := p.Do(ctx, body); err != nil {
			return err
		}
		say(body.Name + " " + body.Version + " is on offer for " + body.Price.String() + " MAN a call, on shares")
		return nil
	})
}

// provingKeys returns the keys of the score circuit. They are made once, by a
// multi-party computation with a contribution of each organisation; in an
// embedded network all of them run here, so that too is one party's word.
func (n *Node) provingKeys(ctx context.Context, say func(string)) (keys []byte, digest scoreproof.KeyDigest, err error) {
	circuit, err := scoreproof.CircuitDigest()
	if err != nil {
		return nil, digest, err
	}
	dir := filepath.Join(n.opts.Dir, "ceremony")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, digest, fmt.Errorf("make folder: %w", err)
	}
	name := filepath.Join(dir, hex.EncodeToString(circuit[:8]))
	transcript, err := os.ReadFile(name + ".json")
	if err == nil {
		var t scoreproof.Transcript
		if err := json.Unmarshal(transcript, &t); err != nil {
			return nil, digest, fmt.Errorf("transcript: %w", err)
		}
		keys, err = os.ReadFile(name + ".keys")
		return keys, t.Keys, err
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, digest, fmt.Errorf("read transcript: %w", err)
	}
	var parties []scoreproof.Contributor
	for _, o := range n.Genesis.Organisations {
		parties = append(parties, scoreproof.Contributor{Name: o.Name})
	}
	made, t, err := scoreproof.Setup(ctx, parties, func(done, of int, step string) {
		say(fmt.Sprintf("proving keys: step %d of %d, %s", done, of, step))
	})
	if err != nil {
		return nil, digest, err
	}
	var b bytes.Buffer
	if _, err := made.WriteTo(&b); err != nil {
		return nil, digest, fmt.Errorf("write keys: %w", err)
	}
	if transcript, err = json.Marshal(t); err != nil {
		return nil, digest, fmt.Errorf("encode transcript: %w", err)
	}
	if err := errors.Join(durable.WriteFile(name+".keys", b.Bytes()), durable.WriteFile(name+".json", transcript)); err != nil {
		return nil, digest, err
	}
	return b.Bytes(), t.Keys, nil
}
