package council_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/clear"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
	"manx/web/owner/holder"
	"manx/web/owner/holder/council"
)

// A hall is processes that can sit down together: a wire each, and how they are
// reached.
type hall struct {
	wires []council.Wire
	peers []council.Peer
}

// loopback returns processes on TLS and this machine's own network.
func loopback(t testing.TB, n int) *hall {
	t.Helper()
	h := &hall{}
	var boards []*holder.Switchboard
	var keys []ed25519.PublicKey
	for range n {
		public, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := holder.Listen(t.Context(), "127.0.0.1:0", key)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
		boards, keys = append(boards, b), append(keys, public)
		h.wires = append(h.wires, b)
		h.peers = append(h.peers, council.Peer{Address: b.Address(), Key: public})
	}
	for _, b := range boards {
		b.Admit(keys...)
	}
	return h
}

// meet has some of the processes sit down in a new session and each do its part,
// place by place, and returns each place's error.
func (h *hall) meet(ctx context.Context, session byte, who []int, part func(ctx context.Context, t *council.Table) error) []error {
	var peers []council.Peer
	for _, i := range who {
		peers = append(peers, h.peers[i])
	}
	errs := make([]error, len(who))
	var all sync.WaitGroup
	for place, i := range who {
		all.Go(func() {
			table, err := council.Sit(ctx, h.wires[i], [32]byte{session}, place, peers)
			if err == nil {
				err = part(ctx, table)
				err = errors.Join(err, table.Close())
			}
			errs[place] = err
		})
	}
	all.Wait()
	return errs
}

// held is a context with time enough for any protocol, on any machine.
func held(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// leaks fails a test that leaves goroutines of the package behind.
func leaks(t testing.TB) {
	t.Cleanup(func() {
		var left string
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			b := make([]byte, 1<<20)
			left = ""
			for g := range strings.SplitSeq(string(b[:runtime.Stack(b, true)]), "\n\n") {
				if strings.Contains(g, "holder/council.") {
					left += g + "\n\n"
				}
			}
			if left == "" {
				return
			}
		}
		t.Errorf("goroutines are left:\n%s", left)
	})
}

// A house is a founded committee, its members' journals, and a score of one
// applicant under its key.
type house struct {
	charter    *committee.Charter
	identities []committee.Identity
	members    []*committee.Member
	journals   []*journal
	keys       []byte
	result     *he.Ciphertext
	slots      []int
	want       float64
}

func (x *house) public() *he.PublicKey { return x.members[0].PublicKey() }

// planned returns a charter for need of n members, not founded.
func planned(need, n int) (*house, error) {
	x := &house{members: make([]*committee.Member, n)}
	var seats []committee.Seat
	for i := range n {
		id, err := committee.NewIdentity()
		if err != nil {
			return nil, err
		}
		x.identities, x.journals = append(x.identities, id), append(x.journals, newJournal())
		seats = append(seats, id.Seat(fmt.Sprintf("organisation %d", i+1)))
	}
	var err error
	x.charter, err = committee.NewCharter(he.Shared, need, seats)
	return x, err
}

// found founds it at the first places of a hall, and has it make the keys for a
// scorecard by some of its members, and its score encrypted.
func found(ctx context.Context, h *hall, need, n int, active []int) (*house, error) {
	x, err := planned(need, n)
	if err != nil {
		return nil, err
	}
	err = errors.Join(h.meet(ctx, 1, upTo(n), func(ctx context.Context, t *council.Table) error {
		m, err := council.Found(ctx, t, x.charter, x.identities[t.Self()])
		x.members[t.Self()] = m
		return err
	})...)
	if err != nil {
		return nil, err
	}
	plan, err := ckks.CompileShared(card(), [32]byte{1}, nil)
	if err != nil {
		return nil, err
	}
	if x.keys, err = x.forge(ctx, h, 2, active, plan.Needs()); err != nil {
		return nil, err
	}
	x.slots = plan.Results()
	x.result, x.want, err = x.score(ctx, plan.Plan)
	return x, err
}

// forge makes evaluation keys, the same at every place.
func (x *house) forge(ctx context.Context, h *hall, session byte, active []int, needs he.Needs) ([]byte, error) {
	w, err := x.charter.Commission(active, needs)
	if err != nil {
		return nil, err
	}
	var who []int
	for _, m := range active {
		who = append(who, m-1)
	}
	keys := make([][]byte, len(active))
	err = errors.Join(h.meet(ctx, session, who, func(ctx context.Context, t *council.Table) error {
		// The first place hands out the commission.
		told, err := t.Tell(ctx, 0, w.Bytes())
		if err != nil {
			return err
		}
		mine, err := x.charter.ReadCommission(told)
		if err != nil {
			return err
		}
		m := active[t.Self()]
		keys[t.Self()], err = council.Forge(ctx, t, x.members[m-1], mine, x.journals[m-1])
		return err
	})...)
	for _, k := range keys {
		if err == nil && !bytes.Equal(k, keys[0]) {
			err = errors.New("two places have different keys")
		}
	}
	return keys[0], err
}

// score encrypts an applicant, runs the plan, and returns the clear run's result too.
func (x *house) score(ctx context.Context, p *ckks.Plan) (*he.Ciphertext, float64, error) {
	want, err := clear.Run(card(), applicant())
	if err != nil {
		return nil, 0, err
	}
	keys, err := he.ReadEvaluationKeys(ctx, bytes.NewReader(x.keys), he.Shared, p.Needs())
	if err != nil {
		return nil, 0, err
	}
	w, err := ckks.NewWorker(ctx, p)
	if err != nil {
		return nil, 0, err
	}
	in, err := p.Encrypt(x.public(), privacy.Hide(applicant()))
	if err != nil {
		return nil, 0, err
	}
	c, err := w.Evaluate(ctx, he.NewEvaluator(keys), in, nil)
	return c, want[0], err
}

