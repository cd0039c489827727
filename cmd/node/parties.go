package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"manx/ledger"
)

// Each organisation's holder of shares is a process of its own as well, with its
// own keys and store. It writes down where it listens, and the organisation signs
// that it sits there.

// SeatFile is where `manx party run` writes, in its folder, the seat it asks its
// organisation for: JSON of a ledger.TakeSeat.
const SeatFile = "seat.json"

// startParties starts the holders of the network's first three organisations.
func (n *Node) startParties(running context.Context, k *clerk) error {
	if n.opts.NoParties || len(k.orgs) < ledger.Sharers {
		return nil
	}
	for _, o := range k.orgs[:ledger.Sharers] {
		dir, pass, err := n.childHome("party-" + o.Name)
		if err != nil {
			return err
		}
		started := make(chan int, 1)
		n.group.Go(func() error {
			n.keepChild(running, dir, pass, started, "party", "run", "--organisation", string(o.ID))
			return nil
		})
		n.Holders = append(n.Holders, <-started)
		n.group.Go(func() error { n.keepSeat(running, k, o, filepath.Join(dir, SeatFile)); return nil })
	}
	return nil
}

// keepSeat signs, as an organisation, that its holder sits where the holder says,
// whenever that changes.
func (n *Node) keepSeat(running context.Context, k *clerk, o organisation, file string) {
	for wait := time.Second / 5; ; {
		k.try(running, "seat", func(ctx context.Context) error {
			seated, err := k.seat(ctx, o, file)
			if seated {
				wait = 2 * time.Second
			}
			return err
		})
		select {
		case <-running.Done():
			return
		case <-time.After(wait):
		}
	}
}

// seat compares a holder's file with the ledger, and reports whether they agree.
func (k *clerk) seat(ctx context.Context, o organisation, file string) (bool, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // it is starting
	}
	if err != nil {
		return false, fmt.Errorf("read seat: %w", err)
	}
	var wants ledger.TakeSeat
	if err := json.Unmarshal(b, &wants); err != nil {
		return false, fmt.Errorf("seat file: %w", err)
	}
	kept, err := k.ledger.Read(ctx, ledger.SeatKey(o.ID))
	if err == nil {
		has, err := ledger.ReadSeat(k.genesis, o.ID, kept)
		if err != nil {
			return false, err
		}
		if has.TakeSeat.Same(wants) {
			return true, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	now, err := k.now(ctx)
	if err != nil {
		return false, err
	}
	c, err := ledger.NewCommand(k.genesis.ID(), o, now+600, wants)
	if err != nil {
		return false, err
	}
	if _, err := k.ledger.Submit(ctx, c); err != nil {
		return false, err
	}
	k.log.InfoContext(ctx, "an organisation has seated its holder of shares", slog.String("organisation", o.Name))
	return true, nil
}
