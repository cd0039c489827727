package ml

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"manx/privacy/notice"
)

// A Card says what a model is for, what it was measured to do, and what it
// costs. It holds measured numbers only: what was not measured is absent. Who
// owns the model is a matter of the ledger, not of the card.
type Card struct {
	Format   int    `json:"format"` // 1
	Name     string `json:"name"`
	Version  string `json:"version"`
	Vertical string `json:"vertical"` // "health" or "credit"
	Summary  string `json:"summary"`
	Hash     string `json:"hash"` // of the graph, see Hash
	Licence  string `json:"licence"`
	Price    string `json:"price"` // MAN a call, decimal

	IntendedUse []string `json:"intended_use"`
	NotFor      []string `json:"not_for"`

	Input *Input `json:"input,omitempty"` // for models that read pictures
	Chart *Chart `json:"chart,omitempty"` // for models that read measurements
	Rule  *Rule  `json:"rule,omitempty"`  // how outputs become a finding
	Words *Words `json:"words,omitempty"` // how the finding is put

	Survival *Survival `json:"survival,omitempty"` // of a model of survival, in the place of Rule: how its output becomes a curve

	Data    []Source `json:"data"`
	Metrics []Metric `json:"metrics"`
	Ranges  []Range  `json:"ranges,omitempty"`

	Precision  *Precision   `json:"precision,omitempty"`
	Comparison []Comparison `json:"comparison,omitempty"`
	Notes      []string     `json:"notes,omitempty"`
	Versions   []Change     `json:"versions"`
}

// Radiographs is the modality of models that read plain radiographs, computed or
// digital (PS3.3, C.7.3.1.1.1).
const Radiographs = "CR/DX"

// Input is which pictures a model reads and how they become its input.
type Input struct {
	Modality  string  `json:"modality"`           // DICOM modality: CT, or Radiographs
	BodyPart  string  `json:"body_part"`          // CHEST
	Center    float64 `json:"center,omitempty"`   // of the window, Hounsfield units
	Width     float64 `json:"width,omitempty"`    // of the window, above 0; 0 for radiographs, whose files bring one
	Size      int     `json:"size"`               // rows and columns of the input
	MinRows   int     `json:"min_rows"`           // fewest rows and columns of an image
	MinLung   float64 `json:"min_lung,omitempty"` // least share of the body's area that is lung
	MinAge    float64 `json:"min_age,omitempty"`  // of the patient, whole years; a file that says another is refused
	MaxAge    float64 `json:"max_age,omitempty"`  // 0 means any
	Slices    int     `json:"slices"`             // most slices of a study that are read
	Windowing string  `json:"windowing"`          // why this window
}

// Rule is how outputs for slices become a finding for a study: the mean of the
// TopK highest probabilities against Threshold; within Margin it is unclear.
type Rule struct {
	TopK      int     `json:"top_k"`
	Threshold float64 `json:"threshold"`
	Margin    float64 `json:"margin"`
}

// Words are the parts of a finding's sentences that are the model's own.
type Words struct {
	Record Text `json:"record"` // what it reads: "this chest CT"
	Sign   Text `json:"sign"`   // what it looks for: "a malignant nodule"
	Limit  Text `json:"limit"`  // a sentence: whom it knows
}

// A Text is one text in two languages, of at most 300 bytes each.
type Text struct {
	English string `json:"en"`
	Chinese string `json:"zh"`
}

func (w Words) check() bool {
	for _, t := range []Text{w.Record, w.Sign, w.Limit} {
		for _, s := range []string{t.English, t.Chinese} {
			if s == "" || len(s) > 300 || !utf8.ValidString(s) || strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
				return false
			}
		}
	}
	return true
}

// Source is data that the model was trained or measured on.
type Source struct {
	Name        string `json:"name"`
	Licence     string `json:"licence"`
	Attribution string `json:"attribution"`
	Where       string `json:"where"`
	Rows        int    `json:"rows"`
	Groups      int    `json:"groups,omitempty"`
	Note        string `json:"note,omitempty"`
}

// Metric is one measured figure; Low and High are its 95% interval.
type Metric struct {
	Name   string   `json:"name"`
	Value  float64  `json:"value"`
	Low    *float64 `json:"low,omitempty"`
	High   *float64 `json:"high,omitempty"`
	Method string   `json:"method"`
}

