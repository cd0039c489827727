package health

import (
	"math"
	"slices"

	"manx/privacy/notice"
)

// A Rule is how the outputs for inputs become a finding for a record; the
// model's card carries it.
type Rule struct {
	TopK      int     `json:"top_k"`     // how many of the highest count
	Threshold float64 `json:"threshold"` // of the mean probability, in (0, 1)
	Margin    float64 `json:"margin"`    // within this of the threshold the finding is unclear
}

// A Level is what a finding comes to.
type Level uint8

// The levels, from the least.
const (
	NotSuspicious Level = iota
	Unclear
	Suspicious

	// Estimated is of a model of survival, which has no threshold: a share of patients
	// with its 95% interval.
	Estimated
)

// String returns the name used in JSON.
func (l Level) String() string {
	return [...]string{"not-suspicious", "unclear", "suspicious", "estimate"}[min(l, Estimated)]
}

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// A Finding is what a model says about a record, in words for its owner.
type Finding struct {
	Level      Level   `json:"level"`
	Score      float64 `json:"score"`      // mean probability of those that count, 0 to 1
	Confidence float64 `json:"confidence"` // 0 at the threshold, 1 at certainty
	Slices     []int   `json:"slices"`     // indexes of the inputs that count, highest first
	English    string  `json:"en"`
	Chinese    string  `json:"zh"`
}

// Conclude applies the rule to one logit an input: probabilities are
// 1/(1+exp(-logit)); the score is the mean of the TopK highest, or of all where
// there are fewer; at Threshold+Margin or more it is suspicious, below
// Threshold-Margin not, between unclear. Confidence is the distance from the
// threshold as a share of the room on that side. The words are made of what the
// model's card calls things, what was read, and what could not be checked.
func Conclude(logits []float64, r Rule, a About) (Finding, error) {
	if r.TopK < 1 || !(r.Threshold > 0 && r.Threshold < 1) || !(r.Margin >= 0 && r.Margin < 1) {
		return Finding{}, notice.New(notice.Invalid, "the model card's rule for findings is not valid", "use another version of the model: `manx model list`")
	}
	if len(logits) == 0 {
		return Finding{}, notice.New(notice.Invalid, "a finding needs at least one result", "run the diagnosis again on the record")
	}
	order := make([]int, len(logits))
	for i, x := range logits {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return Finding{}, notice.New(notice.Integrity, "the model returned something that is no number", "do not pay for this job: run `manx job show` and dispute it")
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case logits[a] > logits[b]:
			return -1
		case logits[a] < logits[b]:
			return 1
		}
		return 0
	})
	f := Finding{Slices: order[:min(r.TopK, len(order))]}
	for _, i := range f.Slices {
		f.Score += 1 / (1 + math.Exp(-logits[i])) / float64(len(f.Slices))
	}
	room := r.Threshold
	if f.Score >= r.Threshold {
		room = 1 - r.Threshold
	}
	f.Confidence = math.Abs(f.Score-r.Threshold) / room
	switch {
	case f.Score >= r.Threshold+r.Margin:
		f.Level = Suspicious
	case f.Score < r.Threshold-r.Margin:
		f.Level = NotSuspicious
	default:
		f.Level = Unclear
	}
	// What is shown is rounded: a raw decryption carries noise that depends on
	// the key, and a finding is made to be passed on.
	f.Score, f.Confidence = math.Round(f.Score*100)/100, math.Round(f.Confidence*100)/100
	f.English, f.Chinese = a.words(f, len(logits))
	return f, nil
}
