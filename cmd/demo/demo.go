// Package demo tells the two stories of the exchange, on embedded or real parts: a
// patient's diagnosis and a borrower's score. Node and worker are processes of
// their own; this process plays the owners' devices. Every claim it prints it has
// checked: a claim that does not hold ends the demo with an error.
package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"manx/cmd/node"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/web/owner"
)

// Options are how the demo is run.
type Options struct {
	Dir    string // made anew; must be empty, absent or left by an earlier demo
	Manx   string // the binary to start the node from
	Study  string // a DICOM folder for the first story; empty: a phantom
	Credit string // a credit file for the second; empty: a made-up one
	Real   bool   // on Fabric, Kubo and PostgreSQL instead of embedded parts
	JSON   bool
	Out    io.Writer
	Err    io.Writer // progress, where it is a terminal
}

// A Step is one thing that happened.
type Step struct {
	Story   string            `json:"story"`
	Title   string            `json:"title"`
	What    []string          `json:"what"`
	Seconds float64           `json:"seconds"`
	Saw     map[string]string `json:"saw,omitempty"` // who could see what
}

// A Summary ends the demo.
type Summary struct {
	OK       bool     `json:"ok"`
	Steps    int      `json:"steps"`
	Checks   int      `json:"checks"`
	Seconds  float64  `json:"seconds"`
	Receipts []string `json:"receipts"`
	Data     string   `json:"data"`
}

// teller runs steps and counts what was checked.
type teller struct {
	Options
	story    string
	steps    int
	checks   int
	receipts []string
	began    time.Time
	address  string
	worker   int // process id
	genesis  ledger.Genesis
	homes    []*owner.Home
}

const marker = "made-by-manx-demo"

// Run tells both stories and returns nil only if every claim was checked.
func Run(ctx context.Context, o Options) (err error) {
	t := &teller{Options: o, began: time.Now()}
	if err := t.clear(ctx); err != nil {
		return err
	}
	stop, err := t.startNode(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	defer func() {
		for _, h := range t.homes {
			err = errors.Join(err, h.Close())
		}
	}()
	if err := t.health(ctx); err != nil {
		return err
	}
	if err := t.credit(ctx); err != nil {
		return err
	}
	s := Summary{true, t.steps, t.checks, time.Since(t.began).Seconds(), t.receipts, t.Dir}
	if t.JSON {
		return t.line(s)
	}
	_, err = fmt.Fprintf(t.Out, "\nBoth stories are told: %d steps, %d claims checked, %.0f s.\nReceipts that anybody can verify offline (manx receipt verify FILE --network %s):\n", s.Steps, s.Checks, s.Seconds, t.genesis.ID())
	for _, r := range s.Receipts {
		_, err = fmt.Fprintf(t.Out, "  %s\n", r)
	}
	fmt.Fprintf(t.Out, "\nTo see it in a browser, with an account of every role ready to click: %s up --demo, then open http://127.0.0.1:8420/#demo\n", t.Manx)
	for _, role := range []string{"patient", "borrower", "lender", "scientist", "auditor"} {
		fmt.Fprintf(t.Out, "  %-10s http://127.0.0.1:8420/#demo=%s\n", role, role)
	}
	fmt.Fprintln(t.Out, "  hospital and provider have pages of their own, which `up --demo` prints")
	return err
}

func (t *teller) line(v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		_, err = fmt.Fprintf(t.Out, "%s\n", b)
	}
	return err
}

// clear removes what an earlier demo left, and nothing else.
func (t *teller) clear(ctx context.Context) error {
	entries, err := os.ReadDir(t.Dir)
	if err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(t.Dir, marker)); err != nil {
			return notice.New(notice.Conflict, "the folder "+t.Dir+" holds something that no demo made", "name an empty folder with --data")
		}
		if err := node.Down(ctx, t.nodeFolder()); err != nil { // it may have been killed
			return err
		}
		if err := os.RemoveAll(t.Dir); err != nil {
			return fmt.Errorf("remove the earlier demo: %w", err)
		}
	}
	if err := os.MkdirAll(t.Dir, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return os.WriteFile(filepath.Join(t.Dir, marker), nil, 0o600)
}

