package patient

import (
	"context"
	"encoding/json"
	"runtime"
	"time"

	"manx/health"
	"manx/ledger"
	he "manx/privacy/ckks"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
)

// A Quote is what a diagnosis will cost, before anything is paid.
type Quote struct {
	Model     ledger.ModelID `json:"model"`
	Name      string         `json:"name"`
	Price     ledger.Amount  `json:"price"`
	Read      string         `json:"read"`   // "8 slices"
	Slices    int            `json:"slices"` // inputs that are read: 1 of a chart
	Up        int64          `json:"bytes_up"`
	Keys      int64          `json:"key_bytes"`
	Down      int64          `json:"bytes_down"`
	Seconds   float64        `json:"seconds"` // of a worker, were it a machine like this one
	Precision float64        `json:"precision"`
	Unchecked string         `json:"unchecked,omitempty"` // what the record leaves open that the model's limits are about
}

// A Diagnosis is a finding and how it came about.
type Diagnosis struct {
	Job     ledger.JobID    `json:"job"`
	Record  ledger.RecordID `json:"record"`
	Version int             `json:"version"`
	Finding health.Finding  `json:"finding"`
	Curve   *Curve          `json:"curve,omitempty"` // of a model of survival
	Model   string          `json:"model"`
	Release string          `json:"model_version"`
	Read    string          `json:"read"`   // "8 slices"
	Slices  int             `json:"slices"` // inputs that were read
	Fee     ledger.Amount   `json:"fee"`
	Up      int64           `json:"bytes_up"`
	Keys    int64           `json:"key_bytes"`
	Down    int64           `json:"bytes_down"`
	Times   Times           `json:"seconds"`
	Receipt json.RawMessage `json:"receipt"` // the bundle that verifies offline

	draw    func(context.Context) ([]Picture, error)
	explain func(context.Context) ([]Moved, error) // of a chart
}

// Times are how long each part of a diagnosis took, in seconds.
type Times struct {
	Read    float64 `json:"read"` // open, decode, select
	Keys    float64 `json:"keys"`
	Encrypt float64 `json:"encrypt"`
	Compute float64 `json:"compute"` // from the request to the result, queue included
	Decrypt float64 `json:"decrypt"`
}

// QuoteFor says what a diagnosis would cost.
func QuoteFor(ctx context.Context, p *owner.Party, id ledger.RecordID, name string) (Quote, error) {
	x, err := prepare(ctx, p, id, name)
	if err != nil {
		return Quote{}, err
	}
	unit, err := he.Calibrate(x.plan.Set())
	if err != nil {
		return Quote{}, err
	}
	return x.quote(unit), nil
}

// UntimedQuoteFor is QuoteFor without Seconds, which is 0: for a device that computes
// unlike any worker, such as a browser's tab, where to measure takes longer than
// to ask.
func UntimedQuoteFor(ctx context.Context, p *owner.Party, id ledger.RecordID, name string) (Quote, error) {
	x, err := prepare(ctx, p, id, name)
	if err != nil {
		return Quote{}, err
	}
	q := x.quote(0)
	q.Seconds = 0
	return q, nil
}

func (x *prepared) quote(unit time.Duration) Quote {
	q := x.plan.Quote(unit, runtime.GOMAXPROCS(0))
	n := int64(len(x.inputs))
	untold, _ := x.about().Untold.Words()
	return Quote{Model: x.model.ID, Name: x.model.Name, Price: x.model.Price, Read: x.read(), Slices: len(x.inputs), Up: n * q.InputUp, Keys: q.Keys, Down: n * q.ResultOut,
		Seconds: float64(n) * q.Wall.Seconds(), Precision: x.card.Precision.Bound, Unchecked: untold}
}

// Terms are what a patient wants of a job.
type Terms struct {
	Life  ledger.Time   // seconds until its deadline
	Proof *ledger.Proof // of the result, by workers that are drawn; nil wants none

	// Before, where not nil, is called with the request and its job's id before it is sent.
	Before func(ctx context.Context, id ledger.JobID, ask ledger.RequestJob) error
}

// Diagnose asks a model for its finding on a record of the patient's own: slices,
// radiographs or measurements are chosen and encrypted here, a worker computes on the ciphertexts, and only
// this device decrypts. The fee waits in escrow until the result has opened.
// Interrupted, it goes on with the same job when it is repeated.
func Diagnose(ctx context.Context, p *owner.Party, id ledger.RecordID, name string, life ledger.Time, show Progress) (d Diagnosis, err error) {
	return DiagnoseWith(ctx, p, id, name, Terms{Life: life}, show)
}

