package chaincode

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/shim"
	pb "github.com/hyperledger/fabric-protos-go/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"manx/privacy/notice"
)

// A Server says where a peer finds the chaincode. Both sides prove who they
// are: the peer that connects shows a certificate under ClientCA.
type Server struct {
	ID        string // the package id that the peer installed
	Listen    string // host:port
	Cert, Key string // PEM files of this process
	ClientCA  string // PEM file of the authority of the peer's TLS client certificate
}

// maxMessage bounds a message of the peer's, as Fabric does.
const maxMessage = 100 << 20

// drain is how long a stop waits for invocations under way.
const drain = 5 * time.Second

// Serve answers the peer until ctx ends, then lets invocations under way finish.
// ready is told the address once it listens; it may be nil.
func (s Server) Serve(ctx context.Context, cc shim.Chaincode, ready func(net.Addr)) error {
	if s.ID == "" {
		return notice.New(notice.Invalid, "the chaincode has no package id", "give the one the peer installed: `manx-contract --id LABEL:HASH`")
	}
	conf, err := s.tls()
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return notice.Because(err, notice.Unavailable, "the contract cannot listen on "+s.Listen, "end what holds the port, or give another: `manx-contract --listen HOST:PORT`")
	}
	g := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(conf)), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Minute, PermitWithoutStream: true}),
	)
	counted := &counting{Chaincode: cc}
	pb.RegisterChaincodeServer(g, &shim.ChaincodeServer{CCID: s.ID, CC: counted})
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		counted.drain(drain)
		g.Stop()
	})
	if ready != nil {
		ready(l.Addr())
	}
	err = g.Serve(l)
	if !stop() {
		<-stopped
		return nil
	}
	return fmt.Errorf("serve the peer: %w", err)
}

func (s Server) tls() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(s.Cert, s.Key)
	if err != nil {
		return nil, notice.Because(err, notice.Invalid, "the contract's certificate and key do not load", "name a PEM pair: `manx-contract --cert FILE --key FILE`")
	}
	if leaf, err := x509.ParseCertificate(cert.Certificate[0]); err != nil || time.Now().After(leaf.NotAfter) {
		return nil, notice.Because(err, notice.Expired, "the contract's certificate has expired", "issue it again and start the contract anew: `manx down`, `manx up`")
	}
	pem, err := os.ReadFile(s.ClientCA)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		return nil, notice.Because(errors.Join(err), notice.Invalid, "the authority of the peer's certificate does not load", "name its PEM file: `manx-contract --client-ca FILE`")
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}, nil
}

// counting knows how many invocations are under way.
type counting struct {
	shim.Chaincode
	mu     sync.Mutex
	active int
	idle   chan struct{} // closed when the last ends; nil while nobody waits
}

func (c *counting) Invoke(stub shim.ChaincodeStubInterface) pb.Response {
	c.mu.Lock()
	c.active++
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.active--; c.active == 0 && c.idle != nil {
			close(c.idle)
			c.idle = nil
		}
	}()
	return c.Chaincode.Invoke(stub)
}

func (c *counting) drain(patience time.Duration) {
	c.mu.Lock()
	if c.active == 0 {
		c.mu.Unlock()
		return
	}
	idle := make(chan struct{})
	c.idle = idle
	c.mu.Unlock()
	select {
	case <-idle:
	case <-time.After(patience):
	}
}
