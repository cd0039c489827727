package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"manx/health/annotation"
	"manx/ledger"
	"manx/privacy/reveal"
	"manx/web/owner"
	"manx/web/owner/patient"
	"manx/web/owner/training/local"
)

func annotateCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "annotate", Short: "A doctor's word on a patient's record: add, list, show, withdraw, member"}
	member := &cobra.Command{Use: "member", Short: "A hospital says who annotates in its name: add, remove"}
	member.AddCommand(
		annotateMember(t, "add PARTY", "Let a person annotate in this hospital's name", "annotates for this hospital", func(p ledger.PartyID) ledger.Body { return ledger.AdmitMember{Party: p} }),
		annotateMember(t, "remove PARTY", "End that; what the person wrote stays", "annotates for this hospital no more", func(p ledger.PartyID) ledger.Body { return ledger.DismissMember{Party: p} }))
	c.AddCommand(annotateAdd(t), annotateList(t), annotateShow(t), annotateWithdraw(t), member)
	return c
}

func annotateAdd(t *terminal) *cobra.Command {
	var n patient.Note
	var at, to, supersedes, training string
	var time float64
	c := &cobra.Command{Use: "add [RECORD]", Short: "Sign and seal what you say of a record that your hospital may see", Args: cobra.MaximumNArgs(1),
		Long: "Say of a record which code of a label it has: signed by you, sealed for you and for the hospital where it is said,\n" +
			"and on the ledger as a record of yours with its lineage. --to writes the next version of an annotation of your own,\n" +
			"--supersedes corrects another author's. With --training the label, and which codes it has, are that training's. Of\n" +
			"survival the code tells whether the event has come, and --time how long the patient was followed until then. A\n" +
			"hospital's node lets the latest annotation by an author whom its policy names label the record, in its next round.",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if cmd.Flags().Changed("time") {
				n.Finding.Time = &time
			}
			if len(args) > 0 {
				if n.About, err = recordNamed(args[0]); err != nil {
					return err
				}
			}
			for arg, out := range map[string]*ledger.RecordID{to: &n.To, supersedes: &n.Supersedes} {
				if arg != "" {
					if *out, err = recordNamed(arg); err != nil {
						return err
					}
				}
			}
			if at != "" {
				if n.At, err = partyNamed(at); err != nil {
					return err
				}
			}
			if n.About == "" && n.To == "" {
				return usage{fmt.Errorf("name the record, or with --to an annotation of yours")}
			}
			return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
				if training != "" {
					id, err := trainingNamed(training)
					if err != nil {
						return err
					}
					on, err := p.SignedTraining(ctx, id)
					if err != nil {
						return err
					}
					n.Finding.Label = cmp.Or(n.Finding.Label, on.Label.Name)
					if err := n.Finding.Known(on.Label.Name, on.Label.Codes); err != nil {
						return err
					}
					if on.Model.Kind == local.Cox { // whose last column is the time
						c := on.Columns[len(on.Columns)-1]
						if err := n.Finding.Followed(c.Low, c.High, c.Unit); err != nil {
							return err
						}
					}
				}
				a, err := patient.Annotate(ctx, p, n)
				if err != nil {
					return err
				}
				t.say(a, func(w io.Writer) {
					if a.DryRun {
						fmt.Fprintf(w, "dry run\tversion %d on version %d of %s, at %s: nothing was sent\n", a.Version, a.Of, a.About, a.At)
						return
					}
					fmt.Fprintf(w, "%s\tversion %d\ton version %d of %s\tat %s\n", a.Record, a.Version, a.Of, a.About, a.At)
				})
				return nil
			})
		}}
	f := c.Flags()
	f.StringVar(&n.Finding.Label, "label", "", "the label, as trainings name it")
	f.StringVar(&n.Finding.Code, "code", "", "which of its codes the record has")
	f.Float64Var(&time, "time", 0, "of survival: how long the patient had been followed by then, in the training's unit")
	f.StringVar(&n.Finding.Remark, "remark", "", "a remark, sealed as the rest")
	f.StringVar(&at, "at", "", "the hospital in whose name you annotate (yourself, if you are it)")
	f.StringVar(&to, "to", "", "an annotation of your own, of which this is the next version")
	f.StringVar(&supersedes, "supersedes", "", "another author's annotation, which this corrects")
	f.StringVar(&training, "training", "", "take the label from this training, and refuse a code that it has not")
	f.BoolVar(&n.DryRun, "dry-run", false, "check it and send nothing")
	c.MarkFlagsMutuallyExclusive("to", "supersedes")
	return c
}

