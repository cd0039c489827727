package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"manx/ledger"
	"manx/test/oidctest"
	"manx/test/webtest"
	"manx/web/api"
	"manx/web/client"
	"manx/web/oidc"
)

// signed is a command as the generated client has it.
func signed(t *testing.T, n *webtest.Network, by ledger.Signer, b ledger.Body) (out client.Command) {
	t.Helper()
	c, err := ledger.NewCommand(n.World.Genesis.ID(), by, n.World.Now()+300, b)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(c)
	if err = errors.Join(err, json.Unmarshal(raw, &out)); err != nil {
		t.Fatal(err)
	}
	return out
}

// The reference page is read, tried with a token and as staff, in a browser that asks
// the node and the organisation's issuer alone.
func TestTheReferencePageInTheBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	chromium, uiDir := browser(t)
	issuer := oidctest.Start(t, "manx", "")
	issuers, err := oidc.New([]string{issuer.URL}, issuer.Roots)
	if err != nil {
		t.Fatal(err)
	}
	n := webtest.Start(t, webtest.Options{Staff: issuers})
	issuer.Redirect = n.URL + api.Reference
	issuer.As(oidctest.User{Subject: "sub-4711", Claims: map[string]any{"groups": "audit"}}, oidctest.Lie{})
	s := n.Story(t)
	hospital := s.Party(ledger.Health, ledger.Hospital)
	coin := s.Fund(hospital, ledger.MAN(3))
	c := &client.Client{Base: n.URL}
	if _, err := c.SetStaff(t.Context(), client.SetStaffParams{}, signed(t, n, hospital, api.SetStaff{Issuer: issuer.URL, ClientID: "manx", Redirect: issuer.Redirect, Claim: "groups",
		Roles: map[string]api.StaffRole{"audit": api.Auditor}})); err != nil {
		t.Fatal(err)
	}
	session, err := c.SignIn(t.Context(), signed(t, n, hospital, api.OpenSession{}))
	if err != nil {
		t.Fatal(err)
	}
	out := os.Getenv("MANX_SCREENS")
	if out == "" {
		out = t.TempDir()
	}
	arg, err := json.Marshal(map[string]string{"ui": uiDir, "chromium": chromium, "address": n.URL, "token": session.Value.Token, "party": string(hospital.Party()), "out": out})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	node := exec.CommandContext(ctx, "node", "reference.mjs", string(arg))
	var warn bytes.Buffer
	node.Stderr = &warn
	said, err := node.Output()
	var saw struct {
		OK                    bool
		Failed                string
		Console, Origins, Axe []string
		Texts                 map[string]string
	}
	if err = errors.Join(err, json.Unmarshal(said, &saw)); err != nil || !saw.OK {
		t.Fatalf("%v %s\n%s%v", err, saw.Failed, warn.String(), saw.Console)
	}
	if len(saw.Console)+len(saw.Axe) > 0 {
		t.Errorf("console %v, axe %v", saw.Console, saw.Axe)
	}
	slices.Sort(saw.Origins)
	want := []string{n.URL, issuer.URL}
	if slices.Sort(want); !slices.Equal(saw.Origins, want) {
		t.Errorf("the browser asked %v, want %v", saw.Origins, want)
	}
	if !strings.Contains(saw.Texts["coins"], string(coin)) || strings.Contains(saw.Texts["coins"], session.Value.Token) {
		t.Errorf("the page shows %q", saw.Texts["coins"])
	}
	if strings.Contains(saw.Texts["address"], "code=") {
		t.Errorf("the code stays in the address: %s", saw.Texts["address"])
	}
}
