package indextest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage/memory"
	"manx/web/index"
)

// idles has sessions end unused, by their owner, and by one too many.
func idles(t *testing.T, s index.Source) {
	x, ctx := Open(t, s), t.Context()
	now := time.Unix(1_800_000_000, 0)
	open := func(w index.Who, at time.Time) (string, index.Session) {
		t.Helper()
		token, in, err := x.OpenSession(ctx, w, at)
		if err != nil {
			t.Fatal(err)
		}
		return token, in
	}
	lives := func(token string, at time.Time, want bool) {
		t.Helper()
		if _, err := x.Session(ctx, token, at); (err == nil) != want || err != nil && !notice.Is(err, notice.Denied) {
			t.Errorf("it lives at %v: %v, want %t", at.Sub(now), err, want)
		}
	}
	her := index.Who{Party: Party(1)}
	token, in := open(her, now)
	for at := now; at.Before(in.Expires); at = at.Add(index.SessionIdle - time.Minute) { // used often enough
		lives(token, at, true)
	}
	lives(token, in.Expires.Add(time.Second), false)
	token, _ = open(her, now)
	lives(token, now.Add(index.SessionIdle+time.Second), false)

	one, first := open(her, now)
	two, _ := open(her, now.Add(time.Second))
	member := index.Who{Party: Party(1), Member: "a member", Roles: []string{"auditor", "accounts"}}
	hers, staff := open(member, now)
	other, _ := open(index.Who{Party: Party(1), Member: "another", Roles: []string{"auditor"}}, now)
	count := func(w index.Who, want int) {
		t.Helper()
		if all, err := x.Sessions(ctx, w, now.Add(2*time.Second)); err != nil || len(all) != want {
			t.Errorf("%d sessions, %v; want %d", len(all), err, want)
		}
	}
	count(member, 1)
	count(index.Who{Party: Party(2)}, 0)
	if got, err := x.Session(ctx, hers, now); err != nil || !slices.Equal(got.Roles, member.Roles) || got.Member != member.Member || got.ID != staff.ID {
		t.Errorf("%+v, %v", got, err)
	}
	for _, w := range []index.Who{member, {Party: Party(2)}} { // what is not theirs stays
		if err := x.EndSession(ctx, w, first.ID); err != nil {
			t.Error(err)
		}
	}
	lives(one, now, true)
	if err := x.EndSession(ctx, her, first.ID); err != nil {
		t.Error(err)
	}
	lives(one, now, false)
	lives(two, now, true)
	if err := x.EndSession(ctx, her, staff.ID); err != nil { // whose staff it is
		t.Error(err)
	}
	lives(hers, now, false)
	lives(other, now, true)

	many := make([]string, index.MaxSessions+3)
	for i := range many {
		many[i], _ = open(index.Who{Party: Party(3)}, now.Add(time.Duration(i)*time.Second))
	}
	for i, token := range many {
		lives(token, now.Add(100*time.Second), i >= 3)
	}
	lives(other, now, true)
}

// takes has many take one name, at two nodes of a database.
func takes(t *testing.T, s index.Source) {
	x, y := Open(t, s), Open(t, s)
	for n := range 5 {
		var g errgroup.Group
		firsts := make([]bool, 8)
		for i := range firsts {
			at := []*index.Index{x, y}[i%2]
			g.Go(func() (err error) {
				firsts[i], err = at.Take(t.Context(), fmt.Sprint("name ", n), 1000, 500)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		won := 0
		for _, f := range firsts {
			if f {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d took one name", won)
		}
	}
	if again, err := x.Take(t.Context(), "name 0", 3000, 2000); err != nil || !again {
		t.Errorf("a name whose time is over is not free: %v", err)
	}
}

// staffs keeps what organisations said last, and what is under way.
func staffs(t *testing.T, s index.Source) {
	x, ctx := Open(t, s), t.Context()
	now := time.Unix(1_800_000_000, 0)
	token, _, err := x.OpenSession(ctx, index.Who{Party: Party(1), Member: "m", Roles: []string{"auditor"}}, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		command string
		until   ledger.Time
		set     bool
	}{{"one", 100, true}, {"one", 100, true}, {"two", 200, true}, {"one", 100, false}, {"three", 200, true}} {
		if set, err := x.SetStaff(ctx, Party(1), []byte(c.command), c.until); err != nil || set != c.set {
			t.Errorf("%s is set: %t, %v", c.command, set, err)
		}
	}
	if b, until, err := x.Staff(ctx, Party(1)); err != nil || string(b) != "three" || until != 200 {
		t.Errorf("%q, %d, %v", b, until, err)
	}
	if b, _, err := x.Staff(ctx, Party(2)); err != nil || b != nil {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := x.Session(ctx, token, now); !notice.Is(err, notice.Denied) {
		t.Errorf("a session of staff outlives it: %v", err)
	}
	if err := x.KeepSignIn(ctx, "state", []byte("kept"), 600, 0); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[ledger.Time]string{0: "kept", 600: "kept", 601: ""} {
		if b, err := x.SignIn(ctx, "state", at); err != nil || string(b) != want {
			t.Errorf("at %d: %q, %v", at, b, err)
		}
	}
	first := index.Answer{Request: "r", Status: 200, Body: []byte("first")}
	for _, a := range []index.Answer{first, {Request: "r", Status: 200, Body: []byte("second")}} {
		if err := x.KeepAnswer(ctx, Party(1), "key", a, 600, 0); err != nil {
			t.Fatal(err)
		}
	}
	if a, ok, err := x.Answer(ctx, Party(1), "key", 600); err != nil || !ok || string(a.Body) != "first" || a.Request != "r" || a.Status != 200 {
		t.Errorf("%+v, %t, %v", a, ok, err)
	}
	for p, at := range map[ledger.PartyID]ledger.Time{Party(1): 601, Party(2): 0} {
		if _, ok, err := x.Answer(ctx, p, "key", at); err != nil || ok {
			t.Errorf("an answer of another, or of long ago: %t, %v", ok, err)
		}
	}
	h := Random(31, 40)
	done, err := index.Rebuild(ctx, s, h, nodes(&[6]*memory.Blobs{{}, {}, {}, {}, {}, {}}), h.Height(), quiet())
	if err != nil || done.Height != h.Height() {
		t.Fatal(err)
	}
	if b, until, err := Open(t, s).Staff(ctx, Party(1)); err != nil || string(b) != "three" || until != 200 {
		t.Errorf("an index that was made again has %q, %d, %v", b, until, err)
	}
}
