package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"manx/credit/scoreproof"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/score"
)

func creditNonce(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "nonce", Short: "As a verifier: make a nonce for a borrower to prove her score for", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := make([]byte, scoreproof.NonceSize)
			_, _ = rand.Read(b)
			n := hex.EncodeToString(b)
			t.say(map[string]any{"ok": true, "nonce": n}, func(w io.Writer) { fmt.Fprintln(w, n) })
			return nil
		}}
}

func creditProve(t *terminal) *cobra.Command {
	var want score.Wanted
	var furnisher, out string
	c := &cobra.Command{Use: "prove", Short: "Prove to anyone that your score reaches a floor, without showing it", Args: cobra.NoArgs,
		Long: "Write a proof that the furnisher's latest file about you scores --at-least so many points or more under a model, as of\ntoday, for the verifier who gave you --nonce. It shows neither score nor reasons. Several floors narrow the score down:\nthose you have claimed so far are listed.",
		RunE: t.credit(func(ctx context.Context, p *owner.Party, _ []string) (err error) {
			if furnisher != "" {
				if want.Furnisher, err = partyNamed(furnisher); err != nil {
					return err
				}
			}
			s, floors, err := score.Claim(ctx, p, want)
			if err != nil {
				return err
			}
			b, err := json.MarshalIndent(s, "", "  ")
			if err != nil {
				return fmt.Errorf("encode claim: %w", err)
			}
			if err := os.WriteFile(out, append(b, '\n'), 0o600); err != nil {
				return notice.Because(err, notice.Invalid, "the proof cannot be written there", "name another file with --out")
			}
			t.say(map[string]any{"ok": true, "out": out, "at_least": want.AtLeast, "proof_bytes": scoreproof.ProofSize, "claimed": floors}, func(w io.Writer) {
				fmt.Fprintf(w, "%s\tproves a score of at least %d, and nothing else; hand it to the verifier\n", out, want.AtLeast)
				if len(floors) > 1 {
					fmt.Fprintf(w, "note\tyou have claimed %s under this model: who sees several knows more of your score\n", strings.Join(strings.Fields(strings.Trim(fmt.Sprint(floors), "[]")), ", "))
				}
			})
			return nil
		})}
	f := c.Flags()
	f.IntVar(&want.AtLeast, "at-least", 0, "points that the score reaches")
	f.StringVar(&want.Nonce, "nonce", "", "the verifier's, from `manx credit nonce`")
	f.StringVar(&want.Model, "model", score.DefaultModel, "name or id of the scorecard")
	f.StringVar(&furnisher, "furnisher", "", "whose file (default: your newest credit record's)")
	f.StringVar(&out, "out", "score.proof", "where to write the proof")
	_ = c.MarkFlagRequired("at-least")
	_ = c.MarkFlagRequired("nonce")
	return c
}

func creditVerify(t *terminal) *cobra.Command {
	var nonce, model string
	c := &cobra.Command{Use: "verify FILE", Short: "As a verifier: check a borrower's proof against your nonce and the ledger", Args: cobra.ExactArgs(1),
		RunE: t.credit(func(ctx context.Context, p *owner.Party, args []string) error {
			b, err := readInput(args[0])
			if err != nil {
				return err
			}
			v, err := score.SeeClaim(ctx, p, b, model, nonce)
			if err != nil {
				return err
			}
			t.say(v, func(w io.Writer) {
				fmt.Fprintf(w, "score\tat least %d (range %d to %d), proved\nabout\t%s\nfile\tof %s, dated %s, the latest\nas of\t%s\nmodel\t%s %s\n",
					v.AtLeast, v.Low, v.High, v.Subject, v.Name, v.Date, v.AsOf, v.Model, v.Version)
			})
			return nil
		})}
	c.Flags().StringVar(&nonce, "nonce", "", "the one you gave the borrower")
	c.Flags().StringVar(&model, "model", score.DefaultModel, "name or id of the scorecard you asked about")
	_ = c.MarkFlagRequired("nonce")
	return c
}
