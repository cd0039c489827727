// Package fabric is the ledger on Hyperledger Fabric: the contract of the
// exchange, run as a chaincode by several organisations, through fabric-sdk-go.
// It is the one door to Fabric's libraries; the chaincode's side is below it.
//
// A command is committed when a majority of the organisations endorsed what it
// does, the orderers put it in a block, and our own organisation's peer has that
// block. Commands of many authors share a transaction: those of health, of
// credit, and of neither have a lane each, and the first two travel and are kept
// where only the members of their lane see them.
//
// A height has the number of the block, the transaction's place in it and the
// command's place in the transaction; heights have gaps.
//
// It does not order by itself, hold state, or trust one peer's word on a
// refusal: what it answers, two organisations' peers have signed. It reads from
// our own organisation's peer alone, so that nobody misses what they were told
// is committed.
package fabric

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/providers/fab"
	"golang.org/x/sync/semaphore"

	"manx/ledger"
	"manx/ledger/fabric/batch"
	"manx/privacy/notice"
)

// A Config says which network, and as whom.
type Config struct {
	Profile      string // file of the connection profile of fabric-sdk-go, YAML
	Organisation string // as the profile names it; its first peer is ours. Empty is "exchange"
	User         string // of the organisation. Empty is "manx"
	Channel      string // Empty is "manx"
	Contract     string // the chaincode's name on the channel. Empty is "manx"

	Batch          int           // commands that may share a transaction; 0 is as many as fit
	Patience       time.Duration // how long a command is tried; 0 is one minute
	CommitPatience time.Duration // how long a transaction may take to be committed before it is looked up; 0 is five seconds
	Log            *slog.Logger  // nil is silent
}

// A Ledger implements ledger.Ledger. It is safe for concurrent use.
type Ledger struct {
	cfg   Config
	net   *network
	lanes map[ledger.Vertical]*lane
	gate  *semaphore.Weighted // batches under way; one that must run alone takes it all
	hot   *semaphore.Weighted // held by the one batch that changes what many change; taken before gate

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	watched map[string]chan committed
	last    ledger.Height
	recent  map[uint64][]ledger.Event // of the latest blocks that somebody read
	order   []uint64                  // their numbers, oldest first
}

var errClosed = errors.New("the ledger is closed")

