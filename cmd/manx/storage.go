package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/vault"
	"manx/web/owner"
)

func storageCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "storage", Short: "The storage nodes: status, verify, repair"}
	c.AddCommand(storageStatus(t), storageVerify(t), storageRepair(t), storageHoldings(t))
	return c
}

// kept is a record and the packs that hold all its versions.
type kept struct {
	record ledger.RecordID
	packs  []storage.Ref
}

// keeping runs f on one record, whoever owns it, or on all that a persona owns.
func (t *terminal) keeping(ctx context.Context, as string, args []string, f func(ctx context.Context, p *owner.Party, all []kept) error) error {
	if len(args) == 0 {
		return t.with(ctx, as, func(ctx context.Context, p *owner.Party) error {
			records, err := p.Records(ctx)
			if err != nil {
				return err
			}
			var all []kept
			for _, r := range records {
				if !r.Erased {
					all = append(all, keptOf(r))
				}
			}
			return f(ctx, p, all)
		})
	}
	id, err := recordNamed(args[0])
	if err != nil {
		return err
	}
	return t.as(ctx, ledger.VerticalOf(id), func(ctx context.Context, p *owner.Party) error {
		r, err := owner.Get[ledger.Record](ctx, p.Client, id)
		if err != nil {
			return err
		}
		if r.Erased {
			return notice.New(notice.Denied, "the record was erased by its owner", "nothing brings it back")
		}
		return f(ctx, p, []kept{keptOf(r)})
	})
}

func keptOf(r ledger.Record) kept {
	k := kept{record: r.ID}
	for _, v := range r.Versions {
		k.packs = append(k.packs, v.Manifest)
	}
	return k
}

func storageStatus(t *terminal) *cobra.Command {
	var as string
	c := &cobra.Command{Use: "status [RECORD]", Short: "Which storage nodes answer, and what each keeps of yours", Args: cobra.MaximumNArgs(1),
		Long: "List the storage nodes: whether each answers, and how many shards and bytes of your records it keeps by their\nmanifests. Whether it has them is for `manx storage verify` to say.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.keeping(cmd.Context(), as, args, func(ctx context.Context, p *owner.Party, all []kept) error {
				var packs []storage.Ref
				for _, k := range all {
					packs = append(packs, k.packs...)
				}
				nodes, err := p.Vault.Status(ctx, packs...)
				if err != nil {
					return err
				}
				silent := 0
				t.say(map[string]any{"ok": true, "records": len(all), "nodes": nodes}, func(w io.Writer) {
					for _, n := range nodes {
						answers := "answers"
						if !n.Reachable {
							answers = "does not answer"
						}
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", n.Node, answers, count(n.Shards, "shard"), bytesOf(n.Bytes))
					}
				})
				for _, n := range nodes {
					if !n.Reachable {
						silent++
					}
				}
				if silent > vault.Nodes-vault.Need {
					return notice.New(notice.Unavailable, fmt.Sprintf("%d of %d storage nodes do not answer, and %d are needed", silent, vault.Nodes, vault.Need),
						"whoever runs them has to start them again: `manx up`")
				}
				return nil
			})
		}}
	c.Flags().StringVar(&as, "as", "", "whose records (default: those of the keyring's first persona)")
	return c
}

// checked is what verify and repair say of one record.
type checked struct {
	Record ledger.RecordID `json:"record"`
	Packs  int             `json:"packs"`
	Shards int             `json:"shards"`
	Faults []vault.Fault   `json:"faults"`

	Repaired int `json:"repaired"`
	Lost     int `json:"lost_stripes"`

	Challenged int   `json:"challenged_stripes"` // a fresh random range of each of their shards was asked for
	Bytes      int64 `json:"challenged_bytes"`

	Compared int `json:"compared_objects"` // with their digests, on this device
}

// sayChecked writes one record, and for each node what is wrong there.
func (t *terminal) sayChecked(c checked) {
	t.say(c, func(w io.Writer) {
		fmt.Fprintf(w, "%s\t%s", c.Record, count(c.Packs, "pack"))
		if c.Shards > 0 {
			fmt.Fprintf(w, "\t%d of %d shards whole", c.Shards-len(c.Faults), c.Shards)
		}
		if c.Challenged > 0 {
			fmt.Fprintf(w, "\t%s challenged", count(c.Challenged, "stripe"))
		}
		if c.Compared > 0 {
			fmt.Fprintf(w, "\t%s compared", count(c.Compared, "object"))
		}
		if c.Repaired > 0 {
			fmt.Fprintf(w, "\t%d rebuilt", c.Repaired)
		}
		if c.Lost > 0 {
			fmt.Fprintf(w, "\t%s lost", count(c.Lost, "stripe"))
		}
		fmt.Fprintln(w)
		type wrong struct{ node, state string }
		many, order := map[wrong]int{}, []wrong{}
		for _, f := range c.Faults {
			k := wrong{f.Node, f.State}
			if many[k]++; many[k] == 1 {
				order = append(order, k)
			}
		}
		for _, k := range order {
			fmt.Fprintf(w, "  %s\t%s %s\n", k.node, count(many[k], "shard"), k.state)
		}
	})
}

