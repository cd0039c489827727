//go:build !js || credit

package desk

import (
	"context"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// onCredit is seated for accounts of the credit side alone: no other reaches a credit
// file or a score (Invariant 5).
func onCredit[A any](f func(d *Desk, ctx context.Context, p *owner.Party, a A, show Show) (any, error)) call {
	return seated(func(d *Desk, ctx context.Context, p *owner.Party, a A, show Show) (any, error) {
		if p.Vertical() != ledger.Credit {
			return nil, notice.New(notice.Denied, "this account is not of the credit side", "lock it, and choose Borrower or Lender at the door")
		}
		return f(d, ctx, p, a, show)
	})
}

// Credit are for borrowers, lenders, and scientists of the credit side.
func Credit() Calls {
	return Calls{
		"borrower": onCredit((*Desk).borrowing), "file.look": onCredit((*Desk).fileLook), "file.add": onCredit((*Desk).fileAdd), "file": onCredit((*Desk).file), "score": onCredit((*Desk).ownScore),
		"consent": onCredit((*Desk).consent), "deny": onCredit((*Desk).deny), "permit": onCredit((*Desk).permit), "dispute": onCredit((*Desk).dispute),
		"lender": onCredit((*Desk).lending), "ways": onCredit((*Desk).ways), "score.ask": onCredit((*Desk).askScore), "score.open": onCredit((*Desk).openScore), "scores": onCredit((*Desk).scores), "letter": onCredit((*Desk).letter), "deeds": onCredit((*Desk).deeds),
		"credit.draft": with((*Desk).draftCredit), "credit.publish": onCredit((*Desk).publishCredit), "credit.try": onCredit((*Desk).tryCredit),
		"contract.sorts": with((*Desk).sorts), "contract.hear": seated((*Desk).hear), "contract.open": seated((*Desk).openContract), "contracts": seated((*Desk).contracts), "contract": seated((*Desk).contract), "contract.step": seated((*Desk).step),
	}
}
