package web_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/test/oidctest"
	"manx/test/webtest"
	"manx/web/api"
	"manx/web/client"
	"manx/web/oidc"
)

const back = "https://clinic.example/v1/reference"

// A clinic is an organisation whose staff signs in at a provider.
type clinic struct {
	n    *webtest.Network
	s    *ledgertest.Story
	key  *ledgertest.Key
	at   *oidctest.Provider
	call *client.Client
}

func said(p *oidctest.Provider) api.SetStaff {
	return api.SetStaff{Issuer: p.URL, ClientID: p.ClientID, Redirect: p.Redirect, Claim: "groups", Scopes: []string{"profile"},
		Roles: map[string]api.StaffRole{"audit": api.Auditor, "finance": api.Accounts, "ward": api.Operations}}
}

func newClinic(t *testing.T) clinic {
	t.Helper()
	p := oidctest.Start(t, "manx-clinic", back)
	issuers, err := oidc.New([]string{p.URL}, p.Roots)
	if err != nil {
		t.Fatal(err)
	}
	n := webtest.Start(t, webtest.Options{Staff: issuers})
	c := clinic{n, n.Story(t), nil, p, &client.Client{Base: n.URL}}
	c.key = c.s.Party(ledger.Health, ledger.Hospital)
	c.set(t, c.key, said(p), 300, "", 200)
	return c
}

// set says how a party's staff signs in.
func (c clinic) set(t *testing.T, by ledger.Signer, b api.SetStaff, life ledger.Time, match string, status int) {
	t.Helper()
	cmd, err := ledger.NewCommand(c.n.World.Genesis.ID(), by, c.n.World.Now()+life, b)
	if err != nil {
		t.Fatal(err)
	}
	c.send(t, cmd, match, status)
}

func (c clinic) send(t *testing.T, cmd ledger.Command, match string, status int) client.Answer[client.Staff] {
	t.Helper()
	a, err := c.call.SetStaff(t.Context(), client.SetStaffParams{IfMatch: match}, generated(t, cmd))
	check(t, err, a.Status, status)
	return a
}

