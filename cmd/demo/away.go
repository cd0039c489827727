package demo

import (
	"context"
	"errors"
	"time"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
	"manx/web/owner"
	"manx/web/owner/score"
)

// away has the bank answered by three organisations, with nothing of the
// borrower's taking part.
func (l *loan) away(ctx context.Context) error {
	return l.step("She permits the bank a score beforehand; at night three organisations compute it on shares, without her", map[string]string{
		"organisations": "a share each of features and result, and of their common key, which says nothing alone",
		"ledger":        "the grant, digests of shares, three signatures",
		"lender":        "score and reasons",
	}, func(say func(string, ...any)) error {
		g, err := l.permit(ctx)
		if err != nil {
			return err
		}
		asked := score.Question{Subject: l.borrower.ID(), Model: score.DefaultModel, Purpose: ledger.CreditTransaction, Life: 3600}
		id, quote, err := score.Ask(ctx, l.lender, asked)
		if err != nil {
			return err
		}
		if err := l.check(quote.By == score.MPC, "the planner takes the way that waits for nobody"); err != nil {
			return err
		}
		j, err := l.lender.Await(ctx, id, func(j ledger.Job) { l.wait("    " + string(j.Stage)) }, ledger.Settled)
		if err != nil {
			return err
		}
		v, err := score.Score(ctx, l.lender, id)
		if err != nil {
			return err
		}
		say("score %d in try %d; %s", v.Score, j.Try, v.Trust)
		if err := l.check(v.Score == l.points && len(v.Reasons) <= 4 && v.Differs == nil, "on shares the score is the proved one"); err != nil {
			return err
		}
		r, bundle, err := l.lender.VerifiedReceipt(ctx, id)
		if err != nil {
			return err
		}
		if err := l.check(len(r.Organisations) == ledger.Sharers && r.Security == ledger.WithAbort && r.Grant == g.Grant, "the receipt says who computed, and what was assumed"); err != nil {
			return err
		}
		how, err := l.keep(ctx, id, bundle)
		if err != nil {
			return err
		}
		say("receipt verified %s", how)
		if err := l.jointly(ctx, asked, say); err != nil {
			return err
		}
		return l.withdraw(ctx, g.Grant, asked, say)
	})
}

// permit waits until three organisations have seated their holders, which start
// with the node, and permits three scores.
func (l *loan) permit(ctx context.Context) (g score.Permitted, err error) {
	info, err := l.borrower.Info(ctx)
	if err != nil {
		return g, err
	}
	for try := 0; ; try++ {
		g, err = score.Share(ctx, l.borrower, score.Permission{Lender: l.lender.ID(), Model: score.DefaultModel, Purpose: ledger.CreditTransaction, Until: info.Now + 86400, Calls: 3})
		if !notice.Is(err, notice.Unavailable) || try == 120 {
			return g, err
		}
		if err := l.pause(ctx, 500*time.Millisecond); err != nil {
			return g, err
		}
	}
}

// conferred waits until the organisations' holders, which start with the node,
// have made a key together and evaluation keys for the scorecard: what the
// furnisher signs from then on is encrypted under it.
func (l *loan) conferred(ctx context.Context, say func(string, ...any)) error {
	m, err := l.teller.model(ctx, l.furnisher, score.DefaultModel)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		c, err := l.furnisher.Committee(ctx)
		if err == nil {
			var k ledger.CommitteeKeys
			if k, err = l.furnisher.CommitteeKeys(ctx, m.ID, c); err == nil && k.Ready != 0 {
				say("%d organisations hold a key together; any %d of them can open, on shares, what is encrypted under it", len(c.Holders), c.Need)
				return nil
			}
		}
		if err != nil && !notice.Is(err, notice.Unavailable) || try == 240 {
			return errors.Join(err, l.check(false, "the organisations make a key together"))
		}
		if err := l.pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}

// jointly has a worker compute the score on what the furnisher encrypted under
// the organisations' key, and them open it.
func (l *loan) jointly(ctx context.Context, asked score.Question, say func(string, ...any)) error {
	asked.By = score.Committee
	id, _, err := score.Ask(ctx, l.lender, asked)
	if err != nil {
		return err
	}
	if _, err := l.lender.Await(ctx, id, func(j ledger.Job) { l.wait("    " + string(j.Stage)) }, ledger.Settled); err != nil {
		return err
	}
	v, err := score.Score(ctx, l.lender, id)
	if err != nil {
		return err
	}
	say("by a committee %d; %s", v.Score, v.Trust)
	r, _, err := l.lender.VerifiedReceipt(ctx, id)
	if err != nil {
		return err
	}
	return errors.Join(l.check(v.Score == l.points && v.By == score.Committee && v.Differs == nil, "opened by the organisations' common key the score is the proved one"),
		l.check(r.Committee != "" && r.Worker != "" && len(r.Organisations) == ledger.Sharers, "the receipt says that a worker computed it, and who opened it"))
}

// unopenable waits until the nodes hold nothing that a committee could open under
// a grant: the encrypted file, and what the worker made of it.
func (l *loan) unopenable(ctx context.Context, g ledger.Grant, say func(string, ...any)) error {
	left := []storage.Ref{g.Input}
	for _, id := range g.Jobs {
		j, err := owner.Get[ledger.Job](ctx, l.borrower.Client, id)
		if err != nil {
			return err
		}
		if j.Committee != "" {
			left = append(left, j.Result)
		}
	}
	of := len(left)
	for try := 0; len(left) > 0 && try < 100; try++ {
		if _, err := l.borrower.Vault.Open(ctx, left[0]); notice.Is(err, notice.NotFound) {
			left = left[1:]
			continue
		}
		if err := l.pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	say("the exchange has destroyed the encrypted file and the worker's result")
	return l.check(of == 2 && len(left) == 0, "what a committee could open is destroyed when the grant ends")
}

// withdraw ends the grant and waits for the organisations' word on it.
func (l *loan) withdraw(ctx context.Context, id ledger.GrantID, asked score.Question, say func(string, ...any)) error {
	if err := l.borrower.Revoke(ctx, id); err != nil {
		return err
	}
	g, err := owner.Get[ledger.Grant](ctx, l.borrower.Client, id)
	if err != nil {
		return err
	}
	var said []ledger.Destroyed
	for try := 0; len(said) < ledger.Sharers && try < 100; try++ {
		if said, err = l.borrower.Destroyed(ctx, g); err != nil {
			return err
		}
		if err := l.pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	say("she withdraws: %d organisations sign that their shares are destroyed", len(said))
	if err := l.unopenable(ctx, g, say); err != nil {
		return err
	}
	asked.By = score.MPC
	_, _, err = score.Ask(ctx, l.lender, asked)
	text, err := l.refused(err, "after the grant's end nothing is computed", notice.Denied)
	say("asked again: refused: %s", text)
	return errors.Join(err, l.check(len(said) == ledger.Sharers, "every organisation signs that it has destroyed its share"))
}