// shownAnnotation is an annotation's lineage, and what it says where it was opened.
type shownAnnotation struct {
	Record     ledger.RecordID     `json:"record"`
	Version    int                 `json:"version"`
	By         ledger.PartyID      `json:"by"`
	About      ledger.RecordID     `json:"about"`
	Of         int                 `json:"of,omitempty"`
	At         ledger.PartyID      `json:"at"`
	Supersedes ledger.RecordID     `json:"supersedes,omitempty"`
	Written    ledger.Time         `json:"written"`
	Finding    *annotation.Finding `json:"finding,omitempty"`
}

func lineage(r ledger.Record, version int) shownAnnotation {
	v, n := r.Latest()
	if version > 0 && version <= n {
		v, n = r.Versions[version-1], version
	}
	return shownAnnotation{Record: r.ID, Version: n, By: r.Owner, About: r.About, At: r.At, Supersedes: r.Supersedes, Written: v.At}
}

func (s shownAnnotation) say(w io.Writer) {
	fmt.Fprintf(w, "%s\tversion %d of %s\tby %s\ton %s", s.Record, s.Version, when(s.Written), s.By, s.About)
	if s.Supersedes != "" {
		fmt.Fprintf(w, "\tcorrects %s", s.Supersedes)
	}
	fmt.Fprintln(w)
}

func annotateList(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "list [RECORD]", Short: "Annotations that you wrote, or may read as a hospital, and who corrected whom; newest first", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var about ledger.RecordID
			if len(args) > 0 {
				if about, err = recordNamed(args[0]); err != nil {
					return err
				}
			}
			return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
				all, err := patient.Annotations(ctx, p, about)
				if err != nil {
					return err
				}
				list := []shownAnnotation{}
				for _, r := range all {
					list = append(list, lineage(r, 0))
				}
				t.say(map[string]any{"ok": true, "annotations": list}, func(w io.Writer) {
					if len(list) == 0 {
						fmt.Fprintln(w, "no annotations: `manx annotate add RECORD --label … --code …`")
					}
					for _, s := range list {
						s.say(w)
					}
				})
				return nil
			})
		}}
}

func annotateShow(t *terminal) *cobra.Command {
	var version int
	c := &cobra.Command{Use: "show ANNOTATION", Short: "What an annotation says, decrypted here, and whose signature it has", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		id, err := recordNamed(args[0])
		if err != nil {
			return err
		}
		return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
			a, err := patient.OpenAnnotation(ctx, p, id, version)
			if err != nil {
				return err
			}
			r, err := owner.Get[ledger.Record](ctx, p.Client, id)
			if err != nil {
				return err
			}
			s, f := lineage(r, version), a.Finding.Reveal(reveal.Token{})
			s.Of, s.Finding = a.Of, &f
			t.say(s, func(w io.Writer) {
				s.say(w)
				fmt.Fprintf(w, "says\t%s is %s\nof\tversion %d of the record\nat\t%s\n", f.Label, f.Code, s.Of, s.At)
				if f.Time != nil {
					fmt.Fprintf(w, "followed\t%g\n", *f.Time)
				}
				if f.Remark != "" {
					fmt.Fprintf(w, "remark\t%s\n", f.Remark)
				}
			})
			return nil
		})
	}}
	c.Flags().IntVar(&version, "version", 0, "which version (0: the latest)")
	return c
}

func annotateWithdraw(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "withdraw ANNOTATION", Short: "End an annotation of yours: it labels no later round, and its keys and shards are destroyed", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		id, err := recordNamed(args[0])
		if err != nil {
			return err
		}
		return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
			if err := t.sure("Withdraw " + string(id) + " for ever?"); err != nil {
				return err
			}
			if err := p.Erase(ctx, id); err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "record": id}, func(w io.Writer) {
				fmt.Fprintf(w, "%s\tis withdrawn; rounds that it labelled stay as they were\n", id)
			})
			return nil
		})
	}}
}

func annotateMember(t *terminal, use, short, done string, body func(ledger.PartyID) ledger.Body) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		member, err := partyNamed(args[0])
		if err != nil {
			return err
		}
		return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
			b := body(member)
			if err := p.Once(ctx, b.Command()+"/"+string(member), b); err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "party": member}, func(w io.Writer) { fmt.Fprintf(w, "%s\t%s\n", member, done) })
			return nil
		})
	}}
}
