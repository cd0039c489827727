package storm

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/embedded"
	"manx/ml/pool"
	"manx/ml/pool/engine"
	"manx/ml/pool/pooltest"
	"manx/privacy/notice"
	"manx/storage/disk"
	"manx/storage/vault"
)

// A plan is what all processes know, one file in their common folder.
type plan struct {
	Dir      string
	Genesis  ledger.Genesis
	Seeds    [][]byte // of the organisations' keys
	Workers  [][]byte // of the workers', by place
	IDs      []ledger.PartyID
	Queue    int // port of the NATS server; 0 where the node has the queue in itself
	Node     int // port
	Began    int64
	Speed    int64 // seconds of the contract's time in one
	Patience time.Duration
}

// signer is a party with a key.
type signer struct {
	id  ledger.PartyID
	key ed25519.PrivateKey
}

func (s signer) Party() ledger.PartyID { return s.id }
func (s signer) Sign(b []byte) []byte  { return ed25519.Sign(s.key, b) }

func (p plan) path(parts ...string) string {
	return filepath.Join(append([]string{p.Dir}, parts...)...)
}

// now is the contract's time, which runs faster, so that leases lapse within a test.
func (p plan) now() time.Time {
	return time.Unix(p.Began+int64(time.Since(time.Unix(p.Began, 0)).Seconds()*float64(p.Speed)), 0)
}

func (p plan) organisation(i int) signer {
	return signer{p.Genesis.Organisations[i].ID, ed25519.NewKeyFromSeed(p.Seeds[i])}
}

func (p plan) ledger() (*embedded.Ledger, error) {
	return embedded.New(embedded.Config{Dir: p.path("ledger"), Genesis: p.Genesis, Node: p.organisation(0), Contract: contract.New(p.Genesis), Now: p.now})
}

func (p plan) packs() (*vault.Vault, error) {
	nodes := make([]vault.Node, vault.Nodes)
	for i := range nodes {
		b, err := disk.Open(p.path("blobs", strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		nodes[i] = vault.Node{Name: strconv.Itoa(i), Blobs: b}
	}
	return vault.New(nodes)
}

// play is a process: "queue", "node", or "worker" and its place.
func play(role, file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var p plan
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	switch i, err := strconv.Atoi(role); {
	case role == "queue":
		return p.queue()
	case role == "node":
		return p.node(context.Background())
	case err == nil && i < len(p.Workers):
		return p.worker(context.Background(), i)
	}
	return errors.New("there is no such part")
}

// queue is a NATS server as a cluster's operator would set it up.
func (p plan) queue() error {
	own, err := tls.LoadX509KeyPair(p.path("tls.crt"), p.path("tls.key"))
	if err != nil {
		return err
	}
	text, err := os.ReadFile(p.path("authority.pem"))
	if err != nil {
		return err
	}
	badges := x509.NewCertPool()
	badges.AppendCertsFromPEM(text)
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: p.Queue, JetStream: true, StoreDir: p.path("nats"), NoSigs: true, NoLog: true, NoSystemAccount: true,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: badges},
		Users:     []*server.User{{Username: "node", Password: "a"}, {Username: "worker", Password: "b"}}})
	if err != nil {
		return err
	}
	s.Start()
	s.WaitForShutdown()
	return nil
}

