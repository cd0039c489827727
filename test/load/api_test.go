package load

import (
	"bufio"
	"bytes"
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
	"sync"
	"testing"
	"time"

	"manx/cmd/real/postgres"
	"manx/ledger"
	"manx/ledger/receipt"
	"manx/privacy/notice"
	"manx/storage"
	"manx/web"
	"manx/web/api"
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

// Read implements ledger.Ledger: it has the time, after all that happened, the auditor and
// the model that is watched.
func (stored) Read(_ context.Context, k ledger.Key) ([]byte, error) {
	switch k {
	case ledger.NowKey:
		return json.Marshal(ledger.Clock{Now: started + records*60})
	case ledger.KeyOf(indextest.Party(auditor)):
		return json.Marshal(ledger.Party{ID: indextest.Party(auditor), Role: ledger.Auditor, Name: "an auditor"})
	case ledger.KeyOf(watched):
		return json.Marshal(ledger.Model{ID: watched, Owner: indextest.Party(owner), Parameters: 4096})
	}
	return nil, fs.ErrNotExist
}

// Who asks: whose the lists are, whose the model is, and who audits. Twenty others, from
// asker on, call the model.
const (
	holder, owner, auditor = 1, 2, 4
	worker, asker          = 3, 10
)

var watched = ledger.NewModelID(ledger.Health, command(0))

// started is when the first thing happened; each followed a minute after the one before, so
// that all took some 70 days.
const started = ledger.Time(1_780_000_000)

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
	tokens := make([]string, auditor+1)
	for _, n := range []int{holder, owner, auditor} {
		if tokens[n], _, err = x.OpenSession(context.Background(), index.Who{Party: indextest.Party(n)}, time.Now()); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	// What is in the database is all there is: nothing is to be waited for.
	h := web.New(web.Node{Index: x, Ledger: stored{}, Height: func() (ledger.Height, error) { return 0, nil }, Pool: noPool{}, Log: slog.New(slog.DiscardHandler)})
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	fmt.Printf("http://%s,%s\n", l.Addr(), strings.Join(tokens, ","))
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
	me, other := indextest.Party(holder), indextest.Party(owner)
	add := func(last bool, name string, k ledger.Key, v any) {
		body, err := json.Marshal(v)
		if err != nil {
			b.Fatal(err)
		}
		h.Log = append(h.Log, ledger.Event{Height: ledger.Height(len(h.Log)/7 + 1), Name: name, Key: k, Body: body, Last: last})
	}
	for i := range records {
		at, c := started+60*ledger.Time(i), command(i)
		from := indextest.Party(asker + i*i%41%20)
		rec, job := ledger.NewRecordID(ledger.Health, c), ledger.NewJobID(ledger.Health, c)
		coin, mint := ledger.NewCoinID(c, 0), ledger.MintID("common-mint-"+fmt.Sprintf("%x", c))
		add(false, ledger.TimeTicked, ledger.NowKey, ledger.Clock{Now: at})
		add(false, ledger.RecordRegistered, ledger.KeyOf(rec), ledger.Record{ID: rec, Owner: me, Kind: ledger.Study, Versions: []ledger.Version{{Manifest: storage.RefOf(c[:]), Digest: ledger.Hash{1}, At: at}}})
		add(false, ledger.JobReached(ledger.Settled), ledger.KeyOf(job), ledger.Job{ID: job, Asker: from, Subject: me, Model: watched, Purpose: ledger.Diagnosis, Stage: ledger.Settled, Fee: ledger.MAN(3), Deadline: at + 3600,
			At: map[ledger.Stage]ledger.Time{ledger.Asked: at, ledger.Settled: at + 60}})
		add(false, ledger.CoinMade, ledger.KeyOf(coin), ledger.Coin{ID: coin, Owner: me, Amount: ledger.MAN(1)})
		add(false, ledger.ModelPublished, ledger.KeyOf(ledger.NewModelID(ledger.Health, c)), ledger.Model{ID: ledger.NewModelID(ledger.Health, c), Owner: other, Name: "m", Version: "1", Hash: ledger.Hash{1},
			Card: storage.RefOf(c[:]), Accepts: []ledger.Kind{ledger.Study}, Features: []string{"ct-slice-64x64"}, Price: ledger.MAN(3)})
		add(false, ledger.CoinsMinted, ledger.KeyOf(mint), ledger.Mint{ID: mint, Amount: ledger.MAN(1), Supply: ledger.MAN(uint32(i + 1)), Reason: "test", By: []ledger.PartyID{other}, At: at})
		r, err := receipt.Encode(ledger.Receipt{Version: 1, Job: job, Outcome: ledger.Settled, Asker: from, Subject: me, Model: watched, ModelOwner: other, Worker: indextest.Party(worker), At: at, Hash: ledger.Hash{1},
			Payments: []ledger.Output{{To: other, Amount: ledger.MAN(3), As: "model-owner"}}})
		if err != nil {
			b.Fatal(err)
		}
		add(true, ledger.ReceiptWritten, ledger.ReceiptKey(job), ledger.Leaf{Index: int64(i), Receipt: r})
	}
	return h
}

// A page is what is asked for, by whom, at a height or a time at random; and what its
// answer must hold at least how often: something that each item has once. It is counted, not
// decoded, for the node has two cores and who asks it here shares them.
type page struct {
	name  string
	as    int
	path  func(at uint64, when ledger.Time) string
	holds string
	least func(at uint64) int
}

// There are so many items below a height, or from a place on.
func below(limit int) func(uint64) int {
	return func(at uint64) int { return min(limit, max(int(at)-2, 0)) } //nolint:gosec // at most records
}

func after(limit int) func(uint64) int {
	return func(at uint64) int { return min(limit, max(records-int(at), 0)) } //nolint:gosec // at most records
}

func always(n int) func(uint64) int { return func(uint64) int { return n } }

// before asks for a list below the height.
func before(path string) func(uint64, ledger.Time) string {
	return func(at uint64, _ ledger.Time) string { return path + "before=" + strconv.FormatUint(at, 10) }
}

func same(path string) func(uint64, ledger.Time) string {
	return func(uint64, ledger.Time) string { return path }
}

var pages = []page{
	{"me/rec", holder, same("/v1/me/rec"), `"manifest"`, always(100)},
	{"me/rec deep", holder, before("/v1/me/rec?"), `"manifest"`, below(100)},
	{"me/rec 500", holder, before("/v1/me/rec?limit=500&"), `"manifest"`, below(500)},
	{"me/job deep", holder, before("/v1/me/job?"), `"deadline"`, below(100)},
	{"me/coin deep", holder, before("/v1/me/coin?"), `"amount"`, below(100)},
	{"models deep", holder, before("/v1/models?"), `"card"`, below(100)},
	{"mints deep", holder, before("/v1/mints?"), `"supply"`, below(100)},
	{"movements", holder, func(_ uint64, when ledger.Time) string { return fmt.Sprintf("/v1/movements?from=%d", when) }, `"balance"`, after(500)},
	{"usage of a day", holder, func(_ uint64, when ledger.Time) string {
		return fmt.Sprintf("/v1/usage?from=%d&before=%d", when, when+86400)
	}, `"asker"`, func(at uint64) int { return min(10, max(records-int(at), 0)/200) }}, //nolint:gosec // at most records
	{"usage", holder, same("/v1/usage"), `"asker"`, always(60)},
	{"watch", owner, same("/v1/watch?model=" + string(watched)), `"since"`, always(20)},
	{"log", auditor, before("/v1/log?"), `"cause"`, below(100)},
	{"log of a name", auditor, before("/v1/log?name=job.settled&"), `"cause"`, below(100)},
	{"log about an id", auditor, func(at uint64, _ ledger.Time) string {
		return fmt.Sprintf("/v1/log?about=%s", ledger.NewJobID(ledger.Health, command(int(at%records)))) //nolint:gosec // at most records
	}, `"cause"`, always(2)},
	{"log about a party", auditor, before("/v1/log?about=" + string(indextest.Party(holder)) + "&"), `"cause"`, below(100)},
	{"log of a name about a party", auditor, before("/v1/log?name=coin&about=" + string(indextest.Party(holder)) + "&"), `"cause"`, below(100)},
	{"sessions", holder, same("/v1/sessions"), `"current"`, always(1)},
}

// ask asks for a page and reads the answer to its end.
func (n node) ask(ctx context.Context, p page, at uint64, when ledger.Time) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, n.address+p.path(at, when), nil)
	if err != nil {
		return err
	}
	q.Header.Set("Authorization", "Bearer "+n.tokens[p.as])
	a, err := n.client.Do(q)
	if err != nil {
		return err
	}
	defer func() { _ = a.Body.Close() }()
	b := buffers.Get().(*bytes.Buffer) //nolint:forcetypeassert // nothing else is put there
	defer buffers.Put(b)
	b.Reset()
	if _, err := b.ReadFrom(a.Body); err != nil {
		return err
	}
	if got, least := bytes.Count(b.Bytes(), []byte(p.holds)), p.least(at); a.StatusCode != http.StatusOK || got < least {
		return fmt.Errorf("status %d, %d of %d: %.200s", a.StatusCode, got, least, b.Bytes())
	}
	return nil
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// A node is a process that serves a filled database.
type node struct {
	address string
	tokens  []string // of sessions, by party
	client  *http.Client
	pid     int
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
	said := strings.Split(strings.TrimSpace(line), ",")
	return node{said[0], said[1:], &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}}, c.Process.Pid}
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
	place := func(i int) (uint64, ledger.Time) {
		r := uint64(i) * 0x9e3779b97f4a7c15 >> 32 % records // spread over the list
		return r + 2, started + 60*ledger.Time(r)           //nolint:gosec // at most records
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
					return n.ask(ctx, pages[which(i)], at, when)
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
