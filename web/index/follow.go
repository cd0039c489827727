package index

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"manx/ledger"
)

// What one transaction takes at most: whatever waits goes in together.
const (
	maxBatch = 512
	maxBytes = 4 << 20
)

// Follow reads events into the index until ctx ends. After a restart, of the
// node or of the database, it goes on where it was: events are applied together
// with the cursor, or not at all. While the database does not answer it waits.
func (x *Index) Follow(ctx context.Context, l ledger.Ledger) error {
	err := x.follow(ctx, l)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to end
	}
	return err
}

func (x *Index) follow(ctx context.Context, l ledger.Ledger) error {
	var last uint64
	if err := x.insist(ctx, func(db *gorm.DB) error {
		return db.Table("cursors").Where("id IN ?", []int{statesCursor, movedCursor, usesCursor, loggedCursor}).Select("MIN(height)").Take(&last).Error
	}); err != nil {
		return fmt.Errorf("read index cursor: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	events := make(chan ledger.Event, maxBatch)
	g.Go(func() error {
		defer close(events)
		// Several events share a height, and the last transaction may have ended
		// between two of them: the last height is read again. To apply an event
		// twice is a plain overwrite.
		for e, err := range l.Events(ctx, ledger.Height(max(last, 1))) {
			if err != nil {
				return fmt.Errorf("follow events: %w", err)
			}
			select {
			case events <- e:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	g.Go(func() error {
		for {
			batch := gather(events)
			if len(batch) == 0 {
				return nil
			}
			if err := x.apply(ctx, batch); err != nil {
				return fmt.Errorf("index events from %d: %w", batch[0].Height, err)
			}
			if i := lastWhole(batch); i >= 0 {
				x.grow(batch[i].Height)
			}
		}
	})
	return g.Wait()
}

// gather returns what waits, at least one event and no command in part, unless
// there are no more; none when there are none.
func gather(events <-chan ledger.Event) (batch []ledger.Event) {
	e, ok := <-events
	for size := 0; ok; {
		batch = append(batch, e)
		if size += len(e.Body); !e.Last {
			e, ok = <-events
			continue
		}
		if len(batch) >= maxBatch || size > maxBytes {
			break
		}
		select {
		case e, ok = <-events:
		default:
			ok = false
		}
	}
	return batch
}

func lastWhole(batch []ledger.Event) int {
	for i := len(batch) - 1; i >= 0; i-- {
		if batch[i].Last {
			return i
		}
	}
	return -1
}

func (x *Index) grow(h ledger.Height) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.whole = max(x.whole, h)
	close(x.grown)
	x.grown = make(chan struct{})
}

// Await returns once everything up to a height is in the index, so that who has
// just written reads what was written.
func (x *Index) Await(ctx context.Context, h ledger.Height) error {
	for {
		x.mu.Lock()
		whole, grown := x.whole, x.grown
		x.mu.Unlock()
		if whole >= h {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A change is what a batch of events comes to.
type change struct {
	last     uint64 // height
	keys     []string
	gone     []string
	states   []state
	mentions []mention
	uses     []use
}

func changeOf(batch []ledger.Event) (change, error) {
	c := change{last: uint64(batch[len(batch)-1].Height)}
	seen := make(map[ledger.Key]bool, len(batch))
	for _, e := range slices.Backward(batch) { // the latest value of a key counts
		word := wordOf(e.Key)
		used, err := usesOf(e)
		if err != nil {
			return c, err
		}
		c.uses = append(c.uses, used...)
		if word == "" || seen[e.Key] {
			continue
		}
		seen[e.Key] = true
		key := string(e.Key)
		c.keys = append(c.keys, key)
		if e.Body == nil {
			c.gone = append(c.gone, key)
			continue
		}
		c.states = append(c.states, state{key, word, e.Body, uint64(e.Height)})
		for _, p := range parties(e.Body) {
			c.mentions = append(c.mentions, mention{p, word, key, uint64(e.Height)})
		}
	}
	return c, nil
}

// rows is how many rows a statement takes. SQLite takes 32766 values, but its driver looks
// for each among all of a statement: more rows are slower.
const rows = 100

// apply applies a batch in one transaction. The cursor goes first: its row is
// what two nodes that share a database wait for each other at, and where another
// has come further the batch is in already.
func (x *Index) apply(ctx context.Context, batch []ledger.Event) error {
	c, err := changeOf(batch)
	if err != nil {
		return err
	}
	return x.insist(ctx, func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			moved := tx.Exec("UPDATE cursors SET height = ? WHERE id = ? AND height <= ?", c.last, statesCursor, c.last)
			if moved.Error != nil {
				return moved.Error
			}
			if moved.RowsAffected > 0 { // else states have it all; other tables may not
				if err := c.save(tx); err != nil {
					return err
				}
			}
			if err := c.count(tx); err != nil {
				return err
			}
			if err := tell(tx, batch); err != nil {
				return err
			}
			return book(tx, batch)
		})
	})
}

// save brings states and mentions up to date.
func (c change) save(tx *gorm.DB) error {
	for keys := range slices.Chunk(c.keys, rows) {
		if err := tx.Where("key IN ?", keys).Delete(&mention{}).Error; err != nil {
			return err
		}
	}
	for keys := range slices.Chunk(c.gone, rows) {
		if err := tx.Where("key IN ?", keys).Delete(&state{}).Error; err != nil {
			return err
		}
	}
	for some := range slices.Chunk(c.states, rows) {
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&some).Error; err != nil {
			return err
		}
	}
	for some := range slices.Chunk(c.mentions, rows) {
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&some).Error; err != nil {
			return err
		}
	}
	return nil
}

// wordOf returns the second part of keys of the form vertical/word/digits, and
// "" for keys the index does not keep.
func wordOf(k ledger.Key) string {
	_, rest, _ := strings.Cut(string(k), "/")
	word, digits, _ := strings.Cut(rest, "/")
	if digits == "" || strings.Contains(digits, "/") {
		return ""
	}
	switch word {
	case "rec", "grant", "job", "model", "coin", "overlap", "sum", "training", "escrow", "holding", "mint", "p":
		return word
	}
	return ""
}

// parties returns every party id that stands as a value in a JSON object, or in
// a list that does, once.
func parties(body []byte) (ids []string) {
	var v map[string]json.RawMessage
	if json.Unmarshal(body, &v) != nil {
		return nil
	}
	for _, f := range v {
		var all []string
		switch {
		case f[0] == '"' && len(f) <= 100:
			all = make([]string, 1)
			if json.Unmarshal(f, &all[0]) != nil {
				continue
			}
		case f[0] != '[' || len(f) > 1<<16 || json.Unmarshal(f, &all) != nil:
			continue
		}
		for _, s := range all {
			if ledger.CheckID(ledger.PartyID(s), "p") == nil && !slices.Contains(ids, s) {
				ids = append(ids, s)
			}
		}
	}
	return ids
}
