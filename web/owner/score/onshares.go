package score

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/credit/scoreshare"
	"manx/ledger"
	"manx/ml/consumertrees"
	mlmpc "manx/ml/mpc"
	"manx/ml/tree"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/holder"
)

// onShares is a credit model as three parties compute it, and as the lender reads
// what joining their shares gives.
type onShares struct {
	run       func(s *mpc.Session, input mpc.Share) (mpc.Share, error)
	results   int // values of a result
	low, high int
	read      func(values []uint64) (int, []scorecard.Reason, error)
	joint     *jointCard // nil where no committee serves it
}

// Jointly implements holder.Program.
func (p onShares) Jointly() holder.Joint {
	if p.joint == nil {
		return nil
	}
	return p.joint
}

// Values implements holder.Program: every model takes the same shares of a file.
func (onShares) Values() int { return scoreshare.Values }

// Run implements holder.Program.
func (p onShares) Run(s *mpc.Session, input mpc.Share) (mpc.Share, error) { return p.run(s, input) }

// shareable fetches what a model was published with, refuses what has not the
// model's hash, and readies it for shares: a scorecard, or boosted trees on the
// features of the schema.
func shareable(ctx context.Context, p *owner.Party, m ledger.Model) (onShares, error) {
	pub, err := p.Card(ctx, m)
	if err != nil {
		return onShares{}, err
	}
	if len(pub.Trees) > 0 {
		return treesOnShares(pub.Trees, m.Hash)
	}
	card, err := model(ctx, p, m)
	if err != nil {
		return onShares{}, err
	}
	program, err := scoreshare.New(card)
	if err != nil {
		return onShares{}, err
	}
	out := onShares{run: program.Run, results: scoreshare.Results}
	if !m.Joint.IsZero() {
		if out.joint, err = newJointCard(card, program); err != nil {
			return onShares{}, err
		}
	}
	out.low, out.high = card.Range()
	out.read = func(values []uint64) (int, []scorecard.Reason, error) { return scoreshare.Read(card, values) }
	return out, nil
}

// treesOnShares readies boosted trees, XGBoost's JSON, of a hash.
func treesOnShares(definition []byte, hash ledger.Hash) (out onShares, err error) {
	points, got, err := parseTrees(definition)
	if err != nil {
		return out, err
	}
	if got != hash {
		return out, notice.New(notice.Integrity, "the published trees are not those whose hash is on the ledger", "choose another model: `manx model list`")
	}
	trees, err := compileTrees(points)
	if err != nil {
		return out, err
	}
	out = onShares{results: trees.Outputs(), run: func(s *mpc.Session, input mpc.Share) (mpc.Share, error) { return trees.Run(s, input, 1) }}
	out.low, out.high = points.Range()
	out.read = func(values []uint64) (int, []scorecard.Reason, error) {
		score, features, err := trees.Points(values)
		reasons := []scorecard.Reason{}
		for _, f := range features {
			r, ok := scorecard.ReasonOf(f + 1)
			if !ok || slices.ContainsFunc(reasons, func(o scorecard.Reason) bool { return o.Code == r.Code }) {
				err = errors.Join(err, fmt.Errorf("reason %d", f))
			}
			reasons = append(reasons, r)
		}
		if err != nil || score < out.low || score > out.high {
			return 0, nil, notice.Because(err, notice.Integrity, "the three organisations' shares do not make a score of this model", "do not use it; ask again: `manx credit request`")
		}
		return score, reasons, nil
	}
	return out, nil
}

// parseTrees reads trees over the features of the schema, in points on the scale of
// consumer-risk-trees, and returns their hash.
func parseTrees(definition []byte) (p *tree.Points, hash ledger.Hash, err error) {
	m, err := tree.ReadXGBoost(bytes.NewReader(definition))
	if err != nil {
		return nil, hash, err
	}
	if err := credit.CheckFeatures(m.Names); err != nil {
		return nil, hash, err
	}
	if !slices.Equal(m.Names, credit.FeatureNames()) {
		return nil, hash, notice.New(notice.Unsupported, "the trees do not take the features of the credit schema", "fit them on all of those, in their order: docs/credit-file.md")
	}
	text, err := m.Hash()
	if err == nil {
		err = hash.UnmarshalText([]byte(text))
	}
	if err != nil {
		return nil, hash, err
	}
	p, err = consumertrees.Points(m)
	return p, hash, err
}

// compileTrees makes of trees what three parties run on shares of the features.
func compileTrees(p *tree.Points) (*mlmpc.Trees, error) {
	bits := make([]int, 0, credit.FeatureCount)
	for _, f := range credit.FeatureList() {
		bits = append(bits, f.Bits)
	}
	return mlmpc.CompilePoints(p, bits, scorecard.MaxReasons)
}

// An Engine readies models for a holder of shares.
type Engine struct {
	party *owner.Party
	mu    sync.Mutex
	ready map[ledger.Hash]onShares // the few that were asked for last
}

var _ holder.Engine = (*Engine)(nil)

// NewEngine returns an engine that fetches models as a party.
func NewEngine(p *owner.Party) *Engine {
	return &Engine{party: p, ready: map[ledger.Hash]onShares{}}
}

// maxReady bounds the models that an engine keeps ready.
const maxReady = 16

// Load implements holder.Engine: it fetches what a model was published with, and
// refuses what has not the model's hash.
func (e *Engine) Load(ctx context.Context, m ledger.Model) (holder.Program, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p, ok := e.ready[m.Hash]; ok {
		return p, nil
	}
	p, err := shareable(ctx, e.party, m)
	if err != nil {
		return nil, err
	}
	if len(e.ready) >= maxReady {
		clear(e.ready)
	}
	e.ready[m.Hash] = p
	return p, nil
}
