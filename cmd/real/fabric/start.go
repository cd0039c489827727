package fabric

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/cmd/real/process"
)

// start starts the nine processes at once and returns when each serves.
func (n *Network) start(ctx context.Context, programs string, o Options) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, k := range n.kinds() {
		*k.list = make([]*process.Process, len(organisations))
		for i, m := range n.site.members() {
			spec := n.site.spec(k.name, m, programs, o)
			g.Go(func() (err error) {
				(*k.list)[i], err = process.Start(ctx, spec)
				return err
			})
		}
	}
	return g.Wait()
}

// spec says how one part of an organisation is run.
func (s site) spec(kind string, m member, programs string, o Options) process.Spec {
	p := process.Spec{
		Name: kind + "-" + m.Name, Run: s.run(), Tied: o.Tied, Patience: time.Minute,
		Env: []string{"FABRIC_CFG_PATH=" + s.config(m.Name), "FABRIC_LOGGING_SPEC=warn", "FABRIC_LOGGING_FORMAT=%{time:2006-01-02 15:04:05.000} %{level:.4s} [%{module}] %{message}"},
	}
	switch kind {
	case "orderer":
		p.Path, p.Ready = filepath.Join(programs, "orderer"), handshake(m, m.Orderer)
	case "peer":
		p.Path, p.Args, p.Ready = filepath.Join(programs, "peer"), []string{"node", "start"}, handshake(m, m.Peer)
		p.Env = append(p.Env, "MANX_CONNECTION="+filepath.Join(s.config(m.Name), "contract.json"))
	case "contract":
		at := filepath.Join(m.Dir, "contract", "tls")
		p.Path, p.Ready = o.Contract, handshake(m, m.Contract)
		p.Env = []string{"CORE_PEER_LOCALMSPID=" + m.Name} // whose peer asks, to a chaincode that wants to know
		p.Args = []string{
			"--genesis", s.path("genesis.json"), "--listen", fmt.Sprintf("127.0.0.1:%d", m.Contract), "--id", s.Package,
			"--cert", filepath.Join(at, "cert.pem"), "--key", filepath.Join(at, "key.pem"), "--client-ca", filepath.Join(at, "ca.pem"),
		}
	}
	return p
}

// trust returns what a part of an organisation shows and believes.
func trust(m member) (*tls.Config, error) {
	at := filepath.Join(m.Dir, "peer", "tls")
	pem, err := os.ReadFile(filepath.Join(at, "ca.pem"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	cert, err := tls.LoadX509KeyPair(filepath.Join(at, "cert.pem"), filepath.Join(at, "key.pem"))
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, err
}

// handshake reports whether TLS is served at a port under the organisation's own
// authority: a listener alone is there before the program behind it is ready.
func handshake(m member, port int) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := trust(m)
		if err != nil {
			return err
		}
		c.NextProtos = []string{"h2"}
		d := tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Second}, Config: c}
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		conn, err := d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return err
		}
		return conn.Close()
	}
}
