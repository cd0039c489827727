// Package kubo starts private Kubo nodes, each a storage provider of its own:
// they have no peers, listen on loopback for their API and gateway alone, and
// answer for nothing but the blocks in their own folder. It stores nothing:
// storage/ipfs speaks to them.
package kubo

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"manx/cmd/real/process"
	"manx/cmd/real/tools"
	"manx/deploy"
	"manx/privacy/notice"
	"manx/storage/durable"
)

// Options say what to start. The zero value of a field is a sensible default,
// but for Dir.
type Options struct {
	Dir      string // everything the nodes keep
	Nodes    int    // 0 means six
	Tied     bool   // they end with this process, however it ends
	Progress func(what string)
}

// Nodes are running until Down, also after the program that started them ended.
type Nodes struct {
	APIs      []string // of each node, such as http://127.0.0.1:43017
	Processes []*process.Process

	dir string
}

const foundedFile = "nodes.json"

// founded says how many nodes a folder was begun with: one that is absent later
// is lost, not new.
type founded struct {
	Nodes int `json:"nodes"`
}

// Up builds Kubo if it is not there, makes the nodes if the folder has none, and
// starts those that do not run. It returns once all answer. A node keeps its port
// unless another program has taken it meanwhile.
func Up(ctx context.Context, o Options) (*Nodes, error) {
	if o.Nodes == 0 {
		o.Nodes = 6
	}
	say := o.Progress
	if say == nil {
		say = func(string) {}
	}
	program, err := Build(ctx, say)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, notice.Because(err, notice.Invalid, "the folder of the storage nodes cannot be made", "name another with --data")
	}
	had, err := readFounded(dir)
	if err != nil {
		return nil, err
	}
	if had != 0 && had != o.Nodes {
		return nil, notice.New(notice.Conflict, fmt.Sprintf("the folder has %d storage nodes, not %d", had, o.Nodes), "choose another folder with --data")
	}
	key, err := swarmKey(dir)
	if err != nil {
		return nil, err
	}
	say(fmt.Sprintf("starting %d Kubo nodes", o.Nodes))
	n := &Nodes{APIs: make([]string, o.Nodes), Processes: make([]*process.Process, o.Nodes), dir: dir}
	group, gctx := errgroup.WithContext(ctx)
	for i := range o.Nodes {
		group.Go(func() error {
			r := repo{dir: filepath.Join(dir, name(i)), program: program}
			if err := r.prepare(gctx, i, had > 0, key); err != nil {
				return err
			}
			p, api, err := r.start(gctx, spec(dir, i, o.Nodes, program, o.Tied))
			n.Processes[i], n.APIs[i] = p, api
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, n.Down(context.WithoutCancel(ctx)))
	}
	if had == 0 {
		b, err := json.Marshal(founded{o.Nodes})
		if err == nil {
			err = durable.WriteFile(filepath.Join(dir, foundedFile), append(b, '\n'))
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("found storage nodes: %w", err), n.Down(context.WithoutCancel(ctx)))
		}
	}
	return n, nil
}

// Find returns the nodes of a folder that run, for looking at or stopping them;
// what does not run is nil in Processes, with an empty address.
func Find(dir string) (*Nodes, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find storage nodes: %w", err)
	}
	had, err := readFounded(dir)
	if err != nil {
		return nil, err
	}
	n := &Nodes{APIs: make([]string, had), Processes: make([]*process.Process, had), dir: dir}
	for i := range had {
		p, ok := process.Attach(spec(dir, i, had, "", false))
		c, err := repo{dir: filepath.Join(dir, name(i))}.config()
		if !ok || err != nil {
			continue
		}
		n.Processes[i], n.APIs[i] = p, c.api()
	}
	return n, nil
}

// Build returns the path of the Kubo program, building it where it is absent.
func Build(ctx context.Context, say func(what string)) (string, error) {
	mod, err := deploy.Files.ReadFile("ipfs/tools.mod")
	if err != nil {
		return "", fmt.Errorf("data of Kubo: %w", err)
	}
	sum, err := deploy.Files.ReadFile("ipfs/tools.sum")
	if err != nil {
		return "", fmt.Errorf("data of Kubo: %w", err)
	}
	dir, err := tools.Build(ctx, tools.Tool{Name: "kubo", Mod: mod, Sum: sum, Packages: []string{"github.com/ipfs/kubo/cmd/ipfs"}, Say: say})
	return filepath.Join(dir, "ipfs"), err
}

