package main

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"manx/health"
	"manx/health/deid"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage/vault"
	"manx/web/owner"
	"manx/web/owner/patient"
)

func studyCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "study", Short: "DICOM studies: add, list, show, open, deidentify, export, erase"}
	c.AddCommand(studyAdd(t), studyList(t), studyShow(t), studyOpen(t), studyDeidentify(t), studyExport(t), studyErase(t))
	return c
}

func studyAdd(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "add PATH…", Short: "Seal and store the studies in files, folders or ZIPs", Args: cobra.MinimumNArgs(1),
		Long: "Read DICOM files, folders and ZIP archives; seal each study on this device, spread it over six storage nodes and\nregister it. Late or amended slices of a known study become a new version. Interrupted, the same command goes on.\nWith --json, one object a study.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
				show, end := t.bar()
				added, err := patient.Add(ctx, p, show, args...)
				end()
				rejected := 0
				for _, a := range added {
					if a.Record == "" { // not stored: only what was left out, and why
						return left{err, a.Ignored, a.Rejected}
					}
					rejected += len(a.Rejected)
					t.say(a, func(w io.Writer) { sayAdded(w, a) })
					if !t.json {
						t.sayLeft(a.Ignored, a.Rejected)
					}
				}
				if err == nil && rejected > 0 {
					err = notice.New(notice.Partial, count(rejected, "file")+" could not be stored; the reasons are listed", "the rest is safe; mend or leave out those files and repeat the command")
				}
				return err
			})
		}}
}

func sayAdded(w io.Writer, a patient.Added) {
	if a.New == 0 {
		fmt.Fprintf(w, "%s\tversion %d\t%s\tnothing new\n", a.Record, a.Version, count(a.Instances, "instance"))
		return
	}
	fmt.Fprintf(w, "%s\tversion %d\t%s (%d new)\t%s sealed, %s on six nodes\n", a.Record, a.Version, count(a.Instances, "instance"), a.New, bytesOf(a.Bytes), bytesOf(a.Stored))
}

// sayLeft lists what was left out; why a file was ignored is for --json.
func (t *terminal) sayLeft(ignored, rejected []health.Left) {
	for _, l := range rejected {
		fmt.Fprintf(t.out, "  rejected %s: %s\n", l.Path, l.Reason)
	}
	if n := len(ignored); n > 0 {
		fmt.Fprintf(t.out, "  ignored %s that no study needs\n", count(n, "file"))
	}
}

func bytesOf(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

func studyList(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "Your studies and charts, newest first", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
			return t.listRecords(ctx, p, func(ledger.Record) bool { return true }, "no studies yet: add one with `manx study add FOLDER`")
		})
	}}
}

// listRecords lists those of a party's records that a command is about.
func (t *terminal) listRecords(ctx context.Context, p *owner.Party, about func(ledger.Record) bool, none string) error {
	all, err := p.Records(ctx)
	if err != nil {
		return err
	}
	records := []ledger.Record{}
	for _, r := range all {
		if about(r) {
			records = append(records, r)
		}
	}
	t.say(map[string]any{"ok": true, "records": records}, func(w io.Writer) {
		if len(records) == 0 {
			fmt.Fprintln(w, none)
		}
		for _, r := range records {
			v, n := r.Latest()
			state := fmt.Sprintf("version %d of %s", n, when(v.At))
			if r.Erased {
				state = "erased"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", r.ID, r.Kind, state)
		}
	})
	return nil
}

// object is one sealed file of a record, as its owner knows it.
type object struct {
	UID    string `json:"uid"`
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func studyShow(t *terminal) *cobra.Command {
	var version int
	c := &cobra.Command{Use: "show RECORD", Short: "What a record holds, and how well it is stored", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
			opened, r, err := t.open(ctx, p, args[0], version)
			if err != nil {
				return err
			}
			h, err := p.Vault.Verify(ctx, opened.Manifest())
			if err != nil {
				return err
			}
			objects := []object{}
			for _, o := range opened.Objects() {
				objects = append(objects, object{o.ID, o.Name, o.Size, o.SHA256})
			}
			storage := map[string]int{"shards": h.Shards, "whole": h.Shards - len(h.Faults), "lost_stripes": h.Lost}
			t.say(map[string]any{"ok": true, "record": r, "objects": objects, "storage": storage}, func(w io.Writer) {
				fmt.Fprintf(w, "record\t%s\nkind\t%s\nversions\t%d\nobjects\t%d\n", r.ID, r.Kind, len(r.Versions), len(opened.Objects()))
				if r.Derived != "" {
					fmt.Fprintf(w, "derived from\t%s\n", r.Derived)
				}
				if r.About != "" {
					fmt.Fprintf(w, "speaks of\t%s\n", r.About)
				}
				fmt.Fprintf(w, "storage\t%d of %d shards whole\n", h.Shards-len(h.Faults), h.Shards)
			})
			return nil
		})
	}}
	c.Flags().IntVar(&version, "version", 0, "which version (0: the latest)")
	return c
}

// open opens the record named: the party's own, or one that it was granted.
func (t *terminal) open(ctx context.Context, p *owner.Party, name string, version int) (*vault.Record, ledger.Record, error) {
	id, err := recordNamed(name)
	if err != nil {
		return nil, ledger.Record{}, err
	}
	r, err := owner.Get[ledger.Record](ctx, p.Client, id)
	if err != nil {
		return nil, r, err
	}
	if r.Owner == p.ID() {
		return p.OpenOwn(ctx, id, version)
	}
	g, err := p.GrantOn(ctx, id)
	if err != nil {
		return nil, r, err
	}
	return p.OpenGranted(ctx, g, version)
}

