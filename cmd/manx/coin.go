package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"manx/cmd/node"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage/durable"
	"manx/web/owner"
)

func coinCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "coin", Short: "The supply of MAN: issue, burn, approve, attest, schedule, list",
		Long: `MAN is issued and burnt by a majority of the network's organisations, against a recorded reason: a payment made outside
that named oracles attest, or a period of a reward on the schedule. One organisation proposes, into a file; others
approve the file; with the last that is needed it is carried out. ` + "`manx coin list`" + ` shows who approved what, and why.`}
	c.AddCommand(coinOracle(t), coinAttest(t), coinIssue(t), coinBurn(t), coinSchedule(t), coinApprove(t), coinList(t))
	return c
}

// An office is an organisation's desk: its keys lie in its node's folder.
type office struct {
	*terminal
	name, out string
}

func (o *office) flags(c *cobra.Command, out string) *cobra.Command {
	c.Flags().StringVar(&o.name, "organisation", "", "which organisation you act for, by its name; its keys are in the node's folder, --data")
	if out != "" {
		c.Flags().StringVar(&o.out, "out", out, "the file of the proposal")
	}
	return c
}

// at runs f as the organisation.
func (o *office) at(f func(c *owner.Client, g ledger.Genesis, by ledger.Signer) error) error {
	if o.name == "" {
		return usage{errors.New("say which organisation you act for: --organisation NAME")}
	}
	g, by, err := node.Organisation(o.nodeFolder(), o.name)
	if err != nil {
		return err
	}
	address := o.address()
	if address == "" {
		b, err := os.ReadFile(filepath.Join(o.nodeFolder(), "address"))
		if err != nil {
			return notice.Because(err, notice.Unavailable, "the node of this folder does not run", "start it with `manx up`, or name another with --node")
		}
		address = strings.TrimSpace(string(b))
	}
	c := owner.NewClient(address, g.ID(), by)
	defer c.Close()
	return f(c, g, by)
}

// propose signs a body into a file, and carries it out where one is a majority.
func (o *office) propose(ctx context.Context, make func(c *owner.Client, by ledger.Signer) (ledger.Body, error)) error {
	return o.at(func(c *owner.Client, g ledger.Genesis, by ledger.Signer) error {
		body, err := make(c, by)
		if err != nil {
			return err
		}
		cmd, err := c.Propose(ctx, body)
		if err != nil {
			return err
		}
		return o.carry(ctx, c, g, cmd)
	})
}

// carry writes down a proposal that needs more signatures, or submits it.
func (o *office) carry(ctx context.Context, c *owner.Client, g ledger.Genesis, cmd ledger.Command) error {
	b, err := json.Marshal(cmd)
	if err != nil {
		return fmt.Errorf("encode proposal: %w", err)
	}
	p, err := owner.ReadProposal(b, g)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(o.out, append(b, '\n')); err != nil {
		return notice.Because(err, notice.Invalid, "the proposal cannot be written there", "name another file with --out")
	}
	if done := len(p.By) >= p.Need; done {
		if _, err := c.Submit(ctx, cmd); err != nil {
			return err
		}
	}
	o.say(map[string]any{"ok": true, "file": o.out, "proposal": p.Body, "name": cmd.Name, "command": cmd.ID, "by": p.By, "needed": p.Need, "done": len(p.By) >= p.Need}, func(w io.Writer) {
		sayProposal(w, p, g)
		if len(p.By) >= p.Need {
			fmt.Fprintln(w, "done\tit is on the ledger: `manx coin list`")
			return
		}
		fmt.Fprintf(w, "file\t%s\tgood for a day; then: manx coin approve %s --organisation NAME\n", o.out, o.out)
	})
	return nil
}

