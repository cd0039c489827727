package fabric

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	pb "github.com/hyperledger/fabric-protos-go/peer"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/chconfig"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/comm"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/events/deliverclient/connection"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/events/deliverclient/seek"
)

// The pauses between tries for a peer that is away.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

// blocks hands on the blocks of our own peer from a number on, in order and each
// once, then waits for more. Those that have come while take was at work come
// together. It reconnects when the peer goes away, and returns only when ctx ends
// or take returns an error. The SDK's event client would
// share one position among all who ask for the same block, and forget it.
func (n *network) blocks(ctx context.Context, from uint64, take func(run []*common.Block) error) error {
	pause := firstPause
	for {
		before := from
		err := n.stream(ctx, from, func(run []*common.Block) error {
			next := from
			run = slices.DeleteFunc(run, func(b *common.Block) bool {
				if b.GetHeader().GetNumber() != next {
					return true // a peer that starts anew may repeat itself
				}
				next++
				return false
			})
			if len(run) == 0 {
				return nil
			}
			if err := take(run); err != nil {
				return &taken{err}
			}
			from = next
			return nil
		})
		if t, ok := errors.AsType[*taken](err); ok {
			return t.error
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if from != before {
			pause = firstPause
		}
		n.cfg.Log.DebugContext(ctx, "the peer's blocks broke off", "next", from, "error", err)
		if wait(ctx, pause) != nil {
			return ctx.Err()
		}
		pause = min(2*pause, lastPause)
	}
}

// taken marks an error of who takes the blocks.
type taken struct{ error }

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// ahead is how many blocks a connection reads before somebody takes them, and
// how many are handed on together at most. A block has 2 MB at most, nearly always.
const ahead = 16

// stream is one connection's run of blocks.
func (n *network) stream(ctx context.Context, from uint64, take func([]*common.Block) error) error {
	conn, err := n.deliver(ctx, from)
	if err != nil {
		return fmt.Errorf("ask the peer for blocks: %w", err)
	}
	got := make(chan any, ahead)
	if err := n.start(func() {
		defer close(got)
		conn.Receive(got)
	}); err != nil {
		conn.Close()
		return err
	}
	defer func() {
		conn.Close()
		for range got { // until Receive has seen it
		}
	}()
	for {
		var run []*common.Block
		var ended error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, open := <-got:
			run, ended = add(run, e, open)
		}
		for more := true; more && ended == nil && len(run) < ahead; {
			select {
			case e, open := <-got:
				run, ended = add(run, e, open)
			default:
				more = false
			}
		}
		if len(run) > 0 {
			if err := take(run); err != nil {
				return err
			}
		}
		if ended != nil {
			return ended
		}
	}
}

// add puts the block that a connection received behind those before it, or says
// why there is none.
func add(run []*common.Block, e any, open bool) ([]*common.Block, error) {
	if !open {
		return run, errors.New("the peer ended the stream")
	}
	answer, ok := e.(*connection.Event)
	if !ok {
		return run, errors.New("the connection broke")
	}
	r, _ := answer.Event.(*pb.DeliverResponse)
	b := r.GetBlock()
	if b == nil {
		return run, fmt.Errorf("the peer answers %s instead of a block", r.GetStatus())
	}
	return append(run, b), nil
}

// deliver opens a connection on which our own peer sends its blocks from a number
// on.
func (n *network) deliver(ctx context.Context, from uint64) (*connection.DeliverConnection, error) {
	return held(ctx, n, callPatience, func() (*connection.DeliverConnection, error) {
		opts := comm.OptsFromPeerConfig(&n.ownConf)
		c, err := connection.New(n.client, chconfig.NewChannelCfg(n.cfg.Channel), connection.Deliver, n.ownConf.URL,
			append(opts, comm.WithConnectTimeout(dialPatience), comm.WithFailFast(true))...)
		if err != nil {
			return nil, err
		}
		if err := c.Send(seek.InfoFrom(from)); err != nil {
			c.Close()
			return nil, err
		}
		return c, nil
	})
}

// held is guard for a call that opens something: what it opens when nobody waits
// for it any more is closed again.
func held[T interface{ Close() }](ctx context.Context, n *network, patience time.Duration, open func() (T, error)) (opened T, err error) {
	var mu sync.Mutex
	given, left := false, false
	err = n.guard(ctx, patience, func(context.Context) error {
		c, err := open()
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if left {
			c.Close()
			return errors.New("nobody waits for it")
		}
		opened, given = c, true
		return nil
	})
	mu.Lock()
	defer mu.Unlock()
	if left = true; err != nil && given { // it came as the wait ended
		opened.Close()
	}
	if err != nil {
		var none T
		return none, err
	}
	return opened, nil
}
