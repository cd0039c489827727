package fabric

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	pb "github.com/hyperledger/fabric-protos-go/peer"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/errors/multi"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/errors/status"
	sdkcontext "github.com/hyperledger/fabric-sdk-go/pkg/common/providers/context"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/providers/fab"
	reqcontext "github.com/hyperledger/fabric-sdk-go/pkg/context"
	"github.com/hyperledger/fabric-sdk-go/pkg/core/config"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/channel"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/channel/membership"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/chconfig"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/txn"
	"github.com/hyperledger/fabric-sdk-go/pkg/fabsdk"
	"google.golang.org/grpc/codes"

	"manx/ledger"
	"manx/ledger/fabric/batch"
)

// How long one call may take. The SDK's own limits are minutes, or none.
const (
	callPatience  = 10 * time.Second // a proposal or a query
	orderPatience = 3 * time.Second  // handing a transaction to one orderer
)

// A network is the SDK: one user's view of one channel. Every call is under a
// deadline.
type network struct {
	cfg     Config
	sdk     *fabsdk.FabricSDK
	client  sdkcontext.Client
	conns   *connections
	members fab.ChannelMembership
	own     fab.Peer
	ownConf fab.PeerConfig
	others  map[ledger.Vertical][]fab.Peer // who may endorse a lane besides own

	orderers []fab.Orderer
	orderer  atomic.Int64 // the one that took the last transaction

	mu     sync.Mutex
	closed bool           // no further call begins
	calls  sync.WaitGroup // into the SDK, which outlive who made them where it does not keep to a context
}

