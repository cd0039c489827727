package owner_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/test/webtest"
	"manx/web/api"
	"manx/web/owner"
)

// A statement sums to what is held, whatever it was for, and begins where it is
// asked to.
func TestStatementSumsToWhatIsHeld(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	me, you := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	c := owner.NewClient(n.URL, n.World.Genesis.ID(), me)
	t.Cleanup(c.Close)
	coin := s.Fund(me, ledger.MAN(5))
	early := n.World.Now()
	s.Wait(100)
	paid := s.Do(me, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: you.Party(), Amount: ledger.MAN(3)}, {To: me.Party(), Amount: ledger.MAN(2)}}})
	s.Do(you, ledger.SendCoins{In: []ledger.CoinID{ledger.NewCoinID(paid, 0)}, Out: []ledger.Output{{To: me.Party(), Amount: ledger.MAN(1)}, {To: you.Party(), Amount: ledger.MAN(2)}}})
	all, err := c.Statement(t.Context(), 0, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		what, balance string
		in            bool
	}{{"issued", "5", true}, {"sent", "0", false}, {"sent", "2", true}, {"received", "3", true}}
	if len(all.Lines) != len(want) || all.Closing != ledger.MAN(3) || !all.Opening.IsZero() {
		t.Fatalf("the statement is %+v", all)
	}
	for i, w := range want {
		if l := all.Lines[i]; l.What != w.what || l.Balance.String() != w.balance || l.In != w.in {
			t.Errorf("line %d is %+v, want %+v", i, l, w)
		}
	}
	late, err := c.Statement(t.Context(), early+1, math.MaxInt64)
	if err != nil || len(late.Lines) != 3 || late.Opening != ledger.MAN(5) || late.Closing != ledger.MAN(3) {
		t.Errorf("from later on: %+v, %v", late, err)
	}
	first, err := c.Statement(t.Context(), 0, early+1)
	if err != nil || len(first.Lines) != 1 || first.Closing != ledger.MAN(5) {
		t.Errorf("up to then: %+v, %v", first, err)
	}
}

// A node that leaves a movement out, changes one, or tells of another time is
// found out: the statement does not add up.
func TestStatementsThatDoNotAddUp(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	me := s.Party(ledger.Health, ledger.Person)
	for range 3 {
		s.Fund(me, ledger.MAN(5))
		s.Wait(10)
	}
	at, err := url.Parse(n.URL)
	if err != nil {
		t.Fatal(err)
	}
	begin := n.World.Now() - 100
	for what, lie := range map[string]func(a *api.Statement){
		"":                       func(*api.Statement) {},
		"one left out":           func(a *api.Statement) { a.Movements = append(a.Movements[:1], a.Movements[2:]...) },
		"one changed":            func(a *api.Statement) { a.Movements[1].Amount = ledger.MAN(6) },
		"one turned":             func(a *api.Statement) { a.Movements[1].In = false },
		"more leaves than comes": func(a *api.Statement) { a.Movements[0].In = false },
		"another opening":        func(a *api.Statement) { a.Opening = ledger.Units(1) },
		"out of order":           func(a *api.Statement) { a.Movements[0].Time = a.Movements[2].Time },
		"of another time":        func(a *api.Statement) { a.Movements[0].Time = begin - 1 },
		"no end":                 func(a *api.Statement) { a.Next = 1 },
	} {
		proxy := httputil.NewSingleHostReverseProxy(at)
		proxy.ModifyResponse = func(r *http.Response) error {
			if !strings.HasPrefix(r.Request.URL.Path, api.Movements) {
				return nil
			}
			var a api.Statement
			b, err := io.ReadAll(r.Body)
			if err == nil {
				err = json.Unmarshal(b, &a)
			}
			if err != nil {
				return err
			}
			if len(a.Movements) == 3 {
				lie(&a)
			}
			if b, err = json.Marshal(a); err != nil {
				return err
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
			r.Header.Del("Content-Length")
			return nil
		}
		liar := httptest.NewServer(proxy)
		c := owner.NewClient(liar.URL, n.World.Genesis.ID(), me)
		_, err := c.Statement(t.Context(), begin, owner.Forever)
		if what == "" && err != nil || what != "" && !notice.Is(err, notice.Integrity) {
			t.Errorf("%q: %v", what, err)
		}
		c.Close()
		liar.Close()
	}
}
