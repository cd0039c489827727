// Package web is the exchange's HTTP interface: it translates between HTTP and
// the words of the ledger, storage and release services, and back. It is the
// only door to gin. It decides no rule, sees no plaintext and holds no key.
package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/wraps"
	"manx/web/api"
	"manx/web/index"
	"manx/web/ui"
)

// Releases is one organisation's release service.
type Releases interface {
	Do(ctx context.Context, q wraps.Request) ([]byte, error)
}

// A Clerk does what organisations do on request.
type Clerk interface {
	// Admit cosigns the registration of a party whose role needs it.
	Admit(ctx context.Context, c ledger.Command) (ledger.Command, error)
	// Give sends test MAN to a party, once.
	Give(ctx context.Context, to ledger.PartyID) (ledger.Amount, error)
	// Receipt returns the offline-verifiable bundle of a job's receipt.
	Receipt(ctx context.Context, j ledger.JobID) ([]byte, error)
	// Ticket returns what lets a worker reach the queue of jobs.
	Ticket(ctx context.Context, worker ledger.PartyID) (string, error)
}

// A Pool is the node's side of the workers.
type Pool interface {
	// Room returns nil where one more job of a party would be taken, and otherwise a
	// notice that says when to try again.
	Room(asker ledger.PartyID) error
	Status() api.Pool
	// WriteMetrics writes the node's figures in Prometheus' text format.
	WriteMetrics(w io.Writer) error
}

// A Node is what the interface serves. All fields are needed.
type Node struct {
	Genesis  ledger.Genesis
	Kind     string // of ledger, as NetworkInfo.Ledger says it
	Version  string
	Ledger   ledger.Ledger
	Height   func() (ledger.Height, error) // of the ledger
	Stores   []storage.Blobs
	Releases map[ledger.PartyID]Releases
	Clerk    Clerk
	Index    *index.Index
	Pool     Pool
	Ready    func(ctx context.Context) error
	Log      *slog.Logger
	Quota    int64 // bytes a party may store
}

type server struct {
	Node
	mu     sync.Mutex
	opened map[ledger.CommandID]ledger.Time // session commands seen, until they end
	used   map[ledger.PartyID]int64         // bytes stored
}

// New returns the handler of a node.
func New(n Node) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	s := &server{Node: n, opened: map[ledger.CommandID]ledger.Time{}, used: map[ledger.PartyID]int64{}}
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.ContextWithFallback = true
	r.Use(s.request)
	portal := ui.Handler()
	r.NoRoute(func(c *gin.Context) {
		if ui.Serves(c.Request.URL.Path) {
			c.Status(http.StatusOK) // or what the portal says
			portal.ServeHTTP(c.Writer, c.Request)
			return
		}
		s.fail(c, notice.New(notice.NotFound, "there is nothing at this address", "the interface is described in docs/api.md"))
	})
	r.GET("/healthz", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	r.GET("/readyz", s.ready)
	r.GET("/metrics", s.metrics)
	r.GET(api.Network, s.network)
	r.POST(api.Sessions, s.openSession)
	r.POST(api.Commands, s.submit)
	r.POST(api.Admissions, s.admit)
	r.POST(wrapsRoute, s.wraps)

	r.GET(api.State, s.state) // needs a session but for public keys

	in := r.Group("", s.session)
	in.GET(api.Events, s.events)
	in.POST(api.Faucet, s.faucet)
	in.POST(api.Tickets, s.ticket)
	in.GET(api.Workers, func(c *gin.Context) { c.JSON(http.StatusOK, s.Pool.Status()) })
	in.GET(api.Mine+"/:word", s.mine)
	in.GET(api.Movements, s.statement)
	in.GET(api.Models, s.all("model"))
	in.GET(api.Mints, s.all("mint"))
	in.GET(api.Uses, s.usage)
	in.GET(api.Log, s.log)
	in.GET(api.Log+"/:height/:n", s.logged)
	in.GET(api.Watch, s.watch)
	in.GET(api.Receipts+"/:job", s.receipt)
	in.PUT(api.Nodes+"/:node/blobs/:cid", s.putBlob)
	in.HEAD(api.Nodes+"/:node/blobs/:cid", s.hasBlob)
	in.GET(api.Nodes+"/:node/blobs/:cid", s.getBlob)
	in.DELETE(api.Nodes+"/:node/blobs/:cid", s.deleteBlob)
	return r
}

