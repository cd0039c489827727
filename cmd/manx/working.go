package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"manx/cmd/manx-wasm/desk"
	"manx/cmd/node"
	"manx/ml/pool"
	"manx/ml/pool/engine"
	"manx/ml/pool/sandbox"
	"manx/privacy/notice"
	"manx/storage/durable"
	"manx/web/api"
	"manx/web/owner"
)

// workerFlags are those of `manx worker run`.
type workerFlags struct {
	metrics string
	price   float64
	memory  int // GiB
	gpu     string
	back    bool
}

// A bench is what a machine was measured to do.
type bench struct {
	Class pool.Class `json:"class"`
	Rate  float64    `json:"rate"` // butterflies a second
	At    time.Time  `json:"at"`
}

// Files of a worker's folder.
const (
	benchFile     = "bench.json"
	controlFile   = "worker.json" // where the running worker is reached, and with what token
	withdrawnFile = "withdrawn"
)

func (t *terminal) workerBench(ctx context.Context) error {
	dir, err := t.dir()
	if err != nil {
		return err
	}
	b, err := measure(ctx, dir)
	if err != nil {
		return err
	}
	g, why, err := findGPU(ctx, gpuAuto)
	if err != nil {
		return err
	}
	t.say(map[string]any{"ok": true, "class": b.Class, "rate": b.Rate, "gpu": g}, func(w io.Writer) {
		fmt.Fprintf(w, "class\t%s\nrate\t%.3g operations a second\n", b.Class, b.Rate)
		switch {
		case g != nil:
			fmt.Fprintf(w, "gpu\t%s, %d MiB free\nclass\t%s\nrate\t%.3g operations a second\n", g.Name, g.Memory>>20, g.Class, g.Rate)
		case why != "":
			fmt.Fprintf(w, "gpu\tnone: %s\n", why)
		}
	})
	return nil
}

// measure benches the machine and keeps the result in dir.
func measure(ctx context.Context, dir string) (b bench, err error) {
	if b.Class, b.Rate, err = engine.Bench(ctx); err != nil {
		return b, err
	}
	b.At = time.Now().UTC().Truncate(time.Second)
	text, err := json.Marshal(b)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = durable.WriteFile(filepath.Join(dir, benchFile), text)
	}
	if err != nil {
		return b, fmt.Errorf("keep benchmark: %w", err)
	}
	return b, nil
}

// benched returns what was measured last in a folder, or measures.
func benched(ctx context.Context, dir string) (b bench, err error) {
	text, err := os.ReadFile(filepath.Join(dir, benchFile))
	if err == nil && json.Unmarshal(text, &b) == nil && b.Rate >= 1 && (b.Class == pool.CPU || b.Class == pool.CPUIFMA) {
		return b, nil
	}
	return measure(ctx, dir)
}

