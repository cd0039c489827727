package kubo

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"manx/cmd/real/process"
	"manx/deploy"
	"manx/privacy/notice"
	"manx/storage/durable"
)

// A repo is the folder of one node.
type repo struct{ dir, program string }

// settings are a node's configuration: deploy/ipfs/config.json, with what is the
// node's own.
type settings map[string]json.RawMessage

type identity struct{ PeerID, PrivKey string }

// newIdentity makes a node's key as libp2p writes it: protocol buffers of type
// Ed25519, and the identity multihash of the public one in base58.
func newIdentity() (json.RawMessage, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("make storage node: %w", err)
	}
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	var id []byte
	x, rest := new(big.Int).SetBytes(append([]byte("\x24\x08\x01\x12\x20"), public...)), new(big.Int)
	for base := big.NewInt(58); x.Sign() > 0; {
		x.DivMod(x, base, rest)
		id = append(id, alphabet[rest.Int64()])
	}
	id = append(id, '1') // for the leading zero byte, the code of the multihash
	slices.Reverse(id)
	return json.Marshal(identity{string(id), base64.StdEncoding.EncodeToString(append([]byte("\x08\x01\x12\x40"), private...))})
}

func (r repo) config() (settings, error) {
	b, err := os.ReadFile(filepath.Join(r.dir, "config"))
	if err != nil {
		return nil, err
	}
	var s settings
	return s, json.Unmarshal(b, &s)
}

// port returns the port of the node's API, "" when it has none yet.
func (s settings) port() string {
	var a struct{ API []string }
	if json.Unmarshal(s["Addresses"], &a) != nil || len(a.API) != 1 {
		return ""
	}
	port, ok := strings.CutPrefix(a.API[0], "/ip4/127.0.0.1/tcp/")
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || !ok {
		return ""
	}
	return port
}

func (s settings) api() string { return "http://127.0.0.1:" + s.port() }

func (s settings) id() string {
	var id identity
	_ = json.Unmarshal(s["Identity"], &id) // an absent one serves nobody
	return id.PeerID
}

// prepare makes the node's folder if it is new, and otherwise checks that what
// the node keeps is in it: Kubo would begin again without a word.
func (r repo) prepare(ctx context.Context, i int, known bool, key []byte) error {
	inside, err := os.ReadDir(r.dir)
	absent := errors.Is(err, fs.ErrNotExist)
	switch {
	case absent && known:
		return r.lost(i, err)
	case err != nil && !absent:
		return fmt.Errorf("storage node %d: %w", i, err)
	case len(inside) == 0:
		id, err := newIdentity()
		if err != nil {
			return err
		}
		return r.make(ctx, settings{"Identity": id}, key)
	}
	for _, part := range []string{"config", "datastore_spec", filepath.Join("blocks", "SHARDING"), "datastore"} {
		if _, err := os.Stat(filepath.Join(r.dir, part)); err != nil {
			return r.lost(i, err)
		}
	}
	return nil
}

func (r repo) lost(i int, cause error) error {
	return notice.Because(cause, notice.Unavailable, fmt.Sprintf("the data of storage node %d is missing or not whole: %s", i, r.dir),
		"mount its disk, or restore the folder from a copy. To go on with an empty node, remove what is left and `mkdir "+r.dir+
			"`, start again, and `manx storage repair` rebuilds what it held from the other nodes")
}

// make lets Kubo make a folder beside the place and moves it there as a whole.
func (r repo) make(ctx context.Context, of settings, key []byte) error {
	fresh := repo{r.dir + ".new", r.program}
	if err := os.RemoveAll(fresh.dir); err != nil {
		return fmt.Errorf("make storage node: %w", err)
	}
	if err := errors.Join(os.Mkdir(fresh.dir, 0o700), fresh.configure(of, "")); err != nil {
		return fmt.Errorf("make storage node: %w", err)
	}
	// Kubo refuses a folder that has a configuration: it takes it from beside.
	config := fresh.dir + ".json"
	if err := os.Rename(filepath.Join(fresh.dir, "config"), config); err != nil {
		return fmt.Errorf("make storage node: %w", err)
	}
	defer func() { _ = os.Remove(config) }()
	cmd := exec.CommandContext(ctx, r.program, "init", "--empty-repo", config)
	cmd.Env = append(os.Environ(), "IPFS_PATH="+fresh.dir, "IPFS_TELEMETRY=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		return notice.Because(err, notice.Unavailable, "Kubo could not make a node: "+strings.TrimSpace(string(text)), "is the disk full, or not writable?")
	}
	if err := durable.WriteFile(filepath.Join(fresh.dir, "swarm.key"), key); err != nil {
		return fmt.Errorf("make storage node: %w", err)
	}
	if err := os.Remove(r.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make storage node: %w", err)
	}
	if err := os.Rename(fresh.dir, r.dir); err != nil {
		return fmt.Errorf("make storage node: %w", err)
	}
	return durable.SyncFolder(filepath.Dir(r.dir))
}

// configure writes the node's configuration with an API at a port. Of what it was
// it keeps the identity, and the kind of datastore that its folder is of.
func (r repo) configure(was settings, port string) error {
	template, err := deploy.Files.ReadFile("ipfs/config.json")
	if err != nil {
		return fmt.Errorf("data of Kubo: %w", err)
	}
	var s settings
	if err := json.Unmarshal(template, &s); err != nil {
		return fmt.Errorf("data of Kubo: %w", err)
	}
	addresses := map[string][]string{"API": {}, "Gateway": {}, "Swarm": {}}
	if port != "" {
		addresses["API"] = []string{"/ip4/127.0.0.1/tcp/" + port}
	}
	s["Identity"] = was["Identity"]
	if s["Addresses"], err = json.Marshal(addresses); err == nil {
		err = s.keepDatastore(was)
	}
	if err != nil {
		return fmt.Errorf("configure storage node: %w", err)
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("configure storage node: %w", err)
	}
	return durable.WriteFile(filepath.Join(r.dir, "config"), append(b, '\n'))
}

// keepDatastore takes over Datastore.Spec where there is one: Kubo does not start
// on a folder that was begun with another.
func (s settings) keepDatastore(was settings) error {
	var old, d settings
	if was["Datastore"] == nil {
		return nil
	}
	err := errors.Join(json.Unmarshal(was["Datastore"], &old), json.Unmarshal(s["Datastore"], &d))
	if err != nil || old["Spec"] == nil {
		return err
	}
	d["Spec"] = old["Spec"]
	s["Datastore"], err = json.Marshal(d)
	return err
}

// start starts the node at the port it had, or at another one where that is
// taken: between finding a free port and listening on it, others may.
func (r repo) start(ctx context.Context, s process.Spec) (*process.Process, string, error) {
	c, err := r.config()
	if err != nil {
		return nil, "", fmt.Errorf("start %s: %w", s.Name, err)
	}
	port := c.port()
	_, runs := process.Attach(s)
	for try := 0; ; try++ {
		if !runs {
			if port == "" || !free(port) || try > 0 {
				if port, err = freePort(); err != nil {
					return nil, "", err
				}
			}
			if err := r.configure(c, port); err != nil {
				return nil, "", err
			}
		}
		api := "http://127.0.0.1:" + port
		s.Ready = serves(api, c.id())
		p, err := process.Start(ctx, s)
		if runs || try == 4 || !taken(err) {
			return p, api, err
		}
	}
}

func freePort() (string, error) {
	ports, err := process.FreePorts(1)
	if err != nil {
		return "", err
	}
	return strconv.Itoa(ports[0]), nil
}
