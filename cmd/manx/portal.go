package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/ui"
)

func portalCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "portal", Short: "What the portal is: publish a build of it",
		Long: "The organisations publish what every file of the portal hashes to. Who uses it can compare what a node serves, and what\nshe builds herself, with that: `manx audit build`."}
	c.AddCommand(portalPublish(t))
	return c
}

func portalPublish(t *terminal) *cobra.Command {
	o := &office{terminal: t}
	var release string
	c := &cobra.Command{Use: "publish", Short: "As an organisation: propose that the portal in this program is the network's", Args: cobra.NoArgs,
		Example: "  manx portal publish --organisation health --release 0.9\n  manx coin approve portal.json --organisation exchange",
		RunE: func(cmd *cobra.Command, _ []string) error {
			files, err := portalHere()
			if err != nil {
				return err
			}
			return o.propose(cmd.Context(), func(c *owner.Client, _ ledger.Signer) (ledger.Body, error) {
				all, err := c.Portals(cmd.Context())
				b := ledger.PublishPortal{Version: 1, Release: release, Files: files}
				if len(all) > 0 {
					b.Version = all[0].Version + 1
				}
				return b, err
			})
		}}
	c.Flags().StringVar(&release, "release", version, "what the software calls itself")
	return o.flags(c, "portal.json")
}

// portalHere lists the portal in this program.
func portalHere() ([]ledger.PortalFile, error) {
	paths, sums, err := ui.Sums()
	if err != nil {
		return nil, fmt.Errorf("read the portal: %w", err)
	}
	if len(paths) == 0 {
		return nil, notice.New(notice.Unsupported, "this program was built without the portal", "build it with `make build`, which needs Node and npm")
	}
	files := make([]ledger.PortalFile, len(paths))
	for i := range paths {
		files[i] = ledger.PortalFile{Path: paths[i], SHA384: sums[i]}
	}
	slices.SortFunc(files, func(a, b ledger.PortalFile) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

func auditBuild(t *terminal, as *string) *cobra.Command {
	return &cobra.Command{Use: "build", Short: "Compare the portal that the node serves, and the one in this program, with what the organisations published", Args: cobra.NoArgs,
		Long: "Fetch every file of the portal as a browser would and compare its SHA-384 with the ledger's; the page holds the hashes of\nits scripts, and those hold the modules'. Then the same for the portal in this program: build it from the release's\nsource with `make build`, and it is the same from any folder. Exit 0 only where what is served is what was published.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd.Context(), *as, func(ctx context.Context, p *owner.Party) error {
				all, err := p.Portals(ctx)
				if err != nil {
					return err
				}
				if len(all) == 0 {
					return notice.New(notice.NotFound, "the organisations have published no portal", "ask them to: `manx portal publish`; until then nothing tells whose page a node serves")
				}
				last := all[0]
				served, err := p.Served(ctx, last, ui.Sum, ui.Page)
				if err != nil {
					return err
				}
				mine, err := portalHere()
				if err != nil && !notice.Is(err, notice.Unsupported) {
					return err
				}
				built := "not in this program"
				if len(mine) > 0 {
					if built = "another"; slices.Equal(mine, last.Files) {
						built = "the same"
					}
				}
				t.say(map[string]any{"ok": len(served) == 0, "version": last.Version, "release": last.Release, "at": last.At, "files": len(last.Files), "differ": listOf(served), "built": built}, func(w io.Writer) {
					fmt.Fprintf(w, "published\tversion %d, release %s\t%s\nserved\t%d of %d files are the published ones\nbuilt here\t%s\n", last.Version, last.Release, when(last.At), len(last.Files)-len(served), len(last.Files), built)
					for _, f := range served {
						fmt.Fprintf(w, "differs\t%s\n", f)
					}
				})
				if len(served) > 0 {
					return notice.New(notice.Integrity, fmt.Sprintf("the node serves another portal than the organisations published: %d of %d files differ", len(served), len(last.Files)),
						"do not unlock your keys in it; use the command line, or another node, and tell the organisations")
				}
				return nil
			})
		}}
}
