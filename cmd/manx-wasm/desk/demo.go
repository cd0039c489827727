package desk

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/web/owner"
)

// DemoPath is where a node that was started with `manx up --demo` serves its accounts:
// the list, and below it each by its name.
const DemoPath = "/demo/accounts"

// A Demo is an account that `manx up --demo` made, with all that opens it. Who runs
// the node has it too: it is for trying, and guards nothing.
type Demo struct {
	Account    string `json:"account"`
	Name       string `json:"name,omitempty"` // public
	Passphrase string `json:"passphrase"`
	Keyring    []byte `json:"keyring,omitempty"` // sealed under the passphrase; not in the list
}

// maxDemo bounds an account's JSON, in bytes.
const maxDemo = 1 << 20

// demo takes an account from the node that serves the page into this browser, and sits
// down as it. It has a home of its own, apart from the person's accounts.
func (d *Desk) demo(ctx context.Context, a struct {
	Account string `json:"account"`
}, show Show) (any, error) {
	who, err := accountNamed(a.Account)
	if err != nil {
		return nil, err
	}
	who.demo = true
	var got Demo
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.node+DemoPath+"/"+who.name, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, notice.Because(err, notice.Unavailable, "the node does not answer", "is it running?")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, notice.New(notice.NotFound, "this node has no demo account of that name", "start it with `manx up --demo`")
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxDemo)).Decode(&got); err != nil {
		return nil, notice.Because(err, notice.Integrity, "the node's demo account is damaged", "start the node with `manx up --demo` in an empty folder")
	}
	show(Progress{Stage: "keys"})
	pass, err := seal.NewPassphrase(got.Passphrase)
	if err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	h, err := owner.Adopt(ctx, d.homeOf(who), got.Keyring, pass, d.node)
	if err != nil {
		return nil, err
	}
	if err := d.sit(h, who); err != nil {
		return nil, err
	}
	return d.status(ctx, none{}, show)
}
