package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage/durable"
	"manx/web/owner"
)

func coinOracle(t *terminal) *cobra.Command {
	var as string
	c := &cobra.Command{Use: "oracle NAME", Short: "As an oracle: write your name and key as the organisations put them into the schedule", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.with(cmd.Context(), as, func(_ context.Context, p *owner.Party) error {
				o := ledger.Oracle{Name: args[0], Key: p.Keys.Public()}
				b := ledger.SetSchedule{Schedule: ledger.Schedule{Version: 1, Oracles: []ledger.Oracle{o}, Need: 1}}
				if err := b.Check(); err != nil {
					return usage{err}
				}
				t.say(map[string]any{"ok": true, "name": o.Name, "key": o.Key}, func(w io.Writer) {
					fmt.Fprintf(w, `{"name": "%s", "key": "%s"}`+"\n", o.Name, base64.StdEncoding.EncodeToString(o.Key))
				})
				return nil
			})
		}}
	c.Flags().StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	return c
}

func coinAttest(t *terminal) *cobra.Command {
	var as, party, amount, reference, at, out string
	var paidOut bool
	c := &cobra.Command{Use: "attest [FILE]", Short: "As an oracle: sign that a payment was made outside; with FILE, another oracle's", Args: cobra.MaximumNArgs(1),
		Long: `Sign that a payment was made outside the exchange, into a file for the organisations, who issue as much MAN to who
paid; --paid-out for what an organisation paid out, which burns as much. The ledger gets no reference, only a salted
digest, and each payment counts once. Where the schedule asks for several oracles, each signs the same file.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) (err error) {
				var a owner.Attestation
				if len(args) == 1 {
					if party != "" || amount != "" || reference != "" || at != "" || paidOut {
						return usage{errors.New("a FILE says all of it: give no other flags")}
					}
					out = args[0]
					a, err = readPayment(out)
				} else {
					a, err = t.newPayment(ctx, p, party, amount, reference, at, paidOut)
				}
				if err != nil {
					return err
				}
				if err := t.sure(fmt.Sprintf("Attest that %s MAN %s, of %s, under the reference %q?", a.Payment.Amount, direct(a.Payment), when(a.Payment.At), a.Reference)); err != nil {
					return err
				}
				if a, err = p.Attest(ctx, a); err != nil {
					return err
				}
				b, err := json.Marshal(a)
				if err != nil {
					return fmt.Errorf("encode payment: %w", err)
				}
				if err := durable.WriteFile(out, append(b, '\n')); err != nil {
					return notice.Because(err, notice.Invalid, "the payment cannot be written there", "name another file with --out")
				}
				t.say(map[string]any{"ok": true, "file": out, "payment": a.Payment, "digest": a.Payment.Digest()}, func(w io.Writer) {
					fmt.Fprintf(w, "payment\t%s\nattested by\t%d oracles\nfile\t%s\tthen: manx coin %s --payment %s\n", a.Payment.Digest(), len(a.Payment.Attests), out, map[bool]string{false: "issue", true: "burn"}[a.Payment.Out], out)
				})
				return nil
			})
		}}
	f := c.Flags()
	f.StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	f.StringVar(&party, "party", "", "who paid and gets the MAN; with --paid-out the organisation that paid out")
	f.StringVar(&amount, "amount", "", "how much MAN the payment is worth")
	f.StringVar(&reference, "reference", "", "what the payment is known by outside, such as the bank's reference")
	f.StringVar(&at, "at", "", "when it was made (RFC 3339; default: now)")
	f.BoolVar(&paidOut, "paid-out", false, "it was paid out by an organisation, not in")
	f.StringVar(&out, "out", "payment.json", "the file to write")
	return c
}

// direct tells which way a payment went.
func direct(p ledger.Payment) string {
	if p.Out {
		return "was paid out by " + string(p.Party)
	}
	return "was paid in by " + string(p.Party)
}

func (t *terminal) newPayment(ctx context.Context, p *owner.Party, party, amount, reference, at string, out bool) (a owner.Attestation, err error) {
	pay := ledger.Payment{Out: out}
	if pay.Party, err = partyNamed(party); err != nil {
		return a, err
	}
	if pay.Amount, err = ledger.ParseAmount(amount); err != nil {
		return a, usage{err}
	}
	info, err := p.Info(ctx)
	if err != nil {
		return a, err
	}
	if pay.At = info.Now; at != "" {
		u, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return a, usage{errors.New("--at is a moment such as 2027-01-31T12:00:00Z")}
		}
		pay.At = ledger.Time(u.Unix())
	}
	return p.Refer(pay, reference)
}

func coinSchedule(t *terminal) *cobra.Command {
	o := &office{terminal: t}
	var as, set string
	c := &cobra.Command{Use: "schedule", Short: "The schedule of oracles, rewards and fees; --set FILE proposes another", Args: cobra.NoArgs,
		Long: `Show the schedule that a majority of the organisations has put in force. --set FILE proposes the next one, which others
approve. The file is JSON: "version" (one more than now), "oracles" (` + "`manx coin oracle`" + ` writes one), "need" (how many attest
a payment), "rewards" ("name", "amount", "start" in seconds since 1970, "every" in seconds, "periods") and "fees" ("send" and
"open" in MAN, "jobs" in basis points of a job's fee).`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if set != "" {
				raw, err := readInput(set)
				if err != nil {
					return err
				}
				var b ledger.SetSchedule
				if err := ledger.Decode(raw, &b.Schedule); err != nil {
					return notice.Because(err, notice.Invalid, "the file is no schedule", "`manx coin schedule --help` shows its fields")
				}
				return o.propose(cmd.Context(), func(*owner.Client, ledger.Signer) (ledger.Body, error) { return b, nil })
			}
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				s, err := p.Schedule(ctx)
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "schedule": s}, func(w io.Writer) { saySchedule(w, s) })
				return nil
			})
		}}
	f := o.flags(c, "schedule.json").Flags()
	f.StringVar(&set, "set", "", "as an organisation: propose the schedule in this file")
	f.StringVar(&as, "as", "", "which persona reads (default: the keyring's first)")
	return c
}

