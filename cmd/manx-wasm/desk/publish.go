package desk

import (
	"context"
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"manx/cmd/offer"
	"manx/ledger"
	"manx/ml"
	"manx/ml/samples"
	"manx/ml/workbench"
	"manx/privacy/notice"
	"manx/web/owner"
)

// A Sketch is what a model's file turned out to be.
type Sketch struct {
	Format   string            `json:"format"`
	Features []string          `json:"features"` // names of its inputs, where the file has them
	Input    []int             `json:"input"`
	Changed  string            `json:"changed,omitempty"` // what was done to its end
	Plan     *workbench.Report `json:"plan,omitempty"`    // nil where only inputs can tell how it compiles
	Needs    string            `json:"needs,omitempty"`   // why
	Hint     string            `json:"hint,omitempty"`    // what to do about it
	Card     json.RawMessage   `json:"card,omitempty"`    // one that lay beside the file
}

type drafted struct {
	Folder string `json:"folder"`        // in which one model's file lies; a card.json beside it is read too
	Fit    string `json:"fit,omitempty"` // folder of inputs that activations are fitted on
}

// draft reads and compiles a model's file, and publishes nothing.
func (d *Desk) draft(_ context.Context, a drafted, _ Show) (any, error) {
	file, card, err := filesOf(a.Folder)
	if err != nil {
		return nil, err
	}
	m, err := workbench.Read(file)
	if err != nil {
		return nil, err
	}
	s := Sketch{Format: m.Format, Features: append([]string{}, m.Features...), Input: m.Input}
	if card != "" {
		if s.Card, err = readBeside(card); err != nil {
			return nil, err
		}
	}
	m, s.Changed, err = workbench.Logit(m)
	if err != nil {
		return nil, err
	}
	fit, err := fitted(a.Fit)(m)
	if err != nil {
		return nil, err
	}
	made, err := workbench.Compile(m, fit, 0)
	switch {
	case err != nil && a.Fit == "" && notice.Is(err, notice.Invalid):
		n := notice.From(err)
		s.Needs, s.Hint = n.Text, n.Hint
	case err != nil:
		return nil, err
	default:
		s.Plan = &made.Report
	}
	return s, nil
}

// readBeside reads the card that lies beside a model's file.
func readBeside(card string) ([]byte, error) {
	b, err := os.ReadFile(card)
	if err != nil {
		return nil, notice.Because(err, notice.Invalid, "the card cannot be read", "choose it again")
	}
	if !json.Valid(b) {
		return nil, notice.New(notice.Invalid, "card.json is not JSON", "correct it and choose the files again")
	}
	return b, nil
}

// filesOf finds the model's file in a folder, and a card where one lies beside it.
func filesOf(dir string) (file, card string, err error) {
	err = filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		switch {
		case e.Name() == "card.json":
			card = p
		case file != "":
			return notice.New(notice.Invalid, "there are several files", "choose one model, and card.json beside it where you have one")
		default:
			file = p
		}
		return nil
	})
	if err == nil && file == "" {
		err = notice.New(notice.Invalid, "there is no model's file", "choose ONNX, or the JSON of a scorecard, a logistic regression or XGBoost")
	}
	return file, card, err
}

// fitted reads inputs from a folder; none where it is "".
func fitted(dir string) func(m workbench.Model) (samples.Set, error) {
	return func(m workbench.Model) (samples.Set, error) {
		if dir == "" {
			return samples.Set{}, nil
		}
		return samples.Read(dir, m.Input, samples.Options{Most: 256, White: 1, Features: m.Features})
	}
}

// terms are on what a model is put on offer, on either side.
type terms struct {
	Card   string `json:"card"`             // JSON
	Calls  int    `json:"calls,omitempty"`  // most calls of one asker
	Within int    `json:"within,omitempty"` // in so many hours
	Dry    bool   `json:"dry,omitempty"`    // checked, and nothing is sent
}

func (t terms) limit() ledger.Limit {
	if t.Calls == 0 {
		return ledger.Limit{}
	}
	return ledger.Limit{Calls: t.Calls, Within: ledger.Time(t.Within) * 3600}
}

// publishes refuses who may publish no model.
func publishes(ctx context.Context, p *owner.Party) error {
	me, err := owner.Get[ledger.Party](ctx, p.Client, p.ID())
	if err == nil && me.Role != ledger.Scientist && me.Role != ledger.Hospital {
		err = notice.New(notice.Denied, "only a data scientist or a hospital publishes models", "come as one")
	}
	return err
}

