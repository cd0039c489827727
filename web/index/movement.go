package index

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"manx/ledger"
	"manx/web/api"
)

// movement is one coin that came to a party or left her.
type movement struct {
	Party  string `gorm:"primaryKey"`
	Time   int64  `gorm:"primaryKey;autoIncrement:false"`
	Height uint64 `gorm:"primaryKey;autoIncrement:false"`
	N      int    `gorm:"primaryKey;autoIncrement:false"` // which of the height's
	Body   []byte // api.Movement as JSON
}

// purse is what a party holds.
type purse struct {
	Party   string `gorm:"primaryKey"`
	Balance string
}

// unspent is whose a coin is, until it is spent.
type unspent struct {
	Coin   string `gorm:"primaryKey"`
	Party  string
	Amount string
}

// Moved is a page of what moved a party's coins.
type Moved struct {
	Opening ledger.Amount     // what she held before the first
	Bodies  []json.RawMessage // each an api.Movement, oldest first
	Next    ledger.Height     // where there is more: after which,
	From    ledger.Time       // and from which time on
}

// Movements returns what moved a party's coins from a time on, before another
// and after a height: about limit of them, those of one height together. Where Next
// is not 0, Movements after it goes on, from the time of the last. limit is more than
// one command moves.
func (x *Index) Movements(ctx context.Context, p ledger.PartyID, from, before ledger.Time, after ledger.Height, limit int) (m Moved, err error) {
	err = x.do(ctx, func(db *gorm.DB) (err error) {
		m = Moved{}
		where, args := "party = ? AND time >= ? AND time < ?", []any{string(p), int64(from), int64(before)}
		was, wasArgs := "party = ? AND time < ?", []any{string(p), int64(from)}
		if after > 0 {
			where, args = where+" AND height > ?", append(args, uint64(after))
			was, wasArgs = "party = ? AND time <= ? AND height <= ?", append(wasArgs, uint64(after))
		}
		old, err := movements(db, was+" ORDER BY time DESC, height DESC, n DESC LIMIT 1", wasArgs...)
		if err == nil && len(old) > 0 {
			var last api.Movement
			err = json.Unmarshal(old[0].Body, &last)
			m.Opening = last.Balance
		}
		if err != nil {
			return err
		}
		rows, err := movements(db, where+" ORDER BY time, height, n LIMIT ?", append(args, limit+1)...)
		if err != nil {
			return err
		}
		if len(rows) > limit {
			last := rows[limit].Height
			if rows = slices.DeleteFunc(rows, func(m movement) bool { return m.Height == last }); len(rows) == 0 {
				return fmt.Errorf("one command has moved over %d coins of a party", limit)
			}
			m.Next, m.From = ledger.Height(rows[len(rows)-1].Height), ledger.Time(rows[len(rows)-1].Time)
		}
		m.Bodies = make([]json.RawMessage, len(rows))
		for i, r := range rows {
			m.Bodies[i] = r.Body
		}
		return nil
	})
	return m, err
}

// movements reads rows, but for party and n, by hand: a page has some hundred.
func movements(db *gorm.DB, where string, args ...any) (out []movement, err error) {
	rows, err := db.Raw("SELECT time, height, body FROM movements WHERE "+where, args...).Rows()
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var m movement
		if err := rows.Scan(&m.Time, &m.Height, &m.Body); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// beyond returns those of a batch's whole commands that the tables of a cursor do not have
// yet, and the ledger's time where they have read to.
func beyond(tx *gorm.DB, batch []ledger.Event, cursor, clock int) ([]ledger.Event, int64, error) {
	if batch = batch[:lastWhole(batch)+1]; len(batch) == 0 {
		return nil, 0, nil
	}
	// Two nodes that share a database wait for each other here.
	if err := tx.Exec("UPDATE cursors SET height = height WHERE id IN ?", []int{cursor, clock}).Error; err != nil {
		return nil, 0, err
	}
	var at []struct {
		ID     int
		Height int64
	}
	if err := tx.Table("cursors").Where("id IN ?", []int{cursor, clock}).Find(&at).Error; err != nil {
		return nil, 0, err
	}
	now := int64(0)
	for _, c := range at {
		if c.ID == clock {
			now = c.Height
			continue
		}
		batch = slices.DeleteFunc(slices.Clone(batch), func(v ledger.Event) bool { return int64(v.Height) <= c.Height })
	}
	return batch, now, nil
}

// book enters the movements of a batch's whole commands, unless they are in. Its
// cursor is its own: it came later than that of states, and began at the first
// event.
func book(tx *gorm.DB, batch []ledger.Event) error {
	batch, now, err := beyond(tx, batch, movedCursor, timeCursor)
	if err != nil || len(batch) == 0 {
		return err
	}
	e := entries{now: now, made: map[string]bool{}, held: map[string]ledger.Amount{}, coins: map[string]unspent{}}
	if err := e.recall(tx, batch); err != nil {
		return err
	}
	begin := 0
	for i, v := range batch {
		if v.Last {
			if err := e.enter(batch[begin : i+1]); err != nil {
				return err
			}
			begin = i + 1
		}
	}
	return e.save(tx, uint64(batch[len(batch)-1].Height))
}

// entries are the movements of a batch.
type entries struct {
	now   int64
	held  map[string]ledger.Amount // by the parties of the batch
	coins map[string]unspent       // that the batch spends, or makes
	made  map[string]bool          // by the batch, and not spent by it
	spent []string                 // of those made before
	rows  []entry
}

// An entry is a movement and whose it is.
type entry struct {
	party string
	api.Movement
}

// recall reads whose the coins are that a batch spends, and what the parties held.
func (e *entries) recall(tx *gorm.DB, batch []ledger.Event) error {
	var spent []string
	parties := map[string]bool{}
	for _, v := range batch {
		switch id, _ := ledger.IDOf(v.Key); v.Name {
		case ledger.CoinSpent:
			spent = append(spent, id)
		case ledger.CoinMade:
			c, err := coinOf(v)
			if err != nil {
				return err
			}
			parties[string(c.Owner)] = true
		}
	}
	for ids := range slices.Chunk(spent, rows) {
		var found []unspent
		if err := tx.Table("unspent").Where("coin IN ?", ids).Find(&found).Error; err != nil {
			return err
		}
		for _, c := range found {
			e.coins[c.Coin], parties[c.Party] = c, true
		}
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(parties)), rows) {
		var found []purse
		if err := tx.Where("party IN ?", ids).Find(&found).Error; err != nil {
			return err
		}
		for _, p := range found {
			a, err := ledger.ParseAmount(p.Balance)
			if err != nil {
				return err
			}
			e.held[p.Party] = a
		}
	}
	return nil
}

