// Package vault keeps records on six storage nodes so that any two may be lost.
//
// It has two layers. A pack is an opaque stream cut into stripes of four data
// shards and two parity shards, one shard a node, listed by a public pack
// manifest that every node holds. A record version is a set of objects sealed
// into one pack, listed by a sealed manifest that one study key opens. Packs
// are verified, repaired and erased without any key. docs/format-record.md is
// the specification.
//
// It does not decide who may have a key, and it registers nothing on a ledger.
package vault

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/reedsolomon"

	"manx/privacy/notice"
	"manx/storage"
)

// The shape of a stripe. Version 1 of the pack manifest knows no other.
const (
	Need  = 4 // data shards: any Need of Nodes shards rebuild a stripe
	Nodes = 6

	shardSize  = storage.MaxBlob
	stripeSize = Need * shardSize
)

// A Node is one of the six places shards are kept. Its name is shown in
// notices.
type Node struct {
	Name  string
	Blobs storage.Blobs
}

// A Vault reads and writes packs and records. It is safe for concurrent use.
type Vault struct {
	nodes    [Nodes]Node
	rs       reedsolomon.Encoder
	progress func(done, total int) // of Verify, Repair and Audit; may be nil
}

// Over returns a vault over a network's six storage nodes, by its own names for
// them: node-0, node-1, …
func Over(stores []storage.Blobs) (*Vault, error) {
	nodes := make([]Node, len(stores))
	for i, s := range stores {
		nodes[i] = Node{Name: "node-" + strconv.Itoa(i), Blobs: s}
	}
	return New(nodes)
}

// New returns a vault over exactly six nodes with different names. The order of
// nodes decides where new shards go; shards that stand elsewhere are still
// found.
func New(nodes []Node) (*Vault, error) {
	if len(nodes) != Nodes {
		return nil, fmt.Errorf("a vault has %d storage nodes, not %d", Nodes, len(nodes))
	}
	seen := make(map[string]bool)
	for _, n := range nodes {
		if n.Name == "" || n.Blobs == nil || seen[n.Name] {
			return nil, errors.New("storage nodes need different names")
		}
		seen[n.Name] = true
	}
	rs, err := reedsolomon.New(Need, Nodes-Need, reedsolomon.WithMaxGoroutines(1))
	if err != nil {
		return nil, fmt.Errorf("erasure code: %w", err)
	}
	return &Vault{nodes: [Nodes]Node(nodes), rs: rs}, nil
}

// nodeOf returns the index of the node that shard j of a stripe goes to. It is a
// function of these two numbers and of the order of nodes, and of nothing else:
// whoever has a manifest knows where its shards are. No two shards of a stripe
// share a node. It turns with the stripe, so that each node holds a sixth and
// reading asks every node alike.
func nodeOf(stripe, j int) int { return (stripe + j) % Nodes }

// place stores one shard on each of six nodes and fails unless all six say that
// they have it. at[j] is the index of the node for shard j.
func (v *Vault) place(ctx context.Context, refs [Nodes]storage.Ref, shards [Nodes][]byte, at [Nodes]int) error {
	var errs [Nodes]error
	var wg sync.WaitGroup
	for j := range Nodes {
		wg.Go(func() {
			n := v.nodes[at[j]]
			if err := storage.PutAs(ctx, n.Blobs, refs[j], shards[j]); err != nil {
				errs[at[j]] = fmt.Errorf("node %s: %w", n.Name, err)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	var silent []string
	for i, err := range errs {
		if err != nil {
			silent = append(silent, v.nodes[i].Name)
		}
	}
	if len(silent) == 0 {
		return nil
	}
	return notice.Because(errors.Join(errs[:]...), notice.Unavailable,
		fmt.Sprintf("storage acknowledged %d of %d shards: %s did not", Nodes-len(silent), Nodes, strings.Join(silent, ", ")),
		"whoever runs it has to start it again (`manx up`); then repeat the command: shards that are stored are not sent again")
}

// replicate stores the same bytes on all six nodes.
func (v *Vault) replicate(ctx context.Context, b []byte) (storage.Ref, error) {
	r := storage.RefOf(b)
	var refs [Nodes]storage.Ref
	var shards [Nodes][]byte
	var at [Nodes]int
	for i := range Nodes {
		refs[i], shards[i], at[i] = r, b, i
	}
	return r, v.place(ctx, refs, shards, at)
}
