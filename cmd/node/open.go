package node

import (
	"context"
	"path/filepath"
	"strconv"

	"manx/cmd/real/fabric"
	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/embedded"
	ledgerfabric "manx/ledger/fabric"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/ipfs"
	"manx/web/index"
)

// An opened ledger is a node's to close.
type opened interface {
	ledger.Ledger
	Height() (ledger.Height, error)
	Close() error
}

// openLedger opens the chosen ledger and says what its word is worth.
func (n *Node) openLedger(ctx context.Context, by organisation) (opened, error) {
	if n.real.fabric != nil {
		n.Kind = "Hyperledger Fabric: three organisations, two must agree"
		return ledgerfabric.New(ctx, ledgerfabric.Config{
			Profile: n.real.fabric.Profile, Channel: fabric.Channel, Contract: fabric.Contract, User: fabric.User, Log: n.opts.Log,
		})
	}
	n.Kind = "embedded: one party's word"
	dir := n.opts.Dir
	l, err := embedded.New(embedded.Config{Dir: filepath.Join(dir, "ledger"), Genesis: n.Genesis, Node: by, Contract: contract.New(n.Genesis)})
	if err != nil {
		return nil, notice.Because(err, notice.Conflict, "the ledger in "+dir+" cannot be opened", "is another `manx up` running on the same folder? stop it, or choose another with --data")
	}
	return l, nil
}

// indexSource names the node's database.
func (n *Node) indexSource() index.Source {
	if n.real.postgres != nil {
		return index.Source{DSN: n.real.postgres.DSN}
	}
	return index.Source{File: filepath.Join(n.opts.Dir, "index.db")}
}

// openStores opens the six storage nodes.
func (n *Node) openStores() ([]storage.Blobs, error) {
	stores := make([]storage.Blobs, storageNodes)
	for i := range stores {
		c, err := n.openStore(i)
		if err != nil {
			return nil, err
		}
		n.onClose(c.Close)
		stores[i] = c
	}
	return stores, nil
}

func (n *Node) openStore(i int) (*ipfs.Client, error) {
	if n.real.kubo != nil {
		return ipfs.New(ipfs.Config{URL: n.real.kubo.APIs[i], Pin: true, Gateway: true})
	}
	node, err := ipfs.OpenNode(filepath.Join(n.opts.Dir, "ipfs", strconv.Itoa(i)))
	if err != nil {
		return nil, err
	}
	n.onClose(node.Close)
	return node.Client()
}
