package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"manx/escrow"
	"manx/escrow/tell"
	"manx/escrow/template"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

func escrowCommand(t *terminal) *cobra.Command {
	var as string
	var zh bool
	c := &cobra.Command{Use: "escrow", Short: "Contracts that hold money by their terms: new, check, open, list, show, explain, step",
		Long: "A contract holds MAN by terms that anyone can read: who may do what until when, and where the money then goes.\nTerms are told in English, or with --zh in Chinese, from the same tree that the ledger steps."}
	c.PersistentFlags().StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	c.PersistentFlags().BoolVar(&zh, "zh", false, "tell terms in Chinese")
	e := &escrowCLI{t, &as, &zh}
	c.AddCommand(e.new(), e.templates(), e.check(), e.open(), e.list(), e.show(), e.explain(), e.step(), e.evidence())
	return c
}

type escrowCLI struct {
	*terminal
	as *string
	zh *bool
}

func (e *escrowCLI) teller() tell.Teller {
	language := tell.English
	if *e.zh {
		language = tell.Chinese
	}
	return tell.Teller{Language: language, Words: template.Words()}
}

// A draft is a contract in a file, before it is on the ledger.
type draft struct {
	Title   string          `json:"title"`
	Terms   json.RawMessage `json:"terms"`
	Players []ledger.Player `json:"players"`
	Last    ledger.Time     `json:"last"`

	read escrow.Terms
}

func readDraft(name string) (d draft, err error) {
	b, err := readInput(name)
	if err != nil {
		return d, err
	}
	if err := ledger.Decode(b, &d); err != nil {
		return d, notice.Because(err, notice.Invalid, "the file is no contract", "its fields are title, terms, players and last (docs/escrow.md)")
	}
	if err := ledger.Decode(d.Terms, &d.read); err != nil {
		return d, notice.Because(err, notice.Invalid, "the terms in the file are not well-formed", "docs/escrow.md shows how they are written")
	}
	return d, nil
}

func escrowNamed(s string) (ledger.EscrowID, error) {
	id := ledger.EscrowID(s)
	if err := ledger.CheckID(id, "escrow"); err != nil {
		return id, usage{errors.New("not the id of a contract: `manx escrow list` shows them")}
	}
	return id, nil
}

func (e *escrowCLI) check() *cobra.Command {
	var begin string
	c := &cobra.Command{Use: "check FILE", Short: "Explore everything that can happen under a contract in a file; no network", Args: cobra.ExactArgs(1),
		Long: "Explore every choice, deadline and payment. What is wrong is told as a story of how it comes about, with exit code 6.",
		RunE: func(_ *cobra.Command, args []string) error {
			d, err := readDraft(args[0])
			if err != nil {
				return err
			}
			at := ledger.Time(time.Now().Unix())
			if begin != "" {
				day, err := time.Parse(time.DateOnly, begin)
				if err != nil {
					return usage{errors.New("--begin is a date such as 2027-01-31")}
				}
				at = ledger.Time(day.Unix())
			}
			teller := e.teller()
			r, err := e.explore(d, at)
			if err != nil {
				return err
			}
			stories := []string{}
			for _, f := range r.Findings {
				stories = append(stories, teller.Finding(d.read, f))
			}
			e.say(map[string]any{"ok": len(stories) == 0, "report": r, "stories": stories, "hash": ledger.TermsHash(d.Terms, d.Players)}, func(w io.Writer) {
				fmt.Fprintf(w, "explored\t%d states\nends by\t%s\noutcomes\t%s\nhash\t%s\n", r.States, when(r.Last), strings.Join(r.Outcomes, ", "), ledger.TermsHash(d.Terms, d.Players))
				for _, s := range stories {
					fmt.Fprintf(w, "found\t%s\n", s)
				}
			})
			if len(stories) > 0 {
				return notice.New(notice.Integrity, fmt.Sprintf(e.either("the terms are not sound: %d found wrong", "条款不成立：发现%d处问题"), len(stories)),
					e.either("no ledger takes them; correct the clauses that the stories name", "账本不会接受；请改正所述条款"))
			}
			return nil
		}}
	c.Flags().StringVar(&begin, "begin", "", "the day from which to explore (default: now)")
	return c
}

func (e *escrowCLI) open() *cobra.Command {
	return &cobra.Command{Use: "open FILE", Short: "Read a contract in a file, check it, and put it on the ledger", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := readDraft(args[0])
			if err != nil {
				return err
			}
			return e.with(cmd.Context(), *e.as, func(ctx context.Context, p *owner.Party) error { return e.deploy(ctx, p, d) })
		}}
}

