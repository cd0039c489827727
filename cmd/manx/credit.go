package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"manx/credit/scorecard"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/web/owner"
	"manx/web/owner/score"
)

func creditCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "credit", Short: "Credit files and scores: furnish, add, share, request, consent, deny, score, prove, verify, dispute"}
	c.AddCommand(creditFurnish(t), creditPublish(t), creditAdd(t), creditShare(t), creditRequest(t), creditConsent(t), creditDeny(t), creditScore(t), creditNonce(t), creditProve(t), creditVerify(t), creditDispute(t))
	return c
}

func (t *terminal) credit(f func(ctx context.Context, p *owner.Party, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return t.as(cmd.Context(), ledger.Credit, func(ctx context.Context, p *owner.Party) error { return f(ctx, p, args) })
	}
}

// readInput reads a file of at most 4 MiB: a sealed credit file with encryptions.
func readInput(name string) ([]byte, error) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, notice.Because(err, notice.NotFound, "the file cannot be read", "check its name")
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, seal.MaxMessage+1))
	if err == nil && len(b) > seal.MaxMessage {
		return nil, notice.New(notice.Invalid, "the file is over 4 MiB, which no credit file is", "check its name")
	}
	return b, err
}

func creditFurnish(t *terminal) *cobra.Command {
	var subject, out string
	c := &cobra.Command{Use: "furnish FILE.csv", Short: "As a furnisher: sign a subject's credit file as true, and seal it to her", Args: cobra.ExactArgs(1),
		Long: "Commit to the fields of a credit file (docs/credit-file.md) on the ledger, with the next sequence number, and write\nthe file with the commitment's opening, sealed to the subject, who adds it with `manx credit add`.",
		RunE: t.credit(func(ctx context.Context, p *owner.Party, args []string) error {
			about, err := partyNamed(subject)
			if err != nil {
				return err
			}
			f, err := os.Open(filepath.Clean(args[0]))
			if err != nil {
				return notice.Because(err, notice.NotFound, "the credit file cannot be read", "check its name")
			}
			defer f.Close()
			sealed, n, err := score.Furnish(ctx, p, about, f, time.Now())
			if err != nil {
				return err
			}
			if out == "" {
				out = subject + ".credit"
			}
			if err := os.WriteFile(out, sealed, 0o600); err != nil {
				return fmt.Errorf("write sealed file: %w", err)
			}
			t.say(map[string]any{"ok": true, "subject": subject, "sequence": n, "out": out}, func(w io.Writer) {
				fmt.Fprintf(w, "file number %d about %s is committed; hand her %s\n", n, subject, out)
			})
			return nil
		})}
	c.Flags().StringVar(&subject, "subject", "", "PartyID of whom the file is about")
	c.Flags().StringVar(&out, "out", "", "where to write the sealed file")
	_ = c.MarkFlagRequired("subject")
	return c
}

func creditAdd(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "add FILE", Short: "Seal and register the credit file that a furnisher signed for you", Args: cobra.ExactArgs(1),
		RunE: t.credit(func(ctx context.Context, p *owner.Party, args []string) error {
			b, err := readInput(args[0])
			if err != nil {
				return err
			}
			a, err := score.Add(ctx, p, b)
			if err != nil {
				return err
			}
			t.say(a, func(w io.Writer) {
				fmt.Fprintf(w, "%s\tversion %d\tfile number %d of %s\n", a.Record, a.Version, a.Sequence, a.Furnisher)
			})
			return nil
		})}
}

