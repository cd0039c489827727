// Package fabric starts a Hyperledger Fabric network on this machine as plain
// processes, without a container engine: the organisations health, credit and
// exchange, each with a peer, a raft orderer and a process that runs the contract,
// all of them on loopback ports and under TLS. The first start makes keys, channel
// and contract; later ones start what is there.
//
// Everything it makes lies in one folder, keys included, so it is a network for
// one machine: an organisation that takes part for real keeps its own. A raft
// orderer is trusted not to lie, only not to be there always.
package fabric

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/cmd/real/fabric/msp"
	"manx/cmd/real/process"
	"manx/ledger"
	"manx/privacy/notice"
)

// What the network's parts are called. An organisation's name is its MSP id too.
const (
	Channel  = "manx"
	Contract = "manx"
	Health   = "health"
	Credit   = "credit"
	Exchange = "exchange"
	User     = msp.Client // each organisation has a client of this name
)

// renewal is how long before its end a certificate is renewed.
const renewal = 30 * 24 * time.Hour

// organisations in the order of Network's slices.
var organisations = [...]string{Health, Credit, Exchange}

// Options says where a network lives and what it runs.
type Options struct {
	Dir      string         // made when absent
	Genesis  ledger.Genesis // of the first start; later ones must be given the same
	Contract string         // path of the program manx-contract

	// How the orderers cut blocks, decided at the first start: after a time or a
	// number of transactions. Zero means 50 ms and 500.
	BatchTimeout time.Duration
	BatchCount   int

	Tied     bool              // the processes end with this one
	Progress func(what string) // may be nil
}

func (o *Options) complete() error {
	if o.BatchTimeout == 0 {
		o.BatchTimeout = 50 * time.Millisecond
	}
	if o.BatchCount == 0 {
		o.BatchCount = 500
	}
	if o.BatchTimeout < time.Millisecond || o.BatchTimeout > time.Minute || o.BatchCount < 1 {
		return notice.New(notice.Invalid, "the orderers' batch is out of bounds", "a time of 1 ms to 1 min and a count of at least 1, or zero for the defaults")
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if err := o.Genesis.Check(); err != nil {
		return notice.Because(err, notice.Invalid, "the network's genesis is not one", "start the ledger with the genesis that it was set up with")
	}
	if info, err := os.Stat(o.Contract); err != nil || info.IsDir() {
		return notice.New(notice.Invalid, "the contract's program is not at "+o.Contract, "build it: go build -o "+o.Contract+" ./cmd/manx-contract")
	}
	var err error
	if o.Contract, err = filepath.Abs(o.Contract); err != nil {
		return fmt.Errorf("contract's program: %w", err)
	}
	o.Dir, err = folder(o.Dir)
	return err
}

// plain are paths that Fabric's configuration can hold.
var plain = regexp.MustCompile(`^/[A-Za-z0-9 ._/+@=~-]*$`)

func folder(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("network's folder: %w", err)
	}
	if !plain.MatchString(dir) {
		return "", notice.New(notice.Invalid, "Fabric cannot keep its files under "+dir, "choose a folder whose path has only letters, digits, spaces and ._+@=~-")
	}
	return dir, nil
}

// A Network is one that runs, or ran. Its slices are in the order health, credit,
// exchange.
type Network struct {
	Orderers, Peers, Contracts []*process.Process
	Profile                    string // path of the connection profile for fabric-sdk-go

	site site
}

// Up starts the network in a folder, after making it there the first time, and
// returns once it takes commands. What runs already is left running. One that was
// ended in the middle goes on where it was. With an error the network, if any, is
// what was started.
func Up(ctx context.Context, o Options) (*Network, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, notice.Because(err, notice.Invalid, "the folder "+o.Dir+" cannot be made", "choose another")
	}
	unlock, err := lock(o.Dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	programs, err := Programs(ctx, o.Progress)
	if err != nil {
		return nil, err
	}
	s, err := settle(ctx, o, programs)
	if err != nil {
		return nil, err
	}
	n := &Network{site: s, Profile: filepath.Join(s.dir, "connection.yaml")}
	o.Progress("starting three orderers, three peers and the contract beside each")
	if err := n.start(ctx, programs, o); err != nil {
		return n, err
	}
	if err := n.serve(ctx, programs, o.Progress); err != nil {
		return n, err
	}
	return n, nil
}

// settle makes or reads what is in the folder and readies it for a start.
func settle(ctx context.Context, o Options, programs string) (site, error) {
	s, err := load(o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		o.Progress("making keys, certificates and the channel")
		s, err = generate(ctx, o, programs)
	}
	if err != nil {
		return s, err
	}
	if s.Network != o.Genesis.ID() {
		return s, notice.New(notice.Conflict, "the folder "+o.Dir+" holds a Fabric network with another genesis", "give the genesis it was set up with, or another folder")
	}
	for _, name := range organisations {
		renewed, err := msp.Keep(s.organisation(name), time.Now().Add(renewal))
		if err != nil {
			return s, err
		}
		if len(renewed) > 0 {
			o.Progress(fmt.Sprintf("renewed %d certificates of %s", len(renewed), name))
		}
	}
	if err := s.movePorts(ctx); err != nil {
		return s, err
	}
	if err := s.pack(); err != nil {
		return s, err
	}
	return s, errors.Join(s.configure(), s.save())
}

// serve brings the processes together: the channel, its leader, the contract.
func (n *Network) serve(ctx context.Context, programs string, say func(string)) error {
	if err := n.joinOrderers(ctx); err != nil {
		return err
	}
	if _, err := n.Leader(ctx); err != nil {
		return err
	}
	if n.site.Deployed == contractVersion {
		return nil
	}
	say("joining the channel and agreeing on the contract")
	if err := n.deploy(ctx, cli{site: n.site, program: filepath.Join(programs, "peer")}); err != nil {
		return err
	}
	n.site.Deployed = contractVersion
	return n.site.save()
}

// Open returns the network in a folder as it stands, for asking which of it runs
// and for stopping it. One that was never started is fs.ErrNotExist.
func Open(dir string) (*Network, error) {
	dir, err := folder(dir)
	if err != nil {
		return nil, err
	}
	s, err := load(dir)
	if err != nil {
		return nil, err
	}
	n := &Network{site: s, Profile: filepath.Join(dir, "connection.yaml")}
	for _, name := range organisations {
		for _, k := range n.kinds() {
			p, _ := process.Attach(process.Spec{Name: k.name + "-" + name, Run: s.run()})
			*k.list = append(*k.list, p)
		}
	}
	return n, nil
}

type kind struct {
	name string
	list *[]*process.Process
}

func (n *Network) kinds() []kind {
	return []kind{{"orderer", &n.Orderers}, {"peer", &n.Peers}, {"contract", &n.Contracts}}
}

// Down stops every process, the contracts and peers before the orderers.
func (n *Network) Down(ctx context.Context) error {
	stop := func(lists ...[]*process.Process) error {
		var g errgroup.Group
		for _, list := range lists {
			for _, p := range list {
				if p != nil {
					g.Go(func() error { return p.Stop(ctx) })
				}
			}
		}
		return g.Wait()
	}
	return errors.Join(stop(n.Peers, n.Contracts), stop(n.Orderers))
}

// lock lets one process at a time set up a folder.
func lock(dir string) (func(), error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the network's folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(notice.Because(err, notice.Conflict, "another command is starting the Fabric network in "+dir, "wait until it is done"), f.Close())
	}
	return func() { _ = f.Close() }, nil // which unlocks
}