// DiagnoseWith is Diagnose on other terms. show may be nil.
func DiagnoseWith(ctx context.Context, p *owner.Party, id ledger.RecordID, name string, terms Terms, show Progress) (d Diagnosis, err error) {
	if show == nil {
		show = func(string, int64, int64) {}
	}
	began := time.Now()
	x, err := prepare(ctx, p, id, name)
	if err != nil {
		return d, err
	}
	d.Times.Read = time.Since(began).Seconds()
	job, done, err := request(ctx, p, x, id, terms, show, &d)
	if err != nil {
		return d, err
	}
	began = time.Now()
	d.Job, d.Record, d.Version, d.Model, d.Release, d.Slices, d.Fee = job, id, x.at, x.model.Name, x.model.Version, len(x.inputs), x.model.Price
	d.Read = x.read()
	j, err := p.Await(ctx, job, func(j ledger.Job) { show("job "+string(j.Stage), 0, 0) }, ledger.Done)
	if err != nil {
		return d, err
	}
	d.Times.Compute = time.Since(began).Seconds()
	began = time.Now()
	logits, err := open(ctx, p, x, j, &d)
	if err != nil {
		return d, err
	}
	d.draw, d.explain = x.explainers(p, logits, d.Finding)
	d.Times.Decrypt = time.Since(began).Seconds()
	_, err = p.Do(ctx, ledger.AcceptJob{Job: job})
	if notice.Is(err, notice.Conflict) { // it is paid already, or a worker that says otherwise has called for a verdict
		_, err = p.Await(ctx, job, func(j ledger.Job) { show("job "+string(j.Stage), 0, 0) }, ledger.Settled)
	}
	if err != nil {
		return d, err
	}
	if _, d.Receipt, err = p.VerifiedReceipt(ctx, job); err != nil {
		return d, err
	}
	return d, done()
}

// request encrypts the inputs and asks for the job, or goes on with the job that
// an interrupted try asked for.
func request(ctx context.Context, p *owner.Party, x prepared, id ledger.RecordID, terms Terms, show Progress, d *Diagnosis) (job ledger.JobID, done func() error, err error) {
	ask := ledger.RequestJob{Model: x.model.ID, Subject: p.ID(), Purpose: ledger.Diagnosis, Fee: x.model.Price, Record: id, Version: x.at, Proof: terms.Proof}
	if job, done, found, err := p.Requested(ctx, ask); found || err != nil {
		return job, done, err
	}
	e, err := p.Encrypt(ctx, x.plan, x.inputs, show)
	if err != nil {
		return job, done, err
	}
	d.Times.Keys, d.Times.Encrypt, d.Up, d.Keys = e.KeyTime.Seconds(), e.Time.Seconds(), e.Up, e.KeyBytes
	info, err := p.Info(ctx)
	if err != nil {
		return job, done, err
	}
	ask.Deadline, ask.Inputs, ask.EvalKeys = info.Now+terms.Life, e.Inputs, e.EvalKeys
	return p.RequestJobAfter(ctx, ask, terms.Before)
}

// open decrypts a job's results, one logit an input, and applies the model's rule.
func open(ctx context.Context, p *owner.Party, x prepared, j ledger.Job, d *Diagnosis) (logits []float64, err error) {
	results, err := p.Results(ctx, j)
	if err != nil {
		return nil, err
	}
	if len(results) != len(x.inputs) {
		return nil, notice.New(notice.Integrity, "the worker returned another number of results than inputs", "dispute the job: `manx job dispute "+string(j.ID)+"`")
	}
	logits = make([]float64, len(results))
	for i, b := range results {
		d.Down += int64(len(b))
		out, err := p.Decrypt(x.plan, b)
		if err != nil {
			return nil, err
		}
		v := out.Reveal(reveal.Token{})
		if len(v) != 1 || !(v[0] > -maxLogit && v[0] < maxLogit) {
			return nil, notice.New(notice.Integrity, "a decrypted result is not what the model can give", "dispute the job: `manx job dispute "+string(j.ID)+"`")
		}
		logits[i] = v[0]
	}
	if x.card.Survival != nil {
		d.Curve, d.Finding, err = x.survival(logits[0])
		return logits, err
	}
	r := x.card.Rule
	d.Finding, err = health.Conclude(logits, health.Rule{TopK: r.TopK, Threshold: r.Threshold, Margin: r.Margin}, x.about())
	return logits, err
}

// maxLogit is far above what a trained model gives: beyond it, the ciphertext was
// not the model's result.
const maxLogit = 200
