package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
	"manx/web/owner/score"
)

// run runs the command line in somebody's home, whose process it is, and returns
// what it printed as JSON.
func (n *network) run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	pass := filepath.Join(t.TempDir(), "passphrase")
	check(t, os.WriteFile(pass, []byte(passphraseOf(name)+"\n"), 0o600))
	c := n.command(t, append(args, "--json")...)
	c.Env = []string{"MANX_DATA=" + n.path("homes", name), "MANX_NODE=" + n.front.URL, "MANX_PASSPHRASE_FILE=" + pass}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("manx %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return out
}

// leave ends a party's hold on its home, which another process may then open.
func (n *network) leave(t *testing.T, p *owner.Party, name string, v ledger.Vertical) {
	t.Helper()
	delete(n.parties, name+" "+string(v))
	p.Close()
	check(t, p.Home.Close())
}

// The borrower has shared her file and her process has ended when the lender asks,
// at night. One organisation's process is killed in the middle of it, and starts
// again. The lender gets the score that the file has in the clear; when she comes
// back and revokes, three organisations sign that their shares are destroyed.
func TestInvariant8_AScoreWhileTheBorrowerIsAway(t *testing.T) {
	const name = "absent"
	ctx := ctxOf(t)
	borrower, lender := net.party(t, name, ledger.Person, ledger.Credit), net.lender(t)
	model := net.model(t, lender, score.DefaultModel)
	eventually(t, "three organisations have seated their holders", time.Minute, func() (bool, error) {
		for _, o := range borrower.Home.Network.Genesis.Organisations {
			if _, err := borrower.Seat(ctx, borrower.Home.Network.Genesis, o.ID); notice.Is(err, notice.Unavailable) {
				return false, nil
			} else if err != nil {
				return false, err
			}
		}
		return true, nil
	})
	file := credit.Sample(29)
	var csv bytes.Buffer
	check(t, credit.Write(&csv, file, reveal.Token{}))
	sealed, _, err := score.Furnish(ctx, net.furnisher(t), borrower.ID(), &csv, time.Now())
	check(t, err)
	_, err = score.Add(ctx, borrower, sealed)
	check(t, err)
	id := borrower.ID()
	net.leave(t, borrower, name, ledger.Credit)
	var permitted score.Permitted
	check(t, json.Unmarshal(net.run(t, name, "credit", "share", "--with", string(lender.ID()), "--purpose", "credit-transaction",
		"--until", time.Now().AddDate(0, 0, 1).Format("2006-01-02"), "--calls", "2"), &permitted))

	// She is gone: no process of hers runs.
	before := balance(t, lender)
	check(t, syscall.Kill(net.holders[2], syscall.SIGSTOP))
	job, quote, err := score.Ask(ctx, lender, score.Question{Subject: id, Model: score.DefaultModel, Purpose: ledger.CreditTransaction, Life: 3600})
	check(t, err)
	if quote.By != score.MPC || quote.Grant != permitted.Grant {
		t.Errorf("the planner chose %+v", quote)
	}
	eventually(t, "the second organisation has begun its session", time.Minute, func() (bool, error) {
		begun, err := filepath.Glob(filepath.Join(net.nodeDir(), "children", "party-credit", "shares", "grant", string(permitted.Grant), "session-*"))
		return len(begun) > 0, err
	})
	check(t, syscall.Kill(net.holders[1], syscall.SIGKILL))
	check(t, syscall.Kill(net.holders[2], syscall.SIGCONT))
	var j ledger.Job
	eventually(t, "the job is settled", 2*time.Minute, func() (bool, error) {
		j, err = owner.Get[ledger.Job](ctx, lender.Client, job)
		return j.Stage.Over(), err
	})
	if j.Stage != ledger.Settled || j.Try < 2 {
		t.Fatalf("the job is %s after try %d", j.Stage, j.Try)
	}
	card, err := lender.Card(ctx, model)
	check(t, err)
	want := scoreOf(t, card.Scorecard, file)
	for range 2 { // asking again for the answer is one effect
		v, err := score.Score(ctx, lender, job)
		check(t, err)
		if v.By != score.MPC || v.Score != want.Points || len(v.Reasons) != len(want.Reasons) {
			t.Errorf("%+v, in the clear %d", v, want.Points)
		}
	}
	if paid := minus(t, before, balance(t, lender)); paid != model.Price {
		t.Errorf("the lender paid %v", paid)
	}
	r, _, err := lender.VerifiedReceipt(ctx, job)
	check(t, err)
	if len(r.Organisations) != ledger.Sharers || r.Security != ledger.WithAbort || r.Grant != permitted.Grant || r.ModelHash != model.Hash || r.Try != j.Try {
		t.Errorf("the receipt says %+v", r)
	}

	// She comes back.
	var revoked struct{ Destroyed []ledger.Destroyed }
	check(t, json.Unmarshal(net.run(t, name, "grant", "revoke", string(permitted.Grant)), &revoked))
	if len(revoked.Destroyed) != ledger.Sharers {
		t.Errorf("%d organisations signed that their shares are destroyed", len(revoked.Destroyed))
	}
	for _, o := range []string{"health", "credit", "exchange"} {
		check(t, filepath.WalkDir(filepath.Join(net.nodeDir(), "children", "party-"+o), func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.Contains(path, string(permitted.Grant)) {
				t.Errorf("%s keeps %s", o, path)
			}
			return nil
		}))
	}
	if _, _, err := score.Ask(ctx, lender, score.Question{Subject: id, Model: score.DefaultModel, Purpose: ledger.CreditTransaction, Life: 3600, By: score.MPC}); !notice.Is(err, notice.Denied) {
		t.Errorf("asked after the end: %v", err)
	}
}

func scoreOf(t *testing.T, definition []byte, f *credit.File) scorecard.Score {
	t.Helper()
	m, err := scorecard.Parse(definition)
	check(t, err)
	return m.Score(f.Features().Reveal(reveal.Token{}))
}
