package index

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
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

// logged is an event; where a ledger has it, and how an auditor is told of it.
type logged struct {
	Height uint64 `gorm:"primaryKey;autoIncrement:false"`
	N      int    `gorm:"primaryKey;autoIncrement:false"` // of the height's
	Body   []byte // api.Logged as JSON
}

// term says that an event is found by a term, which is a digest: sides are kept apart by a
// column of their own, which nobody can make up another's of.
type term struct {
	side   int
	term   int64
	height uint64
	n      int
}

// named is an id that some event holds, and its digits, by whose beginning it is found.
type named struct {
	Digits string `gorm:"primaryKey"`
	ID     string `gorm:"primaryKey"`
}

// sides are as terms have them; of a key that begins with none, nobody is told.
var sides = map[ledger.Vertical]int{ledger.Common: 0, ledger.Health: 1, ledger.Credit: 2}

// What terms are digests of: everything but the clock and the beacon; a name or the first
// word of names; an id; an id and a name or first word, for either alone may be of a million
// events that the other is of none of.
const everything, byName, byID = "all", "name\x00", "id\x00"

func termOf(what string) int64 {
	d := sha256.Sum256([]byte(what))
	return int64(binary.BigEndian.Uint64(d[:8]))
}

// A Search says which events are looked for.
type Search struct {
	Sides  []ledger.Vertical // whose
	Name   string            // an event's or a family's: "job.settled", "job"; "" is all but the clock and the beacon
	About  []string          // ids, in the event's key or its new value, of which it holds one; none for all events
	Before ledger.Height     // 0 for all
}

// Logged returns the events that a search finds, each an api.Logged as JSON, newest first:
// limit of them, and those that share the last one's height. Where next is not 0, Logged
// before it goes on.
func (x *Index) Logged(ctx context.Context, s Search, limit int) (events []json.RawMessage, next ledger.Height, err error) {
	err = x.do(ctx, func(db *gorm.DB) error {
		first, rest := "", []any{}
		if s.Before > 0 {
			first, rest = " AND height < ?", []any{uint64(s.Before)}
		}
		events, next, err = pageOf(limit, func(limit int) ([]listed, error) {
			return s.query(first, limit, rest...).read(db)
		}, func(height uint64) ([]listed, error) {
			return s.query(" AND height = ?", wholeHeight, height).read(db)
		})
		return err
	})
	return events, next, err
}

// wholeHeight is above how many events one command makes.
const wholeHeight = 1 << 20

// terms are what events of a search are found by, each of one of them at least.
func (s Search) terms() (out []int64) {
	switch {
	case len(s.About) == 0 && s.Name == "":
		return []int64{termOf(everything)}
	case len(s.About) == 0:
		return []int64{termOf(byName + s.Name)}
	}
	for _, id := range s.About {
		what := byID + id
		if s.Name != "" {
			what += "\x00" + s.Name
		}
		out = append(out, termOf(what))
	}
	return out
}

// query reads the newest events of all terms of a search for which a condition holds.
func (s Search) query(condition string, limit int, args ...any) (q pageQuery) {
	const order = " ORDER BY height DESC, n DESC LIMIT ?"
	var parts []string
	for _, v := range s.Sides {
		for _, t := range s.terms() {
			// Each is a query of its own, which ends once it has a page.
			parts = append(parts, fmt.Sprintf("SELECT height, n FROM (SELECT height, n FROM terms WHERE side = ? AND term = ?%s%s) p%d", condition, order, len(parts)))
			q.args = append(append(append(q.args, sides[v], t), args...), limit)
		}
	}
	// Sorted before their bodies are read.
	q.sql = "SELECT m.height, m.body FROM (SELECT height, n FROM (" + strings.Join(parts, " UNION ") + ") f" + order + ") e JOIN logged m ON m.height = e.height AND m.n = e.n ORDER BY e.height DESC, e.n DESC"
	q.args = append(q.args, limit)
	return q
}

// Named returns ids whose digits begin so, in order, limit of them at most.
func (x *Index) Named(ctx context.Context, digits string, limit int) (ids []string, err error) {
	err = x.do(ctx, func(db *gorm.DB) error {
		return db.Table("ids").Where("digits >= ? AND digits < ?", digits, digits+"~").Order("digits, id").Limit(limit).Pluck("id", &ids).Error
	})
	return ids, err
}

