package indextest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"manx/ledger"
	"manx/storage/memory"
	"manx/web/api"
	"manx/web/index"
)

// bothSides makes a history of n commands on both sides of the wall and on none: jobs,
// grants and coins that name one another, the clock and the beacon, and once a command of
// many events.
func bothSides(seed uint64, n int) (h History) {
	r := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // the same history for the same seed
	party := func(v ledger.Vertical) ledger.PartyID { return ledger.NewPartyID(v, fmt.Append(nil, r.IntN(4))) }
	for i := range n {
		v := []ledger.Vertical{ledger.Health, ledger.Credit}[r.IntN(2)]
		job := ledger.Job{ID: ledger.NewJobID(v, commandID(r.IntN(n))), Asker: party(v), Subject: party(v), Worker: party(ledger.Common), Model: ledger.NewModelID(v, commandID(r.IntN(3)))}
		grant := ledger.Grant{ID: ledger.NewGrantID(v, commandID(i)), Record: ledger.NewRecordID(v, commandID(r.IntN(9))), Owner: party(v), To: party(v)}
		coin := coin(i, 0, party([]ledger.Vertical{v, ledger.Common}[r.IntN(2)]))
		tick := value(ledger.TimeTicked, ledger.NowKey, ledger.Clock{Now: ledger.Time(10 * i)})
		switch events := [][]ledger.Event{
			{value(ledger.JobAsked, ledger.KeyOf(job.ID), job), coin},
			{tick, value(ledger.JobReached(ledger.Settled), ledger.KeyOf(job.ID), job), coin, value(ledger.StandingChanged, ledger.StandingKey(job.Worker), map[string]any{"n": i})},
			{value(ledger.GrantGiven, ledger.KeyOf(grant.ID), grant)},
			{{Name: ledger.GrantRevoked, Key: ledger.KeyOf(grant.ID)}},
			{tick, value(ledger.BeaconMoved, ledger.BeaconKey, ledger.Beacon{})},
			{{Name: ledger.CoinSpent, Key: coin.Key}},
		}; {
		case i == n/2:
			var many []ledger.Event
			for j := range 40 {
				many = append(many, value(ledger.CoinMade, ledger.KeyOf(ledger.NewCoinID(commandID(i), j)), ledger.Coin{Owner: party(v)}))
			}
			h.add(0, many...)
		default:
			some := events[r.IntN(len(events)-1)] // a coin is spent where it was made
			h.add(r.IntN(3), some...)
			if len(some) == 2 && some[1].Key == coin.Key {
				h.add(0, events[len(events)-1]...)
			}
		}
	}
	return h
}

// finds is what a search must find, by the events alone.
func finds(h History, s index.Search) (out []api.Logged) {
	at, n, now := ledger.Height(0), 0, ledger.Time(0)
	for _, e := range h.Log {
		if n++; e.Height != at {
			at, n = e.Height, 0
		}
		if e.Name == ledger.TimeTicked {
			var c ledger.Clock
			_ = json.Unmarshal(e.Body, &c)
			now = c.Now
		}
		v, _, _ := strings.Cut(string(e.Key), "/")
		about := len(s.About) == 0 || slices.ContainsFunc(s.About, func(id string) bool {
			return strings.HasPrefix(string(e.Key), string(ledger.KeyOf(id))) || bytes.Contains(e.Body, []byte(`"`+id+`"`))
		})
		named := s.Name == "" && e.Name != ledger.TimeTicked && e.Name != ledger.BeaconMoved || e.Name == s.Name || strings.HasPrefix(e.Name, s.Name+".") && s.Name != ""
		if slices.Contains(s.Sides, ledger.Vertical(v)) && named && about && (s.Before == 0 || e.Height < s.Before) {
			out = append(out, api.Logged{Event: e, N: n, At: now})
		}
	}
	slices.Reverse(out)
	return out
}

