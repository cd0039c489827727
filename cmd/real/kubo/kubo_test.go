package kubo

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"manx/privacy/notice"
)

// built skips where Kubo cannot be built, as without a network.
func built(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts daemons")
	}
	if _, err := Build(t.Context(), func(what string) { t.Log(what) }); err != nil {
		t.Skip(err)
	}
}

func up(t *testing.T, dir string, nodes int) *Nodes {
	t.Helper()
	n, err := Up(t.Context(), Options{Dir: dir, Nodes: nodes, Tied: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Down(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return n
}

func ask(t *testing.T, api, what string) string {
	t.Helper()
	b, err := Ask(t.Context(), api, what)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fetch asks a gateway as a page of another origin does, and returns the status
// and the origin that may read the answer.
func fetch(t *testing.T, url string) (status int, origin string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "http://page.invalid")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Access-Control-Allow-Origin")
}

func TestLifeOfNodes(t *testing.T) {
	built(t)
	dir := t.TempDir()
	n := up(t, dir, 3)
	for _, api := range n.APIs {
		if got := ask(t, api, "swarm/peers"); !strings.Contains(got, `"Peers":null`) {
			t.Errorf("a node has peers: %s", got)
		}
		if got := ask(t, api, "version"); !strings.Contains(got, `"0.43.0"`) {
			t.Errorf("version: %s", got)
		}
		if got := ask(t, api, "swarm/addrs/listen"); strings.Contains(got, "/ip") {
			t.Errorf("a node listens for peers: %s", got)
		}
		// The empty block's name holds all of it: every gateway has it.
		if status, origin := fetch(t, api+"/ipfs/bafkqaaa?format=raw"); status != http.StatusOK || origin != "" {
			t.Errorf("the gateway answers %d, to pages of origin %q", status, origin)
		}
		if status, _ := fetch(t, api+"/ipfs/bafkqaaa"); status < http.StatusBadRequest {
			t.Errorf("the gateway interprets what it holds: %d", status)
		}
	}

	// A second command finds them; a killed one comes back where it was.
	again := up(t, dir, 3)
	if !slices.Equal(again.APIs, n.APIs) || again.Processes[1].Pid() != n.Processes[1].Pid() {
		t.Errorf("found %v, started %v", again.APIs, n.APIs)
	}
	if err := n.Kill(1); err != nil {
		t.Fatal(err)
	}
	found, err := Find(dir)
	if err != nil || found.Processes[1] != nil || found.Processes[2] == nil || found.APIs[0] != n.APIs[0] {
		t.Errorf("found %+v, %v", found, err)
	}
	if err := n.Restart(t.Context(), 1); err != nil {
		t.Fatal(err)
	}

	// All stop and start again, quickly; one finds its port taken.
	if err := n.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", strings.TrimPrefix(n.APIs[2], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	began := time.Now()
	later := up(t, dir, 3)
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("a later start took %v", d)
	}
	if later.APIs[0] != n.APIs[0] || later.APIs[1] != n.APIs[1] || later.APIs[2] == n.APIs[2] {
		t.Errorf("addresses %v, before %v", later.APIs, n.APIs)
	}

	if _, err := Up(t.Context(), Options{Dir: dir, Nodes: 4}); !notice.Is(err, notice.Conflict) {
		t.Errorf("another number of nodes: %v", err)
	}
}

// A node whose data is not where it was is not begun again without a word.
func TestLostDataIsSaid(t *testing.T) {
	built(t)
	for what, lose := range map[string]string{"the folder": "node-1", "the blocks": "node-1/blocks", "the index": "node-1/datastore"} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			n := up(t, dir, 2)
			if err := n.Down(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(dir, lose)); err != nil {
				t.Fatal(err)
			}
			_, err := Up(t.Context(), Options{Dir: dir, Nodes: 2, Tied: true})
			e := notice.From(err)
			if e.Kind != notice.Unavailable || !strings.Contains(e.Text, "storage node 1") || !strings.Contains(e.Hint, "manx storage repair") {
				t.Fatalf("%v", err)
			}
			// The cure it names.
			node := filepath.Join(dir, "node-1")
			if err := os.RemoveAll(node); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(node, 0o700); err != nil {
				t.Fatal(err)
			}
			up(t, dir, 2)
		})
	}
	dir := t.TempDir()
	for _, text := range []string{"", "{}", `{"nodes":-1}`, `{"nodes":1e9}`} {
		if err := os.WriteFile(filepath.Join(dir, foundedFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Find(dir); !notice.Is(err, notice.Integrity) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestConfigurationIsPrivate(t *testing.T) {
	r := repo{dir: t.TempDir()}
	if err := r.configure(settings{"Identity": json.RawMessage(`{"PeerID":"x"}`)}, "4711"); err != nil {
		t.Fatal(err)
	}
	c, err := r.config()
	if err != nil || c.port() != "4711" || c.id() != "x" {
		t.Fatalf("%v, %v, %v", c.port(), c.id(), err)
	}
	for key, want := range map[string]string{"Bootstrap": `[]`, "AutoConf": `{"Enabled":false}`, "Provide": `{"Enabled":false}`, "Routing": `{"Type":"none"}`} {
		var have any
		if err := json.Unmarshal(c[key], &have); err != nil {
			t.Fatal(err)
		}
		if b, _ := json.Marshal(have); string(b) != want {
			t.Errorf("%s: %s", key, b)
		}
	}
	if !strings.Contains(string(c["Datastore"]), `"sync": true`) {
		t.Error("writes are not synced")
	}
	if got := fmt.Sprint(settings{}.port(), settings{"Addresses": json.RawMessage(`{"API":["/ip4/0.0.0.0/tcp/1"]}`)}.port()); got != "" {
		t.Errorf("ports %q of no loopback address", got)
	}
}

// A folder that was begun with another kind of datastore goes on with it.
func TestAFolderKeepsItsDatastore(t *testing.T) {
	built(t)
	dir := t.TempDir()
	program, err := Build(t.Context(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	id, err := newIdentity()
	if err != nil {
		t.Fatal(err)
	}
	key, err := swarmKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	earlier := `{"Spec": {"type": "mount", "mounts": [
		{"mountpoint": "/blocks", "type": "flatfs", "prefix": "flatfs.datastore", "path": "blocks", "sync": true, "shardFunc": "/repo/flatfs/shard/v1/next-to-last/2"},
		{"mountpoint": "/", "type": "pebbleds", "prefix": "pebble.datastore", "path": "datastore", "cacheSize": 8388608, "memTableSize": 4194304}]}}`
	r := repo{dir: filepath.Join(dir, name(0)), program: program}
	if err := r.make(t.Context(), settings{"Identity": id, "Datastore": json.RawMessage(earlier)}, key); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, foundedFile), []byte(`{"nodes":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	n := up(t, dir, 1)
	if got := ask(t, n.APIs[0], "config/show"); !strings.Contains(got, `"pebbleds"`) || !strings.Contains(got, "next-to-last/2") || !strings.Contains(got, `"1TB"`) {
		t.Errorf("configured with %s", got)
	}
}