// dial opens a channel as a user. Every error is a notice.
func dial(ctx context.Context, cfg Config) (*network, error) {
	profile, err := os.ReadFile(cfg.Profile)
	if err != nil {
		return nil, badProfile(err, "its file cannot be read")
	}
	n := newNetwork(cfg)
	if err := n.load(profile); err != nil {
		return nil, errors.Join(err, n.close())
	}
	if err := n.join(ctx); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

func newNetwork(cfg Config) *network {
	return &network{cfg: cfg, conns: newConnections(), others: map[ledger.Vertical][]fab.Peer{}}
}

// load reads the profile: who we are, and where everybody is.
func (n *network) load(profile []byte) (err error) {
	defer func() { // the SDK panics on some profiles
		if r := recover(); r != nil {
			err = badProfile(fmt.Errorf("%v", r), "the SDK cannot read it")
		}
	}()
	if n.sdk, err = fabsdk.New(config.FromRaw(profile, "yaml"), fabsdk.WithLoggerPkg(sdkLog{n.cfg.Log})); err != nil {
		return badProfile(err, "it is not a YAML profile of fabric-sdk-go, or names files that are not there")
	}
	inner, err := n.sdk.Context(fabsdk.WithUser(n.cfg.User), fabsdk.WithOrg(n.cfg.Organisation))()
	if err != nil {
		return badProfile(err, "it has no certificate and key of user "+n.cfg.User+" of organisation "+n.cfg.Organisation)
	}
	n.client = client{inner, n.conns}
	now := time.Now()
	cert, err := certificate(inner.EnrollmentCertificate())
	if err != nil {
		return badProfile(err, "the certificate of user "+n.cfg.User+" is not one")
	}
	if err := expired(cert, now, "user "+n.cfg.User+" of organisation "+n.cfg.Organisation); err != nil {
		return err
	}
	if err := n.peers(now); err != nil {
		return err
	}
	return n.orderersOf(now)
}

func (n *network) peers(now time.Time) error {
	endpoints := n.client.EndpointConfig()
	var names []string
	for name := range endpoints.NetworkConfig().Organizations {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, org := range names {
		confs, _ := endpoints.PeersConfig(org)
		for i, c := range confs {
			if err := expired(c.TLSCACert, now, "the TLS authority of organisation "+org); err != nil {
				return err
			}
			p, err := n.client.InfraProvider().CreatePeerFromConfig(&fab.NetworkPeer{PeerConfig: quick(c), MSPID: endpoints.NetworkConfig().Organizations[org].MSPID})
			if err != nil {
				return badProfile(err, "a peer of organisation "+org+" is not well described")
			}
			switch {
			case org == strings.ToLower(n.cfg.Organisation) && i == 0:
				n.own, n.ownConf = p, c
			case org == strings.ToLower(n.cfg.Organisation):
			default:
				n.lend(org, p)
			}
		}
	}
	if n.own == nil {
		return badProfile(nil, "it names no peer of organisation "+n.cfg.Organisation)
	}
	for _, lane := range []ledger.Vertical{ledger.Health, ledger.Credit, ledger.Common} {
		own := ledger.Vertical(strings.ToLower(n.cfg.Organisation))
		if len(n.others[lane]) == 0 && (own == lane || own != ledger.Health && own != ledger.Credit) {
			return badProfile(nil, "no second organisation can endorse the "+string(lane)+" lane")
		}
	}
	return nil
}

// lend lists a peer where its organisation may endorse: an organisation named
// like a vertical is no member of the other one.
func (n *network) lend(org string, p fab.Peer) {
	for _, lane := range []ledger.Vertical{ledger.Health, ledger.Credit, ledger.Common} {
		if v := ledger.Vertical(org); lane == ledger.Common || v == lane || v != ledger.Health && v != ledger.Credit {
			n.others[lane] = append(n.others[lane], p)
		}
	}
}

func (n *network) orderersOf(now time.Time) error {
	endpoints := n.client.EndpointConfig()
	for _, name := range endpoints.ChannelConfig(n.cfg.Channel).Orderers {
		c, found, _ := endpoints.OrdererConfig(name)
		if !found {
			return badProfile(nil, "it does not describe an orderer that the channel names")
		}
		if err := expired(c.TLSCACert, now, "the TLS authority of "+name); err != nil {
			return err
		}
		o, err := n.client.InfraProvider().CreateOrdererFromConfig(c)
		if err != nil {
			return badProfile(err, name+" is not well described")
		}
		n.orderers = append(n.orderers, o)
	}
	if len(n.orderers) == 0 {
		return badProfile(nil, "channel "+n.cfg.Channel+" names no orderers")
	}
	return nil
}

// quick makes calls to an absent peer fail at once instead of at their deadline.
func quick(c fab.PeerConfig) fab.PeerConfig {
	options := map[string]any{}
	for k, v := range c.GRPCOptions {
		options[k] = v
	}
	options["fail-fast"] = true
	c.GRPCOptions = options
	return c
}

// join asks our own peer for the channel's configuration and loads who its
// members are.
func (n *network) join(ctx context.Context) error {
	var conf fab.ChannelCfg
	err := n.guard(ctx, callPatience, func(ctx context.Context) (err error) {
		q, err := chconfig.New(n.cfg.Channel, chconfig.WithPeers([]fab.Peer{n.own}), chconfig.WithMinResponses(1), chconfig.WithMaxTargets(1))
		if err == nil {
			conf, err = q.Query(ctx)
		}
		return err
	})
	if err != nil {
		return diagnose(err, n.cfg.Channel)
	}
	n.members, err = trust(n.client, conf)
	return err
}

// trust loads the certificate authorities of a channel's members.
func trust(c sdkcontext.Client, conf fab.ChannelCfg) (fab.ChannelMembership, error) {
	m, err := membership.New(membership.Context{Providers: c, EndpointConfig: c.EndpointConfig()}, conf)
	if err != nil {
		return nil, untrusted(err)
	}
	return m, nil
}

// guard runs a call of the SDK's, which may not keep to its context, and returns
// when ctx ends at the latest. close waits for those that were left.
func (n *network) guard(ctx context.Context, patience time.Duration, call func(context.Context) error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	req, cancel := reqcontext.NewRequest(n.client, reqcontext.WithParent(ctx), reqcontext.WithTimeout(patience))
	done := make(chan error, 1)
	err := n.start(func() {
		defer cancel()
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("the SDK panicked: %v", r)
			}
		}()
		done <- call(req)
	})
	if err != nil {
		cancel()
		return err
	}
	select {
	case err := <-done:
		return err
	case <-req.Done():
		select {
		case err := <-done:
			return err
		default:
			return req.Err()
		}
	}
}

// start runs a call into the SDK that close waits for.
func (n *network) start(call func()) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return errClosed
	}
	n.calls.Go(call)
	return nil
}

func (n *network) close() error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	err := n.conns.close()
	n.calls.Wait()
	if n.sdk != nil {
		n.sdk.Close()
	}
	return err
}

