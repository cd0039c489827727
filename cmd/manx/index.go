package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"manx/cmd/node"
	"manx/privacy/notice"
)

func indexCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "index", Short: "The lists a node makes of its ledger", Args: cobra.NoArgs}
	c.AddCommand(indexRebuildCommand(t))
	return c
}

func indexRebuildCommand(t *terminal) *cobra.Command {
	n := nodeFlags{listen: "127.0.0.1:0"}
	c := &cobra.Command{Use: "rebuild", Short: "Drop a stopped node's index and make it again", Args: cobra.NoArgs,
		Long: `Drop the index of the stopped node under --data (MANX_DATA, default ./manx-node), and make it again from the ledger
and from what stands on the storage nodes. It comes out as it was, but for what stands nowhere else: sessions,
whose owners sign in again without noticing; whose uploads are that nobody has named on the ledger: they are their
sender's again once they are sent again or named; and who was first to store what two have stored: it is now of who
was first to name it.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := t.nodeOptions(n)
			if err != nil {
				return err
			}
			done, err := node.RebuildIndex(cmd.Context(), o)
			if err != nil {
				return err
			}
			was := "could not be read"
			if done.Before != nil {
				was = fmt.Sprintf("%d states, %d blobs", done.Before.States, done.Before.Blobs)
			}
			if done.Unread == 0 || t.json {
				t.say(map[string]any{"ok": done.Unread == 0, "height": done.Height, "states": done.After.States, "mentions": done.After.Mentions, "blobs": done.After.Blobs,
					"same": done.Same, "differs": done.Differs, "forgotten": done.Forgotten, "passed": done.Passed, "sessions_lost": done.Sessions, "unread": done.Unread}, func(w io.Writer) {
					fmt.Fprintf(w, "height\t%d\nbefore\t%s\nnow\t%d states, %d blobs\nsame\t%t %s\nforgotten\t%d blobs that nobody has named on the ledger\npassed\t%d blobs to who named them from another who stored the same\nsessions\t%d ended: any command signs in again\n",
						done.Height, was, done.After.States, done.After.Blobs, done.Same, strings.Join(done.Differs, ", "), done.Forgotten, done.Passed, done.Sessions)
				})
			}
			if done.Unread > 0 {
				return notice.New(notice.Partial, fmt.Sprintf("the index is made again, but storage could not give %d of the manifests that the ledger names: whose their shards are is not known", done.Unread),
					"start all storage nodes, and repeat the command; `manx storage verify` says what is lost")
			}
			return nil
		}}
	f := c.Flags()
	f.StringVar(&n.level, "log", "warn", "debug, info, warn or error")
	f.StringVar(&n.choice.DB, "db", "", "sqlite or postgres (default: what the folder has)")
	return c
}
