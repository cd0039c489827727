package owner

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"manx/escrow"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/test/webtest"
)

// A contract that no ledger holds is not shown, told or stepped: a node that lies
// about terms or about where they stand is found out before anything is done with
// them.
func TestContractsThatNoLedgerHolds(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	p := scientist(t, n)
	now := n.World.Now()
	five := ledger.MAN(5)
	terms := escrow.Terms{Pots: []escrow.Pot{{Name: "pot", Owner: "a"}}, Clauses: []escrow.Clause{
		{Wait: &escrow.Wait{Cases: []escrow.Case{{By: "a", Deposit: &escrow.Deposit{Amount: five}, Next: 1}}, Until: now + 1000, Next: 1}}, {Close: &escrow.Close{Outcome: "over"}}}}
	id, err := p.OpenContract(t.Context(), "a contract", terms, []ledger.Player{{Role: "a", Party: p.ID()}}, now+1000)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := p.Contract(t.Context(), id); err != nil || c.State.At != 0 || len(c.Roles(p.ID())) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	c, err := p.Contract(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := c.Proof(); err != nil || r.States == 0 {
		t.Errorf("the certificate: %+v, %v", r, err)
	}
	c.Certificate[0] ^= 1
	if _, err := c.Proof(); !notice.Is(err, notice.Integrity) {
		t.Errorf("another certificate: %v", err)
	}
	at, err := url.Parse(n.URL)
	if err != nil {
		t.Fatal(err)
	}
	rehash := func(e *ledger.Escrow, terms escrow.Terms) {
		e.Terms, _ = json.Marshal(terms)
		e.Hash = ledger.TermsHash(e.Terms, e.Players)
	}
	broken := terms
	broken.Clauses = append([]escrow.Clause{}, terms.Clauses...)
	broken.Clauses[1] = escrow.Clause{Pay: &escrow.Pay{From: 7, Next: 99}}
	for what, lie := range map[string]func(e *ledger.Escrow, s *escrow.State){
		"other terms":           func(e *ledger.Escrow, _ *escrow.State) { e.Terms = json.RawMessage(`{"pots":[],"clauses":[]}`) },
		"terms without clauses": func(e *ledger.Escrow, _ *escrow.State) { rehash(e, escrow.Terms{}) },
		"terms that lead astray": func(e *ledger.Escrow, _ *escrow.State) {
			rehash(e, broken)
		},
		"a clause that is none": func(_ *ledger.Escrow, s *escrow.State) { s.At = 9 },
		"before the first":      func(_ *ledger.Escrow, s *escrow.State) { s.At = -7 },
		"a clause of no wait":   func(_ *ledger.Escrow, s *escrow.State) { s.At = 1 },
		"no pots":               func(_ *ledger.Escrow, s *escrow.State) { s.Pots = nil },
	} {
		proxy := httputil.NewSingleHostReverseProxy(at)
		proxy.ModifyResponse = func(r *http.Response) error {
			key := r.Request.URL.Query().Get("key")
			if !strings.Contains(key, "/escrow/") {
				return nil
			}
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			var e ledger.Escrow
			var s escrow.State
			if strings.HasSuffix(key, "/state") {
				if err = json.Unmarshal(b, &s); err == nil {
					lie(&e, &s)
					b, err = json.Marshal(s)
				}
			} else if err = json.Unmarshal(b, &e); err == nil {
				lie(&e, &s)
				b, err = json.Marshal(e)
			}
			if err != nil {
				return err
			}
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(string(b))), int64(len(b))
			r.Header.Del("Content-Length")
			return nil
		}
		liar := httptest.NewServer(proxy)
		lied := &Party{Client: NewClient(liar.URL, n.World.Genesis.ID(), p.Signer()), Keys: p.Keys, Vault: p.Vault, Home: p.Home, id: p.id}
		if _, err := lied.Contract(t.Context(), id); !notice.Is(err, notice.Integrity) {
			t.Errorf("%s: %v", what, err)
		}
		lied.Client.Close()
		liar.Close()
	}
}