// deploy shows what is signed, asks, and opens the contract.
func (e *escrowCLI) deploy(ctx context.Context, p *owner.Party, d draft) error {
	info, err := p.Info(ctx)
	if err != nil {
		return err
	}
	r, err := e.explore(d, info.Now)
	if err != nil {
		return err
	}
	if len(r.Findings) > 0 {
		return notice.New(notice.Integrity, e.either("the terms are not sound: ", "条款不成立：")+e.teller().Finding(d.read, r.Findings[0]), e.either("read all of it: `manx escrow check`", "全部问题见 `manx escrow check --zh`"))
	}
	if !e.json && !e.quiet {
		fmt.Fprintln(e.err, d.Title)
		for _, text := range bothLanguages(d.read, d.Players) {
			fmt.Fprintln(e.err, text)
		}
		fmt.Fprintf(e.err, "hash %s\n", ledger.TermsHash(d.Terms, d.Players))
	}
	s, err := p.Schedule(ctx)
	if err != nil {
		return err
	}
	if err := e.sure("Put this contract on the ledger" + andFee(s.Fees.Open) + "?"); err != nil {
		return err
	}
	id, err := p.OpenContract(ctx, d.Title, d.read, d.Players, d.Last)
	if err != nil {
		return err
	}
	e.say(map[string]any{"ok": true, "escrow": id, "hash": ledger.TermsHash(d.Terms, d.Players)}, func(w io.Writer) {
		fmt.Fprintf(w, "%s\tthen: manx escrow show %s\n", id, id)
	})
	return nil
}

func (e *escrowCLI) list() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "The contracts that you opened or have a part in", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.with(cmd.Context(), *e.as, func(ctx context.Context, p *owner.Party) error {
				all, err := p.Contracts(ctx)
				if err != nil {
					return err
				}
				type row struct {
					ledger.Escrow
					State escrow.State `json:"state"`
				}
				rows := []row{}
				for _, c := range all {
					full, err := p.Contract(ctx, c.ID)
					if err != nil {
						return err
					}
					rows = append(rows, row{c, full.State})
				}
				e.say(map[string]any{"ok": true, "escrows": rows}, func(w io.Writer) {
					if len(rows) == 0 {
						fmt.Fprintln(w, "no contract concerns you")
					}
					for _, r := range rows {
						stands := "holds " + r.State.Held().String() + " MAN"
						if r.State.Over() {
							stands = "ended: " + r.State.Outcome
						}
						fmt.Fprintf(w, "%s\t%s\t%s\tuntil %s\n", r.ID, r.Title, stands, when(r.Last))
					}
				})
				return nil
			})
		}}
}

func (e *escrowCLI) show() *cobra.Command {
	var svg string
	var mermaid bool
	c := &cobra.Command{Use: "show CONTRACT", Short: "Read a contract in plain words, where it stands and what can happen next", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := escrowNamed(args[0])
			if err != nil {
				return err
			}
			return e.with(cmd.Context(), *e.as, func(ctx context.Context, p *owner.Party) error {
				c, err := p.Contract(ctx, id)
				if err != nil {
					return err
				}
				teller := e.teller()
				if svg != "" {
					if err := os.WriteFile(svg, []byte(teller.SVG(c.Read, c.State.Parties)), 0o600); err != nil {
						return notice.Because(err, notice.Invalid, "the drawing cannot be written there", "name another file with --svg")
					}
				}
				if mermaid {
					fmt.Fprint(e.out, teller.Mermaid(c.Read))
					return nil
				}
				next := teller.Next(c.Read, c.State)
				proof, perr := c.Proof() // where it is another, the contract can be read all the same
				e.say(map[string]any{"ok": true, "escrow": c.Escrow, "state": c.State, "text": teller.Terms(c.Read, c.State.Parties), "next": next, "report": proof, "certified": perr == nil}, func(w io.Writer) {
					e.sayContract(w, c, next)
					if perr != nil {
						fmt.Fprintf(w, "certificate\t%s\tNOT CONFIRMED: %s\n", c.Certificate, notice.From(perr).Text)
						return
					}
					fmt.Fprintf(w, "certificate\t%s\texplored again: %d states, nothing wrong\n", c.Certificate, proof.States)
				})
				return nil
			})
		}}
	c.Flags().StringVar(&svg, "svg", "", "also write a drawing of the terms")
	c.Flags().BoolVar(&mermaid, "mermaid", false, "write the drawing as a Mermaid chart instead")
	return c
}