func studyOpen(t *terminal) *cobra.Command {
	var out string
	var version int
	c := &cobra.Command{Use: "open RECORD", Short: "Decrypt a record that is yours or granted to you into a folder", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
			opened, r, err := t.open(ctx, p, args[0], version)
			if err != nil {
				return err
			}
			if out == "" {
				out = string(r.ID)
			}
			n, size, err := patient.Write(ctx, opened, out)
			if err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "record": r.ID, "files": n, "bytes": size, "out": out}, func(w io.Writer) {
				fmt.Fprintf(w, "%s, %s, in %s\n", count(n, "file"), bytesOf(size), out)
			})
			return nil
		})
	}}
	c.Flags().StringVar(&out, "out", "", "folder to write into (default: named after the record)")
	c.Flags().IntVar(&version, "version", 0, "which version (0: the latest)")
	return c
}

func studyDeidentify(t *terminal) *cobra.Command {
	var o deid.Options
	c := &cobra.Command{Use: "deidentify RECORD", Short: "Make a de-identified derivative by DICOM PS3.15, on this device", Args: cobra.ExactArgs(1),
		Long: "Make a derivative of a study by the PS3.15 Basic profile: a record of its own, which can be granted for research.\nFiles at risk of burned-in text are held back for a human look and listed.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
				id, err := recordNamed(args[0])
				if err != nil {
					return err
				}
				show, end := t.bar()
				d, err := patient.Deidentify(ctx, p, id, o, show)
				end()
				if err != nil {
					return err
				}
				t.say(d, func(w io.Writer) {
					fmt.Fprintf(w, "%s\tversion %d\t%s\t%s changed\n", d.Record, d.Version, count(d.Instances, "instance"), count(d.Changes, "element"))
					for _, l := range d.Held {
						fmt.Fprintf(w, "  held back %s: %s\n", l.Path, l.Reason)
					}
					for _, s := range d.Warnings {
						fmt.Fprintf(w, "  warning: %s\n", s)
					}
				})
				return nil
			})
		}}
	f := c.Flags()
	f.BoolVar(&o.ModifiedDates, "keep-intervals", false, "keep dates, all moved by one secret number of days")
	f.BoolVar(&o.PatientCharacteristics, "keep-characteristics", false, "keep sex, age up to 89, size and weight")
	f.BoolVar(&o.DeviceIdentity, "keep-device", false, "keep serial numbers and names of devices")
	return c
}

func studyExport(t *terminal) *cobra.Command {
	var out string
	c := &cobra.Command{Use: "export RECORD", Short: "Write a study, its permissions and its jobs into one ZIP", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
				id, err := recordNamed(args[0])
				if err != nil {
					return err
				}
				opened, r, err := p.OpenOwn(ctx, id, 0)
				if err != nil {
					return err
				}
				if out == "" {
					out = string(id) + ".zip"
				}
				about, err := aboutRecord(ctx, p, r)
				if err != nil {
					return err
				}
				n, err := writeZIP(ctx, opened, about, filepath.Clean(out))
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "record": id, "files": n, "out": out}, func(w io.Writer) { fmt.Fprintf(w, "%s in %s\n", count(n, "file"), out) })
				return nil
			})
		}}
	c.Flags().StringVar(&out, "out", "", "the ZIP to write (default: named after the record)")
	return c
}

// aboutRecord gathers what the ledger says of a record: who may use it, and who
// did.
func aboutRecord(ctx context.Context, p *owner.Party, r ledger.Record) ([]byte, error) {
	grants, err := p.Grants(ctx)
	if err != nil {
		return nil, err
	}
	jobs, err := p.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	about := struct {
		Record ledger.Record  `json:"record"`
		Grants []ledger.Grant `json:"grants"`
		Jobs   []ledger.Job   `json:"jobs"`
	}{Record: r}
	for _, g := range grants {
		if g.Record == r.ID {
			about.Grants = append(about.Grants, g)
		}
	}
	for _, j := range jobs {
		if j.Record == r.ID {
			about.Jobs = append(about.Jobs, j)
		}
	}
	return json.MarshalIndent(about, "", "  ")
}

func writeZIP(ctx context.Context, r *vault.Record, about []byte, name string) (n int, err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, notice.Because(err, notice.Conflict, "the ZIP cannot be written there, or is there already", "name another with --out")
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := zip.NewWriter(f)
	w, err := z.Create("manx.json")
	if err != nil {
		return 0, err
	}
	if _, err := w.Write(about); err != nil {
		return 0, err
	}
	err = r.Each(ctx, func(o *vault.Opened) error {
		w, err := z.Create("study/" + filepath.ToSlash(o.Name))
		if err == nil {
			_, err = io.Copy(w, o)
		}
		if err == nil {
			n++
		}
		return err
	})
	if err != nil {
		return n, err
	}
	return n, z.Close()
}

func studyErase(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "erase RECORD", Short: "End a record: void its grants, destroy its keys, wraps, shards, and pictures here", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := recordNamed(args[0])
			if err != nil {
				return err
			}
			return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
				if _, err := owner.Get[ledger.Record](ctx, p.Client, id); err != nil {
					return err
				}
				if err := t.sure("Erase " + string(id) + " for ever?"); err != nil {
					return err
				}
				if err := patient.Erase(ctx, p, id); err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "record": id}, func(w io.Writer) {
					fmt.Fprintf(w, "%s\tis erased; what others had opened before cannot be unseen\n", id)
				})
				return nil
			})
		}}
}
