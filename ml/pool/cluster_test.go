package pool_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"manx/ml/pool"
	"manx/ml/pool/badge"
)

// cluster is three NATS servers on loopback under the very file that the Helm chart
// gives them, but for addresses and folders.
type cluster struct {
	servers  []*server.Server
	clients  []int // ports
	monitors []int
	dir      string
}

const (
	nodePassword, workerPassword = "n0de", "w0rker"
	conf                         = "../../deploy/k8s/manx/files/nats.conf"
)

func startCluster(t *testing.T) *cluster {
	t.Helper()
	text, err := os.ReadFile(conf)
	check(t, err)
	c := &cluster{dir: t.TempDir()}
	certs := authority(t)
	t.Setenv("NODE_PASSWORD", nodePassword)
	t.Setenv("WORKER_PASSWORD", workerPassword)
	t.Setenv("MAX_FILE", "1GB")
	ports := free(t, 9)
	routes := "routes: ["
	for i := range 3 {
		routes += fmt.Sprintf("\n  \"nats-route://127.0.0.1:%d\"", ports[6+i])
	}
	for i := range 3 {
		dir := filepath.Join(c.dir, fmt.Sprint("nats-", i))
		check(t, os.MkdirAll(dir, 0o700))
		own := strings.NewReplacer("$SERVER_NAME", fmt.Sprint("nats-", i),
			"port: 4222", fmt.Sprintf("host: 127.0.0.1\nport: %d", ports[i]), "http_port: 8222", fmt.Sprintf("http_port: %d", ports[3+i]), "port: 6222", fmt.Sprintf("host: 127.0.0.1\nport: %d", ports[6+i]),
			"/run/nats", dir, "/data", dir+"/data", "/tls/", certs+"/", "/workers/", certs+"/workers/").Replace(string(text))
		check(t, os.WriteFile(filepath.Join(dir, "nats.conf"), []byte(own), 0o600))
		check(t, os.WriteFile(filepath.Join(dir, "routes.conf"), []byte(routes+"\n]\n"), 0o600))
		opts, err := server.ProcessConfigFile(filepath.Join(dir, "nats.conf"))
		check(t, err)
		opts.NoSigs, opts.NoLog = true, true
		s, err := server.NewServer(opts)
		check(t, err)
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		c.servers, c.clients, c.monitors = append(c.servers, s), append(c.clients, ports[i]), append(c.monitors, ports[3+i])
	}
	check(t, os.WriteFile(filepath.Join(c.dir, "credentials"), []byte("node:"+nodePassword+"\nworker:"+workerPassword+"\n"), 0o600))
	return c
}

