package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"manx/cmd/real/fabric"
	"manx/cmd/real/kubo"
	"manx/cmd/real/postgres"
	"manx/cmd/real/process"
	"manx/privacy/notice"
	"manx/storage/durable"
)

// What a node's parts can be.
const (
	Embedded = "embedded"
	Fabric   = "fabric"
	IPFS     = "ipfs"
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// A Choice says which ledger, storage and database a node runs on: the embedded
// ones, or real ones on this machine. An empty field stands for what the data
// folder was begun with, and in a new folder for the embedded part.
type Choice struct {
	Ledger  string `json:"ledger"`  // Embedded or Fabric
	Storage string `json:"storage"` // Embedded or IPFS
	DB      string `json:"db"`      // SQLite or Postgres
}

const choiceFile = "parts.json"

// settle completes c from what the folder was begun with, and refuses another
// ledger or storage there: what the first ones hold would be out of reach. The
// database only repeats the ledger: it may change.
func (c Choice) settle(dir string) (Choice, error) {
	was, err := readChoice(dir)
	if err != nil {
		return c, err
	}
	for _, f := range []struct {
		flag  string
		value *string
		was   string
		known []string
		kept  bool
	}{
		{"--ledger", &c.Ledger, was.Ledger, []string{Embedded, Fabric}, true},
		{"--storage", &c.Storage, was.Storage, []string{Embedded, IPFS}, true},
		{"--db", &c.DB, was.DB, []string{SQLite, Postgres}, false},
	} {
		if *f.value == "" {
			*f.value = f.was
		}
		if *f.value == "" {
			*f.value = f.known[0]
		}
		if !slices.Contains(f.known, *f.value) {
			return c, notice.New(notice.Invalid, f.flag+" is "+f.known[0]+" or "+f.known[1], "")
		}
		if f.kept && f.was != "" && f.was != *f.value {
			return c, notice.New(notice.Conflict, "the data folder was begun with "+f.flag+" "+f.was, "leave the flag out, or name another folder with --data")
		}
	}
	if was == c {
		return c, nil
	}
	b, err := json.Marshal(c)
	if err != nil {
		return c, fmt.Errorf("encode parts: %w", err)
	}
	return c, durable.WriteFile(filepath.Join(dir, choiceFile), append(b, '\n'))
}

func readChoice(dir string) (c Choice, err error) {
	b, err := os.ReadFile(filepath.Join(dir, choiceFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case err != nil:
		return c, fmt.Errorf("read parts: %w", err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("parts file: %w", err)
	}
	return c, nil
}

// A Part is a process of the exchange on this machine.
type Part struct {
	Name    string `json:"name"`
	Process int    `json:"pid"` // 0 when it does not run
	Log     string `json:"log,omitempty"`
}

// real is the real parts of a node, nil where the embedded one serves.
type real struct {
	fabric   *fabric.Network
	kubo     *kubo.Nodes
	postgres *postgres.Server
}

func fabricFolder(dir string) string { return filepath.Join(dir, "fabric") }

// KuboFolder returns where the Kubo nodes of a node's folder lie.
func KuboFolder(dir string) string     { return filepath.Join(dir, "kubo") }
func postgresFolder(dir string) string { return filepath.Join(dir, "postgres") }

// raise starts the real parts that do not run yet and leaves the others alone.
// They outlive the node: Down ends them.
func raise(ctx context.Context, o Options, c Choice) (r real, err error) {
	say := o.Progress
	if say == nil {
		say = func(string) {}
	}
	g, _, err := found(o.Dir)
	if err != nil {
		return r, err
	}
	if c.Ledger == Fabric {
		contract := filepath.Join(filepath.Dir(o.Manx), "manx-contract")
		if r.fabric, err = fabric.Up(ctx, fabric.Options{Dir: fabricFolder(o.Dir), Genesis: g, Contract: contract, Tied: o.Tied, Progress: say}); err != nil {
			return r, err
		}
	}
	if c.Storage == IPFS {
		if r.kubo, err = kubo.Up(ctx, kubo.Options{Dir: KuboFolder(o.Dir), Nodes: storageNodes, Tied: o.Tied, Progress: say}); err != nil {
			return r, err
		}
	}
	if c.DB == Postgres {
		if r.postgres, err = postgres.Up(ctx, postgres.Options{Dir: postgresFolder(o.Dir), Tied: o.Tied, Progress: say}); err != nil {
			return r, err
		}
	}
	return r, nil
}

// Raise starts the real parts that a node in a folder needs, building and making
// them the first time, and returns the choice that holds there.
func Raise(ctx context.Context, o Options) (Choice, error) {
	c, err := o.prepare()
	if err != nil {
		return c, err
	}
	_, err = raise(ctx, o, c)
	return c, err
}

// look returns the real parts of a folder as they stand.
func look(dir string) (r real, err error) {
	if r.fabric, err = fabric.Open(fabricFolder(dir)); err != nil {
		r.fabric = nil
		if !errors.Is(err, fs.ErrNotExist) {
			return r, err
		}
	}
	if _, err := os.Stat(KuboFolder(dir)); err == nil {
		if r.kubo, err = kubo.Find(KuboFolder(dir)); err != nil {
			return r, err
		}
	}
	if s, ok := postgres.Find(postgres.Options{Dir: postgresFolder(dir)}); ok {
		r.postgres = s
	}
	return r, nil
}

// Parts lists what runs for the node of a folder, the node first.
func Parts(dir string) (out []Part, err error) {
	if p, ok := process.Attach(Spec(dir)); ok {
		out = append(out, Part{"manx up", p.Pid(), p.Log()})
	} else {
		out = append(out, Part{Name: "manx up"})
	}
	r, err := look(dir)
	if err != nil {
		return nil, err
	}
	return append(out, r.parts()...), nil
}

// Parts lists the node's real parts.
func (n *Node) Parts() []Part { return n.real.parts() }

func (r real) parts() []Part {
	out := []Part{}
	add := func(name string, p *process.Process) {
		if p == nil || !p.Alive() {
			out = append(out, Part{Name: name})
			return
		}
		out = append(out, Part{name, p.Pid(), p.Log()})
	}
	if f := r.fabric; f != nil {
		for _, list := range []struct {
			what  string
			parts []*process.Process
		}{{"orderer", f.Orderers}, {"peer", f.Peers}, {"contract", f.Contracts}} {
			for i, p := range list.parts {
				add("Fabric "+list.what+" of "+[]string{fabric.Health, fabric.Credit, fabric.Exchange}[i], p)
			}
		}
	}
	if k := r.kubo; k != nil {
		for i, p := range k.Processes {
			add("Kubo node-"+strconv.Itoa(i), p)
		}
	}
	if s := r.postgres; s != nil {
		add("PostgreSQL", s.Process)
	}
	return out
}

// Down stops what runs for the node of a folder, by pid: the node first, then
// its real parts. Nothing running is no error.
func Down(ctx context.Context, dir string) error {
	if p, ok := process.Attach(Spec(dir)); ok {
		if err := p.Stop(ctx); err != nil {
			return fmt.Errorf("stop the node: %w", err)
		}
	}
	r, err := look(dir)
	if err != nil {
		return err
	}
	return r.down(ctx)
}

func (r real) down(ctx context.Context) error {
	var errs []error
	if r.fabric != nil {
		errs = append(errs, r.fabric.Down(ctx))
	}
	if r.kubo != nil {
		errs = append(errs, r.kubo.Down(ctx))
	}
	if r.postgres != nil {
		errs = append(errs, r.postgres.Down(ctx))
	}
	return errors.Join(errs...)
}

// Spec names the process of a folder's node, for starting it apart from the
// command that did.
func Spec(dir string) process.Spec {
	return process.Spec{Name: "node", Run: dir}
}
