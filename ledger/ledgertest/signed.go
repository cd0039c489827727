package ledgertest

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"

	"manx/ledger"
)

// givenBack checks that of every event of a story a ledger gives back the command that it
// followed from, as its author signed it: of jobs on either side of the wall, of parties,
// coins and the clock; and none that was not applied. A ledger that gives none back is
// passed over.
func givenBack(s *Story) {
	l, ok := s.Ledger.(interface {
		Command(ctx context.Context, h ledger.Height, id ledger.CommandID) (ledger.Command, error)
	})
	if !ok {
		s.T.Skip("it gives no command back")
	}
	d := s.Diagnosis(3600)
	s.Compute(d.Worker, d.Job)
	c := s.Scoring(3600)
	refused := s.Sign(d.Patient, ledger.AcceptJob{Job: c.Job})
	if _, err := s.Submit(refused); err == nil {
		s.T.Fatal("a patient accepts a lender's job")
	}
	s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	keys := map[ledger.PartyID]ed25519.PublicKey{}
	for _, k := range append(s.World.Organisations, d.Patient, d.Worker, d.Scientist, c.Borrower, c.Lender, c.Scientist, c.Furnisher) {
		keys[k.Party()] = k.Public()
	}
	of, found := map[ledger.Vertical]int{}, ledger.Height(0)
	for _, e := range s.Happened(s.Height()) {
		cmd, err := l.Command(s.T.Context(), e.Height, e.Cause)
		if err != nil || cmd.ID != e.Cause || cmd.Network != s.World.Genesis.ID() {
			s.T.Fatalf("%s at %d: %+v, %v", e.Name, e.Height, cmd, err)
		}
		if key := keys[cmd.Author]; key != nil {
			if of[ledger.VerticalOf(cmd.Author)]++; !cmd.SignedBy(key) {
				s.T.Errorf("%s at %d is not as its author signed it", e.Name, e.Height)
			}
		}
		found = e.Height
	}
	if of[ledger.Health] < 5 || of[ledger.Credit] < 5 || of[ledger.Common] < 5 {
		s.T.Errorf("of each side, so many events: %v", of)
	}
	for h, id := range map[ledger.Height]ledger.CommandID{found: refused.ID, found + 1<<40: refused.ID, 0: ledger.NewCommandID()} {
		if cmd, err := l.Command(s.T.Context(), h, id); !errors.Is(err, fs.ErrNotExist) {
			s.T.Errorf("at %d a command that was not applied: %+v, %v", h, cmd, err)
		}
	}
}
