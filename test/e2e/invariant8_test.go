package e2e

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"time"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/api"
	"manx/web/owner"
	"manx/web/owner/patient"
	"manx/web/owner/score"
)

// A deed is something an owner does that costs, or leaves something behind.
type deed struct {
	name string
	do   func() error
	// effects counts what the deed leaves; paid is what it costs her.
	effects func() int
	paid    ledger.Amount
	by      *owner.Party
}

func count[T any](t testing.TB, p *owner.Party, word string, match func(T) bool) (n int) {
	t.Helper()
	all, err := owner.Mine[T](ctxOf(t), p.Client, word)
	check(t, err)
	for _, x := range all {
		if match(x) {
			n++
		}
	}
	return n
}

// deeds are what the invariant names; each call makes new ones.
func deeds(t *testing.T, seed uint64) []deed {
	ctx := ctxOf(t)
	p, hospital := net.patient(t), net.hospital(t)
	b, lender := net.borrower(t), net.lender(t)
	record := net.scan(t)
	net.model(t, p, "lung-ct")
	net.model(t, lender, score.DefaultModel)
	study := series(t, net.path("private", t.Name(), time.Now().Format("150405.000000")), seed)
	info, err := p.Info(ctx)
	check(t, err)
	until := info.Now + 40_000 + ledger.Time(seed)
	return []deed{
		{"study add", func() error {
			added, err := patient.Add(ctx, p, silent, study)
			if err == nil && (len(added) != 1 || added[0].Version != 1 || len(added[0].Rejected) > 0) {
				t.Errorf("added %+v", added)
			}
			return err
		}, func() int { return count(t, p, "rec", func(ledger.Record) bool { return true }) }, ledger.Amount{}, p},
		{"grant add", func() error {
			g, err := p.Grant(ctx, ledger.GiveGrant{Record: record, To: hospital.ID(), Purpose: ledger.Care, Access: ledger.Read, Until: until})
			if err == nil {
				_, _, err = hospital.OpenGranted(ctx, g.ID, 0)
			}
			return err
		}, func() int { return count(t, p, "grant", func(g ledger.Grant) bool { return g.Until == until }) }, ledger.Amount{}, p},
		{"wallet send", func() error {
			_, err := p.Send(ctx, hospital.ID(), ledger.MAN(2))
			return err
		}, func() int { return 0 }, ledger.MAN(2), p},
		{"diagnose", func() error {
			_, err := patient.Diagnose(ctx, p, record, "lung-ct", 3600, silent)
			return err
		}, func() int { return count(t, p, "job", func(j ledger.Job) bool { return j.Stage != ledger.Refunded }) }, ledger.MAN(3), p},
		{"credit request", func() error {
			_, err := score.Request(ctx, lender, b.ID(), score.DefaultModel, ledger.AccountReview, ledger.MAN(4), 3600)
			return err
		}, func() int { return count(t, lender, "job", func(ledger.Job) bool { return true }) }, ledger.MAN(4), lender},
	}
}

// once checks that what f does to the deed has one effect.
func (d deed) once(t *testing.T, f func() error) {
	t.Helper()
	before, had := d.effects(), balance(t, d.by)
	check(t, f())
	want := before + 1
	if d.name == "wallet send" {
		want = before
	}
	if n := d.effects(); n != want {
		t.Errorf("%s: %d effects more", d.name, n-before)
	}
	if paid := minus(t, had, balance(t, d.by)); paid != d.paid {
		t.Errorf("%s: paid %s MAN, not %s", d.name, paid, d.paid)
	}
}

// Requests that do not arrive and replies that get lost, on every route, chosen
// by a seed: each deed happens once.
func TestInvariant8_LostRequestsAndRepliesHaveOneEffect(t *testing.T) {
	all := deeds(t, 21)
	ctx := ctxOf(t)
	b, furnisher, lender := net.borrower(t), net.furnisher(t), net.lender(t)
	end := net.wire.during(mishaps(8))
	defer end()
	for _, d := range all {
		d.once(t, d.do)
	}
	// A whole score, and joining the exchange, under the same mishaps.
	newcomer := net.party(t, "newcomer", ledger.Hospital, ledger.Health)
	if got := balance(t, newcomer); got != ledger.MAN(100) {
		t.Errorf("the faucet gave %s MAN", got)
	}
	csv, _ := creditFile(t)
	sealed, _, err := score.Furnish(ctx, furnisher, b.ID(), bytes.NewReader(csv), time.Now())
	check(t, err)
	_, err = score.Add(ctx, b, sealed)
	check(t, err)
	had := balance(t, lender)
	id, err := score.Request(ctx, lender, b.ID(), score.DefaultModel, ledger.CreditTransaction, ledger.MAN(4), 3600)
	check(t, err)
	_, err = score.Consent(ctx, b, id, silent)
	check(t, err)
	_, err = score.Score(ctx, lender, id)
	check(t, err)
	if paid := minus(t, had, balance(t, lender)); paid != ledger.MAN(4) {
		t.Errorf("a score cost %s MAN", paid)
	}
	check(t, newcomer.Home.Backup(ctx))
	check(t, newcomer.Rotate(ctx))
	end()
	net.wire.mu.Lock()
	defer net.wire.mu.Unlock()
	for _, r := range []string{"POST/v1/commands", "POST/v1/sessions", "POST/v1/admissions", "POST/v1/faucet", "POST/v1/organisations/*/wraps",
		"PUT/v1/nodes/*/blobs/*", "GET/v1/nodes/*/blobs/*", "GET/v1/network", "GET/v1/state", "GET/v1/me/coin", "GET/v1/receipts/*"} {
		met := net.wire.met[r]
		if met[never] == 0 || met[lost] == 0 && r != "GET/v1/receipts/*" {
			t.Errorf("%s met %v", r, met)
		}
	}
	t.Logf("troubles met: %v", net.wire.met)
}

// A node whose answers to commands are all lost, or that none reach, until the
// owner gives up; then she repeats what she did.
func TestInvariant8_RepeatedAfterGivingUp(t *testing.T) {
	for _, c := range []struct {
		name string
		what trouble
	}{{"no request arrives", never}, {"no reply arrives", lost}} {
		t.Run(c.name, func(t *testing.T) {
			for _, d := range deeds(t, 30+uint64(c.what)) {
				d.once(t, func() error {
					end := net.wire.during(func(r *http.Request, body []byte) trouble {
						if r.URL.Path == api.Commands && bytes.Contains(body, []byte(`"author":"`+string(d.by.ID())+`"`)) {
							return c.what
						}
						return none
					})
					err := d.do()
					end()
					if !notice.Is(err, notice.Unavailable) {
						return errors.Join(err, errors.New(d.name+" did not notice that nothing was answered"))
					}
					return d.do()
				})
			}
		})
	}
}