// complete returns c with its defaults.
func (c Config) complete() Config {
	for v, otherwise := range map[*string]string{&c.Organisation: "exchange", &c.User: "manx", &c.Channel: "manx", &c.Contract: "manx"} {
		if *v == "" {
			*v = otherwise
		}
	}
	if c.Batch <= 0 || c.Batch > batch.MaxCommands {
		c.Batch = batch.MaxCommands
	}
	if c.Patience == 0 {
		c.Patience = time.Minute
	}
	if c.CommitPatience == 0 {
		c.CommitPatience = 5 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// New connects to a network that runs. Every error is a notice. Close ends it.
func New(ctx context.Context, cfg Config) (*Ledger, error) {
	cfg = cfg.complete()
	net, err := dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	l := &Ledger{
		cfg: cfg, net: net, lanes: map[ledger.Vertical]*lane{}, gate: semaphore.NewWeighted(everybody), hot: semaphore.NewWeighted(1),
		watched: map[string]chan committed{}, recent: map[uint64][]ledger.Event{},
	}
	l.ctx, l.stop = context.WithCancel(context.Background())
	next, err := l.findLast(ctx)
	if err != nil {
		l.stop()
		return nil, errors.Join(unreachable(err, "the organisation's own peer"), net.close())
	}
	l.work.Go(func() { l.follow(next) })
	for _, v := range []ledger.Vertical{ledger.Health, ledger.Credit, ledger.Common} {
		a := &lane{l: l, name: v, waiting: make(chan *request), slots: make(chan struct{}, max(underWay, 2*batch.MaxCommands/cfg.Batch))}
		l.lanes[v] = a
		l.work.Go(func() { a.run(l.ctx) })
	}
	return l, nil
}

// Close ends every Submit, Read and Events under way, and waits for them to let
// go of the network.
func (l *Ledger) Close() error {
	l.stop()
	l.work.Wait()
	return l.net.close()
}

// Submit implements ledger.Ledger.
func (l *Ledger) Submit(ctx context.Context, c ledger.Command) (ledger.Height, error) {
	if len(c.Body) > ledger.MaxBody || len(c.Cosigns) > ledger.MaxCosigns || len(c.Name) > 64 || len(c.Author) > 64 || len(c.Network) > 64 {
		return 0, notice.New(notice.Invalid, "the command is too large", "")
	}
	size := len(c.Body)*4/3 + 1024 + 256*len(c.Cosigns)
	out := make(chan reply, 1)
	select {
	case l.lanes[batch.LaneOf(c)].waiting <- &request{c, size, out}:
	case <-l.ctx.Done():
		return 0, errClosed
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case r := <-out:
		return r.height, r.err
	case <-l.ctx.Done():
		return 0, errClosed
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// readPatience is how long a read waits for a peer that is away.
const readPatience = 10 * time.Second

// Read implements ledger.Ledger.
func (l *Ledger) Read(ctx context.Context, k ledger.Key) ([]byte, error) {
	b, err := l.ask(ctx, readPatience, batch.Read, []byte(k))
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("ledger state: %w", fs.ErrNotExist)
	}
	return b, nil
}

// ask queries the contract on our own peer, again while the peer is away.
func (l *Ledger) ask(ctx context.Context, patience time.Duration, function string, args ...[]byte) (b []byte, err error) {
	ctx, cancel := l.bound(ctx, patience)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if b, err = l.net.query(ctx, fab.ChaincodeInvokeRequest{ChaincodeID: l.cfg.Contract, Fcn: function, Args: args}); err == nil {
			return b, nil
		}
		if contractSaid(err) || tooLarge(err) {
			return nil, fmt.Errorf("ask the contract: %w", err)
		}
		if wait(ctx, pause) != nil {
			if l.ctx.Err() != nil {
				return nil, errClosed
			}
			return nil, unreachable(err, "the organisation's own peer")
		}
	}
}

// bound is ctx until Close or a time has passed; none when patience is 0.
func (l *Ledger) bound(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	off := context.AfterFunc(l.ctx, cancel)
	if patience == 0 {
		return ctx, func() { off(); cancel() }
	}
	ctx, end := context.WithTimeout(ctx, patience)
	return ctx, func() { off(); end(); cancel() }
}

// Height returns the height of the last command that our own peer has
// committed, 0 when there is none.
func (l *Ledger) Height() (ledger.Height, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, nil
}

// findLast finds the last command, and the number of the block to come.
func (l *Ledger) findLast(ctx context.Context) (next uint64, err error) {
	next, err = l.net.height(ctx)
	if err != nil {
		return 0, err
	}
	for n := next; n > 0 && l.last == 0; n-- {
		b, err := l.net.block(ctx, n-1)
		if err != nil {
			return 0, err
		}
		l.note(b)
	}
	return next, nil
}

// follow tells those who wait for a commit, until Close.
func (l *Ledger) follow(next uint64) {
	_ = l.net.blocks(l.ctx, next, func(run []*common.Block) error { // ends with Close alone
		for _, b := range run {
			l.note(b)
		}
		return nil
	})
}

// note takes in what a block did.
func (l *Ledger) note(b *common.Block) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range transactions(b, l.cfg.Contract) {
		c := committed{b.GetHeader().GetNumber(), t.place, t.valid}
		for i, o := range t.report.Outcomes {
			if h, err := batch.HeightOf(c.block, c.place, i); err == nil && o.Applied && valid(t.valid) {
				l.last = max(l.last, h)
			}
		}
		if w := l.watched[t.id]; w != nil {
			w <- c
			delete(l.watched, t.id) // a second one of the id would be a duplicate
		}
	}
}

func (l *Ledger) watch(tx string) <-chan committed {
	w := make(chan committed, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watched[tx] = w
	return w
}

func (l *Ledger) unwatch(tx string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.watched, tx)
}
