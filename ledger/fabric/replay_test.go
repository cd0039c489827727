package fabric

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/orderer"
	pb "github.com/hyperledger/fabric-protos-go/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"manx/ledger"
	"manx/ledger/fabric/batch"
)

// A peer is a small one: it has blocks of private transactions, and answers
// queries of their events as slowly as a real one does.
type peer struct {
	blocks  []*common.Block
	cut     uint64 // breaks the first stream off before this block; 0 never
	most    int    // transactions whose events fit into an answer; 0 is any number
	streams atomic.Int64
	queries atomic.Int64
}

// slowQuery is what a query takes.
const slowQuery = 10 * time.Millisecond

func newPeer(t *testing.T, blocks, each int) *peer {
	p := &peer{}
	said := report(t, batch.Report{Lane: ledger.Health, Outcomes: []batch.Outcome{{Applied: true}}})
	for i := range blocks {
		var all [][]byte
		for n := range each {
			all = append(all, envelope(t, fmt.Sprint("tx ", i, n), "manx", batch.Name, said))
		}
		b := block(make([]byte, each), all...)
		b.Header.Number = uint64(i)
		p.blocks = append(p.blocks, b)
	}
	return p
}

// Deliver implements pb.DeliverServer.
func (p *peer) Deliver(s pb.Deliver_DeliverServer) error {
	first := p.streams.Add(1) == 1
	e, err := s.Recv()
	if err != nil {
		return err
	}
	var payload common.Payload
	var seek orderer.SeekInfo
	if err := errors.Join(unmarshal(e.Payload, &payload, "payload"), unmarshal(payload.Data, &seek, "seek")); err != nil {
		return err
	}
	for i := seek.GetStart().GetSpecified().GetNumber(); i < uint64(len(p.blocks)); i++ {
		if first && p.cut > 0 && i == p.cut {
			return errors.New("the peer restarts")
		}
		if err := s.Send(&pb.DeliverResponse{Type: &pb.DeliverResponse_Block{Block: p.blocks[i]}}); err != nil {
			return err
		}
	}
	<-s.Context().Done() // no block comes any more
	return nil
}

// DeliverFiltered implements pb.DeliverServer.
func (*peer) DeliverFiltered(pb.Deliver_DeliverFilteredServer) error { return errors.ErrUnsupported }

// DeliverWithPrivateData implements pb.DeliverServer.
func (*peer) DeliverWithPrivateData(pb.Deliver_DeliverWithPrivateDataServer) error {
	return errors.ErrUnsupported
}

