package load

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"manx/cmd/real/postgres"
	"manx/ledger"
	"manx/ledger/receipt"
	"manx/privacy/notice"
	"manx/storage"
	"manx/web"
	"manx/web/api"
	"manx/web/client"
	"manx/web/index"
	"manx/web/index/indextest"
)

// A node of its own process is what these benchmarks ask: this binary, told by its
// environment which database to serve.
const serveFile, serveDSN = "MANX_LOAD_FILE", "MANX_LOAD_DSN"

func TestMain(m *testing.M) {
	if s := (index.Source{File: os.Getenv(serveFile), DSN: os.Getenv(serveDSN)}); s != (index.Source{}) {
		if err := serve(s); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// records is how many of each word the party of the benchmark has.
const records = 100_000

// A stored ledger is one whose events are in the index already.
type stored struct{ ledger.Ledger }

// Read implements ledger.Ledger: it has the time and nothing else.
func (stored) Read(_ context.Context, k ledger.Key) ([]byte, error) {
	if k == ledger.NowKey {
		return json.Marshal(ledger.Clock{Now: ledger.Time(time.Now().Unix())})
	}
	return nil, fs.ErrNotExist
}

type noPool struct{}

func (noPool) Room(ledger.PartyID) error    { return nil }
func (noPool) Status() api.Pool             { return api.Pool{} }
func (noPool) WriteMetrics(io.Writer) error { return nil }

// serve serves an index until its standard input ends.
func serve(s index.Source) error {
	x, err := s.Open(context.Background(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer x.Close()
	token, _, err := x.OpenSession(context.Background(), index.Who{Party: indextest.Party(1)}, time.Now())
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	// What is in the database is all there is: nothing is to be waited for.
	h := web.New(web.Node{Index: x, Ledger: stored{}, Height: func() (ledger.Height, error) { return 0, nil }, Pool: noPool{}, Log: slog.New(slog.DiscardHandler)})
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	fmt.Printf("http://%s %s\n", l.Addr(), token)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return server.Close()
}

func command(n int) (id ledger.CommandID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

// history is a ledger in which one party has records, jobs, coins that came and calls of
// a model of hers, a hundred thousand of each, and there are as many models and mints.
func history(b *testing.B) indextest.History {
	h := indextest.History{Log: make([]ledger.Event, 0, 8*records)}
	me, other := indextest.Party(1), indextest.Party(2)
	model := ledger.NewModelID(ledger.Health, command(0))
	add := func(last bool, name string, k ledger.Key, v any) {
		body, err := json.Marshal(v)
		if err != nil {
			b.Fatal(err)
		}
		h.Log = append(h.Log, ledger.Event{Height: ledger.Height(len(h.Log)/7 + 1), Name: name, Key: k, Body: body, Last: last})
	}
	for i := range records {
		at := ledger.Time(1_780_000_000 + 60*i) // a minute apart: some 70 days
		c := command(i)
		rec, job := ledger.NewRecordID(ledger.Health, c), ledger.NewJobID(ledger.Health, c)
		coin, mint := ledger.NewCoinID(c, 0), ledger.MintID("common-mint-"+fmt.Sprintf("%x", c))
		add(false, ledger.TimeTicked, ledger.NowKey, ledger.Clock{Now: at})
		add(false, ledger.RecordRegistered, ledger.KeyOf(rec), ledger.Record{ID: rec, Owner: me, Kind: ledger.Study, Versions: []ledger.Version{{Manifest: storage.RefOf(c[:]), Digest: ledger.Hash{1}, At: at}}})
		add(false, ledger.JobReached(ledger.Settled), ledger.KeyOf(job), ledger.Job{ID: job, Asker: other, Subject: me, Model: model, Purpose: ledger.Diagnosis, Stage: ledger.Settled, Fee: ledger.MAN(3), Deadline: at + 3600,
			At: map[ledger.Stage]ledger.Time{ledger.Asked: at, ledger.Settled: at + 60}})
		add(false, ledger.CoinMade, ledger.KeyOf(coin), ledger.Coin{ID: coin, Owner: me, Amount: ledger.MAN(1)})
		add(false, ledger.ModelPublished, ledger.KeyOf(ledger.NewModelID(ledger.Health, c)), ledger.Model{ID: ledger.NewModelID(ledger.Health, c), Owner: other, Name: "m", Version: "1", Hash: ledger.Hash{1},
			Card: storage.RefOf(c[:]), Accepts: []ledger.Kind{ledger.Study}, Features: []string{"ct-slice-64x64"}, Price: ledger.MAN(3)})
		add(false, ledger.CoinsMinted, ledger.KeyOf(mint), ledger.Mint{ID: mint, Amount: ledger.MAN(1), Supply: ledger.MAN(uint32(i + 1)), Reason: "test", By: []ledger.PartyID{other}, At: at})
		r, err := receipt.Encode(ledger.Receipt{Version: 1, Job: job, Outcome: ledger.Settled, Asker: other, Subject: me, Model: model, ModelOwner: other, Worker: indextest.Party(3), At: at, Hash: ledger.Hash{1},
			Payments: []ledger.Output{{To: other, Amount: ledger.MAN(3), As: "model-owner"}}})
		if err != nil {
			b.Fatal(err)
		}
		add(true, ledger.ReceiptWritten, ledger.ReceiptKey(job), ledger.Leaf{Index: int64(i), Receipt: r})
	}
	return h
}

// pages are what is asked for. at is a height at random, when a time at random.
var pages = []struct {
	name string
	ask  func(ctx context.Context, c *client.Client, at client.Height, when client.Time) error
}{
	{"me/rec", mine("rec", 0)},
	{"me/rec deep", mine("rec", 1)},
	{"me/rec 500", func(ctx context.Context, c *client.Client, at client.Height, _ client.Time) error {
		a, err := c.Mine(ctx, "rec", client.MineParams{Before: at, Limit: 500})
		return full(len(a.Value.Items), 500, int64(at), err)
	}},
	{"me/job deep", mine("job", 1)},
	{"me/coin deep", mine("coin", 1)},
	{"models deep", func(ctx context.Context, c *client.Client, at client.Height, _ client.Time) error {
		a, err := c.Models(ctx, client.ModelsParams{Before: at})
		return full(len(a.Value.Items), 100, int64(at), err)
	}},
	{"mints deep", func(ctx context.Context, c *client.Client, at client.Height, _ client.Time) error {
		a, err := c.Mints(ctx, client.MintsParams{Before: at})
		return full(len(a.Value.Items), 100, int64(at), err)
	}},
	{"movements", func(ctx context.Context, c *client.Client, at client.Height, when client.Time) error {
		a, err := c.Movements(ctx, client.MovementsParams{From: when})
		return full(len(a.Value.Movements), 500, records-int64(at), err)
	}},
	{"usage of a day", func(ctx context.Context, c *client.Client, at client.Height, when client.Time) error {
		a, err := c.Usage(ctx, client.UsageParams{From: when, Before: when + 86400})
		return full(len(a.Value.Months), 1, records-int64(at), err)
	}},
	{"sessions", func(ctx context.Context, c *client.Client, _ client.Height, _ client.Time) error {
		a, err := c.Sessions(ctx)
		return full(len(a.Value.Items), 1, 1, err)
	}},
}

func mine(word string, deep client.Height) func(context.Context, *client.Client, client.Height, client.Time) error {
	return func(ctx context.Context, c *client.Client, at client.Height, _ client.Time) error {
		a, err := c.Mine(ctx, word, client.MineParams{Before: at * deep})
		if deep == 0 {
			at = records
		}
		return full(len(a.Value.Items), 100, int64(at), err)
	}
}

// full reports a page that is shorter than what there is.
func full(got, limit int, there int64, err error) error {
	if err == nil && int64(got) < min(int64(limit), max(there-1, 0)) {
		err = fmt.Errorf("a page of %d", got)
	}
	return err
}

// A node is a process that serves a filled database.
type node struct {
	client *client.Client
	pid    int
}

func start(b *testing.B, s index.Source) node {
	b.Helper()
	c := exec.CommandContext(context.WithoutCancel(b.Context()), os.Args[0]) // ended by its input, once the benchmark is over
	c.Env = append(os.Environ(), serveFile+"="+s.File, serveDSN+"="+s.DSN)
	c.Stderr = os.Stderr
	in, err1 := c.StdinPipe()
	out, err2 := c.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		if err := c.Wait(); err != nil {
			b.Error(err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	address, token, _ := strings.Cut(strings.TrimSpace(line), " ")
	return node{&client.Client{Base: address, Token: token, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}}}, c.Process.Pid}
}

// used returns the processor time that a process has used, in ticks of 10 ms.
func used(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	var user, system int64
	if len(f) < 13 {
		return 0
	}
	_, _ = fmt.Sscan(f[11], &user)
	_, _ = fmt.Sscan(f[12], &system)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// busy returns the machine's load over the last minute.
func busy() string {
	b, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(b), " ")
	return one
}

// BenchmarkAPI asks for pages of lists of 100,000 at 200 requests a second, or at
// MANX_RATE: each alone, and all together. One iteration of each is enough: ten seconds,
// fifty together.
func BenchmarkAPI(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { asked(b, index.Source{File: filepath.Join(b.TempDir(), "index.db")}) })
	b.Run("postgres", func(b *testing.B) {
		s, err := postgres.Up(b.Context(), postgres.Options{Dir: b.TempDir(), Tied: true})
		if notice.Is(err, notice.Unsupported) {
			b.Skip(err)
		}
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = s.Down(context.Background()) })
		dsn, err := s.Database(b.Context(), "load")
		if err != nil {
			b.Fatal(err)
		}
		asked(b, index.Source{DSN: dsn})
	})
}

func asked(b *testing.B, s index.Source) {
	x := indextest.Open(b, s)
	if err := x.Follow(b.Context(), history(b)); err != nil {
		b.Fatal(err)
	}
	indextest.Exec(b, s, "ANALYZE")
	n := start(b, s)
	place := func(i int) (client.Height, client.Time) {
		r := uint64(i) * 0x9e3779b97f4a7c15 >> 32 % records // spread over the list
		return client.Height(r) + 2, client.Time(1_780_000_000 + 60*int64(r))
	}
	rate, err := strconv.Atoi(cmp.Or(os.Getenv("MANX_RATE"), "200"))
	if err != nil || rate < 1 {
		b.Fatalf("MANX_RATE is no rate: %v", err)
	}
	measure := func(name string, seconds int, which func(i int) int) {
		requests := seconds * rate
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before := used(n.pid)
				took, failed := Drive(b.Context(), 1, float64(rate), requests, func(ctx context.Context, i int) error {
					at, when := place(i)
					return pages[which(i)].ask(ctx, n.client, at, when)
				})
				if len(failed) > 0 { // counted with the time that they took
					b.Logf("%d of %d failed: %v", len(failed), requests, failed[0])
				}
				b.ReportMetric(float64(len(failed)), "failed")
				for _, p := range []struct {
					name string
					part float64
				}{{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}} {
					b.ReportMetric(float64(Part(took, p.part).Microseconds())/1000, "ms/"+p.name)
				}
				b.ReportMetric(float64((used(n.pid)-before).Microseconds())/1000/float64(requests), "cpu-ms/req")
				b.Logf("load of the machine: %s", busy())
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	for i, p := range pages {
		measure(p.name, 10, func(int) int { return i })
	}
	measure("together", 50, func(i int) int { return i % len(pages) })
}
