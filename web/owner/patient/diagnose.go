package patient

import (
	"bytes"
	"context"
	"encoding/json"
	"runtime"
	"time"

	"manx/health"
	"manx/ledger"
	"manx/ml"
	"manx/ml/ckks"
	"manx/privacy"
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
	Slices    int            `json:"slices"`
	Up        int64          `json:"bytes_up"`
	Keys      int64          `json:"key_bytes"`
	Down      int64          `json:"bytes_down"`
	Seconds   float64        `json:"seconds"` // of a worker, were it a machine like this one
	Precision float64        `json:"precision"`
}

// A Diagnosis is a finding and how it came about.
type Diagnosis struct {
	Job     ledger.JobID    `json:"job"`
	Record  ledger.RecordID `json:"record"`
	Version int             `json:"version"`
	Finding health.Finding  `json:"finding"`
	Model   string          `json:"model"`
	Release string          `json:"model_version"`
	Slices  int             `json:"slices"`
	Fee     ledger.Amount   `json:"fee"`
	Up      int64           `json:"bytes_up"`
	Keys    int64           `json:"key_bytes"`
	Down    int64           `json:"bytes_down"`
	Times   Times           `json:"seconds"`
	Receipt json.RawMessage `json:"receipt"` // the bundle that verifies offline

	draw func(context.Context) ([]Picture, error)
}

// Times are how long each part of a diagnosis took, in seconds.
type Times struct {
	Read    float64 `json:"read"` // open, decode, select slices
	Keys    float64 `json:"keys"`
	Encrypt float64 `json:"encrypt"`
	Compute float64 `json:"compute"` // from the request to the result, queue included
	Decrypt float64 `json:"decrypt"`
}

// prepared is a study made ready for a model.
type prepared struct {
	model  ledger.Model
	card   ml.Card
	plan   *ckks.Plan
	slices []health.Slice
	at     int // version of the record
}

// prepare reads the study with the model's schema; what the schema does not
// cover is refused before anything is paid.
func prepare(ctx context.Context, p *owner.Party, id ledger.RecordID, name string) (x prepared, err error) {
	if x.model, err = p.ModelNamed(ctx, name); err != nil {
		return x, err
	}
	pub, err := p.Card(ctx, x.model)
	if err != nil {
		return x, err
	}
	if x.card, err = ml.ReadCard(bytes.NewReader(pub.Card)); err != nil {
		return x, err
	}
	if x.card.Input == nil || x.card.Rule == nil || x.card.Precision == nil {
		return x, notice.New(notice.Unsupported, "this model does not say which pictures it reads, or how exact it is", "choose another: `manx model list`")
	}
	record, r, err := p.OpenOwn(ctx, id, 0)
	if err != nil {
		return x, err
	}
	_, x.at = r.Latest()
	in, err := health.ReadFS(ctx, newFolder(ctx, record))
	if err != nil {
		return x, err
	}
	defer in.Close()
	if len(in.Studies) != 1 {
		return x, notice.New(notice.Integrity, "the record does not hold one study", "add the study again: `manx study add`")
	}
	i := x.card.Input
	schema := health.InputSchema{Modality: i.Modality, BodyPart: i.BodyPart, Center: i.Center, Width: i.Width, Size: i.Size, MinRows: i.MinRows, MinLung: i.MinLung}
	if x.slices, err = health.SelectSlices(ctx, &in.Studies[0], schema, min(i.Slices, ledger.MaxInputs)); err != nil {
		return x, err
	}
	x.plan, err = p.Plan(ctx, x.model)
	return x, err
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
	q := x.plan.Quote(unit, runtime.GOMAXPROCS(0))
	n := int64(len(x.slices))
	return Quote{Model: x.model.ID, Name: x.model.Name, Price: x.model.Price, Slices: len(x.slices), Up: n * q.InputUp, Keys: q.Keys, Down: n * q.ResultOut,
		Seconds: float64(n) * q.Wall.Seconds(), Precision: x.card.Precision.Bound}, nil
}

// Diagnose asks a model for its finding on a study of the patient's own: slices
// are chosen and encrypted here, a worker computes on the ciphertexts, and only
// this device decrypts. The fee waits in escrow until the result has opened.
// Interrupted, it goes on with the same job when it is repeated.
func Diagnose(ctx context.Context, p *owner.Party, id ledger.RecordID, name string, life ledger.Time, show Progress) (d Diagnosis, err error) {
	began := time.Now()
	x, err := prepare(ctx, p, id, name)
	if err != nil {
		return d, err
	}
	d.Times.Read = time.Since(began).Seconds()
	job, done, err := request(ctx, p, x, id, life, show, &d)
	if err != nil {
		return d, err
	}
	began = time.Now()
	d.Job, d.Record, d.Version, d.Model, d.Release, d.Slices, d.Fee = job, id, x.at, x.model.Name, x.model.Version, len(x.slices), x.model.Price
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
	d.draw = func(ctx context.Context) ([]Picture, error) {
		g, err := p.Graph(ctx, x.model)
		if err != nil {
			return nil, err
		}
		return draw(ctx, x, g, logits, d.Finding)
	}
	d.Times.Decrypt = time.Since(began).Seconds()
	if _, err := p.Do(ctx, ledger.AcceptJob{Job: job}); err != nil && !notice.Is(err, notice.Conflict) {
		return d, err
	}
	if _, d.Receipt, err = p.VerifiedReceipt(ctx, job); err != nil {
		return d, err
	}
	return d, done()
}

// request encrypts the slices and asks for the job, or goes on with the job that
// an interrupted try asked for.
func request(ctx context.Context, p *owner.Party, x prepared, id ledger.RecordID, life ledger.Time, show Progress, d *Diagnosis) (job ledger.JobID, done func() error, err error) {
	ask := ledger.RequestJob{Model: x.model.ID, Subject: p.ID(), Purpose: ledger.Diagnosis, Fee: x.model.Price, Record: id, Version: x.at}
	if job, done, found, err := p.Requested(ctx, ask); found || err != nil {
		return job, done, err
	}
	inputs := make([]privacy.Secret[[]float64], len(x.slices))
	for i, s := range x.slices {
		inputs[i] = s.Input
	}
	e, err := p.Encrypt(ctx, x.plan, inputs, show)
	if err != nil {
		return job, done, err
	}
	d.Times.Keys, d.Times.Encrypt, d.Up, d.Keys = e.KeyTime.Seconds(), e.Time.Seconds(), e.Up, e.KeyBytes
	info, err := p.Info(ctx)
	if err != nil {
		return job, done, err
	}
	ask.Deadline, ask.Inputs, ask.EvalKeys = info.Now+life, e.Inputs, e.EvalKeys
	return p.RequestJob(ctx, ask)
}

// open decrypts a job's results, one logit a slice, and applies the model's rule.
func open(ctx context.Context, p *owner.Party, x prepared, j ledger.Job, d *Diagnosis) (logits []float64, err error) {
	results, err := p.Results(ctx, j)
	if err != nil {
		return nil, err
	}
	if len(results) != len(x.slices) {
		return nil, notice.New(notice.Integrity, "the worker returned another number of results than slices", "dispute the job: `manx job dispute "+string(j.ID)+"`")
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
	r := x.card.Rule
	d.Finding, err = health.Conclude(logits, health.Rule{TopK: r.TopK, Threshold: r.Threshold, Margin: r.Margin})
	return logits, err
}

// maxLogit is far above what a trained model gives: beyond it, the ciphertext was
// not the model's result.
const maxLogit = 200