// ProcessProposal implements pb.EndorserServer: it answers the contract's query
// of private events.
func (p *peer) ProcessProposal(_ context.Context, q *pb.SignedProposal) (*pb.ProposalResponse, error) {
	p.queries.Add(1)
	time.Sleep(slowQuery)
	var proposal pb.Proposal
	var call pb.ChaincodeProposalPayload
	var spec pb.ChaincodeInvocationSpec
	if err := errors.Join(unmarshal(q.ProposalBytes, &proposal, "proposal"), unmarshal(proposal.Payload, &call, "payload"), unmarshal(call.Input, &spec, "input")); err != nil {
		return nil, err
	}
	txs := spec.ChaincodeSpec.Input.Args[2:] // after the function and the lane
	if p.most > 0 && len(txs) > p.most {
		return nil, status.Error(codes.ResourceExhausted, "the message is larger than max")
	}
	var out []batch.Record
	for _, tx := range txs {
		out = append(out, batch.Record{Events: [][]ledger.Event{{{Name: string(tx)}}}})
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	done := &pb.Response{Status: 200, Payload: b}
	action, err := proto.Marshal(protoadapt.MessageV2Of(&pb.ChaincodeAction{Response: done}))
	if err != nil {
		return nil, err
	}
	payload, err := proto.Marshal(protoadapt.MessageV2Of(&pb.ProposalResponsePayload{Extension: action}))
	return &pb.ProposalResponse{Response: done, Payload: payload, Endorsement: &pb.Endorsement{}}, err
}

// serve starts the peer and returns a ledger that reads from it alone.
func (p *peer) serve(t *testing.T) *Ledger {
	t.Helper()
	s := newSite(t)
	cert, err := tls.LoadX509KeyPair(filepath.Join(s.Dir, "tls.pem"), filepath.Join(s.Dir, "user.key"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
	pb.RegisterDeliverServer(g, p)
	pb.RegisterEndorserServer(g, p)
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	s.Peer = listener.Addr().String()
	cfg := s.profile(t).complete()
	l := &Ledger{cfg: cfg, net: open(t, cfg), recent: map[uint64][]ledger.Event{}}
	l.ctx, l.stop = context.WithCancel(context.Background())
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		g.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l
}

func open(t *testing.T, cfg Config) *network {
	t.Helper()
	text, err := os.ReadFile(cfg.Profile)
	if err != nil {
		t.Fatal(err)
	}
	n := newNetwork(cfg)
	if err := n.load(text); err != nil {
		t.Fatal(err)
	}
	return n
}

// replay reads the events of all blocks from height 1 and checks that each comes
// once, in order.
func (p *peer) replay(t *testing.T, l *Ledger) {
	t.Helper()
	var want []string
	var heights []ledger.Height
	for _, b := range p.blocks {
		for i := range b.Data.Data {
			h, err := batch.HeightOf(b.Header.Number, i, 0)
			if err != nil {
				t.Fatal(err)
			}
			if h == 0 {
				continue // before the first
			}
			want, heights = append(want, fmt.Sprint("tx ", b.Header.Number, i)), append(heights, h)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	next := 0
	for e, err := range l.Events(ctx, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Name != want[next] || e.Height != heights[next] {
			t.Fatalf("event %d is %q at %d, want %q at %d", next, e.Name, e.Height, want[next], heights[next])
		}
		if next++; next == len(want) {
			return
		}
	}
	t.Fatalf("after 30 s %d of %d events came", next, len(want))
}

// Who reads a long history does not ask the peer once a block, and a stream that
// breaks off loses no event and gives none twice.
func TestReplayAsksSeldom(t *testing.T) {
	for name, cut := range map[string]uint64{"in one stream": 0, "in two": 101} {
		t.Run(name, func(t *testing.T) {
			const n = 320
			p := newPeer(t, n, 1)
			p.cut = cut
			p.replay(t, p.serve(t))
			if got := p.queries.Load(); got > n/4 {
				t.Errorf("%d queries for %d blocks", got, n)
			}
		})
	}
}

// Events that do not fit into one answer are asked for in several.
func TestReplayAsksForLess(t *testing.T) {
	p := newPeer(t, 3, 100)
	p.most = 7
	p.replay(t, p.serve(t))
}

// What is opened when nobody waits for it any more is closed.
func TestOpenedTooLate(t *testing.T) {
	n := open(t, newSite(t).profile(t).complete())
	for name, c := range map[string]struct {
		late bool
		err  error
	}{"in time": {}, "too late": {late: true, err: context.DeadlineExceeded}, "refused": {err: errConflict}} {
		t.Run(name, func(t *testing.T) {
			patience, wait := time.Minute, make(chan struct{})
			if c.late {
				patience = time.Millisecond
			} else {
				close(wait)
			}
			closed := make(door)
			got, err := held(t.Context(), n, patience, func() (door, error) {
				<-wait
				if c.late {
					return closed, nil
				}
				return closed, c.err
			})
			if !errors.Is(err, c.err) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			if c.late {
				close(wait)
				<-closed
			} else if err == nil {
				got.Close()
				<-closed
			}
		})
	}
	if err := n.close(); err != nil {
		t.Error(err)
	}
}

// A door is closed once.
type door chan struct{}

func (d door) Close() { close(d) }