// logs holds searches of the log against the events, page by page.
func logs(t *testing.T, s index.Source) {
	x := Open(t, s)
	h := bothSides(17, 400)
	follow(t, x, History{Log: h.Log[:401]}) // perhaps in the middle of a command
	follow(t, x, h)
	follow(t, x, h)
	health, credit := []ledger.Vertical{ledger.Health, ledger.Common}, []ledger.Vertical{ledger.Credit, ledger.Common}
	id := func(v ledger.Vertical, n int) string { return string(ledger.NewPartyID(v, fmt.Append(nil, n))) }
	job := string(ledger.NewJobID(ledger.Health, commandID(0)))
	for _, e := range h.Log {
		if e.Name == ledger.JobAsked && strings.HasPrefix(string(e.Key), "health/") {
			job, _ = ledger.IDOf(e.Key)
		}
	}
	seen := 0
	for _, q := range []index.Search{
		{Sides: health}, {Sides: credit}, {Sides: []ledger.Vertical{ledger.Common}},
		{Sides: health, Before: h.Height() / 2}, {Sides: health, Before: 1}, {Sides: health, Before: 1 << 60},
		{Sides: health, Name: "job"}, {Sides: health, Name: ledger.JobAsked}, {Sides: credit, Name: "grant", Before: 500}, {Sides: health, Name: "time"}, {Sides: health, Name: ledger.BeaconMoved},
		{Sides: health, About: []string{job}}, {Sides: credit, About: []string{job}}, {Sides: health, About: []string{id(ledger.Health, 1)}}, {Sides: credit, About: []string{id(ledger.Health, 1)}},
		{Sides: health, About: []string{id(ledger.Common, 2)}}, {Sides: credit, About: []string{id(ledger.Common, 2)}}, {Sides: health, Name: "worker", About: []string{id(ledger.Common, 2)}},
		{Sides: health, Name: "coin", About: []string{id(ledger.Health, 1), id(ledger.Common, 2)}}, {Sides: health, About: []string{id(ledger.Health, 1), id(ledger.Health, 2), job}},
		{Sides: health, Name: "no"}, {Sides: health, Name: "j"}, {Sides: health, Name: "id\x00" + job}, {Sides: health, About: []string{"health-p-0"}},
	} {
		want := finds(h, q)
		for _, limit := range []int{1, 7, 500} {
			var got []api.Logged
			for before := q.Before; ; {
				q := q
				q.Before = before
				page, next, err := x.Logged(t.Context(), q, limit)
				if err != nil {
					t.Fatal(err)
				}
				for _, b := range page {
					var l api.Logged
					if err := json.Unmarshal(b, &l); err != nil {
						t.Fatal(err)
					}
					got = append(got, l)
				}
				if next == 0 {
					break
				}
				if len(page) < limit || got[len(got)-1].Height != next || before != 0 && next >= before {
					t.Fatalf("%+v: a page of %d before %d goes on before %d", q, len(page), before, next)
				}
				before = next
			}
			if a, b := encoded(t, got), encoded(t, want); a != b {
				t.Errorf("%+v by %d: %d events, want %d", q, limit, len(got), len(want))
			}
		}
		seen += len(want)
	}
	if seen < 1500 {
		t.Errorf("all searches find %d events", seen)
	}
	digits := job[strings.LastIndexByte(job, '-')+1:]
	for _, prefix := range []string{digits, digits[:20], "zz", id(ledger.Health, 1)[9:20]} {
		want := idsIn(h, prefix)
		if got, err := x.Named(t.Context(), prefix, 5); err != nil || !slices.Equal(got, want[:min(5, len(want))]) {
			t.Errorf("ids of %q: %v, %v; want %v", prefix, got, err, want)
		}
	}
	// A database of before the tables came is read from the first event again.
	was := Dump(t, x)
	for _, q := range []string{"DELETE FROM logged", "DELETE FROM terms", "DELETE FROM ids", "UPDATE cursors SET height = 0 WHERE id IN (6, 7)"} {
		Exec(t, s, q)
	}
	follow(t, x, h)
	if Dump(t, x) != was {
		t.Error("read again, it holds something else")
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	done, err := index.Rebuild(t.Context(), s, h, nodes(&[6]*memory.Blobs{{}, {}, {}, {}, {}, {}}), h.Height(), quiet())
	if err != nil || !done.Same {
		t.Fatalf("%+v, %v", done, err)
	}
	if Dump(t, Open(t, s)) != was {
		t.Error("made again, it holds something else")
	}
}

func encoded(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// idsIn are the ids whose digits begin so in a history's keys and values, by digits.
func idsIn(h History, digits string) (out []string) {
	form := regexp.MustCompile(`(?:health|credit|common)[-/][a-z]+[-/]([0-9a-z.]{32,40})`)
	for _, e := range h.Log {
		for _, m := range form.FindAllSubmatch(append([]byte(e.Key+" "), e.Body...), -1) {
			if bytes.HasPrefix(m[1], []byte(digits)) {
				out = append(out, string(m[1])+" "+strings.ReplaceAll(string(m[0]), "/", "-"))
			}
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	for i, s := range out {
		_, out[i], _ = strings.Cut(s, " ")
	}
	return out
}