const (
	requestKey = "request"
	partyKey   = "party"
	wrapsRoute = api.Organisations + "/:party/wraps"
)

// request names the request, bounds its body, logs it and turns a panic into a
// problem. It logs the route, never the values in it.
func (s *server) request(c *gin.Context) {
	id := make([]byte, 8)
	_, _ = rand.Read(id)
	c.Set(requestKey, hex.EncodeToString(id))
	c.Header("X-Request-ID", c.GetString(requestKey))
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Cache-Control", "no-store")
	limit := int64(storage.MaxBlob + 1)
	if c.FullPath() == wrapsRoute {
		limit = wraps.MaxRequest + 1
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, limit)
	began := time.Now()
	defer func() {
		if p := recover(); p != nil {
			s.fail(c, fmt.Errorf("panic: %v", p))
		}
		s.Log.DebugContext(c, "request", slog.String("id", c.GetString(requestKey)), slog.String("method", c.Request.Method),
			slog.String("route", c.FullPath()), slog.Int("status", c.Writer.Status()), slog.Duration("took", time.Since(began)))
	}()
	c.Next()
}

// fail answers with err's notice and logs what it hides.
func (s *server) fail(c *gin.Context, err error) {
	p := api.ProblemOf(err, c.GetString(requestKey))
	if p.Status == http.StatusInternalServerError {
		s.Log.ErrorContext(c, "request failed", slog.String("id", p.RequestID), slog.String("route", c.FullPath()), slog.Any("error", err))
	}
	c.Header("Content-Type", "application/problem+json")
	c.AbortWithStatusJSON(p.Status, p)
}

func (s *server) ready(c *gin.Context) {
	if err := s.Ready(c); err != nil {
		s.fail(c, notice.Because(err, notice.Unavailable, "the node is starting or has lost one of its parts", "try again in a moment"))
		return
	}
	c.String(http.StatusOK, "ready\n")
}

// metrics is for who runs the node, which listens on loopback; a proxy before it should
// not pass it on. It names no party and no job.
func (s *server) metrics(c *gin.Context) {
	c.Header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	if err := s.Pool.WriteMetrics(c.Writer); err != nil {
		s.Log.WarnContext(c, "metrics were not written", slog.Any("error", err))
	}
}

func (s *server) network(c *gin.Context) {
	now, err := s.now(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, api.NetworkInfo{Genesis: s.Genesis, Now: now, Nodes: len(s.Stores), Ledger: s.Kind, Version: s.Version})
}

// now returns contract time.
func (s *server) now(ctx context.Context) (ledger.Time, error) {
	b, err := s.Ledger.Read(ctx, ledger.NowKey)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, notice.New(notice.Unavailable, "the ledger has no time yet", "try again in a moment")
	}
	if err != nil {
		return 0, fmt.Errorf("read contract time: %w", err)
	}
	var clock ledger.Clock
	if err := json.Unmarshal(b, &clock); err != nil {
		return 0, fmt.Errorf("contract time: %w", err)
	}
	return clock.Now, nil
}

// command reads a signed command from the body.
func (s *server) command(c *gin.Context) (ledger.Command, bool) {
	cmd, err := ledger.ReadCommand(c.Request.Body)
	if err == nil && cmd.Network != s.Genesis.ID() {
		err = ledger.ErrCommand
	}
	if err != nil {
		s.fail(c, notice.Because(err, notice.Invalid, "the body is not a command for this network", "use the manx command line of this network's version"))
		return cmd, false
	}
	return cmd, true
}

func (s *server) submit(c *gin.Context) {
	cmd, ok := s.command(c)
	if !ok {
		return
	}
	if cmd.Name == (ledger.RequestJob{}).Command() {
		// Before anything is paid. Who goes round this node waits on the ledger.
		if err := s.Pool.Room(cmd.Author); err != nil {
			s.fail(c, err)
			return
		}
	}
	h, err := s.Ledger.Submit(c, cmd)
	if err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, api.Submitted{Height: h})
}

func (s *server) admit(c *gin.Context) {
	cmd, ok := s.command(c)
	if !ok {
		return
	}
	cmd, err := s.Clerk.Admit(c, cmd)
	if err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, cmd)
}

