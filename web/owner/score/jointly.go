package score

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"sync"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/credit/scoreproof"
	"manx/credit/scoreshare"
	"manx/ledger"
	"manx/ml"
	"manx/ml/ckks"
	points "manx/ml/scorecard"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/storage"
	"manx/web/owner"
	"manx/web/owner/holder"
)

// JointPlan compiles a scorecard for a committee's key: it gives the points that
// each feature loses, of which the members make score and reasons on shares.
// Everybody who compiles it gets the same bytes.
func JointPlan(card *scorecard.Model) (*ckks.Plan, error) {
	c, err := ckks.CompileShared(points.Lost(card), scoreproof.ModelHash(card), nil)
	if err != nil {
		return nil, err
	}
	return c.Plan, nil
}

// A jointCard is a scorecard under a committee's key, as its members run it.
type jointCard struct {
	plan    *ckks.Plan
	lost    ml.Graph // what it is compiled of
	program *scoreshare.Program

	mu    sync.Mutex
	ready *ckks.Worker
	hash  ledger.Hash // of the evaluation keys that are bound
	bound *he.Evaluator
}

var _ holder.Joint = (*jointCard)(nil)

func newJointCard(card *scorecard.Model, program *scoreshare.Program) (*jointCard, error) {
	plan, err := JointPlan(card)
	return &jointCard{plan: plan, lost: points.Lost(card), program: program}, err
}

// Needs implements holder.Joint.
func (c *jointCard) Needs() he.Needs { return c.plan.Needs() }

// Evaluate implements holder.Joint.
func (c *jointCard) Evaluate(ctx context.Context, hash ledger.Hash, fetch func() ([]byte, error), input []byte) ([]byte, error) {
	in, err := c.plan.ReadInput(bytes.NewReader(input))
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ready == nil {
		if c.ready, err = ckks.NewWorker(ctx, c.plan); err != nil {
			return nil, err
		}
	}
	if c.bound == nil || c.hash != hash {
		b, err := fetch()
		if err != nil {
			return nil, err
		}
		keys, err := he.ReadEvaluationKeys(ctx, bytes.NewReader(b), c.plan.Set(), c.plan.Needs())
		if err != nil {
			return nil, err
		}
		c.hash, c.bound = hash, he.NewEvaluator(keys)
	}
	result, err := c.ready.Evaluate(ctx, c.bound, in, nil)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_, err = result.WriteTo(&out)
	return out.Bytes(), err
}

// Trial implements holder.Joint.
func (c *jointCard) Trial(key *he.PublicKey) ([]byte, []uint64, error) {
	lost := c.lost.Nodes[0].Op.(ml.Linear)
	largest := 1.0 // result of ones
	for k := range lost.Out {
		sum := 0.0
		for _, w := range lost.Weights[k*lost.In : (k+1)*lost.In] {
			sum += w
		}
		largest = max(largest, sum)
	}
	// As large as results may be: another linear model comes to the same by chance
	// of one in this.
	set := c.plan.Set()
	most := big.NewInt(max(2, int64(set.MaxResult(set.WorkScale())/2/largest)))
	x, want := make([]float64, lost.In), make([]uint64, lost.Out)
	for i := range x {
		n, err := rand.Int(rand.Reader, most)
		if err != nil {
			return nil, nil, fmt.Errorf("draw a trial: %w", err)
		}
		x[i] = float64(n.Int64())
		for k := range want {
			want[k] += uint64(lost.Weights[k*lost.In+i]) * n.Uint64()
		}
	}
	b, err := encryptWith(c.plan, key, privacy.Hide(x))
	return b, want, err
}

// Result implements holder.Joint.
func (c *jointCard) Result(b []byte) (*he.Ciphertext, []int, error) {
	r, err := c.plan.ReadResult(bytes.NewReader(b))
	return r, c.plan.Results(), err
}

// Decide implements holder.Joint.
func (c *jointCard) Decide(s *mpc.Session, lost mpc.Share) (mpc.Share, error) {
	return c.program.Decide(s, lost)
}

// An encrypted file is a credit file as one model takes it, under a committee's
// key.
type encrypted struct {
	Model  ledger.Hash `json:"model"`
	Cipher []byte      `json:"cipher"`
}

