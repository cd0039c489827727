package fabric

import (
	"context"
	"errors"
	"sync"
	"time"

	sdkcontext "github.com/hyperledger/fabric-sdk-go/pkg/common/providers/context"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/providers/fab"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
)

// connections are one connection for each peer and orderer, in place of the
// SDK's cache: that one waits until its deadline for a connection that went
// idle when its peer restarted, and with the library's own backoff a peer that
// was down for a minute stays away for another.
type connections struct {
	mu sync.Mutex
	to map[string]*grpc.ClientConn // nil once closed
}

func newConnections() *connections { return &connections{to: map[string]*grpc.ClientConn{}} }

// The longest wait for a connection, and between tries for one.
const (
	dialPatience = 3 * time.Second
	dialPause    = 500 * time.Millisecond
)

// DialContext implements fab.CommManager. It does not wait: a call on the
// connection fails at once while its peer is away.
func (c *connections) DialContext(_ context.Context, target string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.to == nil {
		return nil, errors.New("the connections are closed")
	}
	conn := c.to[target]
	if conn == nil {
		pause := backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: dialPause}
		opts = append(opts, grpc.WithConnectParams(grpc.ConnectParams{Backoff: pause, MinConnectTimeout: dialPatience}))
		var err error
		if conn, err = grpc.NewClient("passthrough:///"+target, opts...); err != nil {
			return nil, err
		}
		c.to[target] = conn
	}
	if conn.GetState() == connectivity.Idle {
		conn.Connect()
	}
	return conn, nil
}

// ReleaseConn implements fab.CommManager.
func (c *connections) ReleaseConn(*grpc.ClientConn) {}

func (c *connections) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	for _, conn := range c.to {
		err = errors.Join(err, conn.Close())
	}
	c.to = nil
	return err
}

// A client is the SDK's, on our connections.
type client struct {
	sdkcontext.Client
	conns *connections
}

// InfraProvider implements the SDK's Providers.
func (c client) InfraProvider() fab.InfraProvider {
	return infra{c.Client.InfraProvider(), c.conns}
}

type infra struct {
	fab.InfraProvider
	conns *connections
}

// CommManager implements fab.InfraProvider.
func (i infra) CommManager() fab.CommManager { return i.conns }
