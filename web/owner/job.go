package owner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"manx/ledger"
	"manx/ledger/receipt"
	"manx/ml/ckks"
	"manx/ml/pool/result"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/storage"
)

// Fetch reads a whole pack of at most limit bytes.
func (p *Party) Fetch(ctx context.Context, r storage.Ref, limit int64) ([]byte, error) {
	pack, err := p.Vault.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	defer pack.Close()
	if pack.Size() > limit {
		return nil, notice.New(notice.Exhausted, "what is stored there is larger than it can rightly be", "ask whoever published it")
	}
	return io.ReadAll(io.LimitReader(pack, limit))
}

// maxPlan bounds a plan, in bytes.
const maxPlan = 256 << 20

// Plan fetches a model's plan and checks it against the ledger.
func (p *Party) Plan(ctx context.Context, m ledger.Model) (*ckks.Plan, error) {
	b, err := p.Fetch(ctx, m.Plan, maxPlan)
	if err != nil {
		return nil, err
	}
	plan, err := ckks.ReadPlan(b)
	if err != nil {
		return nil, err
	}
	if plan.Hash() != m.PlanHash || plan.Model() != m.Hash {
		return nil, notice.New(notice.Integrity, "the stored plan is not the one the model was published with", "choose another model, and tell its owner")
	}
	return plan, nil
}

// Encrypted is what a job is given.
type Encrypted struct {
	Inputs   []storage.Ref
	EvalKeys storage.Ref
	Up       int64 // bytes of the inputs
	KeyBytes int64 // bytes of the evaluation keys
	KeyTime  time.Duration
	Time     time.Duration // to encrypt
}

// SecretKey returns the party's own CKKS key for a plan.
func (p *Party) SecretKey(plan *ckks.Plan) (*he.SecretKey, error) {
	return he.NewSecretKey(plan.Set(), p.Keys.CKKSSeed())
}

// Encrypt encrypts inputs under the party's own key and stores them, and the
// evaluation keys that the plan needs. Evaluation keys are the same for every
// job of the same plan, so they are made and stored once.
func (p *Party) Encrypt(ctx context.Context, plan *ckks.Plan, inputs []privacy.Secret[[]float64], show func(stage string, done, total int64)) (e Encrypted, err error) {
	key, err := p.SecretKey(plan)
	if err != nil {
		return e, err
	}
	e.KeyBytes = plan.Needs().Size(plan.Set())
	began := time.Now()
	if e.EvalKeys, err = p.evaluationKeys(ctx, plan, key, show); err != nil {
		return e, err
	}
	e.KeyTime = time.Since(began)
	began = time.Now()
	for i, in := range inputs {
		var b bytes.Buffer
		cts, err := plan.Encrypt(key, in)
		if err != nil {
			return e, err
		}
		for _, c := range cts {
			if _, err := c.WriteTo(&b); err != nil {
				return e, fmt.Errorf("write ciphertext: %w", err)
			}
		}
		e.Up += int64(b.Len())
		r, err := p.Vault.Write(ctx, &b)
		if err != nil {
			return e, err
		}
		e.Inputs = append(e.Inputs, r)
		show("encrypting", int64(i+1), int64(len(inputs)))
	}
	e.Time = time.Since(began)
	return e, nil
}

func (p *Party) evaluationKeys(ctx context.Context, plan *ckks.Plan, key *he.SecretKey, show func(string, int64, int64)) (ref storage.Ref, err error) {
	name := "evaluation-keys/" + ledger.Hash(plan.Hash()).String()
	if kept, ok := p.Keys.Kept(name); ok {
		if err := ref.UnmarshalText(kept.Reveal(reveal.Token{})); err != nil {
			return ref, fmt.Errorf("kept keys: %w", err)
		}
		if health, err := p.Vault.Verify(ctx, ref); err == nil && health.Whole() {
			return ref, nil
		}
	}
	needs := plan.Needs()
	out, in := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = in.CloseWithError(key.WriteEvaluationKeys(ctx, in, needs, func(n int) { show("making evaluation keys", int64(n), int64(len(needs))) }))
	}()
	ref, err = p.Vault.Write(ctx, out)
	_ = out.Close()
	<-done
	if err != nil {
		return ref, err
	}
	text, err := ref.MarshalText()
	if err != nil {
		return ref, err
	}
	return ref, p.Keys.Keep(name, text)
}

// requestName names a request by what is asked, not by its ciphertexts, which
// differ with every try.
func requestName(b ledger.RequestJob) string {
	what := fmt.Appendf(nil, "%s|%s|%s|%s|%d", b.Model, b.Subject, b.Purpose, b.Record, b.Version)
	if b.Grant != "" {
		what = fmt.Appendf(what, "|%s", b.Grant)
	}
	h := sha256.Sum256(what)
	return "request/" + hex.EncodeToString(h[:16])
}