func coinOf(v ledger.Event) (c ledger.Coin, err error) {
	if err := json.Unmarshal(v.Body, &c); err != nil {
		return c, fmt.Errorf("coin on the ledger: %w", err)
	}
	return c, nil
}

// enter makes the movements of one command.
func (e *entries) enter(command []ledger.Event) error {
	about, what, begin := ledger.Key(""), "", len(e.rows)
	spent, made, payers := false, false, map[string]bool{}
	for _, v := range command {
		switch id, _ := ledger.IDOf(v.Key); {
		case v.Name == ledger.TimeTicked:
			var c ledger.Clock
			if err := json.Unmarshal(v.Body, &c); err != nil {
				return fmt.Errorf("time on the ledger: %w", err)
			}
			e.now = int64(c.Now)
		case v.Name == ledger.CoinSpent:
			spent = true
			c, known := e.coins[id]
			if !known {
				return fmt.Errorf("a coin is spent at %d that was never made", v.Height)
			}
			if delete(e.coins, id); e.made[id] {
				delete(e.made, id)
			} else {
				e.spent = append(e.spent, id)
			}
			payers[c.Party] = true
			a, err := ledger.ParseAmount(c.Amount)
			if err != nil {
				return err
			}
			e.rows = append(e.rows, entry{c.Party, api.Movement{Coin: ledger.CoinID(id), Amount: a}})
		case v.Name == ledger.CoinMade:
			made = true
			c, err := coinOf(v)
			if err != nil {
				return err
			}
			e.coins[id], e.made[id] = unspent{id, string(c.Owner), c.Amount.String()}, true
			e.rows = append(e.rows, entry{string(c.Owner), api.Movement{Coin: c.ID, Amount: c.Amount, In: true, As: c.As}})
		case what == "" && !strings.HasPrefix(v.Name, "coin."):
			what, about = v.Name, v.Key
		case v.Name == what && v.Key != about:
			about = "" // of several
		}
	}
	for i := begin; i < len(e.rows); i++ {
		m := &e.rows[i]
		held, err := e.held[m.party], error(nil)
		if m.In {
			held, err = held.Add(m.Amount)
		} else {
			held, err = held.Sub(m.Amount)
		}
		if err != nil {
			return fmt.Errorf("coins of a party: %w", err)
		}
		e.held[m.party], m.Balance = held, held
		m.Height, m.Time, m.Cause, m.Of = command[0].Height, ledger.Time(e.now), command[0].Cause, about
		switch {
		case what != "":
			m.What = what
		case !made:
			m.What = "burnt"
		case payers[m.party]:
			m.What = "sent"
		case spent:
			m.What = "received"
		default:
			m.What = "issued"
		}
	}
	return nil
}

func (e *entries) save(tx *gorm.DB, height uint64) error {
	purses, n := map[string]purse{}, 0
	moved := make([]movement, len(e.rows))
	for i, m := range e.rows {
		b, err := json.Marshal(m.Movement)
		if err != nil {
			return err
		}
		if n++; i == 0 || e.rows[i-1].Height != m.Height {
			n = 0
		}
		moved[i] = movement{m.party, int64(m.Time), uint64(m.Height), n, b}
		purses[m.party] = purse{m.party, m.Balance.String()}
	}
	for some := range slices.Chunk(moved, rows) {
		if err := tx.Create(&some).Error; err != nil {
			return err
		}
	}
	for some := range slices.Chunk(slices.Collect(maps.Values(purses)), rows) {
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&some).Error; err != nil {
			return err
		}
	}
	var kept []unspent
	for id := range e.made {
		kept = append(kept, e.coins[id])
	}
	for some := range slices.Chunk(kept, rows) {
		if err := tx.Table("unspent").Create(&some).Error; err != nil {
			return err
		}
	}
	for ids := range slices.Chunk(e.spent, rows) {
		if err := tx.Table("unspent").Where("coin IN ?", ids).Delete(&unspent{}).Error; err != nil {
			return err
		}
	}
	if err := tx.Exec("UPDATE cursors SET height = ? WHERE id = ?", height, movedCursor).Error; err != nil {
		return err
	}
	return tx.Exec("UPDATE cursors SET height = ? WHERE id = ?", e.now, timeCursor).Error
}