// Down stops every node.
func (n *Nodes) Down(ctx context.Context) error {
	var group errgroup.Group
	for _, p := range n.Processes {
		if p != nil {
			group.Go(func() error { return p.Stop(ctx) })
		}
	}
	return group.Wait()
}

// Kill ends one node at once.
func (n *Nodes) Kill(i int) error { return n.Processes[i].Kill() }

// Restart starts one node again, at the same address.
func (n *Nodes) Restart(ctx context.Context, i int) error { return n.Processes[i].Restart(ctx) }

// Folder returns where a node keeps everything: its blocks are under blocks.
func (n *Nodes) Folder(i int) string { return filepath.Join(n.dir, name(i)) }

func name(i int) string { return "node-" + strconv.Itoa(i) }

func spec(dir string, i, nodes int, program string, tied bool) process.Spec {
	home := filepath.Join(dir, name(i))
	// The API's address serves the gateway too: trustless, by the configuration.
	args := []string{"daemon", "--migrate=false", "--unrestricted-api"}
	// Twice its part of the machine: more would look for work while others have it.
	procs := strconv.Itoa(min(runtime.NumCPU(), (2*runtime.NumCPU()+nodes-1)/nodes))
	return process.Spec{
		Name: "kubo-" + strconv.Itoa(i), Path: program, Args: args, Run: filepath.Join(dir, "run"), Tied: tied,
		// A node that lost its swarm key must not join the public network.
		Env: []string{"IPFS_PATH=" + home, "LIBP2P_FORCE_PNET=1", "GOMEMLIMIT=192MiB", "GOGC=400", "GOMAXPROCS=" + procs,
			"IPFS_TELEMETRY=off", "GOLOG_LOG_LEVEL=error", "GODEBUG=memprofilerate=0"},
	}
}

func readFounded(dir string) (int, error) {
	b, err := os.ReadFile(filepath.Join(dir, foundedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	var f founded
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err == nil && (f.Nodes < 1 || f.Nodes > 64) {
		err = errors.New("a number of nodes that cannot be")
	}
	if err != nil {
		return 0, notice.Because(err, notice.Integrity, "the file that says how many storage nodes there are is damaged: "+filepath.Join(dir, foundedFile),
			`write {"nodes":6} into it, or restore it from a copy`)
	}
	return f.Nodes, nil
}

// swarmKey returns the key of the nodes' private network, made the first time.
func swarmKey(dir string) ([]byte, error) {
	file := filepath.Join(dir, "swarm.key")
	b, err := os.ReadFile(file)
	if err == nil {
		return b, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("swarm key: %w", err)
	}
	var k [32]byte
	if _, err := rand.Read(k[:]); err != nil {
		return nil, fmt.Errorf("swarm key: %w", err)
	}
	b = []byte("/key/swarm/psk/1.0.0/\n/base16/\n" + hex.EncodeToString(k[:]) + "\n")
	return b, durable.WriteFile(file, b)
}

// serves returns what tells that the node of an id, and no other program, answers
// at an address.
func serves(api, id string) func(context.Context) error {
	return func(ctx context.Context) error {
		b, err := Ask(ctx, api, "id")
		if err == nil && !bytes.Contains(b, []byte(`"`+id+`"`)) {
			err = errors.New("another program answers")
		}
		return err
	}
}

// Ask gives a command to the node at an address of Nodes.APIs, as "pin/ls?type=recursive",
// and returns its answer, 1 MiB at most. That it refuses is an answer too.
func Ask(ctx context.Context, api, command string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, api+"/api/v0/"+command, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return io.ReadAll(io.LimitReader(resp.Body, 1<<20))
}

// free reports whether nobody listens on a port of the loopback address.
func free(port string) bool {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func taken(err error) bool {
	return err != nil && strings.Contains(err.Error(), "address already in use")
}

// Blocks returns the folder that a node keeps its blocks in, a file each, named
// FOLDER/CID.data.
func (n *Nodes) Blocks(i int) string { return filepath.Join(n.dir, name(i), "blocks") }