func creditRequest(t *terminal) *cobra.Command {
	var subject, model, purpose, fee, by, security string
	var minutes int
	var quote bool
	c := &cobra.Command{Use: "request", Short: "As a lender: ask for a consumer's score, for a permissible purpose", Args: cobra.NoArgs,
		Long: `Ask for a consumer's score, for a permissible purpose. There are three ways, for the same price; --quote shows
them, what each rests on and which is chosen, and asks for nothing.
mpc   three organisations compute on shares, at once, where the borrower permitted that beforehand (manx credit share);
      she may be away. It rests on no two of the three colluding, and comes without a proof. With abort, one that does
      not follow the protocol is found out; semi-honest is faster, and trusts all three to follow it.
committee  under the same permission, a worker computes on what the furnisher encrypted under a key that the
      organisations hold together, and they open the result on shares. For scorecards with a plan for that key.
ckks  waits for her consent; her device and a worker compute, and the score comes with a proof.
Without --by, mpc is taken where she permitted it.`,
		RunE: t.credit(func(ctx context.Context, p *owner.Party, _ []string) error {
			var amount ledger.Amount
			about, err := partyNamed(subject)
			if err != nil {
				return err
			}
			if minutes < 1 {
				return usage{errors.New("--minutes is at least 1")}
			}
			if fee != "" {
				if amount, err = ledger.ParseAmount(fee); err != nil {
					return usage{err}
				}
			}
			if by != "" && !slices.Contains(score.Ways(), score.Way(by)) {
				return usage{errors.New("--by is ckks, mpc or committee")}
			}
			if security != "" && !ledger.Security(security).Valid() {
				return usage{errors.New("--security is semi-honest or with-abort")}
			}
			q := score.Question{Subject: about, Model: model, Purpose: ledger.Purpose(purpose), Fee: amount, Life: ledger.Time(minutes) * 60,
				By: score.Way(by), Security: ledger.Security(security)}
			if quote {
				return t.quote(ctx, p, q)
			}
			id, chosen, err := score.Ask(ctx, p, q)
			if err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "job": id, "subject": subject, "purpose": purpose, "by": chosen.By, "trust": chosen.Trust}, func(w io.Writer) {
				if chosen.By != score.CKKS {
					fmt.Fprintf(w, "%s\tis computed now; then: manx credit score %s\nrests on\t%s\n", id, id, chosen.Trust)
					return
				}
				fmt.Fprintf(w, "%s\twaits for consent; then: manx credit score %s\n", id, id)
			})
			return nil
		})}
	f := c.Flags()
	f.StringVar(&subject, "subject", "", "PartyID of the consumer")
	f.StringVar(&model, "model", score.DefaultModel, "name or id of the scorecard")
	f.StringVar(&purpose, "purpose", "", "credit-transaction or account-review (FCRA section 604)")
	f.StringVar(&fee, "fee", "", "MAN to hold in escrow (default: the model's price)")
	f.StringVar(&by, "by", "", "ckks, mpc or committee (default: the planner chooses)")
	f.StringVar(&security, "security", "", "of mpc and committee: with-abort (default) or semi-honest")
	f.BoolVar(&quote, "quote", false, "show the ways there are, with price, time and trust, and ask for nothing")
	f.IntVar(&minutes, "minutes", 24*60, "how long the request waits before the fee comes back")
	_ = c.MarkFlagRequired("subject")
	_ = c.MarkFlagRequired("purpose")
	return c
}

func creditConsent(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "consent [JOB]", Short: "Let a lender have your score; without JOB, list who asks", Args: cobra.MaximumNArgs(1),
		Long: "Let the lender of a request have your score and the reasons for it, proved right, and never the file.\nWithout JOB, list the requests that wait for you.",
		RunE: t.credit(func(ctx context.Context, p *owner.Party, args []string) error {
			if len(args) == 0 {
				return t.requests(ctx, p)
			}
			id, err := jobNamed(args[0])
			if err != nil {
				return err
			}
			show, end := t.bar()
			c, err := score.Consent(ctx, p, id, score.Progress(show))
			end()
			if err != nil {
				return err
			}
			t.say(c, func(w io.Writer) {
				fmt.Fprintf(w, "the lender gets\tscore %d\n", c.Score)
				sayReasons(w, c.Reasons)
				fmt.Fprintln(w, "and not\tthe file, or any field of it")
			})
			return nil
		})}
}

func sayReasons(w io.Writer, reasons []scorecard.Reason) {
	for _, r := range reasons {
		fmt.Fprintf(w, "reason\t%s\n\t%s\n", r.English, r.Chinese)
	}
}

// requests lists what waits for the party's consent, with who asks.
func (t *terminal) requests(ctx context.Context, p *owner.Party) error {
	jobs, err := score.Requests(ctx, p)
	if err != nil {
		return err
	}
	type request struct {
		ledger.Job
		Lender string `json:"lender"`
		Model  string `json:"model_name"`
	}
	out := []request{}
	for _, j := range jobs {
		lender, err := owner.Get[ledger.Party](ctx, p.Client, j.Asker)
		if err != nil {
			return err
		}
		m, err := owner.Get[ledger.Model](ctx, p.Client, j.Model)
		if err != nil {
			return err
		}
		out = append(out, request{j, lender.Name, m.Name})
	}
	t.say(map[string]any{"ok": true, "requests": out}, func(w io.Writer) {
		if len(out) == 0 {
			fmt.Fprintln(w, "nobody asks for your score")
		}
		for _, r := range out {
			fmt.Fprintf(w, "%s\t%s asks for %s\tfor %s\tuntil %s\n", r.ID, r.Lender, r.Model, r.Purpose, when(r.Deadline))
		}
	})
	return nil
}

