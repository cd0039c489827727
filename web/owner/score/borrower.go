package score

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/credit/scoreproof"
	"manx/ledger"
	"manx/ml/ckks"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/storage/vault"
	"manx/web/owner"
)

// Progress tells how far long work is.
type Progress func(stage string, done, total int64)

const (
	fileObject    = "credit.csv"
	openingObject = "opening.json"
)

// Added is what became of a credit file.
type Added struct {
	Record    ledger.RecordID `json:"record"`
	Version   int             `json:"version"`
	Furnisher ledger.PartyID  `json:"furnisher"`
	Sequence  uint32          `json:"sequence"`
	Stored    int64           `json:"stored"`
}

// Add opens what a furnisher sealed to the borrower, checks that it is what the
// furnisher's latest commitment says, seals it under the borrower's own key and
// registers it. A newer file of the same furnisher becomes a new version.
func Add(ctx context.Context, p *owner.Party, sealed []byte) (a Added, err error) {
	in, f, o, c, err := opened(ctx, p, sealed)
	if err != nil {
		return a, err
	}
	objects := []vault.Object{object(fileObject, in.File), object(openingObject, in.Opening)}
	if len(in.Shares) > 0 {
		if _, err := readShares(in.Shares, f, c.Sharing); err != nil {
			return a, err
		}
		kept, err := json.Marshal(in.Shares)
		if err != nil {
			return a, fmt.Errorf("encode shares: %w", err)
		}
		objects = append(objects, object(sharesObject, kept))
	}
	if len(in.Encrypted) > 0 {
		if err := checkEncrypted(in.Encrypted, c.Encryptions); err != nil {
			return a, err
		}
		kept, err := json.Marshal(in.Encrypted)
		if err != nil {
			return a, fmt.Errorf("encode encryptions: %w", err)
		}
		objects = append(objects, object(encryptedObject, kept))
	}
	name := "file/" + string(in.Furnisher)
	var prev ledger.RecordID
	if kept, ok := p.Keys.Kept(name); ok {
		prev = ledger.RecordID(kept.Reveal(reveal.Token{}))
		if r, err := owner.Get[ledger.Record](ctx, p.Client, prev); err != nil {
			return a, err
		} else if r.Erased {
			prev = ""
		}
	}
	d, err := p.Vault.Add(ctx, vault.Version{Kind: string(ledger.File), Objects: objects})
	if err != nil {
		return a, err
	}
	reg, err := p.RegisterDeposit(ctx, d, prev, ledger.RegisterRecord{Kind: ledger.File, Furnisher: in.Furnisher})
	if err != nil {
		return a, err
	}
	return Added{reg.Record, reg.Version, in.Furnisher, o.Sequence, d.Stored}, p.Keys.Keep(name, []byte(reg.Record))
}

