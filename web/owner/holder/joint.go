package holder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"manx/ledger"
	"manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/holder/council"
)

// A Joint is a model under a committee's key: a worker computes it on ciphertext,
// and the members open its results to shares.
type Joint interface {
	// Needs are the evaluation keys that the plan takes.
	Needs() ckks.Needs
	// Evaluate returns the result that a worker must come to under evaluation keys
	// of a hash: the same bytes on every machine. fetch returns the keys; keys and
	// input are from strangers.
	Evaluate(ctx context.Context, hash ledger.Hash, fetch func() ([]byte, error), input []byte) ([]byte, error)
	// Trial encrypts an input of numbers drawn at random, and returns what it comes
	// to: rounded results.
	Trial(key *ckks.PublicKey) (input []byte, want []uint64, err error)
	// Result reads a result's bytes, and says in which slots the results are.
	Result(b []byte) (*ckks.Ciphertext, []int, error)
	// Decide returns the party's share of what leaves, of the opened and rounded
	// results.
	Decide(s *mpc.Session, results mpc.Share) (mpc.Share, error)
}

// An opening is what a holder opens for a job, once all was checked.
type opening struct {
	program   Joint
	committee ledger.Committee
	member    *committee.Member
	charter   *committee.Charter
	keys      ledger.CommitteeKeys
	fetch     func() ([]byte, error) // their bytes
	result    *ckks.Ciphertext
	slots     []int
}

// Bounds of what a holder fetches for a job under a committee's key, in bytes.
const (
	maxJointKeys  = 256 << 20
	maxJointInput = 32 << 20
)

// joint refuses a job whose result is not that of the model on the encryption
// that the furnisher signed: one key opens everybody's data, so a member that
// opened what it is shown would open anything. It computes the result itself.
func (h *Holder) joint(ctx context.Context, j ledger.Job, p permit) (out opening, err error) {
	signed := p.signed
	refuse := func(text string) error {
		return notice.New(notice.Integrity, text, "nothing was opened; the job's deadline refunds it")
	}
	if out.program, err = jointOf(p.program); err != nil {
		return out, err
	}
	c, err := h.Party.CommitteeOf(ctx, j.Committee)
	if err != nil {
		return out, err
	}
	if out.charter, err = committee.ReadCharter(c.Charter); err != nil {
		return out, err
	}
	out.committee = c
	if c.Key != signed.Key || len(j.Inputs) != 1 || j.Inputs[0] != signed.Input {
		return out, refuse("the grant's owner signed for another key or input")
	}
	r, err := owner.Get[ledger.Record](ctx, h.Party.Client, j.Record)
	if err != nil {
		return out, err
	}
	input, err := h.Party.Fetch(ctx, signed.Input, maxJointInput)
	if err != nil {
		return out, err
	}
	e, ok := ledger.EncryptionFor(r.Commitment.Encryptions, signed.ModelHash)
	if !ok || e.Key != c.Key || e.Digest != ledger.Hash(sha256.Sum256(input)) {
		return out, refuse("the encrypted input is not the one that the furnisher has signed")
	}
	results, err := h.Party.Results(ctx, j)
	if err != nil {
		return out, err
	}
	if len(results) != 1 {
		return out, refuse("the worker returned another number of results than inputs")
	}
	k, err := h.Party.CommitteeKeys(ctx, j.Model, c)
	if err != nil {
		return out, err
	}
	if err := h.forged(ctx, c.Key, k); err != nil {
		return out, err
	}
	out.keys, out.fetch = k, func() ([]byte, error) {
		keys, err := h.Party.Fetch(ctx, k.Keys, maxJointKeys)
		if err == nil && ledger.Hash(sha256.Sum256(keys)) != k.Hash {
			err = refuse("the stored evaluation keys are not those that the members have made")
		}
		return keys, err
	}
	want, err := out.program.Evaluate(ctx, k.Hash, out.fetch, input)
	if err != nil {
		return out, err
	}
	if !bytes.Equal(want, results[0]) {
		return out, refuse("the worker's result is not the model's on this input")
	}
	if out.result, out.slots, err = out.program.Result(want); err != nil {
		return out, err
	}
	if serving(c, j) == nil {
		return out, notice.New(notice.Unavailable, "fewer of the three are the committee's members than it needs", "ask on shares alone: `manx credit request --by mpc`")
	}
	out.member, err = h.memberOf(ctx, c)
	return out, err
}