// publish checks a model with its card, encrypted and in the clear, and, where it is
// not dry, puts it on offer.
func (d *Desk) publish(ctx context.Context, p *owner.Party, a struct {
	drafted
	terms
	Hide bool `json:"hide,omitempty"` // the graph
}, show Show) (any, error) {
	if err := publishes(ctx, p); err != nil {
		return nil, err
	}
	file, _, err := filesOf(a.Folder)
	if err != nil {
		return nil, err
	}
	o := offer.Draft{Runs: 1, Hide: a.Hide}
	if a.Fit != "" {
		o.Fit = fitted(a.Fit)
	}
	if o.Card, err = ml.ReadOpenCard([]byte(a.Card), ""); err != nil {
		return nil, err
	}
	if o.File, err = workbench.Read(file); err != nil {
		return nil, err
	}
	began := time.Now() // a tab has no other clock
	ready, err := o.Prepare(ctx, func() time.Duration { return time.Since(began) }, func(done, total int) { show(Progress{"checking", int64(done), int64(total)}) })
	if err != nil {
		return nil, err
	}
	ready.Offer.Model.Limit = a.limit()
	if a.Dry {
		return ready.Show("", nil), nil
	}
	show(Progress{Stage: "publishing"})
	id, err := p.Publish(ctx, ready.Offer)
	if err != nil {
		return nil, err
	}
	return ready.Show(id, nil), nil
}

// A Trial is one synthetic input run through a model here, under a key made for it,
// encrypted and in the clear.
type Trial struct {
	Clear      float64 `json:"clear"` // the model's output
	Encrypted  float64 `json:"encrypted"`
	Difference float64 `json:"difference"`
	Stated     float64 `json:"stated"` // the most that the plan says it may be
	Chance     float64 `json:"chance"` // the output through the logistic function
	Known      int     `json:"known"`  // fields that the input holds
	Keys       float64 `json:"keys_seconds"`
	Encrypt    float64 `json:"encrypt_seconds"`
	Evaluate   float64 `json:"evaluate_seconds"`
	Decrypt    float64 `json:"decrypt_seconds"`
	KeyBytes   int64   `json:"key_bytes"`
	Up         int64   `json:"bytes_up"`
	Down       int64   `json:"bytes_down"`
	Threshold  float64 `json:"threshold,omitempty"`
}

// try runs a model on a synthetic input: measurements that are given, or noise. It
// asks nobody and pays nothing. A model whose graph is not shown is notice.Unsupported.
func (d *Desk) try(ctx context.Context, p *owner.Party, a struct {
	ofModel
	Values map[string]float64 `json:"values,omitempty"`
}, show Show) (any, error) {
	m, _, err := modelOf(ctx, p, a.Model)
	if err != nil {
		return nil, err
	}
	card, err := d.card(ctx, p, m)
	if err != nil {
		return nil, err
	}
	show(Progress{Stage: "reading"})
	g, err := p.Graph(ctx, m)
	if err != nil {
		return nil, err
	}
	plan, err := p.Plan(ctx, m)
	if err != nil {
		return nil, err
	}
	in := workbench.MadeUp(g.Input, 1).Inputs[0]
	t := Trial{}
	if card.Chart != nil {
		if in, t.Known, err = card.Chart.Encode(a.Values); err != nil {
			return nil, err
		}
	}
	show(Progress{Stage: "checking"})
	began := time.Now()
	c, err := plan.Compare(ctx, g, [][]float64{in}, func() time.Duration { return time.Since(began) }, nil)
	if err != nil {
		return nil, err
	}
	t.Clear, t.Encrypted, t.Difference, t.Stated = c.Clear[0][0], c.Encrypted[0][0], c.Worst, c.Stated
	t.Chance = 1 / (1 + math.Exp(-t.Encrypted))
	t.Keys, t.Encrypt, t.Evaluate, t.Decrypt = c.KeyTime.Seconds(), c.Encrypt.Seconds(), c.Wall.Seconds(), c.Decrypt.Seconds()
	t.KeyBytes, t.Up, t.Down = c.KeyBytes, c.InputUp, c.ResultOut
	if card.Rule != nil {
		t.Threshold = card.Rule.Threshold
	}
	return t, nil
}
