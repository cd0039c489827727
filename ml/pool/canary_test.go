package pool_test

import (
	"context"
	"crypto/rand"
	"io"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/ml/pool"
	"manx/ml/pool/engine"
	"manx/ml/pool/pooltest"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/storage"
)

// An organisation asks as a person of its own, with keys of its own, what it has
// evaluated beforehand. To a worker that is a job like any other: the same command,
// model, stage and sizes, and ciphertexts that only who has the key can tell from
// others. A coalition that answers wrongly is paid, and pays when it is revealed.
func TestACanaryIsAJobLikeOthers(t *testing.T) {
	t.Parallel()
	s := begin(t)
	chance := s.Chance(8)
	workers := []*pool.Worker{s.staked(), s.staked()}
	for _, w := range workers {
		w.Engine = crooked(w.Engine)
	}

	real := s.AskingProof(s.patient, s.model, s.record, ledger.Proof{Replicas: 2})
	real.EvalKeys, real.Inputs = s.keys, []storage.Ref{s.encrypt(1, 1, 1, 1)}

	// The organisation's person: her own CKKS key, an input like those of others.
	org, person := s.World.Organisations[1], s.Party(ledger.Health, ledger.Person)
	var seed [32]byte
	_, _ = rand.Read(seed[:])
	secret, err := he.NewSecretKey(s.plan.Set(), privacy.Hide(seed))
	check(t, err)
	keys := s.store(func(w io.Writer) error { return secret.WriteEvaluationKeys(t.Context(), w, s.plan.Needs(), nil) })
	s.secret = secret
	canary := s.AskingProof(person, s.model, s.Study(person), ledger.Proof{Replicas: 2})
	canary.EvalKeys, canary.Inputs = keys, []storage.Ref{s.encrypt(1, 1, 1, 1)}
	answer, err := pool.RerunReceipt(t.Context(), s.vault, engine.CKKS{}, ledger.Receipt{Model: s.model, Plan: s.planRef, PlanHash: s.plan.Hash(), EvalKeys: keys, Inputs: canary.Inputs})
	check(t, err)

	ask := s.Sign(person, canary)
	id, salt := ledger.NewJobID(ledger.Health, ask.ID), ledger.Salt(seed)
	s.Do(org, ledger.CommitCanary{Commitment: ledger.CanaryCommitment(id, answer, salt)})
	other := s.Sign(s.patient, real)
	for _, c := range []ledger.Command{ask, other} {
		_, err := s.Submit(c)
		check(t, err)
	}
	theirs := s.Job(ledger.NewJobID(ledger.Health, other.ID))
	if len(ask.Body) != len(other.Body) || s.Job(id).Stage != theirs.Stage || s.size(canary.Inputs[0]) != s.size(real.Inputs[0]) || s.size(keys) != s.size(s.keys) {
		t.Error("a canary can be told from a job by its form")
	}

	s.Do(person, ledger.DrawJob{Job: id, Value: chance.Roll().Number})
	for _, w := range workers {
		s.start(w.Run)
	}
	s.find(id)
	s.eventually("the lie is accepted", func() bool { return s.Job(id).Stage == ledger.Done })
	s.Do(person, ledger.AcceptJob{Job: id})
	orgs := s.World.Organisations
	s.Do(org, ledger.RevealCanary{Job: id, Hash: answer, Salt: salt}, orgs[0], orgs[2])
	for _, w := range workers {
		if got := s.StakeOf(w.Signer.(*ledgertest.Key)); got.String() != "10" {
			t.Errorf("a liar's stake holds %s", got)
		}
	}
}

// size returns the bytes of a pack.
func (s *scene) size(r storage.Ref) int64 {
	s.T.Helper()
	p, err := s.vault.Open(s.T.Context(), r)
	check(s.T, err)
	defer p.Close()
	return p.Size()
}

// crooked evaluates right and says something else, the same in every process.
func crooked(e pool.Engine) pool.Engine {
	return pooltest.Instead(e, func(evaluate pooltest.Evaluate) pooltest.Evaluate {
		return func(ctx context.Context, in io.Reader, out io.Writer, progress func(step, of int)) error {
			if err := evaluate(ctx, in, out, progress); err != nil {
				return err
			}
			_, err := out.Write([]byte("and one more"))
			return err
		}
	})
}