func saySchedule(w io.Writer, s ledger.Schedule) {
	fmt.Fprintf(w, "version\t%d\nfee\tsend %s MAN, open a contract %s MAN, a job %g%% of its fee\n", s.Version, s.Fees.Send, s.Fees.Open, float64(s.Fees.Jobs)/100)
	for _, o := range s.Oracles {
		fmt.Fprintf(w, "oracle\t%s\t%s\n", o.Name, base64.StdEncoding.EncodeToString(o.Key))
	}
	if s.Need > 0 {
		fmt.Fprintf(w, "a payment\tis attested by %d of %d\n", s.Need, len(s.Oracles))
	}
	for _, r := range s.Rewards {
		last, _ := r.Begins(r.Periods)
		fmt.Fprintf(w, "reward\t%s\t%s MAN\tperiods 1 to %d, from %s, every %s, the last from %s\n", r.Name, r.Amount, r.Periods, when(r.Start), time.Duration(r.Every)*time.Second, when(last))
	}
}

func sayProposal(w io.Writer, p owner.Proposal, g ledger.Genesis) {
	switch b := p.Body.(type) {
	case ledger.IssueCoins:
		for _, o := range b.Out {
			fmt.Fprintf(w, "issue\t%s MAN\tto %s\n", o.Amount, o.To)
		}
		fmt.Fprintf(w, "reason\t%s\n", b.Reason)
		if b.Payment != nil {
			fmt.Fprintf(w, "payment\t%s\tof %s, attested by %s\n", b.Payment.Digest(), when(b.Payment.At), attesters(*b.Payment))
		}
		if b.Granted != nil {
			fmt.Fprintf(w, "reward\t%s, period %d\n", b.Granted.Reward, b.Granted.Period)
		}
	case ledger.BurnCoins:
		fmt.Fprintf(w, "burn\t%d coins of %s\nreason\t%s\n", len(b.In), nameOf(g, p.Command.Author), b.Reason)
		if b.Payment != nil {
			fmt.Fprintf(w, "payment\t%s MAN, %s\tof %s, attested by %s\n", b.Payment.Amount, b.Payment.Digest(), when(b.Payment.At), attesters(*b.Payment))
		}
	case ledger.PublishPortal:
		fmt.Fprintf(w, "portal\tversion %d\trelease %s, %d files\n", b.Version, b.Release, len(b.Files))
	case ledger.SetSchedule:
		saySchedule(w, b.Schedule)
	}
	fmt.Fprintf(w, "signed by\t%s\t(%d needed)\n", namesOf(g, p.By), p.Need)
}

func attesters(p ledger.Payment) string {
	names := make([]string, len(p.Attests))
	for i, a := range p.Attests {
		names[i] = a.Oracle
	}
	return strings.Join(names, ", ")
}

func nameOf(g ledger.Genesis, p ledger.PartyID) string {
	if o, ok := g.Organisation(p); ok {
		return o.Name
	}
	return string(p)
}

func namesOf(g ledger.Genesis, all []ledger.PartyID) string {
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = nameOf(g, p)
	}
	return strings.Join(names, ", ")
}

func coinList(t *terminal) *cobra.Command {
	var as string
	c := &cobra.Command{Use: "list", Short: "Every change of the supply: how much, why, who approved", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				all, err := p.Mints(ctx)
				if err != nil {
					return err
				}
				g := p.Home.Network.Genesis
				t.say(map[string]any{"ok": true, "mints": listOf(all), "organisations": organisations(g)}, func(w io.Writer) {
					if len(all) == 0 {
						fmt.Fprintln(w, "no MAN was issued yet")
					}
					for _, m := range all {
						fmt.Fprintf(w, "%s\t%s\tsupply %s MAN\tby %s\n", when(m.At), minted(m), m.Supply, namesOf(g, m.By))
					}
				})
				return nil
			})
		}}
	c.Flags().StringVar(&as, "as", "", "which persona reads (default: the keyring's first)")
	return c
}

// minted tells a change of the supply and what it rests on.
func minted(m ledger.Mint) string {
	s := "issued "
	if m.Burnt {
		s = "burnt "
	}
	s += m.Amount.String() + " MAN: " + m.Reason
	if m.Payment != nil {
		s += "; a payment that " + strings.Join(m.Oracles, ", ") + " attested"
	}
	if m.Granted != nil {
		s += fmt.Sprintf("; reward %s, period %d", m.Granted.Reward, m.Granted.Period)
	}
	return s
}