func coinIssue(t *terminal) *cobra.Command {
	o := &office{terminal: t}
	var payment, reward, reason string
	var period int
	var to []string
	c := &cobra.Command{Use: "issue", Short: "As an organisation: propose new MAN, for an attested payment or a reward of the schedule", Args: cobra.NoArgs,
		Example: "  manx coin issue --organisation health --payment payment.json --reason \"bought at the counter\"\n  manx coin issue --organisation health --reward storage --period 3 --to PARTY=10 --reason \"storage kept in March\"",
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := ledger.IssueCoins{Reason: reason}
			switch {
			case (payment == "") == (reward == ""):
				return usage{errors.New("say what it rests on: --payment FILE, or --reward NAME with --period and --to")}
			case payment != "":
				if len(to) > 0 {
					return usage{errors.New("a payment says itself who gets the MAN: leave --to away")}
				}
				a, err := readPayment(payment)
				if err != nil {
					return err
				}
				b.Payment, b.Out = &a.Payment, []ledger.Output{{To: a.Payment.Party, Amount: a.Payment.Amount}}
			default:
				b.Granted = &ledger.Granted{Reward: reward, Period: period}
				for _, s := range to {
					who, much, _ := strings.Cut(s, "=")
					p, err := partyNamed(who)
					if err != nil {
						return err
					}
					a, err := ledger.ParseAmount(much)
					if err != nil {
						return usage{err}
					}
					b.Out = append(b.Out, ledger.Output{To: p, Amount: a})
				}
			}
			return o.propose(cmd.Context(), func(*owner.Client, ledger.Signer) (ledger.Body, error) { return b, nil })
		}}
	f := o.flags(c, "issue.json").Flags()
	f.StringVar(&payment, "payment", "", "the file of an attested payment: who paid gets as much MAN")
	f.StringVar(&reward, "reward", "", "a reward of the schedule")
	f.IntVar(&period, "period", 1, "which of the reward's periods")
	f.StringArrayVar(&to, "to", nil, "PARTY=MAN: who gets how much of the reward")
	f.StringVar(&reason, "reason", "", "why, for auditors; no names of persons")
	_ = c.MarkFlagRequired("reason")
	return c
}

func coinBurn(t *terminal) *cobra.Command {
	o := &office{terminal: t}
	var payment, amount, reason string
	c := &cobra.Command{Use: "burn", Short: "As an organisation: propose to take MAN that you hold out of the supply", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := ledger.BurnCoins{Reason: reason}
			var sum ledger.Amount
			if (payment == "") == (amount == "") {
				return usage{errors.New("say how much: --amount MAN, or --payment FILE of what was paid out")}
			}
			if payment != "" {
				a, err := readPayment(payment)
				if err != nil {
					return err
				}
				b.Payment, sum = &a.Payment, a.Payment.Amount
			} else {
				a, err := ledger.ParseAmount(amount)
				if err != nil {
					return usage{err}
				}
				sum = a
			}
			if sum.IsZero() {
				return usage{errors.New("more than 0 MAN is burnt")}
			}
			return o.propose(cmd.Context(), func(c *owner.Client, _ ledger.Signer) (ledger.Body, error) {
				coin, err := c.SetApart(cmd.Context(), sum)
				b.In = []ledger.CoinID{coin}
				return b, err
			})
		}}
	f := o.flags(c, "burn.json").Flags()
	f.StringVar(&amount, "amount", "", "how much MAN")
	f.StringVar(&payment, "payment", "", "the file of an attested payment that the organisation made outside")
	f.StringVar(&reason, "reason", "", "why, for auditors; no names of persons")
	_ = c.MarkFlagRequired("reason")
	return c
}

func coinApprove(t *terminal) *cobra.Command {
	o := &office{terminal: t}
	c := &cobra.Command{Use: "approve FILE", Short: "As an organisation: read a proposal, sign it too, and carry it out with a majority", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := readInput(args[0])
			if err != nil {
				return err
			}
			return o.at(func(c *owner.Client, g ledger.Genesis, by ledger.Signer) error {
				p, err := owner.ReadProposal(b, g)
				if err != nil {
					return err
				}
				signed := false
				for _, who := range p.By {
					signed = signed || who == by.Party()
				}
				if !signed { // or it is only sent again
					if !t.yes {
						w := tabwriter.NewWriter(t.err, 0, 8, 2, ' ', 0)
						sayProposal(w, p, g)
						_ = w.Flush()
					}
					if err := t.sure("Sign this for the organisation?"); err != nil {
						return err
					}
					p.Command.Cosign(by)
				} else if len(p.By) < p.Need {
					return notice.New(notice.Conflict, "this organisation has signed the proposal already", fmt.Sprintf("%d of %d needed have; another approves it: `manx coin approve FILE --organisation NAME`", len(p.By), p.Need))
				}
				o.out = args[0]
				return o.carry(cmd.Context(), c, g, p.Command)
			})
		}}
	return o.flags(c, "")
}

func readPayment(name string) (a owner.Attestation, err error) {
	b, err := readInput(name)
	if err != nil {
		return a, err
	}
	if err := ledger.Decode(b, &a); err != nil {
		return a, notice.Because(err, notice.Invalid, "the file is no payment", "an oracle makes one: `manx coin attest`")
	}
	return a, a.Check()
}