// card is a points scorecard of 10 one-hot features.
func card() ml.Graph {
	const in = 10
	w := make([]float64, in)
	for i := range w {
		w[i] = float64((i*37+11)%101 - 30)
	}
	return ml.Graph{
		Name: "card", Input: []int{in}, Output: 1,
		Nodes: []ml.Node{{Op: ml.Linear{Out: 1, In: in, Weights: w, Bias: []float64{300}}, Args: []int{0}}},
	}
}

func applicant() []float64 { return []float64{0, 1, 0, 0, 0, 0, 0, 0, 1, 0} }

// A seating is an opening's places in a hall: who sits, and of these the serving
// members and the parties.
type seating struct {
	who     []int // of the hall, by place
	members []int
	parties [3]int
}

// open opens the house's result, and returns each party's shares and each place's
// error.
func (x *house) open(ctx context.Context, h *hall, session byte, o *committee.Order, s seating) ([3][]mpc.Share, []error) {
	active := o.Active()
	var from [3][]mpc.Share
	errs := h.meet(ctx, session, s.who, func(ctx context.Context, t *council.Table) error {
		var m *committee.Member
		var c *he.Ciphertext
		var public *he.PublicKey
		var j committee.Journal
		if k := slices.Index(s.members, t.Self()); k >= 0 {
			m, c, public, j = x.members[active[k]-1], x.result, x.public(), x.journals[active[k]-1]
		}
		got, err := council.Open(ctx, t, m, o, public, c, j, s.parties, s.members)
		if p := slices.Index(s.parties[:], t.Self()); p >= 0 && err == nil {
			from[p] = got
		} else if len(got) > 0 {
			err = errors.Join(err, errors.New("shares at a place that is no party"))
		}
		return err
	})
	return from, errs
}

// rounded has three parties round what they were dealt, and joins it.
func (x *house) rounded(ctx context.Context, from [3][]mpc.Share) (float64, error) {
	out := make([]mpc.Share, mpc.Parties)
	links := link.Memory()
	group, ctx := errgroup.WithContext(ctx)
	for i := range mpc.Parties {
		group.Go(func() (err error) {
			s, err := mpc.Open(ctx, mpc.Config{Session: [32]byte{1}, Party: i, Next: links[i].Next, Previous: links[i].Previous, Security: mpc.SemiHonest})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			v, err := committee.Receive(s, x.charter, from[i])
			if err == nil {
				v, err = committee.Round(s, v)
			}
			if err == nil {
				out[i], err = s.Output(v)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	values, err := mpc.Join(out...)
	if err != nil {
		return 0, err
	}
	return float64(int64(values[0])), nil
}

// opens fails the test unless these members open the clear run's score.
func (x *house) opens(t *testing.T, h *hall, session byte, active []int, s seating) {
	t.Helper()
	o, err := x.charter.Order(active, x.result, x.slots)
	if err != nil {
		t.Fatal(err)
	}
	from, errs := x.open(held(t), h, session, o, s)
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("members %v: %v", active, err)
	}
	got, err := x.rounded(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	if got != x.want {
		t.Errorf("members %v open %g, the clear run's is %g", active, got, x.want)
	}
}

func upTo(n int) (out []int) {
	for i := range n {
		out = append(out, i)
	}
	return out
}

// A journal in memory.
type journal struct {
	mu      sync.Mutex
	entries map[[32]byte]committee.Entry
}

func newJournal() *journal { return &journal{entries: map[[32]byte]committee.Entry{}} }

func (j *journal) Read(s [32]byte) (committee.Entry, bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e, ok := j.entries[s]
	return e, ok, nil
}

func (j *journal) Write(s [32]byte, e committee.Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, ok := j.entries[s]; ok {
		return committee.ErrTaken
	}
	j.entries[s] = e
	return nil
}

func (j *journal) Spent() (n int, _ error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries {
		n += e.Values
	}
	return n, nil
}

// The whole way among processes on TLS: founded, keys made, a score encrypted and
// evaluated, and opened by any enough members to three parties, who may be members
// or not. What leaves is the clear run's result.
func TestInvariant7_ACouncilOpensTheScoreOfTheClearRun(t *testing.T) {
	leaks(t)
	h := loopback(t, 8)
	x, err := found(held(t), h, 2, 3, []int{1, 3})
	if err != nil {
		t.Fatal(err)
	}
	x.opens(t, h, 10, []int{1, 2}, seating{[]int{0, 1, 2}, []int{0, 1}, [3]int{0, 1, 2}})
	x.opens(t, h, 11, []int{2, 3}, seating{[]int{2, 0, 1}, []int{2, 0}, [3]int{1, 2, 0}})
	x.opens(t, h, 12, []int{1, 3}, seating{[]int{0, 2, 5, 6, 7}, []int{0, 1}, [3]int{2, 3, 4}})

	y, err := found(held(t), h, 3, 5, []int{1, 4, 5})
	if err != nil {
		t.Fatal(err)
	}
	y.opens(t, h, 13, []int{2, 3, 5}, seating{[]int{5, 6, 7, 1, 2, 4}, []int{3, 4, 5}, [3]int{0, 1, 2}})
	y.opens(t, h, 14, []int{1, 2, 3}, seating{[]int{0, 1, 2, 6}, []int{0, 1, 2}, [3]int{3, 1, 2}})
}
