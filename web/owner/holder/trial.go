package holder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"manx/ledger"
	"manx/privacy/ckks"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/storage"
	"manx/web/owner/holder/council"
)

// Evaluation keys can be wrong: who made them could make another model of the
// model, and everybody who computes under them would compute that. So with the
// first job with abort under such keys each of the three holders has the plan run
// on numbers that it has drawn itself, and all open what comes of it: a session in
// which one differs from what the tester knows ends. A holder that has seen that go
// well keeps it in mind.

// An opened is a ciphertext that is brought to shares.
type opened struct {
	result *ckks.Ciphertext
	want   []uint64      // of a trial: what it must be; nil of the job's result
	sets   [][]mpc.Share // by the set of members that opened it: what each dealt this place
}

func triedName(key, keys ledger.Hash) string { return "tried/" + key.String() + "/" + keys.String() }

// tried reports whether this holder has seen a trial of a job's evaluation keys.
func (h *Holder) tried(ctx context.Context, o opening) (bool, error) {
	_, err := h.Store.Get(ctx, triedName(o.committee.Key, o.keys.Hash))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// A tested is what a tester says: where its input is, and what it must come to.
type tested struct {
	Input storage.Ref `json:"input"`
	Want  []uint64    `json:"want"`
}

// trials returns what there is to open before a job's result: nothing where all
// three have seen a trial.
func (h *Holder) trials(ctx context.Context, t *council.Table, o opening) (out []opened, err error) {
	ctx, cancel := context.WithTimeout(ctx, conferring)
	defer cancel()
	known, err := h.tried(ctx, o)
	if err != nil {
		return nil, err
	}
	all := true
	for place := range mpc.Parties {
		mine := []byte{0}
		if known {
			mine[0] = 1
		}
		said, err := t.Tell(ctx, place, mine)
		if err != nil {
			return nil, err
		}
		all = all && bytes.Equal(said, []byte{1})
	}
	if all {
		return nil, nil
	}
	var own []byte
	input, want, err := o.program.Trial(o.member.PublicKey())
	if err != nil {
		return nil, err
	}
	ref, err := h.Party.Vault.Write(ctx, bytes.NewReader(input))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.Party.Vault.Erase(context.WithoutCancel(ctx), ref)) }()
	if own, err = json.Marshal(tested{ref, want}); err != nil {
		return nil, fmt.Errorf("encode trial: %w", err)
	}
	for place := range mpc.Parties {
		said, err := t.Tell(ctx, place, own)
		if err != nil {
			return nil, err
		}
		x, err := h.trial(ctx, said, o)
		if err != nil {
			return nil, fmt.Errorf("the trial of place %d: %w", place, err)
		}
		out = append(out, x)
	}
	// Nobody erases its input before all have fetched it.
	for place := range mpc.Parties {
		if _, err := t.Tell(ctx, place, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// trial computes what a tester has said is to be tried.
func (h *Holder) trial(ctx context.Context, said []byte, o opening) (out opened, err error) {
	var of tested
	if err := ledger.Decode(said, &of); err != nil {
		return out, err
	}
	if len(of.Want) != len(o.slots) {
		return out, notice.New(notice.Invalid, "a trial has another number of results than the model", "")
	}
	input, err := h.Party.Fetch(ctx, of.Input, maxJointInput)
	if err != nil {
		return out, err
	}
	b, err := o.program.Evaluate(ctx, o.keys.Hash, o.fetch, input)
	if err != nil {
		return out, err
	}
	out.want = slices.Clone(of.Want)
	out.result, _, err = o.program.Result(b)
	return out, err
}

// hold ends a session in which a trial comes to something else than it must.
func (x opened) hold(s *mpc.Session, results mpc.Share) error {
	same, err := s.Equal(results, s.Public(x.want))
	if err != nil {
		return err
	}
	return s.Assert(same)
}
