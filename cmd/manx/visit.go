package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"manx/cmd/manx-wasm/desk"
	"manx/cmd/node"
	"manx/health/phantom"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/web/owner"
)

// A visit is what somebody needs who looks at the portal for the first time: a scan, and
// an account of every role, whose keys are made here and open with a passphrase that the
// node tells everybody. Accounts are served under /demo/ by a node with --demo, and by
// no other.
type visit struct {
	Portal   string         `json:"portal"`
	Study    string         `json:"study"`    // a folder to drop on the page
	Hospital ledger.PartyID `json:"hospital"` // who can be given permission
	Accounts []visitor      `json:"accounts"`

	dir     string
	mu      sync.Mutex     // guards Accounts once the node serves
	running sync.WaitGroup // of the hospital's gateway
	ended   error          // how that ended
}

// A visitor is one account, and the link that opens it.
type visitor struct {
	Account string `json:"account"`
	Name    string `json:"name,omitempty"`
	Link    string `json:"link"`

	Party ledger.PartyID `json:"party"`
}

const (
	visitSlices     = 42
	visitPassphrase = "a demo account guards nothing" //nolint:gosec // everybody may know it
	visitHospital   = "Riverside Hospital (demo)"
)

// visitors are the demo's accounts that sign in within the browser. A hospital's and a
// worker's keys are their own processes'.
func visitors() []visitor {
	return []visitor{
		{Account: "patient"}, {Account: "borrower"}, {Account: "lender", Name: "Demo Bank"},
		{Account: "scientist", Name: "Demo Lab"}, {Account: "scientist-credit", Name: "Demo Scoring Lab"}, {Account: "auditor", Name: "Demo Audit Office"}, {Account: "auditor-credit", Name: "Demo Audit Office"},
	}
}

// prepare makes what is missing of a visit, under the node's folder.
func (v *visit) prepare(ctx context.Context, n *node.Node) error {
	v.Portal, v.Study = n.Address, filepath.Join(v.dir, "ct")
	_, err := os.Stat(v.Study)
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh {
		if err := study(ctx, v.Study, 7, "Doe^Jane", "DEMO-1", 0, visitSlices); err != nil {
			return err
		}
	}
	if err := v.edge(ctx, n); err != nil {
		return err
	}
	if fresh { // one that the hospital's PACS has sent
		at := filepath.Join(v.home("hospital"), gatewayFolder, "in", "ct")
		if err := study(ctx, at, 11, "Roe^Richard", "DEMO-2", 18, 6); err != nil {
			return err
		}
	}
	for _, a := range visitors() {
		if a.Party, err = v.admit(ctx, n, a.Account, a.Name); err != nil {
			return err
		}
		a.Link = n.Address + "/#demo=" + a.Account
		v.add(a)
	}
	return nil
}

// study writes slices of a made-up chest CT into a folder.
func study(ctx context.Context, dir string, seed uint64, name, id string, from, count int) error {
	s, err := phantom.New(phantom.Options{Seed: seed, Slices: visitSlices, PatientName: name, PatientID: id, BirthDate: "19610412", Sex: "F", StudyDate: "20261103",
		Nodule: phantom.Nodule{Diameter: 24, HU: 40, X: -70, Y: 10, Z: 5}})
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = s.WriteFolder(ctx, dir, from, count)
	}
	return err
}

func (v *visit) add(a visitor) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.Accounts = slices.DeleteFunc(v.Accounts, func(o visitor) bool { return o.Account == a.Account })
	v.Accounts = append(v.Accounts, a)
}

// home is an account's folder.
func (v *visit) home(account string) string { return filepath.Join(v.dir, account) }

// admit makes an account's keys, once, and registers it.
func (v *visit) admit(ctx context.Context, n *node.Node, account, name string) (ledger.PartyID, error) {
	p, shut, err := v.sit(ctx, n, account, name)
	if err != nil {
		return "", err
	}
	return p.ID(), shut()
}

// sit is admit for who stays.
func (v *visit) sit(ctx context.Context, n *node.Node, account, name string) (p *owner.Party, shut func() error, err error) {
	side, role, err := desk.Stands(account)
	if err != nil {
		return nil, nil, err
	}
	pass, err := seal.NewPassphrase(visitPassphrase)
	if err != nil {
		return nil, nil, err
	}
	h, err := owner.Open(v.home(account), pass, n.Address)
	if notice.Is(err, notice.NotFound) {
		h, err = owner.Join(ctx, v.home(account), pass, n.Address, string(side))
	}
	if err != nil {
		return nil, nil, err
	}
	if p, err = h.As(side); err == nil {
		shut = func() error { p.Close(); return h.Close() }
		if err = p.Register(ctx, role, name); err == nil {
			if _, err = p.Faucet(ctx); notice.Is(err, notice.Conflict) { // it has had some
				err = nil
			}
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, h.Close())
	}
	return p, shut, nil
}

// edge runs the demo hospital's gateway until ctx ends; the visit's wait waits for it.
func (v *visit) edge(ctx context.Context, n *node.Node) error {
	p, shut, err := v.sit(ctx, n, "hospital", visitHospital)
	if err != nil {
		return err
	}
	v.Hospital = p.ID()
	e, err := newEdge(ctx, p, "127.0.0.1:0", 30*time.Second)
	if err != nil {
		return errors.Join(err, shut())
	}
	v.add(visitor{Account: "hospital", Name: visitHospital, Link: e.page(), Party: p.ID()})
	v.running.Go(func() { v.ended = errors.Join(e.run(ctx), shut()) })
	return nil
}

// wait returns when the gateway has ended, after ctx has.
func (v *visit) wait() error {
	v.running.Wait()
	return v.ended
}

// ServeHTTP serves the list of accounts, and each with its sealed keys.
func (v *visit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	v.mu.Lock()
	all := slices.Clone(v.Accounts)
	v.mu.Unlock()
	if r.URL.Path == desk.DemoPath {
		_ = json.NewEncoder(w).Encode(all)
		return
	}
	i := slices.IndexFunc(all, func(a visitor) bool { return r.URL.Path == desk.DemoPath+"/"+a.Account })
	if i < 0 {
		http.NotFound(w, r)
		return
	}
	ring, err := os.ReadFile(filepath.Join(v.home(all[i].Account), "keyring.age"))
	if err != nil {
		http.Error(w, "the account is not there", http.StatusNotFound)
		return
	}
	_ = json.NewEncoder(w).Encode(desk.Demo{Account: all[i].Account, Name: all[i].Name, Passphrase: visitPassphrase, Keyring: ring})
}

// workerPage waits a while for the node's first worker and adds its page.
func (v *visit) workerPage(ctx context.Context, dir string) {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	for {
		if c, err := readControl(filepath.Join(dir, "children", "worker-0")); err == nil {
			v.add(visitor{Account: "provider", Link: pageAt(c.Address, c.Token)})
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (v *visit) say(w io.Writer) {
	fmt.Fprintf(w, "portal\t%s\ndrop\t%s\nshare\t%s, %s\n", v.Portal, v.Study, visitHospital, v.Hospital)
	fmt.Fprintf(w, "demo accounts\t%s/#demo\tfor trying: their keys are in this folder and their passphrase is public\n", v.Portal)
	for _, a := range v.Accounts {
		fmt.Fprintf(w, "  %s\t%s\n", a.Account, a.Link)
	}
}
