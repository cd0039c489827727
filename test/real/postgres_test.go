package real

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/cmd/real/postgres"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/test/webtest"
	"manx/web/api"
	"manx/web/index"
	"manx/web/index/indextest"
)

// postgresServer starts a server that ends with the test.
func postgresServer(t testing.TB) *postgres.Server {
	t.Helper()
	if testing.Short() {
		t.Skip("starts PostgreSQL")
	}
	s, err := postgres.Up(t.Context(), postgres.Options{Dir: t.TempDir(), Tied: true})
	if notice.Is(err, notice.Unsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Down(context.Background()); err != nil { // the test's own has ended
			t.Error(err)
		}
	})
	return s
}

// databases returns what makes a new database of a server at each call.
func databases(s *postgres.Server) func(t testing.TB) index.Source {
	var n atomic.Int32
	return func(t testing.TB) index.Source {
		t.Helper()
		dsn, err := s.Database(t.Context(), fmt.Sprintf("test_%d", n.Add(1)))
		if err != nil {
			t.Fatal(err)
		}
		return index.Source{DSN: dsn}
	}
}

func TestPostgres(t *testing.T) {
	server := postgresServer(t)
	fresh := databases(server)
	indextest.Run(t, fresh)
	t.Run("refuses to open", func(t *testing.T) { testPostgresRefusesToOpen(t, server) })
	t.Run("away over HTTP", func(t *testing.T) { testPostgresAwayOverHTTP(t, fresh(t)) })
	t.Run("hangs", func(t *testing.T) { testPostgresThatHangs(t, fresh(t)) })
}

// paced is a ledger on which something happens all the time, until ctx ends.
type paced struct {
	indextest.History
	pause time.Duration
}

func (p paced) Events(ctx context.Context, from ledger.Height) iter.Seq2[ledger.Event, error] {
	return func(yield func(ledger.Event, error) bool) {
		for e, err := range p.History.Events(ctx, from) {
			select {
			case <-time.After(p.pause):
			case <-ctx.Done():
				return
			}
			if !yield(e, err) {
				return
			}
		}
		<-ctx.Done()
	}
}

// The server is killed again and again while eight clients and Follow work:
// nothing acknowledged is lost, nothing is there twice, and who asks meanwhile
// hears that the database does not answer and nothing else.
func TestInvariant8_PostgresKilledAndRestarted(t *testing.T) {
	server := postgresServer(t)
	source := databases(server)(t)
	var logged bytes.Buffer
	x, err := source.Open(t.Context(), slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	h := indextest.Random(41, 1500)
	ctx, stop := context.WithCancel(t.Context())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return x.Follow(ctx, paced{h, time.Millisecond}) })
	var silent, done atomic.Int64
	var mu sync.Mutex
	acknowledged := map[string]ledger.PartyID{}
	for p := range 8 {
		g.Go(func() error {
			for i := 0; ctx.Err() == nil; i++ {
				ref := fmt.Sprintf("blob %d of %d", i, p)
				err := x.Uploaded(ctx, i%6, ref, indextest.Party(p), 1)
				n := (*notice.Error)(nil)
				switch {
				case ctx.Err() != nil:
				case err == nil:
					done.Add(1)
					mu.Lock()
					acknowledged[fmt.Sprintf("%d %s", i%6, ref)] = indextest.Party(p)
					mu.Unlock()
				case errors.As(err, &n) && n.Kind == notice.Unavailable && n.Hint != "":
					silent.Add(1)
				default:
					return fmt.Errorf("a client heard: %w", err)
				}
			}
			return nil
		})
	}
	for i := range 5 {
		select {
		case <-time.After(time.Duration(150+40*i) * time.Millisecond):
		case <-ctx.Done():
		}
		if err := server.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if i == 2 { // long enough that requests are not kept waiting
			time.Sleep(4 * time.Second)
		}
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Await(ctx, h.Height()); err != nil {
		t.Error(err)
	}
	stop()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d uploads acknowledged, %d told to come again", done.Load(), silent.Load())
	if done.Load() == 0 || silent.Load() == 0 {
		t.Error("nothing happened between the kills, or nobody noticed them")
	}
	indextest.Same(t, x, h)
	for at, p := range acknowledged {
		node, ref, _ := strings.Cut(at, " ")
		if mine, err := x.Uploads(t.Context(), int(node[0]-'0'), ref, p); err != nil || !mine {
			t.Fatalf("an acknowledged upload is lost: %v", err)
		}
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	u, _ := url.Parse(source.DSN)
	if password, _ := u.User.Password(); password == "" || strings.Contains(logged.String(), password) {
		t.Error("the log holds the password")
	}
	if !strings.Contains(logged.String(), "does not answer") || !strings.Contains(logged.String(), "answers again") {
		t.Errorf("the operator is not told: %s", logged.String())
	}
}

// While the database is away, requests are answered 503 with what to do, and
// nothing of the inside.
func testPostgresAwayOverHTTP(t *testing.T, source index.Source) {
	w := newWire(t, source.DSN)
	n := webtest.Start(t, webtest.Options{Index: index.Source{DSN: w.dsn}})
	ask := func() (int, string) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL+api.Mine+"/rec", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer 00")
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if code, body := ask(); code != http.StatusUnauthorized {
		t.Errorf("an invented session: %d %s", code, body)
	}
	w.mute.Store(true)
	code, body := ask()
	if code != http.StatusServiceUnavailable || !strings.Contains(body, `"hint":"try again`) {
		t.Errorf("away: %d %s", code, body)
	}
	for _, inside := range []string{"postgres", "SELECT", "127.0.0.1", "deadline", "password"} {
		if strings.Contains(body, inside) {
			t.Errorf("the answer tells of %q: %s", inside, body)
		}
	}
	w.mute.Store(false)
	if code, body := ask(); code != http.StatusUnauthorized {
		t.Errorf("back again: %d %s", code, body)
	}
}

// A server that hangs is told from one that works, and forgiven.
func testPostgresThatHangs(t *testing.T, source index.Source) {
	w := newWire(t, source.DSN)
	x := indextest.Open(t, index.Source{DSN: w.dsn})
	if err := x.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.mute.Store(true)
	began := time.Now()
	if err := x.Ready(t.Context()); !notice.Is(err, notice.Unavailable) || time.Since(began) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	w.mute.Store(false)
	if err := x.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

// What an operator may get wrong is told by its name, and never with the
// password.
func testPostgresRefusesToOpen(t *testing.T, server *postgres.Server) {
	const secret = "hunter2hunter2"
	for _, c := range []struct {
		name, dsn string
		kind      notice.Kind
	}{
		{"a wrong password", strings.Replace(server.DSN, "manx:", "manx:"+secret, 1), notice.Denied},
		{"no such database", strings.Replace(server.DSN, "/manx?", "/absent?", 1), notice.Denied},
		{"nobody listens", "postgres://manx:" + secret + "@127.0.0.1:1/manx?sslmode=disable", notice.Unavailable},
		{"no address", "postgres://manx:" + secret + "@127.0.0.1:port/manx", notice.Invalid},
		{"no URL", "host=127.0.0.1 password=" + secret + " port=x", notice.Invalid},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		var logged bytes.Buffer
		_, err := index.Source{DSN: c.dsn}.Open(ctx, slog.New(slog.NewTextHandler(&logged, nil)))
		cancel()
		n := (*notice.Error)(nil)
		if c.kind == notice.Unavailable && errors.Is(err, context.DeadlineExceeded) {
			continue // the caller's patience ended first
		}
		if !errors.As(err, &n) || n.Kind != c.kind || n.Hint == "" {
			t.Errorf("%s: %v", c.name, err)
		}
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			if strings.Contains(cause.Error()+logged.String(), secret) {
				t.Errorf("%s: the password is in %q", c.name, cause)
			}
		}
	}
}

// A wire passes bytes between clients and a server until the n-th message, of a
// client's (which is then lost: its effect did not happen) or of the server's (it
// happened and the reply is lost). There it cuts the connection, once.
type wire struct {
	dsn     string // of the server through the wire
	to      string
	mute    atomic.Bool // nothing passes
	replies bool

	mu   sync.Mutex
	left int
	cut  bool
}

func newWire(t testing.TB, dsn string) *wire {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{to: u.Host, cut: true}
	u.Host = l.Addr().String()
	w.dsn = u.String()
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.pass(c)
		}
	}()
	return w
}

