package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"manx/cmd/node"
	"manx/health/phantom"
	"manx/ledger"
	"manx/privacy/seal"
	"manx/web/owner"
)

// A visit is what somebody needs who looks at the portal for the first time.
type visit struct {
	Portal   string         `json:"portal"`
	Study    string         `json:"study"`    // a folder to drop on the page
	Hospital ledger.PartyID `json:"hospital"` // who can be given permission
}

const (
	visitSlices   = 42
	visitHospital = "Riverside Hospital (demo)"
)

// prepareVisit makes a made-up scan and a hospital, once, under the node's folder.
func prepareVisit(ctx context.Context, n *node.Node, dir string) (v visit, err error) {
	v.Portal, v.Study = n.Address, filepath.Join(dir, "visit", "ct")
	if _, err := os.Stat(v.Study); err != nil {
		s, err := phantom.New(phantom.Options{Seed: 7, Slices: visitSlices, PatientName: "Doe^Jane", PatientID: "DEMO-1", BirthDate: "19610412", Sex: "F", StudyDate: "20261103",
			Nodule: phantom.Nodule{Diameter: 24, HU: 40, X: -70, Y: 10, Z: 5}})
		if err == nil {
			err = os.MkdirAll(v.Study, 0o700)
		}
		if err == nil {
			err = s.WriteFolder(ctx, v.Study, 0, visitSlices)
		}
		if err != nil {
			return v, err
		}
	}
	// The hospital's passphrase lies beside its keys: it guards nothing.
	pass, err := seal.NewPassphrase("a hospital of the demo")
	if err != nil {
		return v, err
	}
	home := filepath.Join(dir, "visit", "hospital")
	var h *owner.Home
	if _, serr := os.Stat(filepath.Join(home, "keyring.age")); serr == nil {
		h, err = owner.Open(home, pass, n.Address)
	} else {
		h, err = owner.Join(ctx, home, pass, n.Address, string(ledger.Health))
	}
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	p, err := h.As(ledger.Health)
	if err != nil {
		return v, err
	}
	defer p.Close()
	v.Hospital = p.ID()
	return v, p.Register(ctx, ledger.Hospital, visitHospital)
}

func (v visit) say(w io.Writer) {
	fmt.Fprintf(w, "portal\t%s\ndrop\t%s\nshare\t%s, %s\n", v.Portal, v.Study, visitHospital, v.Hospital)
}
