//go:build !js || credit

package desk

import (
	"context"
	"io"
	"os"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/web/owner"
	"manx/web/owner/score"
)

// A Request is a lender's request for a score, and what was granted on it.
type Request struct {
	ledger.Job
	Lender  string        `json:"lender"` // public name of who asked
	Model   string        `json:"model_name"`
	Granted *ledger.Grant `json:"granted,omitempty"`
	Opened  bool          `json:"opened,omitempty"` // the score is kept here
}

// A Permit is a permission on a credit file, with the lender's name.
type Permit struct {
	ledger.Grant
	Name string `json:"name"`
}

// Borrowing is what a borrower's first page shows.
type Borrowing struct {
	Party    ledger.PartyID `json:"party"`
	Balance  ledger.Amount  `json:"balance"`
	Now      ledger.Time    `json:"now"`
	Ledger   string         `json:"ledger"`
	Files    []score.Told   `json:"files"`
	Requests []Request      `json:"requests"` // newest first
	Permits  []Permit       `json:"permits"`
}

func (d *Desk) borrowing(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	info, err := p.Info(ctx)
	if err != nil {
		return nil, err
	}
	b := Borrowing{Party: p.ID(), Now: info.Now, Ledger: info.Ledger, Permits: []Permit{}}
	if b.Balance, err = p.Balance(ctx); err != nil {
		return nil, err
	}
	if b.Files, err = score.Files(ctx, p); err != nil {
		return nil, err
	}
	if b.Requests, err = d.requests(ctx, p, func(j ledger.Job) bool { return j.Subject == p.ID() }); err != nil {
		return nil, err
	}
	grants, err := p.Grants(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		if g.Owner != p.ID() {
			continue
		}
		name, err := nameOf(ctx, p, g.To)
		if err != nil {
			return nil, err
		}
		b.Permits = append(b.Permits, Permit{g, name})
	}
	return b, nil
}

// requests lists jobs over credit files with names and grants.
func (d *Desk) requests(ctx context.Context, p *owner.Party, want func(ledger.Job) bool) ([]Request, error) {
	jobs, err := p.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	names, err := modelNames(ctx, p)
	if err != nil {
		return nil, err
	}
	out := []Request{}
	for _, j := range jobs {
		if !want(j) {
			continue
		}
		r := Request{Job: j, Model: names[j.Model], Opened: lies(p, "score", j.ID)}
		if r.Lender, err = nameOf(ctx, p, j.Asker); err != nil {
			return nil, err
		}
		if j.Grant != "" {
			g, err := owner.Get[ledger.Grant](ctx, p.Client, j.Grant)
			if err != nil {
				return nil, err
			}
			r.Granted = &g
		}
		out = append(out, r)
	}
	return out, nil
}

// dropped names one chosen file.
type dropped struct {
	Path string `json:"path"`
}

func (a dropped) read() ([]byte, error) {
	f, err := os.Open(a.Path)
	if err != nil {
		return nil, notice.Because(err, notice.NotFound, "the file cannot be read", "choose it again")
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, seal.MaxMessage+1))
	if err == nil && len(b) > seal.MaxMessage {
		err = notice.New(notice.Invalid, "the file is over 4 MiB, which no credit file is", "choose the file that your furnisher gave you")
	}
	return b, err
}

// fileLook tells what a furnisher's sealed file says, and keeps nothing.
func (d *Desk) fileLook(ctx context.Context, p *owner.Party, a dropped, show Show) (any, error) {
	show(Progress{Stage: "checking"})
	b, err := a.read()
	if err != nil {
		return nil, err
	}
	return score.Look(ctx, p, b)
}

func (d *Desk) fileAdd(ctx context.Context, p *owner.Party, a dropped, show Show) (any, error) {
	show(Progress{Stage: "sealing"})
	b, err := a.read()
	if err != nil {
		return nil, err
	}
	return score.Add(ctx, p, b)
}

// file opens one of the borrower's own files.
func (d *Desk) file(ctx context.Context, p *owner.Party, a ofRecord, _ Show) (any, error) {
	if err := ledger.CheckID(a.Record, "rec"); err != nil {
		return nil, notice.Because(err, notice.Invalid, "that is not the id of a credit file", "open it from the list")
	}
	return score.File(ctx, p, a.Record)
}

type byScorecard struct {
	Model string `json:"model"` // name or id; empty is the usual scorecard
}

func (m byScorecard) name() string {
	if m.Model == "" {
		return score.DefaultModel
	}
	return m.Model
}

func (d *Desk) ownScore(ctx context.Context, p *owner.Party, a byScorecard, _ Show) (any, error) {
	return score.OwnScore(ctx, p, a.name())
}

func checkedJob(j ledger.JobID) error {
	if err := ledger.CheckID(j, "job"); err != nil {
		return notice.Because(err, notice.Invalid, "that is not the id of a request", "open it from the list")
	}
	return nil
}

// consent lets the lender of a request have the score: the tab encrypts, decrypts
// and proves, a worker computes. Interrupted, the same call goes on.
func (d *Desk) consent(ctx context.Context, p *owner.Party, a ofJob, show Show) (any, error) {
	if err := checkedJob(a.Job); err != nil {
		return nil, err
	}
	return score.Consent(ctx, p, a.Job, func(stage string, done, total int64) { show(Progress{"score " + stage, done, total}) })
}

func (d *Desk) deny(ctx context.Context, p *owner.Party, a ofJob, _ Show) (any, error) {
	if err := checkedJob(a.Job); err != nil {
		return nil, err
	}
	return none{}, score.Deny(ctx, p, a.Job)
}

// permit lets a lender have scores while the borrower is away: shares of her file go,
// sealed, to three organisations by way of the node.
func (d *Desk) permit(ctx context.Context, p *owner.Party, a struct {
	byScorecard
	Lender  ledger.PartyID `json:"lender"`
	Purpose ledger.Purpose `json:"purpose"`
	Days    int            `json:"days"`
	Calls   int            `json:"calls"`
}, _ Show) (any, error) {
	if a.Days < 1 || a.Days > 3650 || a.Calls < 1 || a.Calls > ledger.MaxCalls {
		return nil, notice.New(notice.Invalid, "a permission is for 1 to 3650 days and 1 to 64 scores", "state numbers within these")
	}
	info, err := p.Info(ctx)
	if err != nil {
		return nil, err
	}
	return score.Share(ctx, p, score.Permission{Lender: a.Lender, Model: a.name(), Purpose: a.Purpose, Until: info.Now + ledger.Time(a.Days)*86400, Calls: a.Calls})
}

// dispute says that a field of a file is wrong. The ledger holds the field's name,
// never what it says.
func (d *Desk) dispute(ctx context.Context, p *owner.Party, a struct {
	Furnisher ledger.PartyID `json:"furnisher"`
	Field     string         `json:"field"`
}, _ Show) (any, error) {
	if err := score.Dispute(ctx, p, a.Furnisher, a.Field); err != nil {
		return nil, err
	}
	return none{}, nil
}