func storageVerify(t *terminal) *cobra.Command {
	var as string
	var quick, deep bool
	var stripes int
	c := &cobra.Command{Use: "verify [RECORD]", Short: "Check every shard, and challenge every storage node", Args: cobra.MaximumNArgs(1),
		Long: "Read every shard of a record, or of all yours, and compare it with its name; then ask every node for a fresh\nrandom range of its shards, which must fit together. Neither needs a key. With --deep, a record of yours is also opened on this device, and each object\ncompared with the digest taken of it before it was sealed. With --json, one object a record.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if quick && deep {
				return usage{errors.New("--quick and --deep: choose one")}
			}
			if stripes < 0 {
				return usage{fmt.Errorf("--stripes %d: 0 is all of them", stripes)}
			}
			return t.keeping(cmd.Context(), as, args, func(ctx context.Context, p *owner.Party, all []kept) error {
				bad := 0
				for _, k := range all {
					c, err := t.verify(ctx, p.Vault, k, quick, stripes)
					if err != nil {
						return err
					}
					if deep {
						rec, _, err := p.OpenOwn(ctx, k.record, 0)
						if err == nil {
							c.Compared, err = len(rec.Objects()), rec.Check(ctx)
						}
						if err != nil {
							return err
						}
					}
					t.sayChecked(c)
					bad += len(c.Faults)
				}
				return t.verdict(len(all), bad, "whole")
			})
		}}
	f := c.Flags()
	f.StringVar(&as, "as", "", "whose records (default: those of the keyring's first persona)")
	f.BoolVar(&quick, "quick", false, "only challenge the nodes: 1 KiB a shard")
	f.BoolVar(&deep, "deep", false, "also open the latest version of each and compare its objects with their digests")
	f.IntVar(&stripes, "stripes", 64, "how many stripes of a record to challenge, drawn at random (0: all)")
	return c
}

func (t *terminal) verify(ctx context.Context, v *vault.Vault, k kept, quick bool, stripes int) (checked, error) {
	show, end := t.bar()
	defer end()
	c := checked{Record: k.record, Faults: []vault.Fault{}}
	if !quick {
		h, err := v.Reporting(func(done, total int) { show("read", int64(done), int64(total)) }).Verify(ctx, k.packs...)
		if err != nil {
			return c, err
		}
		c.Packs, c.Shards, c.Lost = h.Packs, h.Shards, h.Lost
		c.Faults = append(c.Faults, h.Faults...)
	}
	a, err := v.Reporting(func(done, total int) { show("challenge", int64(done), int64(total)) }).Audit(ctx, stripes, k.packs...)
	c.Packs, c.Challenged, c.Bytes = a.Packs, a.Stripes, a.Bytes
	known := map[vault.Fault]bool{}
	for _, f := range c.Faults {
		known[f] = true
	}
	for _, f := range a.Faults {
		if !known[f] {
			c.Faults = append(c.Faults, f)
		}
	}
	return c, err
}

func storageRepair(t *terminal) *cobra.Command {
	var as string
	c := &cobra.Command{Use: "repair [RECORD]", Short: "Rebuild lost and damaged shards, without any key", Args: cobra.MaximumNArgs(1),
		Long: "Verify a record, or all yours, and rebuild each missing or damaged shard from the others, under the same name and on\nthe node where it belongs. It needs no key to the record. With --json, one object a record.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.keeping(cmd.Context(), as, args, func(ctx context.Context, p *owner.Party, all []kept) error {
				bad := 0
				for _, k := range all {
					show, end := t.bar()
					h, err := p.Vault.Reporting(func(done, total int) { show("repair", int64(done), int64(total)) }).Repair(ctx, k.packs...)
					end()
					if err != nil {
						return err
					}
					t.sayChecked(checked{Record: k.record, Packs: h.Packs, Shards: h.Shards, Faults: listOf(h.Faults), Repaired: h.Repaired, Lost: h.Lost})
					bad += len(h.Faults) - h.Repaired
				}
				return t.verdict(len(all), bad, "repaired")
			})
		}}
	c.Flags().StringVar(&as, "as", "", "whose records (default: those of the keyring's first persona)")
	return c
}

// verdict is how verify and repair end.
func (t *terminal) verdict(records, bad int, what string) error {
	if records == 0 {
		t.say(map[string]any{"ok": true, "records": 0}, func(w io.Writer) { fmt.Fprintln(w, "nothing is stored yet") })
	}
	switch {
	case bad == 0:
		return nil
	case what == "whole":
		return notice.New(notice.Integrity, count(bad, "shard")+" missing, damaged or out of reach: the nodes are named above",
			"start the nodes that do not answer (`manx up`), then `manx storage repair` rebuilds what is missing or damaged")
	}
	return notice.New(notice.Partial, count(bad, "shard")+" could not be rebuilt: the nodes are named above",
		"start the nodes that do not answer (`manx up`) and repeat the command; a stripe of which three shards are lost is lost: `manx study add` stores it again")
}