// Range is what a value of the graph was seen to lie in.
type Range struct {
	Value int     `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Precision states how far an encrypted output may be from the clear one.
type Precision struct {
	Scheme     string  `json:"scheme"`
	Parameters string  `json:"parameters"`
	Bound      float64 `json:"bound"`             // stated: largest |encrypted - clear|; the job fails beyond it
	Seen       float64 `json:"seen,omitempty"`    // measured largest difference
	Inputs     int     `json:"inputs,omitempty"`  // over how many inputs
	Digests    string  `json:"digests,omitempty"` // what pins the inputs
}

// Comparison is a figure in the clear against the same encrypted.
type Comparison struct {
	Name      string  `json:"name"`
	Clear     float64 `json:"clear"`
	Encrypted float64 `json:"encrypted"`
	Inputs    int     `json:"inputs"`
}

// Change is a version and what changed in it.
type Change struct {
	Version string `json:"version"`
	What    string `json:"what"`
}

const maxCard = 256 << 10

var (
	cardName    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	cardVersion = regexp.MustCompile(`^[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}$`)
	cardHash    = regexp.MustCompile(`^[0-9a-f]{64}$`)
	cardPrice   = regexp.MustCompile(`^[0-9]{1,12}(\.[0-9]{1,18})?$`)
)

// ReadCard reads one card of at most 256 KiB; fields it does not know and bytes
// after the end are refused.
func ReadCard(r io.Reader) (Card, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxCard+1))
	if err != nil {
		return Card{}, err
	}
	if len(raw) > maxCard {
		return Card{}, badCard(nil, "it is larger than 256 KiB")
	}
	var c Card
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Card{}, badCard(err, "it is not the JSON of a card")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Card{}, badCard(err, "something follows it")
	}
	return c, c.Check()
}

// ReadOpenCard is ReadCard for a card whose hash may be left open, absent or "", as it
// is before its model is published: then Hash is "". price, where not "", is instead
// of the card's.
func ReadOpenCard(raw []byte, price string) (Card, error) {
	var fields map[string]json.RawMessage
	open := json.Unmarshal(raw, &fields) == nil && (fields["hash"] == nil || string(fields["hash"]) == `""`)
	if open {
		fields["hash"] = json.RawMessage(`"` + strings.Repeat("0", 64) + `"`)
		var err error
		if raw, err = json.Marshal(fields); err != nil {
			return Card{}, badCard(err, "it is not the JSON of a card")
		}
	}
	c, err := ReadCard(bytes.NewReader(raw))
	if open {
		c.Hash = ""
	}
	if price != "" {
		c.Price = price
	}
	return c, err
}

func badCard(cause error, why string) error {
	return notice.Because(cause, notice.Invalid, "the model card is not valid: "+why, "correct the card and publish the model again")
}

func (in Input) valid() bool {
	window := in.Width > 0 && !math.IsInf(in.Width, 0)
	if in.Modality == Radiographs {
		window = in.Width == 0 && in.Center == 0
	}
	ages := in.MinAge >= 0 && in.MaxAge >= 0 && in.MaxAge <= 150 && (in.MaxAge == 0 || in.MinAge <= in.MaxAge)
	return in.Modality != "" && window && ages && in.Size >= 1 && in.Size <= maxSide && in.Slices >= 1 && in.Slices <= 4096
}

// Check returns nil, or a notice of kind Invalid that says what is wrong.
func (c Card) Check() error {
	switch {
	case c.Format != 1:
		return badCard(nil, "its format is not 1")
	case !cardName.MatchString(c.Name):
		return badCard(nil, "its name is not lower-case letters, digits and dashes")
	case !cardVersion.MatchString(c.Version):
		return badCard(nil, "its version is not of the form 1.0.0")
	case c.Vertical != "health" && c.Vertical != "credit":
		return badCard(nil, "its vertical is neither health nor credit")
	case !cardHash.MatchString(c.Hash):
		return badCard(nil, "its hash is not 64 hexadecimal digits")
	case !cardPrice.MatchString(c.Price):
		return badCard(nil, "its price is not a decimal amount of MAN")
	case c.Licence == "" || c.Summary == "" || len(c.IntendedUse) == 0 || len(c.NotFor) == 0:
		return badCard(nil, "it does not say what the model is, for what, what not for, and under which licence")
	case len(c.Data) == 0 || len(c.Metrics) == 0 || len(c.Versions) == 0:
		return badCard(nil, "it names no data, no metric or no version")
	}
	for _, m := range c.Metrics {
		if m.Name == "" || m.Method == "" || (m.Low == nil) != (m.High == nil) || m.Low != nil && !(*m.Low <= m.Value && m.Value <= *m.High) {
			return badCard(nil, "a metric has no name, no method, or an interval that does not hold it")
		}
	}
	if in := c.Input; in != nil && !in.valid() {
		return badCard(nil, "its input schema cannot be")
	}
	if c.Chart != nil {
		if err := c.Chart.Check(); err != nil {
			return badCard(err, "its measurements cannot be: "+err.Error())
		}
	}
	if c.Chart != nil && c.Input != nil {
		return badCard(nil, "it reads pictures and measurements both")
	}
	if s := c.Survival; s != nil {
		if c.Chart == nil || c.Rule != nil {
			return badCard(nil, "survival is told of measurements, and by a curve instead of a rule")
		}
		if err := s.Check(len(c.Chart.Columns())); err != nil {
			return badCard(err, "its curve cannot be: "+err.Error())
		}
	}
	if c.Words != nil && !c.Words.check() {
		return badCard(nil, "its words are empty, longer than 300 bytes or cannot be printed")
	}
	if r := c.Rule; r != nil && (r.TopK < 1 || !(r.Threshold > 0 && r.Threshold < 1) || !(r.Margin >= 0 && r.Margin < 1)) {
		return badCard(nil, "its rule for findings cannot be")
	}
	if p := c.Precision; p != nil && (p.Scheme == "" || !(p.Bound > 0) || p.Seen < 0 || p.Seen > p.Bound) {
		return badCard(nil, "its precision cannot be")
	}
	return nil
}