func creditDeny(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "deny JOB", Short: "Refuse a request; the lender's fee goes back", Args: cobra.ExactArgs(1),
		RunE: t.credit(func(ctx context.Context, p *owner.Party, args []string) error {
			id, err := jobNamed(args[0])
			if err != nil {
				return err
			}
			if err := score.Deny(ctx, p, id); err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "job": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "denied; the lender learns only that") })
			return nil
		})}
}

func creditScore(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "score JOB", Short: "As a lender: open and verify the score you asked for", Args: cobra.ExactArgs(1),
		Long: "Open and verify the score that you asked for. One that is being computed without the borrower is waited for, half a\nminute at most; one that waits for her consent is not.",
		RunE: t.credit(func(ctx context.Context, p *owner.Party, args []string) error {
			id, err := jobNamed(args[0])
			if err != nil {
				return err
			}
			if err := t.computed(ctx, p, id); err != nil {
				return err
			}
			v, err := score.Score(ctx, p, id)
			if err != nil {
				return err
			}
			t.say(v, func(w io.Writer) {
				fmt.Fprintf(w, "score\t%d (range %d to %d)\ndate\t%s\nmodel\t%s %s\n", v.Score, v.Low, v.High, v.Date, v.Model, v.Version)
				if v.By != score.CKKS {
					fmt.Fprintf(w, "proof\tnone: %s\ngrant\t%s\n", v.Trust, v.Grant)
				} else {
					fmt.Fprintf(w, "proof\tverified, %d bytes\n", v.Proof)
				}
				if v.Differs != nil {
					fmt.Fprintf(w, "warning\tthe share of %s did not fit; the other two agree\n", *v.Differs)
				}
				sayReasons(w, v.Reasons)
			})
			return nil
		})}
}

// computed waits for a score that is computed without the borrower, half a minute at
// most: what is missing then, opening it says.
func (t *terminal) computed(ctx context.Context, p *owner.Party, id ledger.JobID) error {
	j, err := owner.Get[ledger.Job](ctx, p.Client, id)
	if err != nil || !j.Shared() || j.Asker != p.ID() {
		return err
	}
	show, end := t.bar()
	defer end()
	waiting, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	_, err = p.Await(waiting, id, func(j ledger.Job) { show(string(j.Stage), 0, 0) }, ledger.Settled)
	if waiting.Err() != nil || notice.Is(err, notice.Expired) {
		return ctx.Err()
	}
	return err
}

func creditDispute(t *terminal) *cobra.Command {
	var furnisher string
	c := &cobra.Command{Use: "dispute FIELD", Short: "Say that a field of your credit file is wrong", Args: cobra.ExactArgs(1),
		Long: "Say that a field of your credit file (named as in docs/credit-file.md; its value stays yours) is wrong.\nThe furnisher answers with a new version.",
		RunE: t.credit(func(ctx context.Context, p *owner.Party, args []string) error {
			if furnisher == "" {
				records, err := p.Records(ctx)
				if err != nil {
					return err
				}
				for _, r := range records {
					if r.Kind == ledger.File && !r.Erased {
						furnisher = string(r.Commitment.Furnisher)
						break
					}
				}
			}
			if furnisher == "" {
				return notice.New(notice.NotFound, "you have no credit file here", "add one first: `manx credit add FILE`; or name its furnisher with --furnisher")
			}
			from, err := partyNamed(furnisher)
			if err != nil {
				return err
			}
			if err := score.Dispute(ctx, p, from, args[0]); err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "field": args[0], "furnisher": furnisher}, func(w io.Writer) {
				fmt.Fprintf(w, "%s is disputed; %s must answer with a new file\n", args[0], furnisher)
			})
			return nil
		})}
	c.Flags().StringVar(&furnisher, "furnisher", "", "whose file (default: that of your newest credit record)")
	return c
}
