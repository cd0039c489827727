// Package consumertrees is the model consumer-risk-trees: boosted trees that give
// the features of a credit file a score in whole points and the reasons for it.
// It reads what the scorecard consumer-risk reads, is monotone in every feature
// as that is, and is compared with it on the same folds. It holds the trees,
// their training and the card.
//
// It proves nothing and shares nothing: ml/mpc runs it on shares, and there is no
// zero-knowledge proof of it.
package consumertrees

import (
	"bytes"
	"embed"
	"encoding/json"
	"io/fs"
	"math"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/ml"
	"manx/ml/bundle"
	"manx/ml/tree"
	"manx/privacy/notice"
)

// Name is what the model is called on the command line.
const Name = "consumer-risk-trees"

// The scale of points is the scorecard's: 600 at odds of 50 good to one bad, and
// 20 double the odds.
const (
	basePoints = 600.0
	baseOdds   = 50.0
	double     = 20.0
)

// perPoint is how much margin, the logit of a default, a point is.
const perPoint = math.Ln2 / double

// atZero is the score of even odds, before Points rounds the start.
func atZero() float64 { return basePoints - math.Log(baseOdds)/perPoint }

//go:embed model.json results.json card.json
var shipped embed.FS

func file(name string) []byte {
	raw, _ := fs.ReadFile(shipped, name)
	return raw
}

// Model returns the trees as they ship, in XGBoost's JSON, and their card. The
// clear run of them, tree.Model.Margins on what Input returns, is the oracle. It
// fails only if the files in the binary do not belong together, or the trees ask
// for what is no feature of the schema.
func Model() (*tree.Model, ml.Card, error) {
	card, err := ml.ReadCard(bytes.NewReader(file(bundle.CardFile)))
	if err != nil {
		return nil, ml.Card{}, err
	}
	m, err := tree.ReadXGBoost(bytes.NewReader(file(bundle.TreesFile)))
	if err != nil {
		return nil, ml.Card{}, err
	}
	if err := credit.CheckFeatures(m.Names); err != nil {
		return nil, ml.Card{}, err
	}
	hash, err := m.Hash()
	if err != nil {
		return nil, ml.Card{}, err
	}
	if hash != card.Hash {
		return nil, ml.Card{}, notice.New(notice.Integrity, "the trees of "+card.Name+" are not those its card names", "install this program again")
	}
	return m, card, nil
}

// Measured returns the results that the card quotes.
func Measured() (Results, error) {
	var r Results
	err := json.Unmarshal(file(bundle.ResultsFile), &r)
	return r, err
}

// Input returns the model's input for a consumer's features: the features as they
// are, in schema order.
func Input(f credit.Features) []float64 {
	out := make([]float64, len(f))
	for i, v := range f {
		out[i] = float64(v)
	}
	return out
}

// Points returns the model in points. m is Model's or one that was trained alike.
func Points(m *tree.Model) (*tree.Points, error) { return m.Points(atZero(), perPoint) }

// Score returns what a lender is told of a consumer: whole points, and the
// features that lost most of them as reasons, at most scorecard.MaxReasons, the
// weightiest first, ties by schema order.
func Score(p *tree.Points, f credit.Features) (scorecard.Score, error) {
	points, lost, err := p.Score(Input(f))
	if err != nil {
		return scorecard.Score{}, err
	}
	return Told(points, lost), nil
}

// Told makes a score of points and of the points lost by feature, however they
// were computed.
func Told(points int, lost []int) scorecard.Score {
	s := scorecard.Score{Points: points}
	for _, f := range tree.Weightiest(lost, scorecard.MaxReasons) {
		r, _ := scorecard.ReasonOf(f + 1)
		s.Reasons = append(s.Reasons, r)
	}
	return s
}
