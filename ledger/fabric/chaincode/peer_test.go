package chaincode

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/shim"
	pb "github.com/hyperledger/fabric-protos-go/peer"

	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/fabric/batch"
	"manx/ledger/ledgertest"
)

// A stub is one invocation on a peer that is a member of some collections. As
// on Fabric, reads see the committed state alone, and a peer that is no member
// of a collection cannot read it.
type stub struct {
	shim.ChaincodeStubInterface
	peer      *peer
	tx        string
	args      [][]byte
	transient map[string][]byte
	writes    map[[2]string][]byte // collection and key; nil deletes
	event     []byte
}

// A peer keeps committed state by collection and key.
type peer struct {
	cc      *Chaincode
	member  map[string]bool
	state   map[[2]string][]byte
	broken  string // a key that cannot be read
	invoked int
}

func newPeer(g ledger.Genesis, members ...string) *peer {
	p := &peer{cc: New(contract.New(g), nil), member: map[string]bool{"": true}, state: map[[2]string][]byte{}}
	for _, m := range members {
		p.member[m] = true
	}
	return p
}

func (s *stub) GetArgs() [][]byte                        { return s.args }
func (s *stub) GetTxID() string                          { return s.tx }
func (s *stub) GetTransient() (map[string][]byte, error) { return s.transient, nil }
func (s *stub) GetState(k string) ([]byte, error)        { return s.GetPrivateData("", k) }
func (s *stub) PutState(k string, v []byte) error        { return s.PutPrivateData("", k, v) }
func (s *stub) DelState(k string) error                  { return s.DelPrivateData("", k) }

func (s *stub) GetPrivateData(c, k string) ([]byte, error) {
	if !s.peer.member[c] || k == s.peer.broken {
		return nil, errors.New("the peer does not have it")
	}
	return s.peer.state[[2]string{c, k}], nil
}

func (s *stub) PutPrivateData(c, k string, v []byte) error {
	if k == "" || len(v) == 0 {
		return errors.New("no key or no value")
	}
	if _, twice := s.writes[[2]string{c, k}]; twice {
		return errors.New("a key is written twice")
	}
	s.writes[[2]string{c, k}] = v
	return nil
}

func (s *stub) DelPrivateData(c, k string) error {
	s.writes[[2]string{c, k}] = nil
	return nil
}

func (s *stub) SetEvent(_ string, b []byte) error {
	s.event = b
	return nil
}

func (p *peer) invoke(f string, transient []byte, args ...[]byte) (*stub, pb.Response) {
	p.invoked++
	s := &stub{peer: p, tx: fmt.Sprintf("tx%d", p.invoked), args: append([][]byte{[]byte(f)}, args...), writes: map[[2]string][]byte{}}
	if transient != nil {
		s.transient = map[string][]byte{batch.Transient: transient}
	}
	return s, p.cc.Invoke(s)
}

func (p *peer) apply(t testing.TB, b batch.Batch) (*stub, batch.Report) {
	t.Helper()
	j, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	s, r := p.invoke(batch.Apply, j)
	if b.Lane == ledger.Common {
		s, r = p.invoke(batch.Apply, nil, j)
	}
	if r.Status != shim.OK {
		t.Fatalf("apply: %s", r.Message)
	}
	var out batch.Report
	if err := ledger.Decode(s.event, &out); err != nil {
		t.Fatal(err)
	}
	return s, out
}

func (p *peer) commit(s *stub) {
	for k, v := range s.writes {
		if v == nil {
			delete(p.state, k)
		} else {
			p.state[k] = v
		}
	}
}

// A ledger on one peer that is a member of everything. Each transaction is a
// block.
type onePeer struct {
	t     testing.TB
	mu    sync.Mutex
	grown *sync.Cond
	peer  *peer
	log   []ledger.Event
}

func open(t testing.TB) (*onePeer, ledgertest.World) {
	g, orgs := ledgertest.NewGenesis(3, rand.Reader)
	l := &onePeer{t: t, peer: newPeer(g, "health", "credit")}
	l.grown = sync.NewCond(&l.mu)
	return l, ledgertest.World{Genesis: g, Organisations: orgs, Now: func() ledger.Time { return ledger.Time(time.Now().Unix()) }}
}

func (l *onePeer) Submit(_ context.Context, c ledger.Command) (ledger.Height, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lane := batch.LaneOf(c)
	s, r := l.peer.apply(l.t, batch.Batch{Lane: lane, Commands: []ledger.Command{c}})
	height := func(tx string) (h ledger.Height, err error) {
		var n uint64
		if _, err = fmt.Sscanf(tx, "tx%d", &n); err == nil {
			h, err = batch.HeightOf(n, 0, 0)
		}
		return h, err
	}
	switch o := r.Outcomes[0]; {
	case o.Refused != nil:
		if len(s.writes) != 0 {
			l.t.Error("a refused command writes")
		}
		return 0, o.Refused.Err()
	case o.Before != nil:
		return height(o.Before.Tx)
	}
	l.peer.commit(s)
	record := r.Record
	if lane != ledger.Common {
		_, out := l.peer.invoke(batch.Events, nil, []byte(lane), []byte(s.tx))
		var all []*batch.Record
		if err := json.Unmarshal(out.Payload, &all); err != nil || len(all) != 1 || record != nil {
			l.t.Fatalf("events: %s %v", out.Message, err)
		}
		record = all[0]
	}
	h, err := height(s.tx)
	for _, e := range record.Events[0] {
		e.Height = h
		l.log = append(l.log, e)
	}
	l.grown.Broadcast()
	return h, err
}

func (l *onePeer) Read(_ context.Context, k ledger.Key) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, r := l.peer.invoke(batch.Read, nil, []byte(k))
	if r.Status != shim.OK {
		return nil, errors.New(r.Message)
	}
	if r.Payload == nil {
		return nil, fs.ErrNotExist
	}
	return r.Payload, nil
}

func (l *onePeer) Events(ctx context.Context, from ledger.Height) iter.Seq2[ledger.Event, error] {
	return func(yield func(ledger.Event, error) bool) {
		defer context.AfterFunc(ctx, l.grown.Broadcast)()
		for i := 0; ; i++ {
			l.mu.Lock()
			for i == len(l.log) && ctx.Err() == nil {
				l.grown.Wait()
			}
			if ctx.Err() != nil {
				l.mu.Unlock()
				return
			}
			e := l.log[i]
			l.mu.Unlock()
			if e.Height >= from && !yield(e, nil) {
				return
			}
		}
	}
}

func TestSuite(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) (ledger.Ledger, ledgertest.World) { return open(t) })
}

// clone returns a peer with the same state that is a member of other collections.
func (p *peer) clone(members ...string) *peer {
	q := &peer{cc: p.cc, member: map[string]bool{"": true}, state: maps.Clone(p.state), invoked: p.invoked}
	for _, m := range members {
		q.member[m] = true
	}
	return q
}
