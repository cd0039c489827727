// Command manx is the whole exchange in one binary: the owner's side for
// patients, borrowers, lenders, hospitals and scientists, the node, the worker
// and the auditor. Data goes to stdout, progress to stderr and only on a
// terminal. Exit codes: 0 ok, 1 failure, 2 usage, 3 not allowed, 4 not found,
// 5 partial, 6 integrity.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"manx/privacy/notice"
)

// version is what `manx --version` prints; CHANGELOG.md says what is in it.
const version = "0.1.0"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run is main without the process.
func run(ctx context.Context, args []string) int {
	t := &terminal{out: os.Stdout, err: os.Stderr}
	root := newRoot(t)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	return t.fail(ctx, err)
}

// usage marks an error in how the command was written.
type usage struct{ error }

func newRoot(t *terminal) *cobra.Command {
	root := &cobra.Command{
		Use:           "manx",
		Short:         "A privacy-preserving exchange for health and credit data",
		Long:          "manx seals health and credit records on your own device, lets models run on them while they stay\nencrypted, and pays who did the work. Start with `manx demo`, or `manx up` and `manx keys new`.",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage{err} })
	f := root.PersistentFlags()
	f.StringVar(&t.data, "data", "", "folder of your keys and state (MANX_DATA; default ~/.manx)")
	f.StringVar(&t.node, "node", "", "address of the node (MANX_NODE; default: the one you joined)")
	f.StringVar(&t.passphraseFile, "passphrase-file", "", "file that holds the passphrase (MANX_PASSPHRASE_FILE; default: ask)")
	f.BoolVar(&t.json, "json", false, "machine-readable output: JSON on stdout")
	f.BoolVarP(&t.quiet, "quiet", "q", false, "no progress")
	f.BoolVarP(&t.yes, "yes", "y", false, "do not ask before what cannot be undone")
	root.AddCommand(
		demoCommand(t), upCommand(t), keysCommand(t), studyCommand(t), grantCommand(t), diagnoseCommand(t), creditCommand(t),
		walletCommand(t), jobCommand(t), receiptCommand(t), modelCommand(t), workerCommand(t), auditCommand(t),
	)
	return root
}

// fail prints err as `error:` and `hint:` and returns the exit code.
func (t *terminal) fail(ctx context.Context, err error) int {
	if ctx.Err() != nil && !notice.Is(err, notice.Partial) {
		err = notice.Because(err, notice.Unavailable, "interrupted", "the same command goes on where it stopped")
	}
	n := (*notice.Error)(nil)
	if u := (usage{}); errors.As(err, &u) || strings.HasPrefix(err.Error(), "unknown command") || strings.Contains(err.Error(), "arg(s)") {
		n = notice.New(notice.Invalid, err.Error(), "`manx --help` and `manx COMMAND --help` show how commands are written")
		t.problem(n)
		return 2
	}
	if !errors.As(err, &n) {
		// On the owner's own terminal the cause may be shown: it is hers.
		n = notice.Because(err, notice.Internal, err.Error(), "if this looks like a fault of manx, report it with `manx --version`")
	}
	t.problem(n)
	switch n.Kind {
	case notice.Denied, notice.Expired, notice.Exhausted:
		return 3
	case notice.NotFound:
		return 4
	case notice.Partial:
		return 5
	case notice.Integrity:
		return 6
	}
	return 1
}

func (t *terminal) problem(n *notice.Error) {
	if t.json {
		t.print(map[string]any{"ok": false, "error": map[string]string{"kind": n.Kind.String(), "text": n.Text, "hint": n.Hint}})
		return
	}
	fmt.Fprintf(t.err, "error: %s\n", n.Text)
	if n.Hint != "" {
		fmt.Fprintf(t.err, "hint: %s\n", n.Hint)
	}
}