func object(name string, b []byte) vault.Object {
	return vault.Object{ID: name, Name: name, Size: int64(len(b)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

// plainFile reports whether bytes are a credit file that nobody has sealed.
func plainFile(b []byte) bool {
	_, err := credit.Read(bytes.NewReader(b))
	return err == nil
}

func open(file, opening []byte) (*credit.File, scoreproof.Opening, error) {
	f, err := credit.Read(bytes.NewReader(file))
	if err != nil {
		return nil, scoreproof.Opening{}, err
	}
	o, err := scoreproof.ParseOpening(opening)
	return f, o, err
}

// current reports whether a file is the one its furnisher's latest commitment
// is about.
func current(f *credit.File, o scoreproof.Opening, c ledger.Commitment) error {
	if uint64(o.Sequence) != c.Sequence || day(o.Date) != c.Date {
		return notice.New(notice.Conflict, "this credit file is not the furnisher's latest", "add the latest: ask the furnisher for file number "+fmt.Sprint(c.Sequence))
	}
	return o.Opens(f, scoreproof.Digest(c.Value))
}

// Requests lists the jobs that wait for the borrower's consent.
func Requests(ctx context.Context, p *owner.Party) ([]ledger.Job, error) {
	jobs, err := p.Jobs(ctx)
	var out []ledger.Job
	for _, j := range jobs {
		if j.Subject == p.ID() && j.Stage == ledger.Asked {
			out = append(out, j)
		}
	}
	return out, err
}

// Consented is what a consent came to.
type Consented struct {
	Job     ledger.JobID       `json:"job"`
	Grant   ledger.GrantID     `json:"grant"`
	Score   int                `json:"score"`
	Reasons []scorecard.Reason `json:"reasons"`
	Up      int64              `json:"bytes_up"`
	Keys    int64              `json:"key_bytes"`
	Proof   int                `json:"proof_bytes"`
}

// Consent lets the asker of a job have the borrower's score: it grants the
// computation, encrypts the file's features under the borrower's own key, waits
// for the worker, decrypts, proves the score from the committed file, and seals
// score and proof to the asker. Interrupted, it goes on when repeated.
func Consent(ctx context.Context, p *owner.Party, id ledger.JobID, show Progress) (c Consented, err error) {
	j, err := owner.Get[ledger.Job](ctx, p.Client, id)
	if err != nil {
		return c, err
	}
	if j.Subject != p.ID() {
		return c, notice.New(notice.Denied, "this request is not about you", "`manx credit consent` lists those that are")
	}
	m, err := owner.Get[ledger.Model](ctx, p.Client, j.Model)
	if err != nil {
		return c, err
	}
	card, err := model(ctx, p, m)
	if err != nil {
		return c, err
	}
	r, w, err := witness(ctx, p, card, func(r ledger.Record) bool { return j.Record == "" || r.ID == j.Record })
	if err != nil {
		return c, err
	}
	plan, err := p.Plan(ctx, m)
	if err != nil {
		return c, err
	}
	if j.Stage == ledger.Asked {
		if err := consent(ctx, p, &j, r, w, show, &c); err != nil {
			return c, err
		}
	}
	if j, err = p.Await(ctx, id, func(j ledger.Job) { show(string(j.Stage), 0, 0) }, ledger.Done, ledger.Answered); err != nil {
		return c, err
	}
	st := scoreproof.State(w, contextOf(p.Home.Network.Genesis.ID(), j))
	c.Job, c.Grant, c.Score, c.Proof = id, j.Grant, st.Score, scoreproof.ProofSize
	if c.Reasons, err = reasons(st.Reasons); err != nil {
		return c, err
	}
	if j.Stage != ledger.Done {
		return c, nil // answered already
	}
	raw, err := decrypt(ctx, p, plan, j)
	if err != nil {
		return c, err
	}
	released, err := privacy.Release(ctx, raw, privacy.Policy{Step: 1, Tolerance: 0.25, Claimed: []int64{int64(st.Score)}}, oncePerJob{p, id})
	if err != nil {
		return c, err
	}
	k, err := keys(ctx, p, m)
	if err != nil {
		return c, err
	}
	show("proving", 0, 0)
	proof, err := scoreproof.Prove(ctx, k, st, w)
	if err != nil {
		return c, err
	}
	return c, answer(ctx, p, j, released, st, proof)
}

// witness opens the borrower's newest credit file, of those that will do, that
// is still its furnisher's latest.
func witness(ctx context.Context, p *owner.Party, card *scorecard.Model, willDo func(ledger.Record) bool) (ledger.Record, scoreproof.Witness, error) {
	records, err := p.Records(ctx)
	if err != nil {
		return ledger.Record{}, scoreproof.Witness{}, err
	}
	var last error
	for _, r := range records {
		if r.Kind != ledger.File || r.Erased || !willDo(r) {
			continue
		}
		f, o, err := read(ctx, p, r)
		if err != nil {
			last = err
			continue
		}
		return r, scoreproof.Witness{File: f, Opening: o, Model: card}, nil
	}
	if last == nil {
		last = notice.New(notice.NotFound, "you have no credit file here", "ask a furnisher for yours and add it: `manx credit add FILE`")
	}
	return ledger.Record{}, scoreproof.Witness{}, last
}

// read opens the latest version of a credit record and checks it against the
// ledger.
func read(ctx context.Context, p *owner.Party, r ledger.Record) (*credit.File, scoreproof.Opening, error) {
	f, o, err := kept(ctx, p, r)
	if err != nil {
		return nil, o, err
	}
	c, err := commitment(ctx, p, r.Commitment.Furnisher, p.ID())
	if err != nil {
		return nil, o, err
	}
	return f, o, current(f, o, c)
}

// kept opens the latest version of a credit record, whatever its furnisher has
// signed since.
func kept(ctx context.Context, p *owner.Party, r ledger.Record) (*credit.File, scoreproof.Opening, error) {
	var none scoreproof.Opening
	opened, _, err := p.OpenOwn(ctx, r.ID, 0)
	if err != nil {
		return nil, none, err
	}
	var parts [2][]byte
	for i, name := range []string{fileObject, openingObject} {
		o, err := opened.Open(ctx, name)
		if err != nil {
			return nil, none, err
		}
		b, err := io.ReadAll(io.LimitReader(o, credit.MaxFile))
		if err = errors.Join(err, o.Close()); err != nil {
			return nil, none, err
		}
		parts[i] = b
	}
	return open(parts[0], parts[1])
}

// consent grants the computation and posts the encrypted input.
func consent(ctx context.Context, p *owner.Party, j *ledger.Job, r ledger.Record, w scoreproof.Witness, show Progress, c *Consented) error {
	m, err := owner.Get[ledger.Model](ctx, p.Client, j.Model)
	if err != nil {
		return err
	}
	grant, err := p.Grant(ctx, ledger.GiveGrant{Record: r.ID, To: j.Asker, Purpose: j.Purpose, Access: ledger.Compute, Model: j.Model, Job: j.ID, Until: j.Deadline})
	if err != nil {
		return err
	}
	plan, err := p.Plan(ctx, m)
	if err != nil {
		return err
	}
	x := w.Model.OneHot(w.File.Features().Reveal(reveal.Token{}))
	e, err := p.Encrypt(ctx, plan, []privacy.Secret[[]float64]{privacy.Hide(x)}, show)
	if err != nil {
		return err
	}
	c.Up, c.Keys = e.Up, e.KeyBytes
	_, n := r.Latest()
	_, err = p.Do(ctx, ledger.PostInput{Job: j.ID, Grant: grant.ID, Record: r.ID, Version: n, Inputs: e.Inputs, EvalKeys: e.EvalKeys})
	return err
}

// decrypt fetches a job's one result and checks its hash.
func decrypt(ctx context.Context, p *owner.Party, plan *ckks.Plan, j ledger.Job) (privacy.Secret[[]float64], error) {
	var none privacy.Secret[[]float64]
	results, err := p.Results(ctx, j)
	if err != nil {
		return none, err
	}
	if len(results) != 1 {
		return none, notice.New(notice.Integrity, "the worker returned another number of results than inputs", "dispute the job: `manx job dispute "+string(j.ID)+"`")
	}
	return p.Decrypt(plan, results[0])
}

// oncePerJob is the budget of a release: a job's score leaves once.
type oncePerJob struct {
	p   *owner.Party
	job ledger.JobID
}

// Spend implements privacy.Budget. A repeated try of the same job, whose answer
// never arrived, releases the same value and costs nothing more.
func (b oncePerJob) Spend(context.Context) error {
	return b.p.Keys.Keep("released/"+string(b.job), []byte{1})
}

// answer seals a released score to the asker.
func answer(ctx context.Context, p *owner.Party, j ledger.Job, released privacy.Released, st scoreproof.Statement, proof scoreproof.Proof) error {
	b, digest, err := newAnswer(released, st, proof)
	if err != nil {
		return err
	}
	to, err := p.RecipientOf(ctx, j.Asker)
	if err != nil {
		return err
	}
	sealed, err := seal.Message(b, to)
	if err != nil {
		return err
	}
	ref, err := p.Vault.Write(ctx, bytes.NewReader(sealed))
	if err != nil {
		return err
	}
	_, err = p.Do(ctx, ledger.AnswerJob{Job: j.ID, Answer: ref, Digest: digest})
	return err
}

// Deny refuses a request; the asker's fee goes back.
func Deny(ctx context.Context, p *owner.Party, id ledger.JobID) error {
	_, err := p.Do(ctx, ledger.DenyJob{Job: id})
	return err
}

// Dispute says that a field of the borrower's file is wrong; its furnisher
// answers with a new version.
func Dispute(ctx context.Context, p *owner.Party, furnisher ledger.PartyID, field string) error {
	_, err := p.Do(ctx, ledger.DisputeField{Furnisher: furnisher, Field: field})
	return err
}
