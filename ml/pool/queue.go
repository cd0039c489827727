package pool

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"manx/ledger"
	"manx/ml/pool/badge"
	"manx/privacy/notice"
)

// Config is what a queue needs. Either Dir, for an embedded server on a
// loopback port, or URL, for a NATS cluster with JetStream.
type Config struct {
	Dir      string  // where the embedded server keeps its streams
	Port     int     // of the embedded server; 0 takes the one of last time, or a free one
	URL      string  // "tls://host:4222"
	Replicas int     // of the streams on a cluster; 0 means 1
	Classes  []Class // what workers there are for; empty means CKKS alone

	// Host is for whom the queue runs: it proves itself by the exchange's key, and lets in
	// workers that the ledger knows.
	Host Host

	// Of a cluster, as its operator set it up: files. Credentials has two lines,
	// "user:password" of the node and of workers. Authority has the certificate and the
	// private key, in PEM, of whose badges the cluster's servers ask; Roots the
	// certificates of who signs the servers' own, where the system does not know them.
	Credentials, Authority, Roots string

	// AckWait is how long a worker may be silent before its message goes to
	// another; 0 means 30 seconds.
	AckWait time.Duration
	// MaxDeliver is how often a message is tried before it is set aside; 0
	// means 5.
	MaxDeliver int
	Log        *slog.Logger // nil discards
}

// A Queue is the node's side of the queue.
type Queue struct {
	cfg       Config
	gate      *gate
	authority badge.Authority
	ticket    ticket         // of workers, without a badge
	server    *server.Server // nil on a cluster
	conn      *nats.Conn
	js        jetstream.JetStream
	stop      func() // ends the watch of what is set aside, and waits for it
}

const startWithin = 10 * time.Second

// Open starts or joins the queue and makes its streams. Close stops it.
func Open(ctx context.Context, cfg Config) (q *Queue, err error) {
	if len(cfg.Classes) == 0 {
		cfg.Classes = []Class{CKKS}
	}
	for _, c := range cfg.Classes {
		if err := checkClass(c); err != nil {
			return nil, notice.Because(err, notice.Invalid, err.Error(), "name the classes of workers again")
		}
	}
	if (cfg.Dir == "") == (cfg.URL == "") {
		return nil, notice.New(notice.Invalid, "a queue is either embedded, with a folder, or a cluster, with an address", "give one of the two")
	}
	if x := cfg.Host; x.Signer == nil || x.Ledger == nil || len(x.Genesis.Organisations) == 0 || x.Signer.Party() != x.Genesis.Exchange().ID {
		return nil, notice.New(notice.Invalid, "a queue is run by the network's exchange", "give the exchange's key, and a ledger")
	}
	cfg.AckWait = orElse(cfg.AckWait, 30*time.Second)
	cfg.MaxDeliver = orElse(cfg.MaxDeliver, 5)
	cfg.Replicas = orElse(cfg.Replicas, 1)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	q = &Queue{cfg: cfg, stop: func() {}}
	defer func() {
		if err != nil {
			err = errors.Join(err, q.Close())
		}
	}()
	if cfg.Dir != "" {
		err = q.embed(ctx)
	} else {
		err = q.dial()
	}
	if err != nil {
		return q, notice.Because(err, notice.Unavailable, "the queue of jobs does not start", "check the queue's folder or address, and that no other node uses it")
	}
	if q.js, err = jetstream.New(q.conn); err != nil {
		return q, fmt.Errorf("queue: %w", err)
	}
	if err := q.makeStreams(ctx); err != nil {
		return q, notice.Because(err, notice.Unavailable, "the queue of jobs has no streams", "check that JetStream is on and that there is free space")
	}
	return q, q.watchAside()
}

func orElse[T comparable](v, otherwise T) T {
	if v == *new(T) {
		return otherwise
	}
	return v
}

// embed starts the server on loopback, with mutual TLS, and connects to it inside the
// process.
func (q *Queue) embed(ctx context.Context) error {
	if err := os.MkdirAll(q.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("queue folder: %w", err)
	}
	var err error
	if q.authority, err = badge.Of(q.cfg.Host.Genesis.Exchange(), q.cfg.Host.Signer); err != nil {
		return err
	}
	q.gate, q.ticket = newGate(q.cfg), ticket{First: true, Roots: q.authority.Certificate()}
	port, err := q.port(ctx)
	if err != nil {
		return err
	}
	q.server, err = server.NewServer(&server.Options{
		ServerName: "manx", Host: loopback, Port: port,
		JetStream: true, StoreDir: filepath.Join(q.cfg.Dir, "streams"), JetStreamMaxMemory: 16 << 20, JetStreamMaxStore: 1 << 30,
		MaxPayload: 64 << 10, NoSigs: true, NoLog: true, NoSystemAccount: true, DisableShortFirstPing: true,
		TLSConfig: q.authority.Server(), TLSHandshakeFirst: true, TLSTimeout: 10, AuthTimeout: 10,
		CustomClientAuthentication: q.gate,
	})
	if err != nil {
		return fmt.Errorf("queue server: %w", err)
	}
	q.gate.alive = func(id uint64) bool { return q.server.GetClient(id) != nil }
	q.server.Start()
	if !q.server.ReadyForConnections(startWithin) {
		return errors.New("queue server is not ready in time")
	}
	q.ticket.URL = "tls://" + q.server.Addr().String()
	q.conn, err = nats.Connect("", nats.InProcessServer(q.server), nats.Name(nodeName), nats.MaxReconnects(-1), nats.UserInfo(nodeName, q.gate.password))
	if err != nil {
		return fmt.Errorf("queue server: %w", err)
	}
	return nil
}

