package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/hyperledger/fabric-protos-go/common"

	"manx/ledger"
	"manx/ledger/fabric/batch"
)

// Events implements ledger.Ledger. A restart of the peer delays it, no more.
func (l *Ledger) Events(ctx context.Context, from ledger.Height) iter.Seq2[ledger.Event, error] {
	return func(yield func(ledger.Event, error) bool) {
		within, cancel := l.bound(ctx, 0)
		defer cancel()
		err := l.net.blocks(within, batch.BlockOf(from), func(run []*common.Block) error {
			blocks, err := l.eventsOf(within, run)
			if err != nil {
				return err
			}
			for _, events := range blocks {
				for _, e := range events {
					if within.Err() != nil {
						return within.Err()
					}
					if e.Height >= from && !yield(e, nil) {
						return errEnough
					}
				}
			}
			return nil
		})
		if !errors.Is(err, errEnough) && ctx.Err() == nil {
			if l.ctx.Err() != nil {
				err = errClosed
			}
			yield(ledger.Event{}, err)
		}
	}
}

var errEnough = errors.New("the reader has enough")

// recentBlocks is how many blocks' events are kept for several readers.
const recentBlocks = 64

// eventsOf returns the events of each block of a run. Those of the private lanes
// are read from our own peer, with one query for the whole run: a query costs the
// peer more than the block does.
func (l *Ledger) eventsOf(ctx context.Context, run []*common.Block) ([][]ledger.Event, error) {
	out := make([][]ledger.Event, len(run))
	fresh := make([][]transaction, len(run)) // of the blocks that nobody read lately
	var all []*transaction
	for i, b := range run {
		l.mu.Lock()
		events, ok := l.recent[b.GetHeader().GetNumber()]
		l.mu.Unlock()
		if out[i] = events; ok {
			continue
		}
		fresh[i] = slices.DeleteFunc(transactions(b, l.cfg.Contract), func(t transaction) bool { return !valid(t.valid) })
		for n := range fresh[i] {
			all = append(all, &fresh[i][n])
		}
	}
	for _, lane := range []ledger.Vertical{ledger.Health, ledger.Credit} {
		if err := l.fetch(ctx, lane, all); err != nil {
			return nil, err
		}
	}
	for i, b := range run {
		number := b.GetHeader().GetNumber()
		for _, t := range fresh[i] {
			events, err := eventsIn(number, t)
			if err != nil {
				return nil, err
			}
			out[i] = append(out[i], events...)
		}
		l.remember(number, out[i])
	}
	return out, nil
}

// eventsIn returns the events of a transaction of a block, at their heights.
func eventsIn(block uint64, t transaction) (out []ledger.Event, err error) {
	if t.report.Record == nil {
		return nil, nil
	}
	for i, events := range t.report.Record.Events {
		h, err := batch.HeightOf(block, t.place, i)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			e.Height = h
			out = append(out, e)
		}
	}
	return out, nil
}

// remember keeps the events of a block for the next reader.
func (l *Ledger) remember(number uint64, events []ledger.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.recent[number]; ok {
		return
	}
	l.recent[number] = events
	if l.order = append(l.order, number); len(l.order) > recentBlocks {
		delete(l.recent, l.order[0])
		l.order = l.order[1:]
	}
}

// fetchAtOnce bounds the transactions of one query.
const fetchAtOnce = 256

// fetch reads the records of a private lane's transactions into their reports. It
// asks for half as many after a failure: an answer may be too large for a message,
// and one transaction's data may be missing.
func (l *Ledger) fetch(ctx context.Context, lane ledger.Vertical, all []*transaction) error {
	var rest []*transaction
	for _, t := range all {
		if t.report.Lane == lane {
			rest = append(rest, t)
		}
	}
	most, pause := fetchAtOnce, firstPause
	for len(rest) > 0 {
		some := rest[:min(most, len(rest))]
		args := [][]byte{[]byte(lane)}
		for _, t := range some {
			args = append(args, []byte(t.id))
		}
		records, err := l.records(ctx, args)
		if err == nil {
			for i, t := range some {
				t.report.Record = records[i]
			}
			rest, pause = rest[len(some):], firstPause
			continue
		}
		// The peer may have to fetch private data it missed from another.
		l.cfg.Log.DebugContext(ctx, "private events are not there yet", "lane", string(lane), "transactions", len(some), "error", err)
		if wait(ctx, pause) != nil {
			return ctx.Err()
		}
		most, pause = max(1, len(some)/2), min(2*pause, lastPause)
	}
	return nil
}

func (l *Ledger) records(ctx context.Context, args [][]byte) ([]*batch.Record, error) {
	b, err := l.ask(ctx, readPatience, batch.Events, args...)
	if err != nil {
		return nil, err
	}
	var out []*batch.Record
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("private events: %w", err)
	}
	if len(out) != len(args)-1 || slices.Contains(out, nil) {
		return nil, errors.New("private events of a committed transaction are absent")
	}
	return out, nil
}
