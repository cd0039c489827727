package vault_test

import (
	"context"
	"fmt"
	"io"
	"strings"

	"manx/storage/memory"
	"manx/storage/vault"
)

// Six nodes, a record, and two nodes gone.
func Example() {
	ctx := context.Background()
	var nodes []vault.Node
	for i := range vault.Nodes {
		nodes = append(nodes, vault.Node{Name: fmt.Sprintf("node-%d", i), Blobs: new(memory.Blobs)})
	}
	v, err := vault.New(nodes)
	if err != nil {
		panic(err)
	}
	text := "one slice"
	d, err := v.Add(ctx, vault.Version{Kind: "study", Objects: []vault.Object{{
		ID: "1.2.3", Name: "IM1.dcm", Size: int64(len(text)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
	}}})
	if err != nil {
		panic(err)
	}

	nodes[0].Blobs, nodes[5].Blobs = new(memory.Blobs), new(memory.Blobs)
	if v, err = vault.New(nodes); err != nil {
		panic(err)
	}
	rec, err := v.OpenRecord(ctx, d.Manifest, d.Key)
	if err != nil {
		panic(err)
	}
	slice, err := rec.Open(ctx, "1.2.3")
	if err != nil {
		panic(err)
	}
	defer func() { _ = slice.Close() }()
	b, err := io.ReadAll(slice)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s: %s\n", slice.Name, b)
	h, err := v.Repair(ctx, d.Manifest)
	if err != nil {
		panic(err)
	}
	fmt.Println("repaired:", h.Whole(), len(h.Faults))
	// Output:
	// IM1.dcm: one slice
	// repaired: true 8
}