// node is ledger, dispatcher, and three organisations that tell the time.
func (p plan) node(ctx context.Context) error {
	l, err := p.ledger()
	if err != nil {
		return err
	}
	cfg := pool.Config{Dir: p.path("embedded"), Host: pool.Host{Genesis: p.Genesis, Signer: p.organisation(0), Ledger: l}, AckWait: p.Patience}
	if p.Queue != 0 {
		cfg.Dir, cfg.URL = "", fmt.Sprintf("tls://127.0.0.1:%d", p.Queue)
		cfg.Credentials, cfg.Authority, cfg.Roots = p.path("users"), p.path("authority.pem"), p.path("tls.crt")
	}
	q, err := pool.Open(ctx, cfg)
	for err != nil { // the queue is dead, too
		time.Sleep(50 * time.Millisecond)
		q, err = pool.Open(ctx, cfg)
	}
	failed := make(chan error, 3)
	d := &pool.Dispatcher{Queue: q, Ledger: l}
	go func() { failed <- d.Run(ctx) }()
	go func() {
		for ; ; time.Sleep(500 * time.Millisecond) {
			for i := range p.Genesis.Organisations {
				if c, err := ledger.NewCommand(p.Genesis.ID(), p.organisation(i), ledger.Time(p.now().Unix())+3600, ledger.Tick{Time: ledger.Time(p.now().Unix())}); err == nil {
					_, _ = l.Submit(ctx, c)
				}
			}
		}
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /submit", func(w http.ResponseWriter, r *http.Request) {
		c, err := ledger.ReadCommand(r.Body)
		if err == nil {
			_, err = l.Submit(r.Context(), c)
		}
		say(w, nil, err)
	})
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, r *http.Request) {
		b, err := l.Read(r.Context(), ledger.Key(r.URL.Query().Get("key")))
		say(w, b, err)
	})
	mux.HandleFunc("GET /ticket", func(w http.ResponseWriter, r *http.Request) {
		text, err := q.Admit(r.Context(), ledger.PartyID(r.URL.Query().Get("worker")))
		say(w, []byte(text), err)
	})
	go func() { failed <- http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", p.Node), mux) }()
	return <-failed
}

// An answer is what a node says.
type answer struct {
	Body   []byte
	Absent bool
	Kind   string `json:",omitempty"`
	Text   string `json:",omitempty"`
}

func say(w io.Writer, b []byte, err error) {
	a := answer{Body: b, Absent: errors.Is(err, fs.ErrNotExist)}
	if err != nil && !a.Absent {
		n := notice.From(err)
		a.Kind, a.Text = n.Kind.String(), n.Text
	}
	_ = json.NewEncoder(w).Encode(a)
}

// client is a ledger by way of a node that may be dead.
type client struct{ plan }

func (c client) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	away := func(err error) error {
		return notice.Because(err, notice.Unavailable, "the node does not answer", "wait a moment")
	}
	q, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://127.0.0.1:%d%s", c.Node, path), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, away(err)
	}
	defer r.Body.Close()
	var a answer
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		return nil, away(err)
	}
	if a.Absent {
		return nil, fs.ErrNotExist
	}
	if a.Kind != "" {
		return nil, notice.New(notice.KindOf(a.Kind), a.Text, "")
	}
	return a.Body, nil
}

func (c client) Read(ctx context.Context, k ledger.Key) ([]byte, error) {
	return c.ask(ctx, http.MethodGet, "/state?key="+url.QueryEscape(string(k)), nil)
}

func (c client) Submit(ctx context.Context, cmd ledger.Command) (ledger.Height, error) {
	b, err := json.Marshal(cmd)
	if err != nil {
		return 0, err
	}
	_, err = c.ask(ctx, http.MethodPost, "/submit", b)
	return 0, err
}

// slow has so much to do that a job is often killed in the middle.
func slow(evaluate pooltest.Evaluate) pooltest.Evaluate {
	return func(ctx context.Context, in io.Reader, out io.Writer, progress func(step, of int)) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Duration(rand.IntN(200)) * time.Millisecond):
		}
		return evaluate(ctx, in, out, progress)
	}
}

// worker takes jobs until it is killed.
func (p plan) worker(ctx context.Context, i int) error {
	packs, err := p.packs()
	if err != nil {
		return err
	}
	c, me := client{p}, signer{p.IDs[i], ed25519.NewKeyFromSeed(p.Workers[i])}
	renew := func(ctx context.Context) (pool.Ticket, error) {
		b, err := c.ask(ctx, http.MethodGet, "/ticket?worker="+string(me.id), nil)
		if err != nil {
			return pool.Ticket{}, err
		}
		return pool.ParseTicket(string(b), p.Genesis)
	}
	ticket, err := renew(ctx)
	for err != nil { // the node is dead
		time.Sleep(50 * time.Millisecond)
		ticket, err = renew(ctx)
	}
	w := &pool.Worker{Ticket: ticket, Renew: renew, Network: p.Genesis.ID(), Signer: me, Ledger: c, Packs: packs, Engine: pooltest.Instead(engine.CKKS{}, slow), Poll: 200 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	return w.Run(ctx)
}