func (w *wire) arm(n int, replies bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left, w.replies, w.cut = n, replies, false
}

// done reports whether the wire was cut since it was armed.
func (w *wire) done() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut
}

func (w *wire) drops(reply bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut || reply != w.replies {
		return false
	}
	w.left--
	w.cut = w.left < 0
	return w.cut
}

func (w *wire) pass(c net.Conn) {
	s, err := net.Dial("tcp", w.to)
	if err != nil {
		_ = c.Close()
		return
	}
	copyTo := func(to, from net.Conn, reply bool) {
		defer func() { _ = errors.Join(to.Close(), from.Close()) }()
		for b := make([]byte, 64<<10); ; {
			n, err := from.Read(b)
			if n > 0 && w.drops(reply) {
				return
			}
			if w.mute.Load() && err == nil {
				continue
			}
			if _, werr := to.Write(b[:n]); err != nil || werr != nil {
				return
			}
		}
	}
	go copyTo(s, c, false)
	copyTo(c, s, true)
}

// The connection is cut at every message of a story, in pairs: the message is
// lost, or it arrived and its reply is lost. The story ends the same.
func TestInvariant8_PostgresCutAtEveryMessage(t *testing.T) {
	direct := databases(postgresServer(t))(t)
	direct.DSN += "&synchronous_commit=off" // nothing is killed here
	w := newWire(t, direct.DSN)
	x := indextest.Open(t, direct)
	tell := func() string {
		through, err := index.Source{DSN: w.dsn}.Open(t.Context(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(indextest.Story(t.Context(), through), through.Close()); err != nil {
			t.Fatal(err)
		}
		return indextest.Dump(t, x)
	}
	want := tell()
	for _, replies := range []bool{false, true} {
		n := 0
		for ; ; n++ {
			indextest.Exec(t, direct, `DO $$ DECLARE name text; BEGIN
				FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP EXECUTE format('DROP TABLE %I CASCADE', name); END LOOP;
			END $$`)
			w.arm(n, replies)
			if got := tell(); got != want {
				t.Fatalf("cut at message %d (replies %t) the story ends\n%s\nand not\n%s", n, replies, got, want)
			}
			if !w.done() {
				break
			}
		}
		t.Logf("cut at each of %d messages (replies %t)", n, replies)
		if n < 50 {
			t.Errorf("the story has %d messages only", n)
		}
	}
}
