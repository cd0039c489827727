// Package score is what furnishers, borrowers and lenders do on their own
// devices: sign a credit file, keep it sealed, ask for a score, consent, prove
// it, verify it. It knows nothing of health.
package score

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"manx/credit/scorecard"
	"manx/credit/scoreproof"
	"manx/ledger"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/web/owner"
)

// DefaultModel is the scorecard that is asked for where none is named.
const DefaultModel = "consumer-risk"

// An Answer is all that a lender receives, sealed to it. The ledger holds its
// digest; the salt keeps the few possible scores from being tried out.
type Answer struct {
	Statement scoreproof.Statement `json:"statement"`
	Proof     scoreproof.Proof     `json:"proof"`
	Salt      []byte               `json:"salt"`
}

// seal makes the answer of a released score: a raw decryption cannot be given
// to it.
func newAnswer(released privacy.Released, st scoreproof.Statement, proof scoreproof.Proof) ([]byte, ledger.Digest, error) {
	if v := released.Values(); len(v) != 1 || v[0] != int64(st.Score) {
		return nil, ledger.Digest{}, notice.New(notice.Integrity, "the released score is not the proved score", "dispute the job: `manx job dispute`")
	}
	a := Answer{Statement: st, Proof: proof, Salt: make([]byte, 32)}
	_, _ = rand.Read(a.Salt)
	b, err := json.Marshal(a)
	if err != nil {
		return nil, ledger.Digest{}, fmt.Errorf("encode answer: %w", err)
	}
	return b, digestOf(b), nil
}

func digestOf(answer []byte) ledger.Digest {
	return sha256.Sum256(append([]byte("manx/answer/v1\x00"), answer...))
}

// contextOf binds a proof to one lender, grant and job.
func contextOf(n ledger.NetworkID, j ledger.Job) scoreproof.Context {
	return scoreproof.Context{Network: string(n), Lender: string(j.Asker), Grant: string(j.Grant), Job: string(j.ID)}
}

// model fetches the scorecard that a published model's hash names.
func model(ctx context.Context, p *owner.Party, m ledger.Model) (*scorecard.Model, error) {
	pub, err := p.Card(ctx, m)
	if err != nil {
		return nil, err
	}
	if len(pub.Scorecard) == 0 {
		return nil, notice.New(notice.Unsupported, "the model is no scorecard: nobody can prove its result, so no lender is answered with it", "choose another model: `manx model list`")
	}
	sc, err := scorecard.Parse(pub.Scorecard)
	if err != nil {
		return nil, err
	}
	if ledger.Hash(scoreproof.ModelHash(sc)) != m.Hash {
		return nil, notice.New(notice.Integrity, "the published scorecard is not the one whose hash is on the ledger", "choose another model: `manx model list`")
	}
	return sc, nil
}

const maxKeys = 64 << 20

// keys fetches the proving and verifying keys that a model was published with. They are
// to be those of a version of DefaultModel, which the organisations made together: whoever
// made keys of its own could prove what is false, and has notice.Integrity.
func keys(ctx context.Context, p *owner.Party, m ledger.Model) (*scoreproof.Keys, error) {
	models, err := p.Models(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(owner.Versions(models, DefaultModel, ledger.Credit), func(v ledger.Model) bool { return v.Keys == m.Keys }) {
		return nil, notice.New(notice.Integrity, "the model's proofs rest on keys that are not those of "+DefaultModel+": whoever made them could prove a score that is none", "choose another model: `manx model list`")
	}
	pack, err := p.Vault.Open(ctx, m.KeysRef)
	if err != nil {
		return nil, err
	}
	defer pack.Close()
	if pack.Size() > maxKeys {
		return nil, notice.New(notice.Exhausted, "the model's proving keys are larger than they can rightly be", "choose another model: `manx model list`")
	}
	return scoreproof.ReadKeys(pack, scoreproof.KeyDigest(m.Keys))
}

// day turns days since 1970 into yyyymmdd, as the ledger writes dates.
func day(days uint32) int {
	t := time.Unix(int64(days)*86400, 0).UTC()
	return t.Year()*10000 + int(t.Month())*100 + t.Day()
}

// dateOf writes a proof's date for people.
func dateOf(days uint32) string { return time.Unix(int64(days)*86400, 0).UTC().Format("2006-01-02") }

// reasons spells out a proof's reason codes.
func reasons(codes []int) ([]scorecard.Reason, error) {
	out := []scorecard.Reason{}
	for _, c := range codes {
		r, ok := scorecard.ReasonOf(c)
		if !ok {
			return nil, notice.New(notice.Unsupported, "the proof gives a reason this version of manx does not know", "bring manx up to date")
		}
		out = append(out, r)
	}
	return out, nil
}
