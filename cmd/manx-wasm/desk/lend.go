//go:build !js || credit

package desk

// Credit are for borrowers and lenders.
func Credit() Calls {
	return Calls{
		"borrower": with((*Desk).borrowing), "file.look": with((*Desk).fileLook), "file.add": with((*Desk).fileAdd), "file": with((*Desk).file), "score": with((*Desk).ownScore),
		"consent": with((*Desk).consent), "deny": with((*Desk).deny), "permit": with((*Desk).permit), "dispute": with((*Desk).dispute),
		"lender": with((*Desk).lending), "ways": with((*Desk).ways), "score.ask": with((*Desk).askScore), "score.open": with((*Desk).openScore), "scores": with((*Desk).scores), "letter": with((*Desk).letter), "deeds": with((*Desk).deeds),
		"contract.sorts": with((*Desk).sorts), "contract.hear": with((*Desk).hear), "contract.open": with((*Desk).openContract), "contracts": with((*Desk).contracts), "contract": with((*Desk).contract), "contract.step": with((*Desk).step),
	}
}