func (t *terminal) workerRun(ctx context.Context, o workerFlags) error {
	dir, err := t.dir()
	if err != nil {
		return err
	}
	gone := filepath.Join(dir, withdrawnFile)
	if o.back {
		if err := os.Remove(gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("return: %w", err)
		}
	} else if _, err := os.Stat(gone); err == nil {
		return notice.New(notice.Denied, "this worker has withdrawn", "`manx worker run --return` lets it work again")
	}
	return t.asWorker(ctx, func(ctx context.Context, w *pool.Worker, p *owner.Party) error {
		log := &lines{}
		w.Log = slog.New(slog.NewTextHandler(io.MultiWriter(os.Stderr, log), nil))
		boxes, rates, gpu, err := means(ctx, dir, o, w.Log)
		if err != nil {
			return err
		}
		w.Rates, w.Price, w.Control, w.Engines = rates, o.price, new(pool.Control), pool.Engines{}
		for c, e := range boxes {
			defer func() { _ = e.Close() }()
			w.Engines[c] = e
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		page, err := workerDesk(p, w, dir, log, gpu)
		if err != nil {
			return err
		}
		c, err := listenControl(ctx, dir, o.metrics, w.Control, p.Client, page, stop)
		if err != nil {
			return err
		}
		defer c.close()
		return w.Run(ctx)
	})
}

// A control answers those who have this folder's token, on loopback, and anybody there
// who asks for metrics.
type control struct {
	Address string `json:"address"`
	Token   string `json:"token"`
	PID     int    `json:"pid"`

	file   string
	server *http.Server
	served chan error
}

func listenControl(ctx context.Context, dir, addr string, worker *pool.Control, node *owner.Client, page *desk.Desk, stop func()) (*control, error) {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, notice.New(notice.Invalid, "a worker shows its figures on a loopback address only", "use `manx worker run --metrics 127.0.0.1:0`")
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, notice.Because(err, notice.Conflict, "the worker cannot listen on "+addr, "choose another address with --metrics, or 127.0.0.1:0 for any free port")
	}
	token := make([]byte, 16)
	_, _ = rand.Read(token)
	c := &control{Address: "http://" + l.Addr().String(), Token: hex.EncodeToString(token), PID: os.Getpid(), file: filepath.Join(dir, controlFile), served: make(chan error, 1)}
	text, err := json.Marshal(c)
	if err == nil {
		err = durable.WriteFile(c.file, text)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tell where the worker is: %w", err), l.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_ = worker.WriteMetrics(w)
	})
	mine := func(f func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+c.Token)) != 1 {
				http.Error(w, "forbidden", http.StatusForbidden)
				return
			}
			f(w, r)
		}
	}
	state := func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]bool{"idle": worker.Idle()})
	}
	mux.HandleFunc("GET /state", mine(state))
	mux.HandleFunc("POST /drain", mine(func(w http.ResponseWriter, r *http.Request) { worker.Drain(true); state(w, r) }))
	mux.HandleFunc("POST /resume", mine(func(w http.ResponseWriter, r *http.Request) { worker.Drain(false); state(w, r) }))
	mux.HandleFunc("POST /withdraw", mine(func(w http.ResponseWriter, r *http.Request) {
		worker.Withdraw()
		state(w, r)
		go stop() // what runs ends within its patience
	}))
	mux.HandleFunc("GET /pool", mine(func(w http.ResponseWriter, r *http.Request) {
		all, err := node.Workers(r.Context())
		if err != nil {
			http.Error(w, notice.From(err).Text, http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(all)
	}))
	addPage(mux, page, c.Token)
	c.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	go func() { c.served <- c.server.Serve(l) }()
	return c, nil
}

func (c *control) close() {
	_ = os.Remove(c.file)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = c.server.Shutdown(ctx) // the answer to who stopped it goes out
	<-c.served
}

var errNoWorker = notice.New(notice.NotFound, "no worker runs from this folder", "start it with `manx worker run`, or name another folder with --data")

// readControl returns where the worker of a folder is reached.
func readControl(dir string) (c control, err error) {
	text, err := os.ReadFile(filepath.Join(dir, controlFile))
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return c, errNoWorker
	}
	return c, nil
}

// worker asks the worker that runs from this folder.
func (t *terminal) worker(ctx context.Context, method, path string, out any) error {
	dir, err := t.dir()
	if err != nil {
		return err
	}
	c, err := readControl(dir)
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, method, c.Address+path, nil)
	if err != nil {
		return errNoWorker
	}
	q.Header.Set("Authorization", "Bearer "+c.Token)
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return errNoWorker
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<10))
		return notice.New(notice.Unavailable, "the worker answers: "+strings.TrimSpace(string(b)), "is its node running? `manx up`")
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 16*api.MaxJSON)).Decode(out); err != nil {
		return errNoWorker
	}
	return nil
}

func drainCommand(t *terminal) *cobra.Command {
	var resume bool
	c := &cobra.Command{Use: "drain", Short: "Have the worker of this folder end the job in hand and take no more", Args: cobra.NoArgs,
		Long: "Have the worker that runs from this folder take nothing more, and wait until the job in hand has ended. What it had\nnot begun goes to others. --resume has it take jobs again.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if resume {
				var s struct{ Idle bool }
				if err := t.worker(cmd.Context(), http.MethodPost, "/resume", &s); err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "draining": false}, func(w io.Writer) { fmt.Fprintln(w, "takes jobs again") })
				return nil
			}
			if err := t.idle(cmd.Context(), "/drain"); err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "draining": true}, func(w io.Writer) { fmt.Fprintln(w, "has no job and takes none") })
			return nil
		}}
	c.Flags().BoolVar(&resume, "resume", false, "take jobs again")
	return c
}

