package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/ml/heart"
	"manx/ml/lungct"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/patient"
)

func diagnoseCommand(t *terminal) *cobra.Command {
	var model, proven string
	var quote, plain bool
	var minutes int
	c := &cobra.Command{Use: "diagnose RECORD", Short: "Ask a model for its finding on a study or chart, which stays encrypted", Args: cobra.ExactArgs(1),
		Long: "Choose slices, radiographs or measurements, encrypt them under your own key, hold the fee in escrow, wait for a worker\nthat sees only ciphertext, and decrypt the finding here. Pictures of what moved the model are drawn on this device and kept\nin its home folder, unsealed; --no-pictures draws none. --quote says what it would cost and sends nothing.\nThis is research software, not a medical device.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
				id, err := recordNamed(args[0])
				if err != nil {
					return err
				}
				if minutes < 1 {
					return usage{errors.New("--minutes is at least 1")}
				}
				proof, err := proofAsked(proven)
				if err != nil {
					return err
				}
				life := ledger.Time(minutes) * 60
				if proof != nil {
					life = max(life, proof.Life()+60)
				}
				if model == "" {
					if model, err = usualModel(ctx, p, id); err != nil {
						return err
					}
				}
				if quote {
					q, err := patient.QuoteFor(ctx, p, id, model)
					if err != nil {
						return err
					}
					t.say(q, func(w io.Writer) {
						fmt.Fprintf(w, "model\t%s\nprice\t%s MAN\nreads\t%s\nabout\t%.1f s of a machine like this\nup\t%s and %s of keys, once\ndown\t%s\nexact to\t%g\n",
							q.Name, q.Price, q.Read, q.Seconds, bytesOf(q.Up), bytesOf(q.Keys), bytesOf(q.Down), q.Precision)
						if q.Unchecked != "" {
							fmt.Fprintf(w, "beware\t%s\n", q.Unchecked)
						}
					})
					return nil
				}
				show, end := t.bar()
				d, err := patient.DiagnoseWith(ctx, p, id, model, patient.Terms{Life: life, Proof: proof}, show)
				end()
				if err != nil {
					return err
				}
				file, err := keepReceipt(p, d.Job, d.Receipt)
				if err != nil {
					return err
				}
				shown := diagnosed{Diagnosis: d, Pictures: []string{}}
				var failed error
				if shown.Moved, failed = d.Moved(ctx); failed == nil && !plain {
					shown.Pictures, failed = patient.KeepPictures(ctx, p, d)
				}
				if failed != nil {
					shown.Without = notice.From(failed).Text
				}
				t.say(shown, func(w io.Writer) {
					fmt.Fprintf(w, "finding\t%s\n\t%s\nscore\t%.3f, confidence %.2f\nmodel\t%s %s on %s\npaid\t%s MAN\nreceipt\t%s\n",
						d.Finding.English, d.Finding.Chinese, d.Finding.Score, d.Finding.Confidence, d.Model, d.Release, d.Read, d.Fee, file)
					if d.Curve != nil {
						writeCurve(w, d.Curve.Unit, d.Curve.Points)
					}
					moved := "it"
					if d.Curve != nil {
						moved = "the hazard"
					}
					sayMoved(w, shown.Moved, moved)
					switch {
					case shown.Without != "":
						fmt.Fprintf(w, "pictures\tnone: %s\n", shown.Without)
					case len(shown.Pictures) > 0:
						fmt.Fprintf(w, "pictures\t%d in %s: what moved the model, not where disease is\n", len(shown.Pictures), filepath.Dir(shown.Pictures[0]))
					}
				})
				if notice.Is(failed, notice.Unsupported) {
					return nil // a model need not show its graph
				}
				return failed
			})
		}}
	f := c.Flags()
	f.StringVar(&model, "model", "", "name or id of the model (default: lung-ct, of a chart heart)")
	f.BoolVar(&quote, "quote", false, "say what it would cost, and stop")
	f.BoolVar(&plain, "no-pictures", false, "draw no pictures of what moved the model")
	f.StringVar(&proven, "proof", "", "have workers that are drawn prove the result: a confidence such as 0.99, or a number of replicas")
	f.IntVar(&minutes, "minutes", 60, "how long the escrow waits for a result before the fee comes back")
	return c
}

// usualModel is the model that is asked of a record where none is named.
func usualModel(ctx context.Context, p *owner.Party, id ledger.RecordID) (string, error) {
	r, err := owner.Get[ledger.Record](ctx, p.Client, id)
	if r.Kind == ledger.Chart {
		return heart.Name, err
	}
	return lungct.Name, err
}

// Widths of the table of what moved a finding.
const mostMoved, barWide = 6, 12

// sayMoved lists the measurements that moved a finding on a chart most.
func sayMoved(w io.Writer, all []patient.Moved, what string) {
	for i, m := range all[:min(len(all), mostMoved)] {
		word := ""
		if i == 0 {
			word = "moved by"
		}
		way, sign := "raised "+what, "+"
		if m.Share < 0 {
			way, sign = "lowered "+what, "-"
		}
		if m.Share == 0 {
			continue
		}
		bar := strings.Repeat(sign, max(1, int(math.Round(math.Abs(m.Share/all[0].Share)*barWide))))
		fmt.Fprintf(w, "%s\t%-*s %2.0f%% %s: %s, %s\n", word, barWide, bar, 100*math.Abs(m.Share), way, m.Title, m.Value)
	}
}

// keepReceipt writes a receipt's bundle into the home, for `manx receipt
// verify`.
func keepReceipt(p *owner.Party, j ledger.JobID, bundle []byte) (string, error) {
	file, err := p.Home.Path("receipts", string(j)+".json")
	return file, errors.Join(err, os.WriteFile(file, bundle, 0o600))
}

// diagnosed is a diagnosis and the files beside its receipt.
type diagnosed struct {
	patient.Diagnosis
	Pictures []string        `json:"pictures"`
	Moved    []patient.Moved `json:"moved,omitempty"`       // of a chart, the most first
	Without  string          `json:"no_pictures,omitempty"` // why there are none
}