// step runs one step. f tells what happened with say, and fails where a claim
// does not hold.
func (t *teller) step(title string, saw map[string]string, f func(say func(format string, a ...any)) error) error {
	s := Step{Story: t.story, Title: title, Saw: saw}
	began := time.Now()
	t.wait(title)
	err := f(func(format string, a ...any) { s.What = append(s.What, fmt.Sprintf(format, a...)) })
	s.Seconds = time.Since(began).Seconds()
	t.steps++
	if err != nil {
		return fmt.Errorf("step %d (%s): %w", t.steps, title, err)
	}
	if t.JSON {
		return t.line(s)
	}
	t.wait("")
	fmt.Fprintf(t.Out, "%2d. %s  (%.1f s)\n", t.steps, title, s.Seconds)
	for _, w := range s.What {
		fmt.Fprintf(t.Out, "      %s\n", w)
	}
	for _, who := range []string{"owner", "exchange", "storage", "ledger", "worker", "organisations", "hospital", "researcher", "lender"} {
		if what, ok := s.Saw[who]; ok {
			fmt.Fprintf(t.Out, "      · %s saw: %s\n", who, what)
		}
	}
	return nil
}

// wait shows what is being done, on a terminal.
func (t *teller) wait(what string) {
	f, ok := t.Err.(*os.File)
	if !ok || t.JSON {
		return
	}
	if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(f, "\r\x1b[K%s", what)
	}
}

func (t *teller) progress(stage string, done, total int64) {
	switch {
	case total > 0:
		t.wait(fmt.Sprintf("    %s %d%%", stage, min(100, 100*done/total)))
	default:
		t.wait("    " + stage)
	}
}

func (t *teller) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// check counts a claim and fails where it does not hold.
func (t *teller) check(holds bool, claim string) error {
	t.checks++
	if !holds {
		return notice.New(notice.Integrity, "a claim of the demo does not hold: "+claim, "this is a fault of manx: please report it")
	}
	return nil
}

// refused checks that an error is a notice of a kind, with a text to show.
func (t *teller) refused(err error, claim string, kinds ...notice.Kind) (string, error) {
	t.checks++
	for _, k := range kinds {
		if notice.Is(err, k) {
			n := notice.From(err)
			return n.Text, nil
		}
	}
	return "", notice.Because(err, notice.Integrity, fmt.Sprintf("a claim of the demo does not hold: %s (got: %v)", claim, err), "this is a fault of manx: please report it")
}

func (t *teller) nodeFolder() string { return filepath.Join(t.Dir, "node") }

// tell says what the real parts' first start does, which takes minutes.
func (t *teller) tell(what string) {
	if !t.JSON {
		fmt.Fprintln(t.Err, what)
	}
}

// startNode starts `manx up` as a process of its own.
func (t *teller) startNode(ctx context.Context) (stop func() error, err error) {
	args := []string{"up", "--data", t.nodeFolder(), "--listen", "127.0.0.1:0", "--json"}
	if t.Real {
		o := node.Options{Dir: t.nodeFolder(), Manx: t.Manx, Choice: node.Choice{Ledger: node.Fabric, Storage: node.IPFS, DB: node.Postgres}, Progress: t.tell}
		if _, err := node.Raise(ctx, o); err != nil {
			return nil, errors.Join(err, node.Down(context.WithoutCancel(ctx), t.nodeFolder()))
		}
	}
	c := exec.CommandContext(ctx, t.Manx, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 40 * time.Second
	log, err := os.Create(filepath.Join(t.Dir, "node.log"))
	if err != nil {
		return nil, fmt.Errorf("node's log: %w", err)
	}
	c.Stderr = log
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	stop = func() error {
		_ = c.Process.Signal(syscall.SIGTERM)
		err := errors.Join(c.Wait(), log.Close())
		if t.Real {
			err = errors.Join(err, node.Down(context.WithoutCancel(ctx), t.nodeFolder()))
		}
		return err
	}
	var up struct {
		OK      bool
		Address string
		Workers []int
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &up)
	}
	if err != nil || !up.OK || len(up.Workers) == 0 {
		return nil, errors.Join(notice.Because(err, notice.Unavailable, "the node did not start", "see "+filepath.Join(t.Dir, "node.log")), stop())
	}
	t.address, t.worker = up.Address, up.Workers[0]
	info, err := owner.Pin(ctx, t.address)
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	t.genesis = info.Genesis
	return stop, nil
}

