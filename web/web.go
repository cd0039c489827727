// Package web is the exchange's HTTP interface: it translates between HTTP and
// the words of the ledger, storage and release services, and back. It is the
// only door to gin. It decides no rule, sees no plaintext and holds no key.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/wraps"
	"manx/web/api"
	"manx/web/index"
	"manx/web/oidc"
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

// A Node is what the interface serves. All fields are needed but Staff and the rates.
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

	Staff      *oidc.Issuers // where organisations' staff may sign in; nil: nowhere
	PerSession Rate          // of requests; zero is a default for uploads at full speed
	PerAddress Rate          // of requests without a session
}

type server struct {
	Node
	bySession, byAddress, bySignIn *limiter
	watches                        *watches

	mu    sync.Mutex
	doing map[string]struct{}      // Idempotency-Keys of requests under way, with their party
	used  map[ledger.PartyID]int64 // bytes stored
}

// New returns the handler of a node, which is a *gin.Engine.
func New(n Node) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	s := &server{Node: n, doing: map[string]struct{}{}, used: map[ledger.PartyID]int64{},
		bySession: newLimiter("session", n.PerSession.or(sessionRate)), byAddress: newLimiter("address", n.PerAddress.or(addressRate)), bySignIn: newLimiter("sign-in", signInRate), watches: &watches{models: map[ledger.ModelID]*called{}}}
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
		if s.address(c); !c.IsAborted() {
			s.fail(c, notice.New(notice.NotFound, "there is nothing at this address", "the interface is described at "+api.Reference))
		}
	})
	r.NoMethod(s.address, func(c *gin.Context) {
		s.failWith(c, http.StatusMethodNotAllowed, notice.New(notice.Invalid, "this address does not take that method", "the interface is described at "+api.Reference))
	})
	r.GET("/healthz", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	r.GET("/readyz", s.ready)
	r.GET("/metrics", s.metrics)

	open := r.Group("", s.address)
	open.GET(api.Document, s.document)
	open.GET(api.Reference, reference)
	open.GET(api.Reference+"/:file", s.referenceFile)
	open.GET(api.Network, s.network)
	open.POST(api.Sessions, s.openSession)
	open.POST(api.Commands, s.submit)
	open.GET(api.Commands+"/:id", s.applied)
	open.POST(api.Admissions, s.admit)
	open.POST(wrapsRoute, s.wraps)
	open.PUT(api.Staff, s.setStaff)
	open.POST(api.Staff+"/:party/sign-ins", s.beginStaff)
	open.POST(api.StaffSessions, s.endStaff)

	r.GET(api.State, s.state) // needs a session but for public keys

	in := r.Group("", s.session)
	in.GET(api.Sessions, s.sessions)
	in.DELETE(api.Sessions+"/:session", s.endSession)
	in.GET(api.Staff, s.staff)
	in.GET(api.Events, s.events)
	in.GET(api.Jobs+"/:job", s.job)
	in.GET(api.Jobs+"/:job/events", s.jobEvents)
	in.POST(api.Faucet, s.once(s.faucet))
	in.POST(api.Tickets, s.once(s.ticket))
	in.GET(api.Workers, func(c *gin.Context) { s.json(c, s.Pool.Status()) })
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
	s.json(c, api.NetworkInfo{Genesis: s.Genesis, Now: now, Nodes: len(s.Stores), Ledger: s.Kind, Version: s.Version})
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
	out := api.Submitted{Height: h}
	status := http.StatusOK
	if cmd.Name == (ledger.RequestJob{}).Command() {
		var b ledger.RequestJob
		if ledger.Decode(cmd.Body, &b) == nil { // the ledger has read it
			out.Job = ledger.NewJobID(ledger.VerticalOf(b.Model), cmd.ID)
			c.Header("Location", api.Jobs+"/"+string(out.Job))
			status = http.StatusAccepted
		}
	}
	c.JSON(status, out)
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

func (s *server) faucet(c *gin.Context) (any, error) {
	a, err := s.Clerk.Give(c, caller(c))
	return gin.H{"amount": a}, err
}

// ticket lets a registered worker, or a holder of shares, reach the queue.
func (s *server) ticket(c *gin.Context) (any, error) {
	p, err := s.party(c, caller(c))
	if err == nil && p.Role != ledger.Worker && p.Role != ledger.Holder {
		err = notice.New(notice.Denied, "only a worker takes jobs from the queue", "`manx worker run` registers one")
	}
	if err != nil {
		return nil, err
	}
	t, err := s.Clerk.Ticket(c, p.ID)
	return api.Ticket{Text: t}, err
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
	s.data(c, "application/json; charset=utf-8", b)
}