// generated is a command as the generated client has it.
func generated(t *testing.T, cmd ledger.Command) (out client.Command) {
	t.Helper()
	if err := json.Unmarshal(encode(t, cmd), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func check(t *testing.T, err error, got, want int) {
	t.Helper()
	if p, ok := errors.AsType[*client.Problem](err); ok {
		got, err = int(p.Status), nil
		for _, secret := range []string{"eyJ", "sub-", "127.0.0.1", cause} {
			if strings.Contains(p.Detail+p.Hint, secret) {
				t.Errorf("the problem tells of %s: %+v", secret, p)
			}
		}
	}
	if err != nil || got != want {
		t.Helper()
		t.Errorf("status %d, want %d: %v", got, want, err)
	}
}

// begin begins a sign-in and comes back with a code.
func (c clinic) begin(t *testing.T) client.StaffCode {
	t.Helper()
	a, err := c.call.BeginStaffSignIn(t.Context(), client.PartyID(c.key.Party()))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(a.Value.URL, a.Value.Keep) {
		t.Error("what the tab keeps stands in the address")
	}
	q := c.at.Browse(t, a.Value.URL)
	if q.Get("state") != a.Value.State {
		t.Fatal("another state came back")
	}
	return client.StaffCode{State: a.Value.State, Keep: a.Value.Keep, Code: q.Get("code"), Iss: q.Get("iss")}
}

func (c clinic) trade(t *testing.T, b client.StaffCode, status int) client.Session {
	t.Helper()
	a, err := c.call.EndStaffSignIn(t.Context(), b)
	check(t, err, a.Status, status)
	return a.Value
}

func user(groups ...string) oidctest.User {
	return oidctest.User{Subject: "sub-4711", Claims: map[string]any{"groups": groups, "email": "eva.muster@clinic.example"}}
}

func TestStaffSignsIn(t *testing.T) {
	c := newClinic(t)
	for name, v := range map[string]struct {
		user oidctest.User
		lie  oidctest.Lie
		want []client.StaffRole
	}{
		"one group":                {user("audit"), oidctest.Lie{}, []client.StaffRole{"auditor"}},
		"two groups and another":   {user("ward", "everybody", "audit"), oidctest.Lie{}, []client.StaffRole{"auditor", "operations"}},
		"a group as a text":        {oidctest.User{Subject: "sub-1", Claims: map[string]any{"groups": "finance"}}, oidctest.Lie{}, []client.StaffRole{"accounts"}},
		"signed by ES256":          {user("audit"), oidctest.Lie{Alg: "ES256"}, []client.StaffRole{"auditor"}},
		"an audience of several":   {user("audit"), oidctest.Lie{Claims: func(m map[string]any) { m["aud"], m["azp"] = []string{"other", "manx-clinic"}, "manx-clinic" }}, []client.StaffRole{"auditor"}},
		"keys that have just been": {user("audit"), oidctest.Lie{}, []client.StaffRole{"auditor"}},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(name, "keys") {
				c.at.Rotate(t)
			}
			c.at.As(v.user, v.lie)
			in := c.trade(t, c.begin(t), 200)
			if !slices.Equal(in.Roles, v.want) {
				t.Errorf("roles %v, want %v", in.Roles, v.want)
			}
			mine := &client.Client{Base: c.n.URL, Token: in.Token}
			list, err := mine.Sessions(t.Context())
			if err != nil || len(list.Value.Items) == 0 || !list.Value.Items[0].Current && len(list.Value.Items) == 1 {
				t.Errorf("%+v, %v", list.Value, err)
			}
			if life := time.Duration(in.Expires-list.Value.Items[0].Opened) * time.Second; life > 8*time.Hour {
				t.Errorf("it lasts %v", life)
			}
		})
	}
	for _, secret := range []string{"sub-4711", "eva.muster", "eyJ"} {
		if strings.Contains(c.n.Log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

// What does not prove who signs in opens no session, whatever the provider says.
func TestStaffSignInsThatAreRefused(t *testing.T) {
	c := newClinic(t)
	claim := func(k string, v any) oidctest.Lie {
		return oidctest.Lie{Claims: func(m map[string]any) {
			if m[k] = v; v == nil {
				delete(m, k)
			}
		}}
	}
	now := time.Now().Unix()
	for name, v := range map[string]struct {
		lie    oidctest.Lie
		user   oidctest.User
		change func(*client.StaffCode)
		status int
	}{
		"another nonce":                     {claim("nonce", "0"), user("audit"), nil, 403},
		"no nonce":                          {claim("nonce", nil), user("audit"), nil, 403},
		"another audience":                  {claim("aud", "another-client"), user("audit"), nil, 403},
		"no audience":                       {claim("aud", nil), user("audit"), nil, 403},
		"several audiences, nobody's":       {claim("aud", []string{"manx-clinic", "other"}), user("audit"), nil, 403},
		"another authorised party":          {claim("azp", "other"), user("audit"), nil, 403},
		"another issuer in the token":       {claim("iss", "https://evil.example"), user("audit"), nil, 403},
		"a token of yesterday":              {claim("exp", now-86400), user("audit"), nil, 403},
		"a token without an end":            {claim("exp", nil), user("audit"), nil, 403},
		"a token of tomorrow":               {claim("nbf", now+86400), user("audit"), nil, 403},
		"no subject":                        {claim("sub", ""), user("audit"), nil, 403},
		"groups that are numbers":           {claim("groups", []int{1}), user("audit"), nil, 403},
		"alg none":                          {oidctest.Lie{Alg: "none"}, user("audit"), nil, 403},
		"alg none, said to be RS256":        {oidctest.Lie{Alg: "none", Header: func(m map[string]any) { m["alg"] = "RS256" }}, user("audit"), nil, 403},
		"HS256 with the public key":         {oidctest.Lie{Alg: "HS256"}, user("audit"), nil, 403},
		"a spoilt signature":                {oidctest.Lie{Spoil: true}, user("audit"), nil, 403},
		"a spoilt signature of ES256":       {oidctest.Lie{Spoil: true, Alg: "ES256"}, user("audit"), nil, 403},
		"an unknown kid":                    {oidctest.Lie{Header: func(m map[string]any) { m["kid"] = "nobody" }}, user("audit"), nil, 403},
		"a key of another kind":             {oidctest.Lie{Alg: "RS256", Header: func(m map[string]any) { m["alg"] = "ES256" }}, user("audit"), nil, 403},
		"no ID token":                       {oidctest.Lie{NoToken: true}, user("audit"), nil, 403},
		"a token endpoint that fails":       {oidctest.Lie{Silent: true}, user("audit"), nil, 503},
		"no group with a role":              {oidctest.Lie{}, user("everybody"), nil, 403},
		"no groups at all":                  {oidctest.Lie{}, oidctest.User{Subject: "sub-1"}, nil, 403},
		"another code":                      {oidctest.Lie{}, user("audit"), func(b *client.StaffCode) { b.Code = "0" }, 403},
		"another state":                     {oidctest.Lie{}, user("audit"), func(b *client.StaffCode) { b.State = strings.Repeat("0", 64) }, 403},
		"who did not begin it":              {oidctest.Lie{}, user("audit"), func(b *client.StaffCode) { b.Keep = strings.Repeat("0", 64) }, 403},
		"another issuer beside the code":    {oidctest.Lie{}, user("audit"), func(b *client.StaffCode) { b.Iss = "https://evil.example" }, 403},
		"no issuer beside the code":         {oidctest.Lie{}, user("audit"), func(b *client.StaffCode) { b.Iss = "" }, 403},
		"nothing kept":                      {oidctest.Lie{}, user("audit"), func(b *client.StaffCode) { b.Keep = "" }, 400},
		"too late":                          {oidctest.Lie{}, user("audit"), nil, 0},
		"another sign-in's code (injected)": {oidctest.Lie{}, user("audit"), func(b *client.StaffCode) { b.Code = c.begin(t).Code }, 403},
	} {
		t.Run(name, func(t *testing.T) {
			c.at.As(v.user, v.lie)
			b := c.begin(t)
			if v.change != nil {
				v.change(&b)
			}
			if v.status == 0 {
				c.n.World.Advance(601)
				c.s.Tick()
				v.status = 403
			}
			if in := c.trade(t, b, v.status); in.Token != "" {
				t.Error("a session was opened")
			}
			c.at.As(user("audit"), oidctest.Lie{})
			if v.status == 403 && v.change == nil { // spent, whatever became of it
				c.trade(t, b, 403)
			}
		})
	}
}

// A sign-in opens one session, however often what came back is sent.
func TestAStaffCodeIsTradedOnce(t *testing.T) {
	c := newClinic(t)
	c.at.As(user("audit"), oidctest.Lie{})
	b := c.begin(t)
	if c.trade(t, b, 200).Token == "" {
		t.Fatal("no session")
	}
	for range 2 {
		c.trade(t, b, 403)
	}
	if c.at.Asked != 1 {
		t.Errorf("the provider was asked %d times", c.at.Asked)
	}
}

// Who may say how staff signs in, and when it holds.
func TestInvariant2_StaffIsTheOrganisations(t *testing.T) {
	c := newClinic(t)
	c.at.As(user("audit"), oidctest.Lie{})
	ward := &client.Client{Base: c.n.URL, Token: c.trade(t, c.begin(t), 200).Token}
	person, worker, other := c.s.Party(ledger.Health, ledger.Person), c.s.Party(ledger.Common, ledger.Worker), c.s.Party(ledger.Health, ledger.Hospital)
	c.set(t, person, said(c.at), 300, "", 403)
	c.set(t, worker, said(c.at), 300, "", 403)
	c.set(t, other.For(c.key.Party()), said(c.at), 300, "", 403)
	c.set(t, c.key, said(c.at), 601, "", 403)
	c.set(t, c.key, said(c.at), -1, "", 403)
	foreign := said(c.at)
	foreign.Issuer = "https://evil.example"
	c.set(t, c.key, foreign, 300, "", 403)
	if _, err := c.call.BeginStaffSignIn(t.Context(), client.PartyID(other.Party())); err == nil {
		t.Error("staff of an organisation that said nothing begins")
	}

	mine := &client.Client{Base: c.n.URL, Token: signIn(t, c.n, c.key)}
	now, err := mine.Staff(t.Context(), client.StaffParams{})
	if err != nil || now.Value.Issuer != c.at.URL {
		t.Fatalf("%+v, %v", now.Value, err)
	}
	if same, err := mine.Staff(t.Context(), client.StaffParams{IfNoneMatch: now.Header.Get("ETag")}); err != nil || same.Status != http.StatusNotModified {
		t.Errorf("status %d, %v", same.Status, err)
	}
	if _, err := ward.Staff(t.Context(), client.StaffParams{}); err == nil {
		t.Error("staff reads how it signs in")
	}

	// A later word replaces an earlier one; neither comes back.
	less := said(c.at)
	less.Roles = maps.Clone(less.Roles)
	delete(less.Roles, "audit")
	c.set(t, c.key, less, 400, `"another"`, 412)
	first, err := ledger.NewCommand(c.n.World.Genesis.ID(), c.key, c.n.World.Now()+400, less)
	if err != nil {
		t.Fatal(err)
	}
	tag := c.send(t, first, now.Header.Get("ETag"), 200).Header.Get("ETag")
	if again := c.send(t, first, "", 200); again.Header.Get("ETag") != tag {
		t.Error("the same command again is answered otherwise")
	}
	if _, err := ward.Sessions(t.Context()); err == nil {
		t.Error("a session of staff outlives what it rested on")
	}
	if _, err := mine.Sessions(t.Context()); err != nil {
		t.Errorf("the account's own session ended: %v", err)
	}
	c.trade(t, c.begin(t), 403)
	c.set(t, c.key, said(c.at), 350, "", 409) // signed to end before the one in force
	c.set(t, c.key, api.SetStaff{}, 500, "", 200)
	c.send(t, first, "", 403)
	if _, err := c.call.BeginStaffSignIn(t.Context(), client.PartyID(c.key.Party())); err == nil {
		t.Error("staff begins after its organisation ended that")
	}
}

// What a registration may say.
func TestStaffRegistrations(t *testing.T) {
	good := api.SetStaff{Issuer: "https://id.example", ClientID: "c", Redirect: "http://127.0.0.1:8420/v1/reference", Claim: "groups", Roles: map[string]api.StaffRole{"g": api.Auditor}}
	if err := errors.Join(good.Check(), api.SetStaff{}.Check()); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*api.SetStaff){
		"an issuer without TLS":   func(b *api.SetStaff) { b.Issuer = "http://id.example" },
		"no client":               func(b *api.SetStaff) { b.ClientID = "" },
		"back without TLS":        func(b *api.SetStaff) { b.Redirect = "http://clinic.example/" },
		"back to a script":        func(b *api.SetStaff) { b.Redirect = "javascript:alert(1)" },
		"back with a password":    func(b *api.SetStaff) { b.Redirect = "https://u:p@clinic.example/" },
		"back with a fragment":    func(b *api.SetStaff) { b.Redirect = "https://clinic.example/#a" },
		"no claim":                func(b *api.SetStaff) { b.Claim = "" },
		"no roles":                func(b *api.SetStaff) { b.Roles = nil },
		"a role of no kind":       func(b *api.SetStaff) { b.Roles = map[string]api.StaffRole{"g": "owner"} },
		"a scope with a space":    func(b *api.SetStaff) { b.Scopes = []string{"a b"} },
		"roles without an issuer": func(b *api.SetStaff) { b.Issuer = "" },
	} {
		b := good
		if change(&b); b.Check() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
