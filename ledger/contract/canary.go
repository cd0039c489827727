package contract

import (
	"manx/ledger"
	"manx/ledger/proof"
	"manx/privacy/notice"
)

func commitCanary(t *txn, b ledger.CommitCanary) error {
	if t.author.Role != ledger.Governor {
		return refuse(notice.Denied, "only an organisation asks canaries", "")
	}
	k := ledger.CanaryKey(b.Commitment)
	if _, ok, err := load[ledger.Canary](t, k); err != nil || ok {
		return either(err, refuse(notice.Conflict, "such a commitment is there already", ""))
	}
	return t.save(k, ledger.Canary{By: t.cmd.Author, At: t.now}, "")
}

// revealCanary punishes who gave another result to a job than the organisation knew
// before it was asked, and nobody twice.
func revealCanary(t *txn, b ledger.RevealCanary) error {
	if err := t.governed(); err != nil {
		return err
	}
	k := ledger.CanaryKey(ledger.CanaryCommitment(b.Job, b.Hash, b.Salt))
	c, ok, err := load[ledger.Canary](t, k)
	if err != nil || !ok {
		return either(err, refuse(notice.NotFound, "no such canary was committed to", ""))
	}
	j, err := t.job(b.Job)
	switch {
	case err != nil:
		return err
	case c.By != t.cmd.Author || c.At > j.At[ledger.Asked]:
		return refuse(notice.Denied, "a canary is its author's, who committed to it before it was asked", "")
	case !j.Stage.Over():
		return refuse(notice.Conflict, "a canary is revealed when its job has ended", "wait until then")
	}
	plain := j.Proving == nil
	if plain {
		j.Proving = &ledger.Proving{}
		if !j.Hash.IsZero() {
			j.Proving.Replicas = []ledger.Replica{{Worker: j.Worker, Hash: j.Hash}}
		}
	}
	verdicts := make([]proof.Verdict, len(j.Proving.Replicas))
	for i := range j.Proving.Replicas {
		r := &j.Proving.Replicas[i]
		switch {
		case r.Hash.IsZero():
		case r.Hash == b.Hash:
			if !r.Lost {
				verdicts[i] = proof.Right
			}
		case !r.Punished:
			verdicts[i], r.Punished = proof.Lied, true
			st, err := t.standing(r.Worker)
			if err != nil {
				return err
			}
			t.setStanding(proof.After(st, proof.Lied, t.now))
		}
	}
	if err := t.put(k, nil); err != nil {
		return err
	}
	if err := t.punish(j.Proving.Replicas, verdicts); err != nil {
		return err
	}
	if plain {
		return nil
	}
	return t.save(ledger.KeyOf(j.ID), j, ledger.CanaryRevealed)
}