// Requested returns the job that an interrupted try asked for, unless its fee
// went back; found is false where there is none. One that was paid out meanwhile
// is still hers to open.
func (p *Party) Requested(ctx context.Context, body ledger.RequestJob) (id ledger.JobID, done func() error, found bool, err error) {
	cmd, done, found, err := p.resume(ctx, requestName(body))
	if !found || err != nil {
		return "", done, false, err
	}
	id = ledger.NewJobID(ledger.VerticalOf(body.Model), cmd.ID)
	j, err := Get[ledger.Job](ctx, p.Client, id)
	if err == nil && j.Stage == ledger.Refunded {
		return "", done, false, done()
	}
	return id, done, err == nil, err
}

// RequestJob asks for a model and holds its fee in escrow. Until done is called,
// asking the same again goes on with the same job and pays nothing more.
func (p *Party) RequestJob(ctx context.Context, body ledger.RequestJob) (id ledger.JobID, done func() error, err error) {
	return p.RequestJobAfter(ctx, body, nil)
}

// RequestJobAfter is RequestJob that calls first, where not nil, with the request and its
// job's id before it is sent. An error of first's is returned, and nothing is sent.
func (p *Party) RequestJobAfter(ctx context.Context, body ledger.RequestJob, first func(context.Context, ledger.JobID, ledger.RequestJob) error) (id ledger.JobID, done func() error, err error) {
	idOf := func(c ledger.Command) ledger.JobID { return ledger.NewJobID(ledger.VerticalOf(body.Model), c.ID) }
	var before func(ledger.Command) error
	if first != nil {
		before = func(c ledger.Command) error { return first(ctx, idOf(c), body) }
	}
	cmd, done, err := p.spendAfter(ctx, requestName(body), body.Fee, func(coins []ledger.CoinID, _ ledger.Amount) (ledger.Body, error) {
		body.Fund = coins
		return body, nil
	}, before)
	return idOf(cmd), done, err
}

// Await returns a job once it has reached a stage, or ended. Every change is
// shown.
func (p *Party) Await(ctx context.Context, id ledger.JobID, show func(ledger.Job), until ...ledger.Stage) (ledger.Job, error) {
	var last ledger.Stage
	for {
		j, err := Get[ledger.Job](ctx, p.Client, id)
		if err != nil {
			return j, err
		}
		if j.Stage != last {
			last = j.Stage
			show(j)
		}
		for _, s := range until {
			if j.Stage == s {
				return j, nil
			}
		}
		if j.Stage == ledger.Refunded {
			return j, notice.New(notice.Expired, "the job ended without a result and the fee was refunded", "ask again; `manx job show "+string(id)+"` says when and why")
		}
		if j.Stage == ledger.Settled {
			return j, nil
		}
		if !pause(ctx, 250*time.Millisecond) {
			return j, ctx.Err()
		}
	}
}

// Results fetches a job's encrypted results, one an input, and checks them
// against the hash the worker signed.
func (p *Party) Results(ctx context.Context, j ledger.Job) ([][]byte, error) {
	b, err := p.Fetch(ctx, j.Result, result.MaxResult)
	if err != nil {
		return nil, err
	}
	if ledger.Hash(sha256.Sum256(b)) != j.Hash {
		return nil, notice.New(notice.Integrity, "the stored result is not the one the worker signed", "dispute the job: `manx job dispute "+string(j.ID)+"`")
	}
	return result.Split(b)
}

// Decrypt opens one encrypted result with the party's own key.
func (p *Party) Decrypt(plan *ckks.Plan, sealed []byte) (none privacy.Secret[[]float64], err error) {
	key, err := p.SecretKey(plan)
	if err != nil {
		return none, err
	}
	ct, err := plan.ReadResult(bytes.NewReader(sealed))
	if err != nil {
		return none, err
	}
	return plan.Decrypt(key, ct)
}

// Dispute says that a job's result or answer is wrong: the organisations run it
// again and judge, which pays or refunds.
func (p *Party) Dispute(ctx context.Context, id ledger.JobID) error {
	_, done, err := p.once(ctx, "dispute/"+string(id), ledger.DisputeJob{Job: id})
	if err != nil {
		return err
	}
	return done()
}

// Jobs lists the jobs the party asked for, or that are over its records.
func (p *Party) Jobs(ctx context.Context) ([]ledger.Job, error) {
	return Mine[ledger.Job](ctx, p.Client, "job")
}

// VerifiedReceipt fetches a job's receipt and verifies it against the pinned
// network.
func (p *Party) VerifiedReceipt(ctx context.Context, id ledger.JobID) (ledger.Receipt, []byte, error) {
	b, err := p.Receipt(ctx, id)
	if err != nil {
		return ledger.Receipt{}, nil, err
	}
	bundle, err := receipt.Read(bytes.NewReader(b))
	if err != nil {
		return ledger.Receipt{}, nil, err
	}
	r, err := receipt.Verify(bundle, p.Home.Network.Genesis.ID())
	return r, b, err
}