// errDisagree marks endorsers whose states differ: one has a block that the
// other has not yet.
var errDisagree = errors.New("the endorsers' answers differ")

// A chaincodeError is what a peer answered instead of a result: the contract's
// own words, or that it could not call the contract.
type chaincodeError struct {
	cause    error
	contract bool // it is the contract that said so
}

func (e *chaincodeError) Error() string { return "chaincode: " + e.cause.Error() }
func (e *chaincodeError) Unwrap() error { return e.cause }

// contractSaid reports whether err is an answer of the contract's.
func contractSaid(err error) bool {
	e, ok := errors.AsType[*chaincodeError](err)
	return ok && e.contract
}

// answered tells an answer that is an error from a peer that did not answer.
func answered(err error) error {
	for _, s := range statuses(err) {
		if s.Group == status.ChaincodeStatus || s.Group == status.EndorserClientStatus && s.Code == int32(status.ChaincodeNameNotFound) {
			return &chaincodeError{err, strings.HasPrefix(s.Message, batch.Fault)}
		}
	}
	return err
}

// tooLarge reports whether an answer did not fit into a message.
func tooLarge(err error) bool {
	return slices.ContainsFunc(statuses(err), func(s *status.Status) bool {
		return s.Group == status.GRPCTransportStatus && s.Code == int32(codes.ResourceExhausted)
	})
}

// statuses returns what the SDK says of an error, of one or of several peers.
func statuses(err error) (out []*status.Status) {
	all := []error{err}
	if many, ok := errors.AsType[multi.Errors](err); ok {
		all = many
	}
	for _, one := range all {
		if s, ok := errors.AsType[*status.Status](one); ok {
			out = append(out, s)
		}
	}
	return out
}

// propose sends a call of a chaincode to peers and returns what all of them
// answered.
func (n *network) propose(ctx context.Context, to []fab.Peer, call fab.ChaincodeInvokeRequest) (p *fab.TransactionProposal, r []*fab.TransactionProposalResponse, err error) {
	err = n.guard(ctx, callPatience, func(ctx context.Context) error {
		h, err := txn.NewHeader(n.client, n.cfg.Channel)
		if err != nil {
			return fmt.Errorf("transaction header: %w", err)
		}
		if p, err = txn.CreateChaincodeInvokeProposal(h, call); err != nil {
			return fmt.Errorf("proposal: %w", err)
		}
		targets := make([]fab.ProposalProcessor, len(to))
		for i, peer := range to {
			targets[i] = peer
		}
		r, err = txn.SendProposal(ctx, p, targets)
		if err == nil && len(r) != len(to) {
			err = errors.New("a peer did not answer")
		}
		return err
	})
	if err != nil {
		return nil, nil, answered(err)
	}
	return p, r, nil
}

// query asks our own peer alone; nothing is ordered.
func (n *network) query(ctx context.Context, call fab.ChaincodeInvokeRequest) ([]byte, error) {
	_, r, err := n.propose(ctx, []fab.Peer{n.own}, call)
	if err != nil {
		return nil, err
	}
	return r[0].GetResponse().GetPayload(), nil
}

// A proposal is a batch that was endorsed.
type proposal struct {
	tx       string
	report   batch.Report
	envelope *fab.Transaction
}

// endorse has our own peer and another run a batch.
func (n *network) endorse(ctx context.Context, b batch.Batch, second fab.Peer) (*proposal, error) {
	j, err := b.Encode()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFinal, err)
	}
	call := fab.ChaincodeInvokeRequest{ChaincodeID: n.cfg.Contract, Fcn: batch.Apply}
	if b.Lane == ledger.Common {
		call.Args = [][]byte{j}
	} else {
		call.TransientMap = map[string][]byte{batch.Transient: j}
	}
	p, r, err := n.propose(ctx, []fab.Peer{n.own, second}, call)
	if err != nil {
		return nil, err
	}
	payload := r[0].ProposalResponse.GetPayload()
	for _, one := range r {
		if !bytes.Equal(one.ProposalResponse.GetPayload(), payload) {
			return nil, errDisagree
		}
		e := one.ProposalResponse.GetEndorsement()
		if err := errors.Join(n.members.Validate(e.GetEndorser()), n.members.Verify(e.GetEndorser(), append(payload[:len(payload):len(payload)], e.GetEndorser()...), e.GetSignature())); err != nil {
			return nil, fmt.Errorf("an endorsement is not a member's: %w", err)
		}
	}
	action, err := chaincodeAction(payload)
	if err != nil {
		return nil, err
	}
	out := &proposal{tx: string(p.TxnID)}
	if out.report, err = reportOf(action); err != nil {
		return nil, err
	}
	if len(out.report.Outcomes) != len(b.Commands) {
		return nil, errors.New("the report is not of the batch")
	}
	out.envelope, err = txn.New(fab.TransactionRequest{Proposal: p, ProposalResponses: r})
	return out, err
}

