package api

import (
	"errors"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"manx/ledger"
)

// OpenSession is the body of the signed command that opens a session. It never
// reaches the ledger.
type OpenSession struct{}

// Command implements ledger.Body.
func (OpenSession) Command() string { return "session.open" }

// Check implements ledger.Body.
func (OpenSession) Check() error { return nil }

// MaxSignIn is how long, in seconds, a command that opens a session or says how staff
// signs in may be valid.
const MaxSignIn = ledger.Time(600)

// Session is the answer: a bearer token.
type Session struct {
	Token   string      `json:"token"`
	ID      string      `json:"id"`
	Expires ledger.Time `json:"expires"`
	Idle    int         `json:"idle_seconds"`    // it ends when it was not used for so long
	Roles   []StaffRole `json:"roles,omitempty"` // of staff
}

// SessionList is those of a party that have not ended.
type SessionList struct {
	Items []Opened `json:"items"`
}

// Opened is a session as it is listed: without its token.
type Opened struct {
	ID       string      `json:"id"`
	Opened   ledger.Time `json:"opened"`
	Seen     ledger.Time `json:"seen"` // last used, to the minute
	Expires  ledger.Time `json:"expires"`
	IdleEnds ledger.Time `json:"idle_ends"`
	Current  bool        `json:"current"` // the one that asks
	Roles    []StaffRole `json:"roles,omitempty"`
}

// A StaffRole is what a member of an organisation's staff may read. None may change or
// sign anything.
type StaffRole string

// The roles of staff.
const (
	Auditor    StaffRole = "auditor"    // records of what happened
	Accounts   StaffRole = "accounts"   // money
	Operations StaffRole = "operations" // jobs, records, blobs
)

// Valid reports whether r is one of the roles.
func (r StaffRole) Valid() bool { return r == Auditor || r == Accounts || r == Operations }

// SetStaff is the body of the signed command by which an organisation says how its
// staff signs in by OpenID Connect; an empty issuer ends that. It never reaches the
// ledger.
type SetStaff struct {
	Issuer   string               `json:"issuer"`
	ClientID string               `json:"client_id"` // of a public client
	Redirect string               `json:"redirect"`  // where the issuer sends people back to
	Scopes   []string             `json:"scopes,omitempty"`
	Claim    string               `json:"claim"` // of the ID token, that holds groups
	Roles    map[string]StaffRole `json:"roles"` // by group
}

// Command implements ledger.Body.
func (SetStaff) Command() string { return "staff.set" }

// Check implements ledger.Body.
func (b SetStaff) Check() error {
	if b.Issuer == "" {
		if b.ClientID != "" || b.Redirect != "" || len(b.Scopes)+len(b.Roles) > 0 || b.Claim != "" {
			return errors.New("without an issuer nothing else is said of staff")
		}
		return nil
	}
	u, err := url.Parse(b.Redirect)
	switch {
	case len(b.Issuer) > 500 || !strings.HasPrefix(b.Issuer, "https://"):
		return errors.New("an issuer is an https address")
	case b.ClientID == "" || len(b.ClientID) > 200:
		return errors.New("a client id has 1 to 200 bytes")
	case err != nil || len(b.Redirect) > 500 || u.User != nil || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return errors.New("people come back to an https address, or to one of this machine")
	case b.Claim == "" || len(b.Claim) > 100:
		return errors.New("the claim that holds groups has 1 to 100 bytes")
	case len(b.Roles) == 0 || len(b.Roles) > 64 || len(b.Scopes) > 8:
		return errors.New("1 to 64 groups have roles, and at most 8 scopes are asked for")
	}
	for _, s := range b.Scopes {
		if s == "" || len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return errors.New("a scope is a word of at most 64 bytes")
		}
	}
	for group, r := range b.Roles {
		if group == "" || len(group) > 200 || !r.Valid() {
			return errors.New("a group of at most 200 bytes has one of the roles auditor, accounts and operations")
		}
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Of returns the roles that groups have, each once, in the order of their names.
func (b SetStaff) Of(groups []string) []StaffRole {
	has := map[StaffRole]bool{}
	for _, g := range groups {
		if r, ok := b.Roles[g]; ok {
			has[r] = true
		}
	}
	return slices.Sorted(maps.Keys(has))
}

// StaffSignIn is a sign-in that has begun.
type StaffSignIn struct {
	URL     string      `json:"url"` // where to go
	State   string      `json:"state"`
	Keep    string      `json:"keep"` // stays in the tab, and is never in an address
	Expires ledger.Time `json:"expires"`
}

// StaffCode is what came back from the issuer, with what the tab kept.
type StaffCode struct {
	State string `json:"state"`
	Keep  string `json:"keep"`
	Code  string `json:"code"`
	Iss   string `json:"iss,omitempty"` // RFC 9207
}
