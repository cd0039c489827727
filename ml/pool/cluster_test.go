package pool_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"manx/ledger"
	"manx/ml/pool"
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
	// A process reads it once, when it first verifies: nothing else here does.
	t.Setenv("SSL_CERT_FILE", filepath.Join(certs, "ca.crt"))
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
			"/run/nats", dir, "/data", dir+"/data", "/tls/", certs+"/").Replace(string(text))
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
		certificates.dir, err = os.MkdirTemp("", "manx-cluster-")
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
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	by := make("ca", ca, ca, nil)
	make("tls", &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: from, NotAfter: to, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, ca, by)
}

// queue opens the node's side once the cluster has a leader.
func (c *cluster) config() pool.Config {
	return pool.Config{URL: fmt.Sprintf("tls://127.0.0.1:%d", c.clients[0]), Credentials: filepath.Join(c.dir, "credentials"), Replicas: 3, AckWait: time.Second, MaxDeliver: 2}
}

// TestClusterOfTheChart runs a job through the chart's cluster, stops one of its
// servers, and runs another.
func TestClusterOfTheChart(t *testing.T) {
	c := startCluster(t)
	s := begin(t)
	check(t, s.queue.Close())
	s.cfg = c.config()
	s.eventually("the cluster has streams", func() (ok bool) {
		q, err := pool.Open(t.Context(), s.cfg)
		if err != nil {
			return false
		}
		s.queue = q
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

// TestWorkersOfTheChartMayLittle: with the workers' password one cannot publish jobs,
// read or delete streams, or hear what the node says to others than workers.
func TestWorkersOfTheChartMayLittle(t *testing.T) {
	c := startCluster(t)
	var q *pool.Queue
	for end := time.Now().Add(30 * time.Second); q == nil; {
		got, err := pool.Open(t.Context(), c.config())
		if err == nil {
			q = got
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	defer func() { _ = q.Close() }()
	ticket, err := q.Admit(ledger.PartyID("common-p-00000000000000000000000000000000"))
	check(t, err)
	denied := make(chan error, 16)
	conn, err := nats.Connect(ticket.Text(), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
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
	if c, err := nats.Connect(fmt.Sprintf("nats://node:%s@127.0.0.1:%d", "wrong", c.clients[0])); err == nil {
		c.Close()
		t.Error("a wrong password opens")
	}
}