// person makes a home with keys, registered, and gives it test MAN.
func (t *teller) join(ctx context.Context, name string, role ledger.Role, shown string, verticals ...ledger.Vertical) (*owner.Home, error) {
	pass, err := seal.NewPassphrase("demo passphrase of " + name)
	if err != nil {
		return nil, err
	}
	words := make([]string, len(verticals))
	for i, v := range verticals {
		words[i] = string(v)
	}
	h, err := owner.Join(ctx, filepath.Join(t.Dir, name), pass, t.address, words...)
	if err != nil {
		return nil, err
	}
	t.homes = append(t.homes, h)
	for _, v := range verticals {
		p, err := h.As(v)
		if err != nil {
			return nil, err
		}
		err = p.Register(ctx, role, shown)
		p.Close()
		if err != nil {
			return nil, err
		}
	}
	return h, nil
}

// model waits until a model is on offer.
func (t *teller) model(ctx context.Context, p *owner.Party, name string) (ledger.Model, error) {
	for {
		m, err := p.ModelNamed(ctx, name)
		if !notice.Is(err, notice.NotFound) {
			return m, err
		}
		t.wait("    waiting for " + name + " to be on offer: a new node makes its proving keys once")
		if err := t.pause(ctx, 300*time.Millisecond); err != nil {
			return m, err
		}
	}
}

// keep writes a verified receipt to the demo's folder and verifies it again
// with no network, in a process of its own.
func (t *teller) keep(ctx context.Context, j ledger.JobID, bundle []byte) (string, error) {
	file := filepath.Join(t.Dir, "receipts", string(j)+".json")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", fmt.Errorf("make folder: %w", err)
	}
	if err := os.WriteFile(file, bundle, 0o600); err != nil {
		return "", fmt.Errorf("write receipt: %w", err)
	}
	t.receipts = append(t.receipts, file)
	how, err := t.offline(ctx, file)
	if err = errors.Join(err, t.check(err == nil, "the receipt verifies offline")); err != nil {
		return "", err
	}
	forged := file + ".forged"
	if err := os.WriteFile(forged, []byte(strings.Replace(string(bundle), "a", "b", 1)), 0o600); err != nil {
		return "", fmt.Errorf("write receipt: %w", err)
	}
	_, ferr := t.offline(ctx, forged)
	return how, errors.Join(t.check(ferr != nil, "an altered receipt does not verify"), os.Remove(forged))
}

// offline runs `manx receipt verify` in an empty network namespace, where this
// machine lets it.
func (t *teller) offline(ctx context.Context, file string) (string, error) {
	args := []string{t.Manx, "receipt", "verify", file, "--network", string(t.genesis.ID()), "--json"}
	how := "in a process without a node"
	if unshare, err := exec.LookPath("unshare"); err == nil && exec.CommandContext(ctx, unshare, "-n", "true").Run() == nil {
		args, how = append([]string{unshare, "-n"}, args...), "in an empty network namespace"
	}
	return how, exec.CommandContext(ctx, args[0], args[1:]...).Run()
}
