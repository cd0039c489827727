package demo

import (
	"context"
	"time"

	"manx/ledger"
	"manx/privacy"
	"manx/privacy/cohort"
	"manx/privacy/notice"
	"manx/web/owner"
)

// sum has three hospitals learn totals over their patients.
func (s *scan) sum(ctx context.Context) error {
	return s.step("Three hospitals learn how many of their patients smoke; none shows the others a number", map[string]string{
		"organisations": "a share each of every hospital's numbers, which says nothing alone",
		"ledger":        "who takes part, and digests",
		"hospital":      "totals that ten persons or more stand behind, beside each one's own",
	}, func(say func(string, ...any)) error {
		sites := []*owner.Party{s.hospital, s.second, s.researcher}
		body := ledger.ProposeSum{Title: "smokers", Purpose: ledger.Research, Minimum: 10, Columns: []ledger.SumColumn{{Name: "smoker", Most: 1}, {Name: "rare", Most: 1}}}
		for _, p := range sites {
			body.Sites = append(body.Sites, p.ID())
		}
		id, err := s.proposed(ctx, body)
		if err != nil {
			return err
		}
		for i, n := range [][3]uint64{{412, 63, 2}, {288, 41, 3}, {97, 9, 0}} {
			row := cohort.Row{Persons: n[0], Cells: []cohort.Cell{{Persons: n[1], Sum: n[1]}, {Persons: n[2], Sum: n[2]}}}
			if err := sites[i].JoinSum(ctx, id, privacy.Hide([]cohort.Row{row})); err != nil {
				return err
			}
		}
		if _, err := s.hospital.AwaitSum(ctx, id, func(on ledger.Sum) { s.wait("    " + string(on.Stage)) }); err != nil {
			return err
		}
		for _, p := range sites {
			r, _, differs, err := p.SumResult(ctx, id)
			if err != nil {
				return err
			}
			if err := s.check(differs == "" && r.Told && r.Rows[0].Persons == 797 && r.Rows[0].Cells[0].Persons == 113, "every hospital reads the totals"); err != nil {
				return err
			}
			if err := s.check(!r.Rows[0].Cells[1].Told && r.Rows[0].Cells[1].Persons == 0, "what five persons have is not told"); err != nil {
				return err
			}
		}
		say("of 797 patients 113 smoke; how many have something rare is withheld: too few stand behind it")
		_, _, _, err = s.p.SumResult(ctx, id)
		text, err := s.refused(err, "nobody else reads the totals", notice.Denied)
		say("the patient asks: refused: %s", text)
		return err
	})
}

// proposed waits until three organisations have seated their holders, which start
// with the node, and proposes a sum.
func (s *scan) proposed(ctx context.Context, body ledger.ProposeSum) (id ledger.SumID, err error) {
	for try := 0; ; try++ {
		id, err = s.hospital.ProposeSum(ctx, body, 3600)
		if !notice.Is(err, notice.Unavailable) || try == 120 {
			return id, err
		}
		if err := s.pause(ctx, 500*time.Millisecond); err != nil {
			return id, err
		}
	}
}