// free returns ports that nobody listens on.
func free(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		defer func() { _ = l.Close() }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

var certificates struct {
	once sync.Once
	dir  string
}

// authority returns the folder of this process's one authority.
func authority(t *testing.T) string {
	t.Helper()
	certificates.once.Do(func() {
		var err error
		certificates.dir, err = os.MkdirTemp("", "manx-cluster-") //nolint:usetesting // several tests use it
		check(t, err)
		certify(t, certificates.dir)
	})
	return certificates.dir
}

func TestMain(m *testing.M) {
	code := m.Run()
	if certificates.dir != "" {
		_ = os.RemoveAll(certificates.dir)
	}
	os.Exit(code)
}

// certify makes an authority and one certificate for 127.0.0.1, to serve and to dial.
func certify(t *testing.T, dir string) {
	t.Helper()
	make := func(name string, template, parent *x509.Certificate, by *ecdsa.PrivateKey) *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		check(t, err)
		if by == nil {
			by = k
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &k.PublicKey, by)
		check(t, err)
		key, err := x509.MarshalPKCS8PrivateKey(k)
		check(t, err)
		check(t, os.WriteFile(filepath.Join(dir, name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
		check(t, os.WriteFile(filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
		return k
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	root := func(name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	}
	ca := root("authority of servers")
	by := make("ca", ca, ca, nil)
	make("tls", &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: from, NotAfter: to, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, ca, by)
	check(t, os.Mkdir(filepath.Join(dir, "workers"), 0o700))
	workers := root("authority of workers")
	make("workers/ca", workers, workers, nil)
	var both []byte
	for _, kind := range []string{"crt", "key"} {
		b, err := os.ReadFile(filepath.Join(dir, "workers", "ca."+kind))
		check(t, err)
		both = append(both, b...)
	}
	check(t, os.WriteFile(filepath.Join(dir, "workers", "authority.pem"), both, 0o600))
}

// config is the node's side.
func (c *cluster) config(h pool.Host) pool.Config {
	return pool.Config{URL: fmt.Sprintf("tls://127.0.0.1:%d", c.clients[0]), Credentials: filepath.Join(c.dir, "credentials"), Host: h, Replicas: 3, AckWait: time.Second, MaxDeliver: 2,
		Authority: filepath.Join(certificates.dir, "workers", "authority.pem"), Roots: filepath.Join(certificates.dir, "ca.crt")}
}

// TestClusterOfTheChart runs a job through the chart's cluster, stops one of its
// servers, and runs another.
func TestClusterOfTheChart(t *testing.T) {
	c := startCluster(t)
	s := begin(t)
	check(t, s.queue.Close())
	s.cfg = c.config(s.cfg.Host)
	s.eventually("the cluster has streams", func() (ok bool) {
		q, err := pool.Open(t.Context(), s.cfg)
		if err != nil {
			return false
		}
		s.queue = q
		s.open.Store(q)
		return true
	})
	s.dispatch()
	w := s.worker()
	s.start(w.Run)
	s.done(s.ask(s.model))

	var jsz struct {
		Accounts []struct {
			Name    string `json:"name"`
			Streams []struct {
				Name      string `json:"name"`
				Consumers []struct {
					Name    string `json:"name"`
					Cluster struct {
						Leader string `json:"leader"`
					} `json:"cluster"`
				} `json:"consumer_detail"`
				Cluster struct {
					Replicas []any `json:"replicas"`
				} `json:"cluster"`
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	c.monitor(t, 0, "/jsz?acc=EXCHANGE&consumers=true&config=true", &jsz)
	if len(jsz.Accounts) != 1 || jsz.Accounts[0].Name != "EXCHANGE" {
		t.Fatalf("the autoscaler finds no account: %+v", jsz)
	}
	for _, stream := range jsz.Accounts[0].Streams {
		if len(stream.Cluster.Replicas) != 2 {
			t.Errorf("stream %s has %d followers", stream.Name, len(stream.Cluster.Replicas))
		}
		if stream.Name != "JOBS" {
			continue
		}
		for _, want := range []string{"ckks-urgent", "ckks-normal"} {
			i := slices.IndexFunc(stream.Consumers, func(c struct {
				Name    string `json:"name"`
				Cluster struct {
					Leader string `json:"leader"`
				} `json:"cluster"`
			}) bool {
				return c.Name == want
			})
			if i < 0 || !strings.HasPrefix(stream.Consumers[i].Cluster.Leader, "nats-") {
				t.Errorf("the autoscaler finds no consumer %s", want)
			}
		}
	}
	// The autoscaler then asks the leader by its name, of which routes begin.
	var varz struct {
		Connect []string `json:"connect_urls"`
		Cluster struct {
			URLs []string `json:"urls"`
		} `json:"cluster"`
	}
	c.monitor(t, 0, "/varz", &varz)
	if len(varz.Connect) > 0 || len(varz.Cluster.URLs) != 3 {
		t.Errorf("servers advertise %v, and have routes %v", varz.Connect, varz.Cluster.URLs)
	}

	c.servers[2].Shutdown()
	c.servers[2].WaitForShutdown()
	s.done(s.ask(s.model))
}

func (c *cluster) monitor(t *testing.T, i int, path string, out any) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", c.monitors[i], path), http.NoBody)
	check(t, err)
	r, err := http.DefaultClient.Do(q)
	check(t, err)
	defer func() { _ = r.Body.Close() }()
	check(t, json.NewDecoder(r.Body).Decode(out))
}

// TestWorkersOfTheChartMayLittle: with a badge and the workers' password one cannot
// publish jobs, read or delete streams, or hear what the node says to others than
// workers. Without a badge that is good now the password opens nothing.
func TestWorkersOfTheChartMayLittle(t *testing.T) {
	c := startCluster(t)
	host := lone()
	worker := host.Ledger.(workerOf).Key
	var q *pool.Queue
	for end := time.Now().Add(30 * time.Second); q == nil; {
		got, err := pool.Open(t.Context(), c.config(host))
		if err == nil {
			q = got
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	defer func() { _ = q.Close() }()
	text, err := q.Admit(t.Context(), worker.Party())
	check(t, err)
	ticket, err := pool.ParseTicket(text, host.Genesis)
	check(t, err)
	both, err := os.ReadFile(filepath.Join(certificates.dir, "workers", "authority.pem"))
	check(t, err)
	authority, err := badge.Read(both)
	check(t, err)
	strange(t, ticket, worker, authority)
	denied := make(chan error, 16)
	conn, err := pool.Dial(ticket, worker, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
	check(t, err)
	defer conn.Close()
	refused := func(what string) {
		t.Helper()
		check(t, conn.FlushTimeout(5*time.Second))
		select {
		case <-denied:
		case <-time.After(5 * time.Second):
			t.Error("a worker may ", what)
		}
	}
	for _, subject := range []string{"jobs.ckks.urgent", "$JS.API.STREAM.DELETE.JOBS", "$JS.API.STREAM.MSG.GET.JOBS", "$JS.API.CONSUMER.CREATE.JOBS", "state.dispatched", "$SYS.REQ.SERVER.PING"} {
		check(t, conn.Publish(subject, nil))
		refused("publish " + subject)
	}
	for _, subject := range []string{"pool.advert.*", "jobs.>", "_INBOX.>", "$JS.EVENT.>", "$SYS.>"} {
		_, err := conn.SubscribeSync(subject)
		check(t, err)
		refused("listen to " + subject)
	}
	u, err := url.Parse(pool.Address(ticket))
	check(t, err)
	conf, err := badge.Client(pool.Roots(ticket), func() (tls.Certificate, error) { return badge.With(pool.Badge(ticket), worker) })
	check(t, err)
	for password, opens := range map[string]bool{"wrong": false, nodePassword: true} {
		u.User = url.UserPassword("node", password)
		c, err := nats.Connect(u.String(), nats.Secure(conf))
		if err == nil {
			c.Close()
		}
		if (err == nil) != opens {
			t.Errorf("the password %q: %v", password, err)
		}
	}
}
