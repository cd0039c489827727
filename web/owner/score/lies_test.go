package score

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"manx/credit/scorecard"
	"manx/credit/scoreproof"
	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
	"manx/web/api"
	"manx/web/owner"
)

// A liar is a node that shows other state than there is.
type liar struct {
	node http.Handler
	mu   sync.Mutex
	lies map[string]any
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	lie, lies := l.lies[r.URL.Query().Get("key")]
	l.mu.Unlock()
	if !lies || r.URL.Path != api.State {
		l.node.ServeHTTP(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(lie)
}

func (l *liar) tell(k ledger.Key, state any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lies[string(k)] = state
}

func (s *scene) liar() (*liar, string) {
	l := &liar{node: s.n.Handler, lies: map[string]any{}}
	server := httptest.NewServer(l)
	s.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return l, server.URL
}

// Every holder refuses by itself what the borrower's own signature does not
// permit, whatever its node shows: it begins no session and touches no share.
func TestInvariant5_2_HoldersBelieveTheOwnersSignature(t *testing.T) {
	s := begin(t)
	l, url := s.liar()
	seats := s.sit(func(int) string { return url })
	for _, h := range seats { // started again they are in no committee, for which they would read the model too
		h.as = committee.Identity{}
	}
	s.furnish(7)
	g := s.permit(9)
	s.until("the shares are taken", func() bool { return s.shares(seats) == ledger.Sharers || s.beat() })
	thief := s.party(ledger.Lender)
	other := s.twist()
	key := ledger.KeyOf(g.Grant)
	grant := ledgertest.Read[ledger.Grant](s.n.Story(t), key)
	signed := ledgertest.Read[ledger.Command](s.n.Story(t), ledger.SignedKey(g.Grant))
	var body ledger.GiveGrant
	s.check(ledger.Decode(signed.Body, &body))
	forge := func(by ledger.Signer, change func(*ledger.GiveGrant)) ledger.Command {
		b := body
		change(&b)
		c, err := ledger.NewCommandWithID(s.n.World.Genesis.ID(), signed.ID, by, s.n.World.Now()+600, b)
		s.check(err)
		return c
	}
	altered := signed
	altered.Body = bytes.Replace(altered.Body, []byte(`"calls":9`), []byte(`"calls":8`), 1)
	for _, c := range []struct {
		name, says string
		lie        func(j ledger.Job) map[ledger.Key]any
	}{
		{"a job of another lender", "another asker", func(j ledger.Job) map[ledger.Key]any {
			j.Asker = thief.ID()
			return map[ledger.Key]any{ledger.KeyOf(j.ID): j}
		}},
		{"a job for another purpose", "another asker, model or purpose", func(j ledger.Job) map[ledger.Key]any {
			j.Purpose = ledger.AccountReview
			return map[ledger.Key]any{ledger.KeyOf(j.ID): j}
		}},
		{"a job over another record", "another record", func(j ledger.Job) map[ledger.Key]any {
			j.Record = ledger.NewRecordID(ledger.Health, ledger.NewCommandID())
			return map[ledger.Key]any{ledger.KeyOf(j.ID): j}
		}},
		{"a grant that was altered", "not signed by its author", func(j ledger.Job) map[ledger.Key]any {
			return map[ledger.Key]any{ledger.SignedKey(g.Grant): altered}
		}},
		{"a grant that the thief signed", "not signed", func(j ledger.Job) map[ledger.Key]any {
			mine := grant
			mine.To, j.Asker = thief.ID(), thief.ID()
			return map[ledger.Key]any{ledger.SignedKey(g.Grant): forge(thief.Signer(), func(b *ledger.GiveGrant) { b.To = thief.ID() }), key: mine, ledger.KeyOf(j.ID): j}
		}},
		{"another scorecard under the model's name", "not the one whose hash", func(ledger.Job) map[ledger.Key]any {
			m := s.model
			m.Card, m.Hash = other.Card, other.Hash
			return map[ledger.Key]any{ledger.KeyOf(m.ID): m}
		}},
		{"an organisation in another place", "another place", func(j ledger.Job) map[ledger.Key]any {
			turned := grant
			o := grant.Organisations
			turned.Organisations = [ledger.Sharers]ledger.PartyID{o[1], o[2], o[0]}
			return map[ledger.Key]any{key: turned}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			seats[0].stop() // so that nothing begins before the node lies
			id := s.ask()
			j := s.n.Story(t).Job(id)
			j.Stage, j.Try = ledger.Claimed, 1
			for k, state := range c.lie(j) {
				l.tell(k, state)
			}
			if _, told := l.lies[string(ledger.KeyOf(id))]; !told {
				l.tell(ledger.KeyOf(id), j)
			}
			var before [ledger.Sharers]int
			for i := range seats { // they read all again
				before[i] = len(seats[i].log.String())
				seats[i].stop()
				s.start(seats[i], i)
			}
			s.until("each holder refuses by itself", func() bool {
				for i, h := range seats {
					if !strings.Contains(h.log.String()[before[i]:], c.says) {
						return false
					}
				}
				return true
			})
			l.mu.Lock()
			clear(l.lies)
			l.mu.Unlock()
			for i, h := range seats {
				if n := s.begun(h, id); n != 0 {
					t.Errorf("holder %d began %d sessions", i, n)
				}
			}
		})
	}
}

// A revocation reaches every holder by itself: one whose node hides it finds
// nobody to compute with, and the ledger takes no word of it.
func TestInvariant5_ARevocationHiddenFromOneHolder(t *testing.T) {
	s := begin(t)
	ctx := t.Context()
	l, url := s.liar()
	seats := s.sit(func(i int) string {
		if i == 0 {
			return url
		}
		return s.n.URL
	})
	s.furnish(7)
	g := s.permit(3)
	s.until("the shares are taken", func() bool { return s.shares(seats) == ledger.Sharers || s.beat() })
	seats[1].stop()
	id := s.ask()
	s.until("a session has begun", func() bool { return s.begun(seats[0], id) > 0 && s.begun(seats[2], id) > 0 })
	live, claimed := ledgertest.Read[ledger.Grant](s.n.Story(t), ledger.KeyOf(g.Grant)), s.n.Story(t).Job(id)
	l.tell(ledger.KeyOf(g.Grant), live)
	l.tell(ledger.KeyOf(id), claimed)
	s.check(s.borrower.Revoke(ctx, g.Grant))
	s.start(seats[1], 1)
	s.until("those who see it have destroyed their shares", func() bool {
		said, err := s.borrower.Destroyed(ctx, live)
		s.check(err)
		return len(said) == 2 && said[0].Organisation == seats[1].Organisation && said[1].Organisation == seats[2].Organisation
	})
	s.until("the deceived one cannot go on", func() bool { return strings.Contains(seats[0].log.String(), "does not allow this") })
	if n := s.begun(seats[1], id); n != 0 {
		t.Errorf("holder 1 began %d sessions", n)
	}
	if j := s.n.Story(t).Job(id); j.Stage != ledger.Refunded || j.Shares != nil {
		t.Errorf("the job is %s with shares %v", j.Stage, j.Shares)
	}
	if _, err := Score(ctx, s.lender, id); !notice.Is(err, notice.Expired) {
		t.Errorf("a score after the end: %v", err)
	}
}

// twist publishes another scorecard, of a scientist's own.
func (s *scene) twist() ledger.Model {
	s.t.Helper()
	ctx, p := s.t.Context(), s.party(ledger.Scientist)
	m := *s.card
	m.Name, m.Base = "twisted", m.Base-1
	definition, err := json.Marshal(m)
	s.check(err)
	card, err := json.Marshal(owner.Published{Card: scorecard.ConsumerRiskCard(), Scorecard: definition})
	s.check(err)
	body := ledger.PublishModel{Vertical: ledger.Credit, Name: m.Name, Version: m.Version, Hash: ledger.Hash(scoreproof.ModelHash(&m)),
		Plan: ledgertest.Ref("plan"), PlanHash: ledger.Hash{1}, Accepts: []ledger.Kind{ledger.File}, Features: s.model.Features, Price: ledger.MAN(1)}
	body.Card, err = p.Vault.Write(ctx, bytes.NewReader(card))
	s.check(err)
	_, err = p.Do(ctx, body)
	s.check(err)
	published, err := p.ModelNamed(ctx, m.Name)
	s.check(err)
	return published
}
