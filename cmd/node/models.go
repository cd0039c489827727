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

	"manx/credit/scorecard"
	"manx/credit/scoreproof"
	"manx/ledger"
	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/consumertrees"
	"manx/ml/heart"
	"manx/ml/lungct"
	"manx/ml/pneumonia"
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
		if o.Plan, err = ckks.Compile(g, o.Model.Hash); err != nil {
			return err
		}
		o.Graph, o.Model.Parameters = b.onnx(), g.Parameters()
		return publish(ctx, p, o, say)
	})
}

// publish puts a model on offer and says so.
func publish(ctx context.Context, p *owner.Party, o owner.Offer, say func(string)) error {
	if _, err := p.Publish(ctx, o); err != nil {
		return err
	}
	say(o.Model.Name + " " + o.Model.Version + " is on offer for " + o.Model.Price.String() + " MAN a call")
	return nil
}

// publishConsumerRisk offers the scorecard, with the proving keys that serve every one.
func (n *Node) publishConsumerRisk(ctx context.Context, say func(string)) error {
	m, err := scorecard.ConsumerRisk()
	if err != nil {
		return err
	}
	definition, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode scorecard: %w", err)
	}
	card, err := ml.ReadOpenCard(scorecard.ConsumerRiskCard(), "")
	if err != nil {
		return err
	}
	return n.publishCredit(ctx, definition, card, say, func(p *owner.Party, o *owner.Offer) error {
		keys, digest, err := n.provingKeys(ctx, say)
		if err != nil {
			return err
		}
		o.Model.Keys = ledger.Hash(digest)
		o.Model.KeysRef, err = p.Vault.Write(ctx, bytes.NewReader(keys))
		return err
	})
}

// publishTrees offers boosted trees, which run on shares only.
func (n *Node) publishTrees(ctx context.Context, say func(string)) error {
	definition, card, err := consumertrees.Published()
	if err != nil {
		return err
	}
	return n.publishCredit(ctx, definition, card, say, func(*owner.Party, *owner.Offer) error { return nil })
}

// publishCredit puts a credit model on offer that is not yet; prove fills in its keys.
func (n *Node) publishCredit(ctx context.Context, definition []byte, card ml.Card, say func(string), prove func(*owner.Party, *owner.Offer) error) error {
	d, err := score.ReadDefinition(definition)
	if err != nil {
		return err
	}
	o, err := d.Offer(card)
	if err != nil {
		return err
	}
	return n.asScientist(ctx, ledger.Credit, func(p *owner.Party) error {
		if _, done, err := p.Offered(ctx, o.Model); done || err != nil {
			return err
		}
		if err := prove(p, &o); err != nil {
			return err
		}
		return publish(ctx, p, o, say)
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
