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
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"manx/health"
	"manx/privacy/notice"
	"manx/privacy/seal"
)

// version is what `manx --version` prints; CHANGELOG.md says what is in it.
const version = "0.1.0"

func main() { os.Exit(start(seal.NewPassphrase)) }

// start runs the command this process was started as. lock makes passphrases,
// and so says how slow it is to try one.
func start(lock func(string) (seal.Passphrase, error)) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, os.Args[1:], &terminal{out: os.Stdout, err: os.Stderr, lock: lock})
}

// run is main without the process.
func run(ctx context.Context, args []string, t *terminal) int {
	root := newRoot(t)
	root.SetArgs(args)
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	// Flags after one that is wrong are never parsed.
	t.json = t.json || slices.Contains(args, "--json")
	return t.fail(ctx, c, err)
}

// usage marks an error in how the command was written.
type usage struct{ error }

// left adds to an error the files that could not be used.
type left struct {
	error
	ignored, rejected []health.Left
}

func (l left) Unwrap() error { return l.error }

func newRoot(t *terminal) *cobra.Command {
	root := &cobra.Command{
		Use:           "manx",
		Short:         "A privacy-preserving exchange for health and credit data",
		Long:          "manx seals health and credit records on your own device, lets models run on them while they stay\nencrypted, and pays who did the work. Start with `manx demo`, or `manx up` and `manx keys new`.",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(t.out)
	root.SetErr(t.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage{err} })
	f := root.PersistentFlags()
	f.StringVar(&t.data, "data", "", "folder of your keys and state (MANX_DATA; default ~/.manx)")
	f.StringVar(&t.node, "node", "", "address of the node (MANX_NODE; default: the one you joined)")
	f.StringVar(&t.passphraseFile, "passphrase-file", "", "file that holds the passphrase (MANX_PASSPHRASE_FILE; default: ask)")
	f.BoolVar(&t.json, "json", false, "machine-readable output: JSON on stdout")
	f.BoolVarP(&t.quiet, "quiet", "q", false, "no progress")
	f.BoolVarP(&t.yes, "yes", "y", false, "do not ask before what cannot be undone")
	root.AddCommand(
		demoCommand(t), upCommand(t), downCommand(t), keysCommand(t), studyCommand(t), chartCommand(t), annotateCommand(t), grantCommand(t), budgetCommand(t), diagnoseCommand(t), creditCommand(t), overlapCommand(t), sumCommand(t), escrowCommand(t),
		hospitalCommand(t), edgeCommand(t), trainCommand(t), walletCommand(t), coinCommand(t), usageCommand(t), jobCommand(t), receiptCommand(t), modelCommand(t), withStakes(t, workerCommand(t)), partyCommand(t), auditCommand(t), sessionCommand(t), staffCommand(t), portalCommand(t), storageCommand(t), indexCommand(t),
	)
	root.InitDefaultCompletionCmd()
	strict(t, root)
	return root
}

// strict makes every error in how a command is written a usage error: a group
// with a command that it has not, or a command with too many or few arguments.
func strict(t *terminal, c *cobra.Command) {
	for _, sub := range c.Commands() {
		strict(t, sub)
	}
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if check(c, args) != nil {
				return usage{fmt.Errorf("%d arguments, where it is written: %s", len(args), c.UseLine())}
			}
			return nil
		}
	}
	if c.Runnable() {
		return
	}
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case len(args) > 0:
			text := fmt.Sprintf("there is no command `%s %s`", c.CommandPath(), args[0])
			c.SuggestionsMinimumDistance = 2
			if near := c.SuggestionsFor(args[0]); len(near) > 0 {
				text += "; did you mean " + strings.Join(near, " or ") + "?"
			}
			return usage{errors.New(text)}
		case t.json:
			return usage{fmt.Errorf("`%s` needs the name of a command", c.CommandPath())}
		}
		return c.Help()
	}
}

// fail prints err as `error:` and `hint:` and returns the exit code.
func (t *terminal) fail(ctx context.Context, c *cobra.Command, err error) int {
	if ctx.Err() != nil && !notice.Is(err, notice.Partial) {
		err = notice.Because(err, notice.Unavailable, "interrupted", "the same command goes on where it stopped")
	}
	l := left{}
	errors.As(err, &l)
	n := (*notice.Error)(nil)
	help := "`" + c.CommandPath() + " --help` shows how it is written"
	if u := (usage{}); errors.As(err, &u) || strings.HasPrefix(err.Error(), "required flag") {
		t.problem(notice.New(notice.Invalid, err.Error(), help), l)
		return 2
	}
	if pe := (*fs.PathError)(nil); !errors.As(err, &n) && errors.As(err, &pe) {
		n = notice.Because(err, notice.Invalid, err.Error(), "check that path, its permissions and the space left on the disk")
	} else if n == nil {
		// On the owner's own terminal the cause may be shown: it is hers.
		n = notice.Because(err, notice.Internal, err.Error(), "if this looks like a fault of manx, report it with what `manx --version` prints")
	}
	if n.Kind == notice.Invalid && n.Hint == "" {
		n = notice.Because(err, n.Kind, n.Text, help)
	}
	t.problem(n, l)
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

func (t *terminal) problem(n *notice.Error, l left) {
	if t.json {
		v := map[string]any{"ok": false, "error": map[string]string{"kind": n.Kind.String(), "text": n.Text, "hint": n.Hint}}
		if l.error != nil {
			v["rejected"], v["ignored"] = listOf(l.rejected), listOf(l.ignored)
		}
		t.print(v)
		return
	}
	t.sayLeft(l.ignored, l.rejected)
	fmt.Fprintf(t.err, "error: %s\n", n.Text)
	if n.Hint != "" {
		fmt.Fprintf(t.err, "hint: %s\n", n.Hint)
	}
}