func (s *server) wraps(c *gin.Context) {
	service, ok := s.Releases[ledger.PartyID(c.Param("party"))]
	if !ok {
		s.fail(c, notice.New(notice.NotFound, "that organisation has no release service here", "`manx audit` lists the organisations"))
		return
	}
	q, err := wraps.ReadRequest(c.Request.Body)
	if err != nil {
		s.fail(c, err)
		return
	}
	answer, err := service.Do(c, q)
	if err != nil {
		s.fail(c, err)
		return
	}
	c.Data(http.StatusOK, "application/octet-stream", answer)
}

// openSession trades a command signed by a party's current key for a token. A
// command opens one session only.
func (s *server) openSession(c *gin.Context) {
	cmd, ok := s.command(c)
	if !ok {
		return
	}
	now, err := s.now(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	refused := notice.New(notice.Denied, "this party could not be recognised by its signature", "register it with `manx keys new`, or recover it with `manx keys recover`")
	party, err := s.party(c, cmd.Author)
	if err != nil || cmd.Name != (api.OpenSession{}).Command() || cmd.NotAfter < now || cmd.NotAfter > now+600 || !cmd.SignedBy(party.Key) {
		s.fail(c, refused)
		return
	}
	s.mu.Lock()
	_, again := s.opened[cmd.ID]
	for id, until := range s.opened {
		if until < now {
			delete(s.opened, id)
		}
	}
	s.opened[cmd.ID] = cmd.NotAfter
	s.mu.Unlock()
	if again {
		s.fail(c, refused)
		return
	}
	token, until, err := s.Index.OpenSession(c, cmd.Author, time.Now())
	if err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, api.Session{Token: token, Expires: ledger.Time(until.Unix())})
}

func (s *server) party(ctx context.Context, id ledger.PartyID) (p ledger.Party, err error) {
	if err := ledger.CheckID(id, "p"); err != nil {
		return p, err
	}
	if o, ok := s.Genesis.Organisation(id); ok {
		return ledger.Party{ID: o.ID, Role: ledger.Governor, Name: o.Name, Key: o.Key, Sealing: o.Sealing}, nil
	}
	b, err := s.Ledger.Read(ctx, ledger.KeyOf(id))
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(b, &p)
}

// session requires a bearer token.
func (s *server) session(c *gin.Context) {
	token, ok := strings.CutPrefix(c.GetHeader("Authorization"), "Bearer ")
	if !ok {
		c.Header("WWW-Authenticate", "Bearer")
		s.fail(c, notice.New(notice.Denied, "this address needs a session", "sign in first: any `manx` command does it"))
		return
	}
	p, err := s.Index.Session(c, token, time.Now())
	if err != nil {
		s.fail(c, err)
		return
	}
	c.Set(partyKey, p)
}

func caller(c *gin.Context) ledger.PartyID {
	p, _ := c.MustGet(partyKey).(ledger.PartyID)
	return p
}

func (s *server) faucet(c *gin.Context) {
	a, err := s.Clerk.Give(c, caller(c))
	if err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"amount": a})
}

// ticket lets a registered worker, or a holder of shares, reach the queue.
func (s *server) ticket(c *gin.Context) {
	p, err := s.party(c, caller(c))
	if err == nil && p.Role != ledger.Worker && p.Role != ledger.Holder {
		err = notice.New(notice.Denied, "only a worker takes jobs from the queue", "`manx worker run` registers one")
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	t, err := s.Clerk.Ticket(c, p.ID)
	if err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, api.Ticket{Text: t})
}

func (s *server) receipt(c *gin.Context) {
	job := ledger.JobID(c.Param("job"))
	if err := ledger.CheckID(job, "job"); err != nil {
		s.fail(c, notice.Because(err, notice.Invalid, "that is not the id of a job", "`manx job list` shows yours"))
		return
	}
	b, err := s.Clerk.Receipt(c, job)
	if err != nil {
		s.fail(c, err)
		return
	}
	c.Data(http.StatusOK, "application/json", b)
}

func readBody(c *gin.Context, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(c.Request.Body, limit+1))
	if err != nil {
		return nil, notice.Because(err, notice.Invalid, "the request's body ended early or is too long", "send it again")
	}
	if int64(len(b)) > limit {
		return nil, notice.New(notice.Invalid, fmt.Sprintf("the request's body is over %d bytes", limit), "send less at once")
	}
	return b, nil
}