const loopback = "127.0.0.1"

// port returns the port to listen on: the configured one, or the one of last
// time where it is free, so that tickets stay good.
func (q *Queue) port(ctx context.Context) (int, error) {
	var listen net.ListenConfig
	path := filepath.Join(q.cfg.Dir, "port")
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("queue port: %w", err)
	}
	last, _ := strconv.Atoi(string(b)) // 0 takes a free one
	l, err := listen.Listen(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(orElse(q.cfg.Port, last))))
	if err != nil && q.cfg.Port == 0 {
		l, err = listen.Listen(ctx, "tcp", net.JoinHostPort(loopback, "0"))
	}
	if err != nil {
		return 0, fmt.Errorf("queue port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, errors.Join(l.Close(), os.WriteFile(path, []byte(strconv.Itoa(port)), 0o600))
}

func (q *Queue) makeStreams(ctx context.Context) error {
	streams := []jetstream.StreamConfig{
		{Name: jobsStream, Subjects: []string{"jobs.>"}, Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew,
			MaxMsgSize: maxMessage, MaxBytes: 256 << 20, Duplicates: 2 * time.Minute},
		{Name: asideStream, Subjects: []string{"aside.>"}, MaxMsgsPerSubject: 1, MaxBytes: 64 << 20, MaxAge: 90 * 24 * time.Hour},
		{Name: faultStream, Subjects: []string{advisories + "MAX_DELIVERIES." + jobsStream + ".>", advisories + "MSG_TERMINATED." + jobsStream + ".>"},
			Retention: jetstream.WorkQueuePolicy, MaxBytes: 64 << 20},
		{Name: stateStream, Subjects: []string{"state.>"}, MaxMsgsPerSubject: 1, MaxBytes: 1 << 20},
	}
	for _, s := range streams {
		s.Replicas = q.cfg.Replicas
		if _, err := q.js.CreateOrUpdateStream(ctx, s); err != nil {
			return fmt.Errorf("stream %s: %w", s.Name, err)
		}
	}
	for _, c := range q.cfg.Classes {
		for _, p := range priorities() {
			_, err := q.js.CreateOrUpdateConsumer(ctx, jobsStream, jetstream.ConsumerConfig{
				Durable: consumer(c, p), FilterSubject: subject(c, p), AckPolicy: jetstream.AckExplicitPolicy,
				AckWait: q.cfg.AckWait, MaxDeliver: q.cfg.MaxDeliver, MaxAckPending: 4096,
			})
			if err != nil {
				return fmt.Errorf("consumer %s: %w", consumer(c, p), err)
			}
		}
	}
	return nil
}

// Close stops the embedded server; what is queued stays on disk.
func (q *Queue) Close() error {
	q.stop()
	if q.conn != nil {
		q.conn.Close()
	}
	if q.server != nil {
		q.server.Shutdown()
		q.server.WaitForShutdown()
	}
	return nil
}

// Publish puts a job on a runtime's line, where any worker takes it. The same attempt
// of one try of a dispatcher's within two minutes is one message.
func (q *Queue) Publish(ctx context.Context, c Class, p Priority, job ledger.JobID, try string, attempt int) error {
	b, err := message{Job: job}.encode()
	if err != nil {
		return err
	}
	if _, err := q.js.Publish(ctx, subject(c, p), b, jetstream.WithMsgID(fmt.Sprintf("%s/%s/%d", job, try, attempt))); err != nil {
		return notice.Because(err, notice.Unavailable, "the queue of jobs takes nothing now", "the job is on the ledger and will be queued later: `manx job show`")
	}
	return nil
}

// Waiting returns how many messages are in the queue, taken ones included.
func (q *Queue) Waiting(ctx context.Context) (uint64, error) {
	s, err := q.js.Stream(ctx, jobsStream)
	if err != nil {
		return 0, fmt.Errorf("queue: %w", err)
	}
	return s.CachedInfo().State.Msgs, nil
}

const heightSubject = "state.dispatched"

// height returns from where the ledger's events must be read again.
func (q *Queue) height(ctx context.Context) (ledger.Height, error) {
	s, err := q.js.Stream(ctx, stateStream)
	if err != nil {
		return 0, fmt.Errorf("queue state: %w", err)
	}
	m, err := s.GetLastMsgForSubject(ctx, heightSubject)
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && len(m.Data) != 8 {
		return 1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("queue state: %w", err)
	}
	return max(1, ledger.Height(binary.BigEndian.Uint64(m.Data))), nil
}

func (q *Queue) setHeight(ctx context.Context, h ledger.Height) error {
	if _, err := q.js.Publish(ctx, heightSubject, binary.BigEndian.AppendUint64(nil, uint64(h))); err != nil {
		return fmt.Errorf("queue state: %w", err)
	}
	return nil
}
