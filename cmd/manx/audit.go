package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/web/owner"
)

// An entry is one line of what happened.
type entry struct {
	At    ledger.Time `json:"at"`
	What  string      `json:"what"`
	About string      `json:"about"`
	Who   string      `json:"who,omitempty"`
}

func auditCommand(t *terminal) *cobra.Command {
	var as string
	var verify bool
	c := &cobra.Command{Use: "audit", Short: "Who may use, and who used, what is yours", Args: cobra.NoArgs,
		Long: "List what the ledger says concerns you: records, permissions, computations, in order of time; and with the\nnetwork's organisations every change of the supply of MAN, who approved it and why. --verify also fetches every receipt\nand checks it; `manx storage verify` looks at the shards.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				log, err := timeline(ctx, p)
				if err != nil {
					return err
				}
				checks := []string{}
				if verify {
					if checks, err = receipts(ctx, p); err != nil {
						return err
					}
				}
				mints, err := p.Mints(ctx)
				if err != nil {
					return err
				}
				g := p.Home.Network.Genesis
				t.say(map[string]any{"ok": true, "party": p.ID(), "network": g.ID(), "organisations": organisations(g), "mints": listOf(mints), "entries": log, "verified": checks}, func(w io.Writer) {
					fmt.Fprintf(w, "party\t%s\nnetwork\t%s\n", p.ID(), g.ID())
					for _, o := range g.Organisations {
						fmt.Fprintf(w, "organisation\t%s\t%s\n", o.Name, o.ID)
					}
					for _, m := range mints {
						fmt.Fprintf(w, "supply\t%s, by %s\t%s\n", minted(m), namesOf(g, m.By), when(m.At))
					}
				})
				if !t.json {
					t.sayLog(log, checks)
				}
				return nil
			})
		}}
	c.AddCommand(auditVerify(t))
	c.AddCommand(auditBuild(t, &as))
	c.PersistentFlags().StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	c.Flags().BoolVar(&verify, "verify", false, "check every receipt")
	return c
}

// sayLog writes the timeline as a table of its own.
func (t *terminal) sayLog(log []entry, checks []string) {
	t.say(nil, func(w io.Writer) {
		if len(log) == 0 {
			fmt.Fprintln(w, "nothing on the ledger concerns this party yet")
		}
		for _, e := range log {
			fmt.Fprintf(w, "%s\t%s\t%s", when(e.At), e.What, e.About)
			if e.Who != "" {
				fmt.Fprintf(w, "\t%s", e.Who)
			}
			fmt.Fprintln(w)
		}
		for _, s := range checks {
			fmt.Fprintf(w, "verified %s\n", s)
		}
	})
}

// organisation is what an audit says of one.
type organisation struct {
	ID     ledger.PartyID  `json:"id"`
	Name   string          `json:"name"`
	Serves ledger.Vertical `json:"serves"`
	Key    []byte          `json:"key"` // Ed25519
}

func organisations(g ledger.Genesis) []organisation {
	out := []organisation{}
	for _, o := range g.Organisations {
		out = append(out, organisation{o.ID, o.Name, o.Serves, o.Key})
	}
	return out
}

func timeline(ctx context.Context, p *owner.Party) ([]entry, error) {
	log := []entry{}
	records, err := p.Records(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		for i, v := range r.Versions {
			log = append(log, entry{v.At, fmt.Sprintf("%s version %d registered", r.Kind, i+1), string(r.ID), ""})
		}
	}
	grants, err := p.Grants(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		log = append(log, entry{g.From, fmt.Sprintf("may %s for %s until %s", g.Access, g.Purpose, when(g.Until)), string(g.Record), string(g.To)})
		if g.Revoked != 0 {
			log = append(log, entry{g.Revoked, "permission revoked", string(g.Record), string(g.To)})
		}
	}
	jobs, err := p.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		log = append(log, entry{j.At[j.Stage], fmt.Sprintf("job %s, %s MAN, for %s", j.Stage, j.Fee, j.Purpose), string(j.ID), string(j.Asker)})
	}
	slices.SortStableFunc(log, func(a, b entry) int { return int(a.At - b.At) })
	return log, nil
}

// receipts checks the receipts of the party's jobs.
func receipts(ctx context.Context, p *owner.Party) ([]string, error) {
	checks := []string{}
	jobs, err := p.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		if j.Stage.Over() {
			if _, _, err := p.VerifiedReceipt(ctx, j.ID); err != nil {
				return checks, err
			}
			checks = append(checks, "receipt of "+string(j.ID))
		}
	}
	return checks, nil
}
