package desk

import (
	"cmp"
	"context"
	"slices"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// Overview is what the first page shows: what there is, who may see it, what waits.
type Overview struct {
	Party   ledger.PartyID            `json:"party"`
	Balance ledger.Amount             `json:"balance"`
	Now     ledger.Time               `json:"now"`
	Ledger  string                    `json:"ledger"` // what kind it is, as the node says
	Records []ledger.Record           `json:"records"`
	Grants  []ledger.Grant            `json:"grants"`
	Jobs    []ledger.Job              `json:"jobs"`
	Names   map[ledger.PartyID]string `json:"names"`  // of the organisations above
	Models  map[ledger.ModelID]string `json:"models"` // of the jobs above
	Opened  []ledger.JobID            `json:"opened"` // whose finding is kept here
}

func (d *Desk) overview(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	info, err := p.Info(ctx)
	if err != nil {
		return nil, err
	}
	o := Overview{Party: p.ID(), Now: info.Now, Ledger: info.Ledger, Names: map[ledger.PartyID]string{}, Opened: []ledger.JobID{}}
	if o.Balance, err = p.Balance(ctx); err != nil {
		return nil, err
	}
	if o.Records, err = p.Records(ctx); err != nil {
		return nil, err
	}
	if o.Grants, err = p.Grants(ctx); err != nil {
		return nil, err
	}
	if o.Jobs, err = p.Jobs(ctx); err != nil {
		return nil, err
	}
	for _, g := range o.Grants {
		if _, ok := o.Names[g.To]; ok || g.To == p.ID() {
			continue
		}
		if o.Names[g.To], err = nameOf(ctx, p, g.To); err != nil {
			return nil, err
		}
	}
	if o.Models, err = modelNames(ctx, p); err != nil {
		return nil, err
	}
	for _, j := range o.Jobs {
		if lies(p, "finding", j.ID) {
			o.Opened = append(o.Opened, j.ID)
		}
	}
	return o, nil
}

// nameOf returns the public name of a party, "" for a person.
func nameOf(ctx context.Context, p *owner.Party, id ledger.PartyID) (string, error) {
	if o, ok := p.Home.Network.Genesis.Organisation(id); ok {
		return o.Name, nil
	}
	q, err := owner.Get[ledger.Party](ctx, p.Client, id)
	return q.Name, err
}

// named says who a party is, for the consent page.
func (d *Desk) named(ctx context.Context, p *owner.Party, a struct {
	Party ledger.PartyID `json:"party"`
}, _ Show) (any, error) {
	if err := ledger.CheckID(a.Party, "p"); err != nil {
		return nil, notice.Because(err, notice.Invalid, "that is not the id of a party", "copy it whole from what the hospital gave you")
	}
	q, err := owner.Get[ledger.Party](ctx, p.Client, a.Party)
	if err != nil {
		return nil, err
	}
	return struct {
		Name string      `json:"name"`
		Role ledger.Role `json:"role"`
	}{q.Name, q.Role}, nil
}

func (d *Desk) grant(ctx context.Context, p *owner.Party, a struct {
	Record  ledger.RecordID `json:"record"`
	To      ledger.PartyID  `json:"to"`
	Purpose ledger.Purpose  `json:"purpose"`
	Days    float64         `json:"days"`
}, _ Show) (any, error) {
	if !(a.Days > 0 && a.Days <= 3650) {
		return nil, notice.New(notice.Invalid, "a permission lasts up to ten years", "state from 1 to 3650 days")
	}
	info, err := p.Info(ctx)
	if err != nil {
		return nil, err
	}
	return p.Grant(ctx, ledger.GiveGrant{Record: a.Record, To: a.To, Purpose: a.Purpose, Access: ledger.Read, Until: info.Now + ledger.Time(a.Days*86400)})
}

func (d *Desk) revoke(ctx context.Context, p *owner.Party, a struct {
	Grant ledger.GrantID `json:"grant"`
}, _ Show) (any, error) {
	if err := p.Revoke(ctx, a.Grant); err != nil {
		return nil, err
	}
	return owner.Get[ledger.Grant](ctx, p.Client, a.Grant)
}

// An Event is one line of "who used my data".
type Event struct {
	At      ledger.Time     `json:"at"`
	What    string          `json:"what"` // stored, granted, ended, revoked, erased, asked, settled, refunded, trained, counted
	Record  ledger.RecordID `json:"record,omitempty"`
	Kind    ledger.Kind     `json:"kind,omitempty"`
	Version int             `json:"version,omitempty"`
	Party   ledger.PartyID  `json:"party,omitempty"`
	Name    string          `json:"name,omitempty"`
	Purpose ledger.Purpose  `json:"purpose,omitempty"`
	Until   ledger.Time     `json:"until,omitempty"`
	Job     ledger.JobID    `json:"job,omitempty"`
	Model   string          `json:"model,omitempty"`
	Fee     ledger.Amount   `json:"fee"`
	Epsilon float64         `json:"epsilon,omitempty"` // that was spent of the record's privacy budget
	Title   string          `json:"title,omitempty"`   // of the training or total that spent it
}

// log tells what the ledger knows of the party's data, newest first.
func (d *Desk) log(ctx context.Context, p *owner.Party, _ none, show Show) (any, error) {
	out, err := d.overview(ctx, p, none{}, show)
	if err != nil {
		return nil, err
	}
	o, _ := out.(Overview)
	log := []Event{}
	kinds := map[ledger.RecordID]ledger.Kind{}
	for _, r := range o.Records {
		kinds[r.ID] = r.Kind
		for i, v := range r.Versions {
			log = append(log, Event{At: v.At, What: "stored", Record: r.ID, Kind: r.Kind, Version: i + 1})
		}
	}
	budgets, err := budgetsWith(ctx, p, func(b ledger.Budget) (owner.ShownBudget, error) { return owner.ShowBudget(b), nil })
	if err != nil {
		return nil, err
	}
	for _, b := range budgets {
		for _, u := range b.Uses {
			e := Event{At: u.At, Record: b.Record, Kind: b.Kind, Party: u.By, Name: b.Names[u.By], Epsilon: u.Epsilon, Title: u.Of}
			switch u.Kind {
			case ledger.UseTraining:
				e.What = "trained"
				if title := b.Titles[ledger.TrainingID(u.Of)]; title != "" {
					e.Title = title
				}
			case ledger.UseQuery:
				e.What = "counted"
			default: // results about the record are jobs, and earlier uses are many
				continue
			}
			log = append(log, e)
		}
	}
	for _, g := range o.Grants {
		e := Event{At: g.From, What: "granted", Record: g.Record, Kind: kinds[g.Record], Party: g.To, Name: o.Names[g.To], Purpose: g.Purpose, Until: g.Until}
		log = append(log, e)
		switch {
		case g.Revoked != 0:
			e.At, e.What = g.Revoked, "revoked"
			log = append(log, e)
		case g.Until <= o.Now:
			e.At, e.What = g.Until, "ended"
			log = append(log, e)
		}
	}
	for _, j := range o.Jobs {
		e := Event{What: "asked", Record: j.Record, Kind: kinds[j.Record], Job: j.ID, Model: o.Models[j.Model], Purpose: j.Purpose, Fee: j.Fee}
		for _, s := range []ledger.Stage{ledger.Asked, ledger.Ready, ledger.Settled, ledger.Refunded} {
			at, ok := j.At[s]
			if !ok || s == ledger.Ready && j.At[ledger.Asked] != 0 {
				continue
			}
			if e.At = at; s.Over() {
				e.What = string(s)
			}
			log = append(log, e)
		}
	}
	// In one second, what was written first happened first.
	slices.SortStableFunc(log, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	slices.Reverse(log)
	return log, nil
}
