package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"manx/cmd/real/fabric/msp"
	"manx/cmd/real/process"
	"manx/ledger"
	"manx/privacy/notice"
)

// A site is what a folder's network.json keeps. The file is written last, so one
// that is there has everything beside it:
//
//	network.json       ports, and how far the set-up came
//	genesis.json       of the exchange
//	channel.block      first block of the channel
//	contract.tgz       chaincode package, the same for every organisation
//	organisations/ORG  keys and certificates, see package msp
//	config/ORG         orderer.yaml, core.yaml, contract.json: written at every start
//	data/ORG           orderer and peer: the ledger
//	run                logs and pids
//	connection.yaml    connection profile, written at every start
type site struct {
	Network  ledger.NetworkID `json:"network"`
	Package  string           `json:"package"`            // id of contract.tgz
	Deployed string           `json:"deployed,omitempty"` // version of the contract that was agreed on
	Ports    map[string]ports `json:"ports"`              // by organisation

	dir string
}

type ports struct {
	Orderer        int `json:"orderer"` // stands in the channel: it cannot move
	OrdererAdmin   int `json:"ordererAdmin"`
	OrdererMetrics int `json:"ordererMetrics"`
	Peer           int `json:"peer"`
	Contract       int `json:"contract"`
}

func (s site) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

func (s site) organisation(name string) string { return s.path("organisations", name) }
func (s site) config(name string) string       { return s.path("config", name) }
func (s site) data(name string) string         { return s.path("data", name) }
func (s site) run() string                     { return s.path("run") }

func load(dir string) (site, error) {
	s := site{dir: dir}
	b, err := os.ReadFile(s.path("network.json"))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil || len(s.Ports) != len(organisations) {
		return s, notice.Because(err, notice.Integrity, s.path("network.json")+" does not describe a network", "put it back from a copy: it holds the network's ports")
	}
	return s, nil
}

func (s site) save() error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return replace(s.path("network.json"), b)
}

// replace writes a file as a whole or not at all.
func replace(file string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// generate makes everything that a first start needs. What an earlier attempt
// left is made again.
func generate(ctx context.Context, o Options, programs string) (site, error) {
	s := site{dir: o.Dir, Network: o.Genesis.ID(), Ports: map[string]ports{}}
	if _, err := os.Stat(s.path("data")); err == nil {
		return s, notice.New(notice.Integrity, s.path("network.json")+" is missing beside a ledger", "put it back from a copy, or start in another folder")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	free, err := freePorts(5 * len(organisations))
	if err != nil {
		return s, err
	}
	for i, name := range organisations {
		p := free[5*i:]
		s.Ports[name] = ports{p[0], p[1], p[2], p[3], p[4]}
		if err := errors.Join(os.RemoveAll(s.organisation(name)), msp.Create(s.organisation(name), name)); err != nil {
			return s, err
		}
	}
	if err := s.channel(ctx, o, filepath.Join(programs, "configtxgen")); err != nil {
		return s, err
	}
	genesis, err := json.Marshal(o.Genesis)
	if err != nil {
		return s, err
	}
	if err := errors.Join(replace(s.path("genesis.json"), genesis), s.pack()); err != nil {
		return s, err
	}
	return s, s.save()
}

// pack writes the package of this program's version of the contract.
func (s *site) pack() error {
	b, id, err := pack(s.Network)
	if err != nil || id == s.Package {
		return err
	}
	s.Package = id
	return replace(s.path("contract.tgz"), b)
}

// channel makes the first block of the channel.
func (s site) channel(ctx context.Context, o Options, configtxgen string) error {
	if err := s.render("configtx.yaml.tmpl", s.path("config", "configtx.yaml"), channelConfig{
		Organisations: s.members(), BatchTimeout: o.BatchTimeout, BatchCount: o.BatchCount,
	}); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, configtxgen, "-profile", "Channel", "-channelID", Channel, "-outputBlock", s.path("channel.block"))
	cmd.Env = append(os.Environ(), "FABRIC_CFG_PATH="+s.path("config"), "FABRIC_LOGGING_SPEC=warn")
	if b, err := cmd.CombinedOutput(); err != nil {
		return notice.Because(err, notice.Unavailable, "the channel could not be made: "+lastLine(b), "is the folder's disk full? start again")
	}
	return nil
}

type channelConfig struct {
	Organisations []member
	BatchTimeout  time.Duration
	BatchCount    int
}

// movePorts gives a process that does not run another port when somebody took
// its own. An orderer's stands in the channel, so it cannot.
func (s site) movePorts(ctx context.Context) error {
	for _, name := range organisations {
		p := s.Ports[name]
		idle := func(kind string) bool {
			_, runs := process.Attach(process.Spec{Name: kind + "-" + name, Run: s.run()})
			return !runs
		}
		if idle("orderer") {
			if !freed(ctx, p.Orderer) {
				return notice.New(notice.Conflict, fmt.Sprintf("port %d, which the orderer of %s needs, is taken", p.Orderer, name),
					fmt.Sprintf("find who listens there, `ss -ltnp sport = :%d`, and stop it", p.Orderer))
			}
			if err := errors.Join(move(ctx, &p.OrdererAdmin), move(ctx, &p.OrdererMetrics)); err != nil {
				return err
			}
		}
		if idle("peer") {
			if err := move(ctx, &p.Peer); err != nil {
				return err
			}
		}
		if idle("contract") {
			if err := move(ctx, &p.Contract); err != nil {
				return err
			}
		}
		s.Ports[name] = p
	}
	return nil
}

func move(ctx context.Context, port *int) error {
	if freed(ctx, *port) {
		return nil
	}
	p, err := freePorts(1)
	if err == nil {
		*port = p[0]
	}
	return err
}

// freed reports whether a port is free, or soon is: a process that was killed
// holds its own a little longer.
func freed(ctx context.Context, port int) bool {
	for range 20 {
		if isFree(port) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false
}

func isFree(port int) bool {
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)) //nolint:noctx // it does not wait
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// freePorts returns ports below those that systems give to outgoing connections,
// so that they are still free at a later start.
func freePorts(n int) ([]int, error) {
	const low, high = 20000, 32000
	var got []int
	for _, i := range rand.Perm(high - low) {
		if port := low + i; isFree(port) {
			if got = append(got, port); len(got) == n {
				return got, nil
			}
		}
	}
	return nil, notice.New(notice.Exhausted, fmt.Sprintf("there are no %d free ports between %d and %d", n, low, high), "stop what holds them")
}

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}
