package score

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"time"

	"manx/credit/scorecard"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// LetterFormat names the version of a Letter.
const LetterFormat = "manx/adverse-action/v1"

// Actions are what a creditor may have done: 12 CFR 1002.2(c), with an offer on
// other terms than were asked for, 12 CFR 1002.9(a)(1)(iv).
func Actions() []string { return []string{"denied", "other-terms", "ended", "worse-terms"} }

// A Letter is the data of a notice of adverse action: what Regulation B (12 CFR
// 1002.9(a)(2), (b)(2)) and the Fair Credit Reporting Act (15 U.S.C. 1681m(a)) have a
// creditor tell a consumer, where the creditor knows it from the exchange. Name and
// address of the consumer, address of the creditor and the agency that supervises it
// are the creditor's to add.
type Letter struct {
	Format    string             `json:"format"`
	Written   string             `json:"written"` // day, UTC
	Action    string             `json:"action"`  // one of Actions
	Creditor  ledger.PartyID     `json:"creditor"`
	Name      string             `json:"creditor_name"`
	Consumer  ledger.PartyID     `json:"consumer"`
	Job       ledger.JobID       `json:"request"`
	Purpose   ledger.Purpose     `json:"purpose"`
	Asked     string             `json:"asked"` // day on which the score was asked for
	Score     int                `json:"score"`
	Low       int                `json:"score_low"`
	High      int                `json:"score_high"`
	Date      string             `json:"score_date"` // of the file that it is about
	Model     string             `json:"model"`
	Version   string             `json:"model_version"`
	Reasons   []scorecard.Reason `json:"reasons"`
	Furnisher ledger.PartyID     `json:"furnisher"` // who signed the file: did not decide, and cannot give reasons
	Source    string             `json:"furnisher_name"`
	Proof     string             `json:"proof"` // "verified", or what the score rests on instead
}

// AdverseAction writes the letter's data for a score that the lender has opened and
// verified. A score that loses points for nothing gives no reason: then the score is
// not why, and there is no such letter.
func AdverseAction(ctx context.Context, p *owner.Party, v Verified, action string) (l Letter, err error) {
	if !slices.Contains(Actions(), action) {
		return l, notice.New(notice.Invalid, "the action is none that a letter is written about", "choose one of: "+strings.Join(Actions(), ", "))
	}
	if len(v.Reasons) == 0 {
		return l, notice.New(notice.Invalid, "this score is the highest there is: it gives no reason against anybody", "state the reasons that there were in a letter of your own")
	}
	j, err := owner.Get[ledger.Job](ctx, p.Client, v.Job)
	if err != nil {
		return l, err
	}
	if j.Asker != p.ID() {
		return l, notice.New(notice.Denied, "another lender asked for this score", "write about your own")
	}
	r, err := owner.Get[ledger.Record](ctx, p.Client, j.Record)
	if err != nil {
		return l, err
	}
	t, err := told(ctx, p, r.Commitment.Furnisher, r.Commitment)
	if err != nil {
		return l, err
	}
	me, err := owner.Get[ledger.Party](ctx, p.Client, p.ID())
	if err != nil {
		return l, err
	}
	info, err := p.Info(ctx)
	if err != nil {
		return l, err
	}
	asked := j.At[ledger.Asked]
	if asked == 0 {
		asked = j.At[ledger.Ready] // of one that waits for nobody
	}
	l = Letter{Format: LetterFormat, Written: dayOf(info.Now), Action: action, Creditor: p.ID(), Name: me.Name, Consumer: j.Subject, Job: j.ID, Purpose: j.Purpose,
		Asked: dayOf(asked), Score: v.Score, Low: v.Low, High: v.High, Date: v.Date, Model: v.Model, Version: v.Version, Reasons: v.Reasons,
		Furnisher: t.Furnisher, Source: t.Name, Proof: "verified"}
	if v.By != CKKS {
		l.Proof = v.Trust
	}
	return l, nil
}

func dayOf(t ledger.Time) string { return time.Unix(int64(t), 0).UTC().Format(time.DateOnly) }

// CSV writes the letter as a header and one row; reasons that there are not are
// empty. A cell that a spreadsheet would take for a formula is quoted as text.
func (l Letter) CSV() ([]byte, error) {
	head := []string{"format", "written", "action", "creditor", "creditor_name", "consumer", "request", "purpose", "asked", "score", "score_low", "score_high", "score_date", "model", "model_version", "furnisher", "furnisher_name", "proof"}
	row := []string{l.Format, l.Written, l.Action, string(l.Creditor), l.Name, string(l.Consumer), string(l.Job), string(l.Purpose), l.Asked, fmt.Sprint(l.Score), fmt.Sprint(l.Low), fmt.Sprint(l.High), l.Date, l.Model, l.Version, string(l.Furnisher), l.Source, l.Proof}
	for i := range scorecard.MaxReasons {
		head = append(head, fmt.Sprintf("reason_%d", i+1), fmt.Sprintf("reason_%d_zh", i+1))
		if i < len(l.Reasons) {
			row = append(row, l.Reasons[i].English, l.Reasons[i].Chinese)
		} else {
			row = append(row, "", "")
		}
	}
	for i, cell := range row {
		if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			row[i] = "'" + cell
		}
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll([][]string{head, row}); err != nil {
		return nil, fmt.Errorf("write letter: %w", err)
	}
	return b.Bytes(), nil
}