// idle posts to the worker and waits until it has no job in hand.
func (t *terminal) idle(ctx context.Context, path string) error {
	var s struct{ Idle bool }
	if err := t.worker(ctx, http.MethodPost, path, &s); err != nil {
		return err
	}
	for !s.Idle {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		if err := t.worker(ctx, http.MethodGet, "/state", &s); err != nil {
			return err
		}
	}
	return nil
}

func (t *terminal) workerWithdraw(ctx context.Context) error {
	dir, err := t.dir()
	if err != nil {
		return err
	}
	if err := t.idle(ctx, "/drain"); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, withdrawnFile), []byte("`manx worker run --return` lets it work again\n")); err != nil {
		return err
	}
	var s struct{ Idle bool }
	if err := t.worker(ctx, http.MethodPost, "/withdraw", &s); err != nil {
		return err
	}
	t.say(map[string]any{"ok": true, "withdrawn": true}, func(w io.Writer) { fmt.Fprintln(w, "has withdrawn") })
	return nil
}

func (t *terminal) workerStatus(ctx context.Context) error {
	var all api.Pool
	err := t.worker(ctx, http.MethodGet, "/pool", &all)
	if errors.Is(err, errNoWorker) { // anybody who has keys may ask the node
		err = t.with(ctx, "", func(ctx context.Context, p *owner.Party) (err error) {
			all, err = p.Client.Workers(ctx)
			return err
		})
	}
	if err != nil {
		return err
	}
	t.say(all, func(w io.Writer) {
		fmt.Fprintln(w, "WORKER\tCLASS\tOPERATIONS/S\tPRICE\tJOBS\tDONE\tFAILED\tKEYS\tTRUST\tSTATE")
		for _, x := range all.Workers {
			classes, rate := []string{}, 0.0
			for _, c := range slices.Sorted(maps.Keys(x.Rates)) {
				classes, rate = append(classes, c), max(rate, x.Rates[c])
			}
			class, state, speed := strings.Join(classes, ","), "takes jobs", fmt.Sprintf("%.3g", rate)
			switch {
			case x.Holder: // is asked by the ledger, and was not measured
				state, speed = "computes on shares", "-"
			case x.Draining:
				state = "drains"
			case x.Running > 0:
				state = "works"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%g\t%d\t%d\t%d\t%d\t%.2f\t%s\n", x.Party, class, speed, x.Price, x.Given, x.Done, x.Failed, x.Keys, x.Trust, state)
		}
		fmt.Fprintf(w, "\nwaiting\t%d\nrunning\t%d\n", all.Waiting, all.Running)
		for _, c := range slices.Sorted(maps.Keys(all.Depth)) {
			if seconds, ok := all.Wait[c]; ok {
				fmt.Fprintf(w, "%s\t%d wait\tabout %.0f s\n", c, all.Depth[c], seconds)
			} else {
				fmt.Fprintf(w, "%s\t%d wait\tnobody serves it\n", c, all.Depth[c])
			}
		}
	})
	return nil
}

// workerLog is where a worker's lines go.
func workerLog() *slog.Logger { return slog.New(slog.NewTextHandler(os.Stderr, nil)) }

// evaluateCommand is the child of a worker, in which jobs are evaluated.
func evaluateCommand() *cobra.Command {
	return &cobra.Command{Use: "evaluate CLASS", Hidden: true, Short: "Evaluate for the worker that started it", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			e := node.Runtimes().Engines()[pool.Class(args[0])]
			if e == nil {
				return usage{errors.New("there is no such runtime")}
			}
			return sandbox.Serve(os.Stdin, os.Stdout, e)
		}}
}

// confineCommand is the launcher of a hospital's own trainer: it shuts its process in
// and becomes that program.
func confineCommand() *cobra.Command {
	return &cobra.Command{Use: "confine", Hidden: true, Short: "Become a program that is shut in", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			status, err := sandbox.Enter()
			fmt.Fprintln(os.Stderr, err)
			os.Exit(status) //nolint:forbidigo // it stands for the program that it could not become
			return nil
		}}
}

// sandboxed is one engine of a worker of this binary.
func sandboxed(c pool.Class, gib int, log *slog.Logger) (*sandbox.Engine, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own binary: %w", err)
	}
	return &sandbox.Engine{Command: []string{self, "worker", "evaluate", string(c)}, Memory: int64(gib) << 30, Log: log}, nil
}