func (e *escrowCLI) sayContract(w io.Writer, c owner.Contract, next []tell.Move) {
	fmt.Fprintf(w, "%s\n%s\nhash\t%s\n\n%s\n", c.Title, c.ID, c.Hash, e.teller().Terms(c.Read, c.State.Parties))
	for i, p := range c.Read.Pots {
		fmt.Fprintf(w, "in %s\t%s MAN\n", p.Name, c.State.Pots[i])
	}
	for _, o := range c.State.Paid {
		fmt.Fprintf(w, "paid\t%s MAN\tto %s\n", o.Amount, o.To)
	}
	for _, s := range c.State.Shown {
		fmt.Fprintf(w, "shown\t%s\tin clause %d by %s\n", s.Digest, s.Clause+1, e.teller().Roles([]escrow.Role{s.By}))
	}
	if c.State.Over() {
		fmt.Fprintf(w, "ended\t%s\n", c.State.Outcome)
		return
	}
	fmt.Fprintf(w, "at clause\t%d\n", c.State.At+1)
	for _, m := range next {
		at := "until " + when(m.Until)
		if m.From != 0 {
			at = "from " + when(m.From)
		}
		fmt.Fprintf(w, "next\t%s\t%s\tthen %d\n", at, m.What, m.Then+1)
	}
}

func (e *escrowCLI) step() *cobra.Command {
	var s ledger.StepEscrow
	var deposit, pay, at, job, evidence string
	c := &cobra.Command{Use: "step CONTRACT", Short: "Do what a contract waits for: --choose, --deposit, --pay, --state, --job, or pass its deadline", Args: cobra.ExactArgs(1),
		Long: "Without a flag, the deadline of the present wait is passed, if it is over: anybody may.\nThe role is filled in where you play only one.",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := escrowNamed(args[0])
			if err != nil {
				return err
			}
			if err := fillStep(&s, deposit, pay, at, job); err != nil {
				return err
			}
			return e.with(cmd.Context(), *e.as, func(ctx context.Context, p *owner.Party) error {
				c, err := p.Contract(ctx, id)
				if err != nil {
					return err
				}
				acts := s.Choice != "" || s.Deposit != nil || s.Pay != nil || s.Fact != ""
				if roles := c.Roles(p.ID()); acts && s.Role == "" {
					if len(roles) != 1 {
						return usage{fmt.Errorf("you play %d roles in this contract: say which with --role", len(roles))}
					}
					s.Role = string(roles[0])
				}
				if s.Fact != "" && s.When == 0 {
					info, err := p.Info(ctx)
					if err != nil {
						return err
					}
					s.When = info.Now
				}
				if evidence != "" {
					if err := e.attach(p, &s, id, evidence); err != nil {
						return err
					}
				}
				if err := e.signs(c, s); err != nil {
					return err
				}
				if err := p.StepContract(ctx, c, s); err != nil {
					return e.refused(ctx, p, c, err)
				}
				if c, err = p.Contract(ctx, id); err != nil {
					return err
				}
				next := e.teller().Next(c.Read, c.State)
				e.say(map[string]any{"ok": true, "escrow": id, "state": c.State, "next": next}, func(w io.Writer) { e.sayContract(w, c, next) })
				return nil
			})
		}}
	f := c.Flags()
	f.StringVar(&s.Role, "role", "", "the role you act in")
	f.StringVar(&s.Choice, "choose", "", "a choice that the terms offer")
	f.StringVar(&evidence, "evidence", "", "with --choose: show a file; the ledger gets a salted digest of it")
	f.StringVar(&deposit, "deposit", "", "put in MAN")
	f.StringVar(&pay, "pay", "", "pay MAN out of a pot, to --to")
	f.StringVar(&s.To, "to", "", "the role that --pay goes to")
	f.StringVar(&s.Fact, "state", "", "as an attester: state a fact, with --value")
	f.Int64Var(&s.Value, "value", 1, "the fact's value: 1 is yes, 0 is no")
	f.StringVar(&at, "when", "", "the moment at which the fact was so (RFC 3339; default: now)")
	f.StringVar(&job, "job", "", "a job that has ended, whose verdict the terms wait for")
	return c
}

// fillStep reads the flags that are not plain words.
func fillStep(s *ledger.StepEscrow, deposit, pay, at, job string) error {
	for _, f := range []struct {
		text string
		to   **ledger.Amount
	}{{deposit, &s.Deposit}, {pay, &s.Pay}} {
		if f.text == "" {
			continue
		}
		a, err := ledger.ParseAmount(f.text)
		if err != nil {
			return usage{err}
		}
		*f.to = &a
	}
	if s.Fact == "" {
		s.Value = 0
	}
	if at != "" {
		u, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return usage{errors.New("--when is a moment such as 2027-01-31T12:00:00Z")}
		}
		s.When = ledger.Time(u.Unix())
	}
	s.Job = ledger.JobID(job)
	return nil
}