// serving returns which members open a job's result: of the three that compute,
// the first in the charter's order, as many as the committee needs. With abort it
// is opened by every two of the three, where two are enough: a member that shifts
// what she helps to open is in two of the three openings, and the third differs.
func serving(c ledger.Committee, j ledger.Job) (sets [][]int) {
	var all []int // in the charter's order
	for i, p := range c.Holders {
		if slices.Contains(j.Holders, p) {
			all = append(all, i+1)
		}
	}
	if len(all) < c.Need {
		return nil
	}
	sets = [][]int{all[:c.Need]}
	if j.Security == ledger.WithAbort && c.Need == 2 && len(all) == ledger.Sharers {
		sets = append(sets, []int{all[0], all[2]}, []int{all[1], all[2]})
	}
	return sets
}

// openJointly brings a job's result to shares of the three, once for each set of
// members that opens it, and before it what is to be tried first. The first place
// makes the orders.
func (h *Holder) openJointly(ctx context.Context, j ledger.Job, at int, o opening) (out []opened, err error) {
	sitting, cancel := context.WithTimeout(ctx, h.Patience)
	defer cancel()
	var seats []ledger.Seat
	for i, org := range j.Organisations {
		s, err := h.Party.Seat(sitting, h.Party.Home.Network.Genesis, org)
		if err != nil {
			return nil, err
		}
		if s.Holder != j.Holders[i] {
			return nil, fmt.Errorf("another holder sits for the organisation at place %d now", i)
		}
		seats = append(seats, s)
	}
	session := h.conference("open", fmt.Appendf(nil, "%s\x00%d", j.ID, j.Try))
	t, err := council.Sit(sitting, h.Wire, session, at, peersOf(seats))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if j.Security == ledger.WithAbort {
		if out, err = h.trials(ctx, t, o); err != nil {
			return nil, err
		}
	}
	out = append(out, opened{result: o.result})
	ctx, cancel = context.WithTimeout(ctx, h.Patience*time.Duration(len(out)))
	defer cancel()
	for i := range out {
		for _, active := range serving(o.committee, j) {
			dealt, err := h.openOnce(ctx, t, j, at, active, o, out[i].result)
			if err != nil {
				return nil, err
			}
			out[i].sets = append(out[i].sets, dealt)
		}
	}
	return out, nil
}

// openOnce brings a ciphertext to shares by one set of members.
func (h *Holder) openOnce(ctx context.Context, t *council.Table, j ledger.Job, at int, active []int, o opening, result *ckks.Ciphertext) ([]mpc.Share, error) {
	book, err := h.memberJournal(o.committee.ID)
	if err != nil {
		return nil, err
	}
	order, err := h.order(ctx, t, at, active, o, result)
	if err != nil {
		return nil, err
	}
	var members []int // places of those that serve
	for _, m := range active {
		members = append(members, slices.Index(j.Holders, o.committee.Holders[m-1]))
	}
	return council.Open(ctx, t, o.member, order, o.member.PublicKey(), result, book, [mpc.Parties]int{0, 1, 2}, members)
}

// order returns what the three open, which the first says and the others check.
func (h *Holder) order(ctx context.Context, t *council.Table, at int, active []int, o opening, result *ckks.Ciphertext) (*committee.Order, error) {
	var said []byte
	if at == 0 {
		order, err := o.charter.Order(active, result, o.slots)
		if err != nil {
			return nil, err
		}
		said = order.Bytes()
	}
	said, err := t.Tell(ctx, 0, said)
	if err != nil {
		return nil, err
	}
	order, err := o.charter.ReadOrder(said)
	if err == nil && (!slices.Equal(order.Active(), active) || !slices.Equal(order.Slots(), o.slots)) {
		err = notice.New(notice.Denied, "the order is not for the job's results", "nothing was opened; a new try makes a new order")
	}
	return order, err
}

// decide makes of what was opened, the job's result last, what leaves. Trials must
// be what they should be.
func (o opening) decide(s *mpc.Session, all []opened) (none mpc.Share, err error) {
	for _, x := range all {
		results, err := o.rounded(s, x)
		if err != nil {
			return none, err
		}
		if x.want == nil {
			return o.program.Decide(s, results)
		}
		if err := x.hold(s, results); err != nil {
			return none, err
		}
	}
	return none, errors.New("nothing was opened")
}

// rounded returns the results of a ciphertext. Openings of one by several sets of
// members must agree.
func (o opening) rounded(s *mpc.Session, x opened) (none mpc.Share, err error) {
	var all []mpc.Share
	for _, shares := range x.sets {
		results, err := committee.Receive(s, o.charter, shares)
		if err != nil {
			return none, err
		}
		all = append(all, results)
	}
	for _, other := range all[1:] {
		same, err := committee.Same(s, o.charter, all[0], other)
		if err != nil {
			return none, err
		}
		if err := s.Assert(same); err != nil {
			return none, err
		}
	}
	return committee.Round(s, all[0])
}