// order hands a transaction to an orderer: the one that took the last, or the
// next that does. An error that is not errUnsent leaves open whether one took it.
func (n *network) order(ctx context.Context, t *fab.Transaction) error {
	failed, unsent := error(nil), true
	first := n.orderer.Load()
	for i := range int64(len(n.orderers)) {
		at := (first + i) % int64(len(n.orderers))
		err := n.guard(ctx, orderPatience, func(ctx context.Context) error {
			_, err := txn.Send(ctx, t, []fab.Orderer{n.orderers[at]})
			return err
		})
		if err == nil {
			n.orderer.Store(at)
			return nil
		}
		unsent = unsent && strings.Contains(err.Error(), "Error while dialing")
		if failed = errors.Join(failed, err); ctx.Err() != nil {
			break
		}
	}
	if unsent {
		return fmt.Errorf("%w: %w", errUnsent, failed)
	}
	return fmt.Errorf("no orderer took the transaction: %w", failed)
}

// errUnsent marks a transaction that no orderer can have, since none could be
// connected to.
var errUnsent = errors.New("no orderer could be reached")

// target is our own peer as the SDK's ledger client wants it.
func (n *network) target() []fab.ProposalProcessor { return []fab.ProposalProcessor{n.own} }

// height returns the number of blocks on our own peer.
func (n *network) height(ctx context.Context) (h uint64, err error) {
	err = n.guard(ctx, callPatience, func(ctx context.Context) error {
		l, err := channel.NewLedger(n.cfg.Channel)
		if err != nil {
			return err
		}
		r, err := l.QueryInfo(ctx, n.target(), nil)
		if err == nil && len(r) == 1 {
			h = r[0].BCI.GetHeight()
			return nil
		}
		return errors.Join(err, errors.New("no answer about the chain"))
	})
	return h, err
}

// block returns a block by its number.
func (n *network) block(ctx context.Context, number uint64) (*common.Block, error) {
	return n.oneBlock(ctx, func(ctx context.Context, l *channel.Ledger) ([]*common.Block, error) {
		return l.QueryBlock(ctx, number, n.target(), nil)
	})
}

// blockOf returns the block that a transaction is in; false where our own peer
// has no such transaction.
func (n *network) blockOf(ctx context.Context, tx string) (b *common.Block, found bool, err error) {
	b, err = n.oneBlock(ctx, func(ctx context.Context, l *channel.Ledger) ([]*common.Block, error) {
		return l.QueryBlockByTxID(ctx, fab.TransactionID(tx), n.target(), nil)
	})
	if err == nil {
		return b, true, nil
	}
	if _, said := errors.AsType[*chaincodeError](answered(err)); said { // the peer answered: it does not know the transaction
		return nil, false, nil
	}
	return nil, false, err
}

func (n *network) oneBlock(ctx context.Context, ask func(context.Context, *channel.Ledger) ([]*common.Block, error)) (b *common.Block, err error) {
	err = n.guard(ctx, callPatience, func(ctx context.Context) error {
		l, err := channel.NewLedger(n.cfg.Channel)
		if err != nil {
			return err
		}
		r, err := ask(ctx, l)
		if err == nil && len(r) == 1 {
			b = r[0]
			return nil
		}
		return errors.Join(err, errors.New("no block in the answer"))
	})
	return b, err
}

// valid names what a peer found of a transaction.
func valid(c pb.TxValidationCode) bool { return c == pb.TxValidationCode_VALID }

// conflicts reports whether a transaction lost a race that it may run again.
func conflicts(c pb.TxValidationCode) bool {
	return c == pb.TxValidationCode_MVCC_READ_CONFLICT || c == pb.TxValidationCode_PHANTOM_READ_CONFLICT
}