// tell enters the events of a batch's whole commands, unless they are in. Its cursor is its
// own: it came later than that of states, and began at the first event.
func tell(tx *gorm.DB, batch []ledger.Event) error {
	batch, now, err := beyond(tx, batch, loggedCursor, loggedTime)
	if err != nil || len(batch) == 0 {
		return err
	}
	var told []logged
	var found []term
	ids := map[named]bool{}
	at, n := uint64(0), 0
	for _, e := range batch {
		if n++; uint64(e.Height) != at {
			at, n = uint64(e.Height), 0
		}
		if e.Name == ledger.TimeTicked {
			var c ledger.Clock
			if err := json.Unmarshal(e.Body, &c); err != nil {
				return fmt.Errorf("time on the ledger: %w", err)
			}
			now = int64(c.Now)
		}
		v, _, _ := strings.Cut(string(e.Key), "/")
		side, of := sides[ledger.Vertical(v)]
		if !of {
			continue
		}
		body, err := json.Marshal(api.Logged{Event: e, N: n, At: ledger.Time(now)})
		if err != nil {
			return fmt.Errorf("event: %w", err)
		}
		told = append(told, logged{at, n, body})
		in := idsIn(e)
		for _, t := range termsOf(e, in) {
			found = append(found, term{side, t, at, n})
		}
		for _, id := range in {
			ids[named{id[strings.LastIndexByte(id, '-')+1:], id}] = true
		}
	}
	if err := save(tx, told, found, ids); err != nil {
		return err
	}
	if err := tx.Exec("UPDATE cursors SET height = ? WHERE id = ?", uint64(batch[len(batch)-1].Height), loggedCursor).Error; err != nil {
		return err
	}
	return tx.Exec("UPDATE cursors SET height = ? WHERE id = ?", now, loggedTime).Error
}

func save(tx *gorm.DB, told []logged, found []term, ids map[named]bool) error {
	for some := range slices.Chunk(told, rows) {
		if err := tx.Table("logged").Create(&some).Error; err != nil {
			return err
		}
	}
	for some := range slices.Chunk(found, 4*rows) { // numbers, which need no binding: they are most of what goes in
		q := append(make([]byte, 0, 48*len(some)), "INSERT INTO terms (side, term, height, n) VALUES "...)
		for i, t := range some {
			if i > 0 {
				q = append(q, ',')
			}
			q = fmt.Appendf(q, "(%d,%d,%d,%d)", t.side, t.term, t.height, t.n)
		}
		if err := tx.Exec(string(q)).Error; err != nil {
			return err
		}
	}
	sorted := slices.SortedFunc(maps.Keys(ids), func(a, b named) int { return cmp.Or(strings.Compare(a.Digits, b.Digits), strings.Compare(a.ID, b.ID)) })
	for some := range slices.Chunk(sorted, rows) {
		if err := tx.Table("ids").Clauses(clause.OnConflict{DoNothing: true}).Create(&some).Error; err != nil {
			return err
		}
	}
	return nil
}

// termsOf returns what an event is found by.
func termsOf(e ledger.Event, ids []string) (out []int64) {
	names := []string{e.Name}
	if family, _, more := strings.Cut(e.Name, "."); more {
		names = append(names, family)
	}
	if e.Name != ledger.TimeTicked && e.Name != ledger.BeaconMoved {
		out = append(out, termOf(everything))
	}
	for _, name := range names {
		out = append(out, termOf(byName+name))
	}
	for _, id := range ids {
		out = append(out, termOf(byID+id))
		for _, name := range names {
			out = append(out, termOf(byID+id+"\x00"+name))
		}
	}
	return out
}

// idsIn returns the ids that stand in an event's key or its new value, each once.
func idsIn(e ledger.Event) (ids []string) {
	parts := strings.SplitN(string(e.Key), "/", 4)
	add := func(id string) {
		if !slices.Contains(ids, id) && len(ids) < maxIDs {
			ids = append(ids, id)
		}
	}
	if len(parts) > 2 {
		if id := strings.Join(parts[:3], "-"); ledger.CheckID(id, parts[1]) == nil {
			add(id)
		}
	}
	for _, text := range [][]byte{[]byte(e.Key), e.Body} {
		for v := range sides {
			for at := 0; ; {
				i := bytes.Index(text[at:], []byte(v+"-"))
				if i < 0 {
					break
				}
				id := wordsAt(text[at+i:])
				_, rest, _ := strings.Cut(id, "-")
				if word, _, _ := strings.Cut(rest, "-"); ledger.CheckID(id, word) == nil {
					add(id)
				}
				at += i + len(v)
			}
		}
	}
	return ids
}

// maxIDs bounds the ids of an event; the longest lists on the ledger, of whom a command
// pays or a training takes, are shorter.
const maxIDs = 1024

// wordsAt returns the letters, digits, hyphens and dots that a text begins with.
func wordsAt(text []byte) string {
	n := 0
	for n < len(text) && n < 100 && (text[n] == '-' || text[n] == '.' || text[n] >= '0' && text[n] <= '9' || text[n] >= 'a' && text[n] <= 'z') {
		n++
	}
	return string(text[:n])
}