// encrypt encrypts a file, on its furnisher's device, for the scorecards on offer
// that a committee serves, at most ledger.MaxEncryptions; for none where the
// network has no committee.
func encrypt(ctx context.Context, p *owner.Party, f *credit.File) (said []ledger.Encryption, out []encrypted, err error) {
	models, err := p.Models(ctx)
	if err != nil {
		return nil, nil, err
	}
	models = slices.DeleteFunc(models, func(m ledger.Model) bool {
		return m.Joint.IsZero() || m.Retired || ledger.VerticalOf(m.ID) != ledger.Credit
	})
	if len(models) == 0 {
		return nil, nil, nil
	}
	c, err := p.Committee(ctx)
	if notice.Is(err, notice.Unavailable) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	key, err := p.CommitteeKey(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range models {
		if _, twice := ledger.EncryptionFor(said, m.Hash); twice || len(said) == ledger.MaxEncryptions {
			continue
		}
		cipher, err := encryptFor(ctx, p, m, f, key)
		if notice.Is(err, notice.Unsupported) || notice.Is(err, notice.Integrity) {
			continue // another's model, which is not what it says
		}
		if err != nil {
			return nil, nil, err
		}
		said = append(said, ledger.Encryption{Key: c.Key, ModelHash: m.Hash, Digest: sha256.Sum256(cipher)})
		out = append(out, encrypted{m.Hash, cipher})
	}
	return said, out, nil
}

func encryptFor(ctx context.Context, p *owner.Party, m ledger.Model, f *credit.File, key *he.PublicKey) ([]byte, error) {
	card, err := model(ctx, p, m)
	if err != nil {
		return nil, err
	}
	plan, err := JointPlan(card)
	if err != nil {
		return nil, err
	}
	return encryptWith(plan, key, privacy.Hide(card.OneHot(f.Features().Reveal(reveal.Token{}))))
}

// encryptWith returns the bytes of a plan's input.
func encryptWith(plan *ckks.Plan, key *he.PublicKey, x privacy.Secret[[]float64]) ([]byte, error) {
	in, err := plan.Encrypt(key, x)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, c := range in {
		if _, err := c.WriteTo(&b); err != nil {
			return nil, fmt.Errorf("write input: %w", err)
		}
	}
	return b.Bytes(), nil
}

// checkEncrypted refuses encryptions that are not those whose digests are on the
// ledger.
func checkEncrypted(in []encrypted, said []ledger.Encryption) error {
	for _, e := range in {
		if s, ok := ledger.EncryptionFor(said, e.Model); !ok || s.Digest != ledger.Hash(sha256.Sum256(e.Cipher)) {
			return notice.New(notice.Integrity, "the furnisher's encryptions are not those it committed to", "ask the furnisher for the file behind the latest commitment")
		}
	}
	return nil
}

// encryptedObject is where a record keeps its file's encryptions.
const (
	encryptedObject = "encrypted.json"
	maxEncrypted    = 8 << 20
)

// jointInput stores the encryption of a record's file for a model, and returns it
// with the key that it is under; nothing where the furnisher made none, or where
// its committee is no more.
func jointInput(ctx context.Context, p *owner.Party, r ledger.Record, m ledger.Model) (ref storage.Ref, key ledger.Hash, err error) {
	said, ok := ledger.EncryptionFor(r.Commitment.Encryptions, m.Hash)
	if !ok {
		return ref, key, nil
	}
	c, err := p.Committee(ctx)
	if notice.Is(err, notice.Unavailable) || err == nil && c.Key != said.Key {
		return ref, key, nil
	}
	if err != nil {
		return ref, key, err
	}
	opened, _, err := p.OpenOwn(ctx, r.ID, 0)
	if err != nil {
		return ref, key, err
	}
	o, err := opened.Open(ctx, encryptedObject)
	if notice.Is(err, notice.NotFound) {
		return ref, key, nil
	}
	if err != nil {
		return ref, key, err
	}
	b, err := io.ReadAll(io.LimitReader(o, maxEncrypted))
	if err = errors.Join(err, o.Close()); err != nil {
		return ref, key, err
	}
	var kept []encrypted
	if err := json.Unmarshal(b, &kept); err != nil {
		return ref, key, fmt.Errorf("kept encryptions: %w", err)
	}
	if err := checkEncrypted(kept, r.Commitment.Encryptions); err != nil {
		return ref, key, err
	}
	for _, e := range kept {
		if e.Model == m.Hash {
			ref, err = p.Vault.Write(ctx, bytes.NewReader(e.Cipher))
			return ref, said.Key, err
		}
	}
	return ref, key, nil
}
