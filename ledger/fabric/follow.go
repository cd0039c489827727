package fabric

import (
	"context"
	"errors"
	"fmt"
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
// once, then waits for more. It reconnects when the peer goes away, and returns
// only when ctx ends or take returns an error. The SDK's event client would
// share one position among all who ask for the same block, and forget it.
func (n *network) blocks(ctx context.Context, from uint64, take func(*common.Block) error) error {
	pause := firstPause
	for {
		before := from
		err := n.stream(ctx, from, func(b *common.Block) error {
			if b.GetHeader().GetNumber() != from {
				return nil // a peer that starts anew may repeat itself
			}
			if err := take(b); err != nil {
				return &taken{err}
			}
			from++
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

// stream is one connection's run of blocks.
func (n *network) stream(ctx context.Context, from uint64, take func(*common.Block) error) error {
	var conn *connection.DeliverConnection
	err := n.guard(ctx, callPatience, func(context.Context) error {
		opts := comm.OptsFromPeerConfig(&n.ownConf)
		c, err := connection.New(n.client, chconfig.NewChannelCfg(n.cfg.Channel), connection.Deliver, n.ownConf.URL,
			append(opts, comm.WithConnectTimeout(dialPatience), comm.WithFailFast(true))...)
		if err != nil {
			return err
		}
		if err := c.Send(seek.InfoFrom(from)); err != nil {
			c.Close()
			return err
		}
		if ctx.Err() != nil { // nobody waits any more
			c.Close()
			return ctx.Err()
		}
		conn = c
		return nil
	})
	if err != nil {
		return fmt.Errorf("ask the peer for blocks: %w", err)
	}
	got := make(chan any)
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
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, open := <-got:
			if !open {
				return errors.New("the peer ended the stream")
			}
			answer, ok := e.(*connection.Event)
			if !ok {
				return errors.New("the connection broke")
			}
			r, _ := answer.Event.(*pb.DeliverResponse)
			b := r.GetBlock()
			if b == nil {
				return fmt.Errorf("the peer answers %s instead of a block", r.GetStatus())
			}
			if err := take(b); err != nil {
				return err
			}
		}
	}
}
