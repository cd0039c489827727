// Package oidc signs the staff of organisations in at OpenID providers: discovery, the
// authorisation-code flow with PKCE, and ID tokens verified against the issuer's keys
// (OpenID Connect Core 1.0, RFC 7636, RFC 9207). It is the only door to go-oidc and
// oauth2. It knows no party and no role, and keeps nothing but what issuers publish.
package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	coreos "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"manx/privacy/notice"
)

// Bounds of what a provider is asked and may say.
const (
	patience  = 10 * time.Second
	maxBytes  = 1 << 20
	maxGroups = 1000
	fresh     = 10 * time.Minute // of a discovery document
	silence   = 5 * time.Second  // before an issuer that failed is asked again
)

// Issuers are the providers that a node's operator lets organisations use. It is safe
// for concurrent use.
type Issuers struct {
	names  []string
	client *http.Client

	mu    sync.Mutex
	known map[string]found
}

type found struct {
	provider *coreos.Provider // or
	failed   error
	until    time.Time
}

// New returns the issuers of the given https addresses, whose certificates are signed by
// roots; nil means those this machine knows.
func New(names []string, roots *x509.CertPool) (*Issuers, error) {
	for _, n := range names {
		if u, err := url.Parse(n); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, notice.Because(err, notice.Invalid, "an issuer is an https address", "give --staff-issuer the issuer as its discovery document has it")
		}
	}
	t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: patience, ResponseHeaderTimeout: patience,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	return &Issuers{names: slices.Clone(names), known: map[string]found{}, client: &http.Client{Transport: bounded{t}, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// bounded speaks https only and reads no answer beyond maxBytes.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errors.New("an issuer names an address without TLS")
	}
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxBytes), resp.Body}
	}
	return resp, err
}

// Allowed reports whether the operator named an issuer.
func (i *Issuers) Allowed(issuer string) bool { return i != nil && slices.Contains(i.names, issuer) }

// A SignIn is one way through a provider: where, as which client, and what was drawn for
// it. All of it is kept until it comes back.
type SignIn struct {
	Issuer   string   `json:"issuer"`
	ClientID string   `json:"client_id"`
	Redirect string   `json:"redirect"`
	Scopes   []string `json:"scopes,omitempty"` // beside openid
	State    string   `json:"-"`
	Nonce    string   `json:"nonce"`
	Verifier string   `json:"verifier"` // of PKCE
}

// A Member is who came back.
type Member struct {
	Digest string   // of issuer and subject, 32 hexadecimal digits; no name
	Groups []string // of the claim that was asked for
}

// URL returns where the provider lets people sign in.
func (i *Issuers) URL(ctx context.Context, s SignIn) (string, error) {
	p, err := i.provider(ctx, s.Issuer)
	if err != nil {
		return "", err
	}
	return config(p, s).AuthCodeURL(s.State, oauth2.S256ChallengeOption(s.Verifier), coreos.Nonce(s.Nonce)), nil
}

// Trade trades a code for an ID token, verifies it and returns whose it is, with the
// groups of a claim. iss is what came back beside the code (RFC 9207), "" for nothing. A
// refusal is a notice that says nothing of the token.
func (i *Issuers) Trade(ctx context.Context, s SignIn, code, iss, claim string) (Member, error) {
	p, err := i.provider(ctx, s.Issuer)
	if err != nil {
		return Member{}, err
	}
	if err := answeredBy(p, s.Issuer, iss); err != nil {
		return Member{}, refused(err)
	}
	token, err := config(p, s).Exchange(i.with(ctx), code, oauth2.VerifierOption(s.Verifier))
	if e := (*oauth2.RetrieveError)(nil); errors.As(err, &e) && e.Response.StatusCode < 500 {
		return Member{}, refused(err)
	} else if err != nil {
		return Member{}, silent(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok || len(raw) > maxBytes {
		return Member{}, refused(errors.New("no ID token"))
	}
	return i.verify(ctx, p, s, raw, claim)
}

// verify checks an ID token as Core 3.1.3.7 says: issuer, audience, authorised party,
// signature by a key that the issuer publishes, time and nonce.
func (i *Issuers) verify(ctx context.Context, p *coreos.Provider, s SignIn, raw, claim string) (m Member, err error) {
	v := p.VerifierContext(i.with(ctx), &coreos.Config{ClientID: s.ClientID, SupportedSigningAlgs: []string{coreos.RS256, coreos.ES256}})
	t, err := v.Verify(i.with(ctx), raw)
	if err != nil {
		return m, refused(err)
	}
	var more struct {
		AuthorisedParty string `json:"azp"`
	}
	all := map[string]json.RawMessage{}
	if err := errors.Join(t.Claims(&more), t.Claims(&all)); err != nil {
		return m, refused(err)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(s.Nonce)) != 1:
		return m, refused(errors.New("another nonce"))
	case (more.AuthorisedParty != "" || len(t.Audience) > 1) && more.AuthorisedParty != s.ClientID:
		return m, refused(errors.New("another authorised party"))
	case t.Subject == "" || len(t.Subject) > 255:
		return m, refused(errors.New("no subject"))
	}
	h := sha256.Sum256([]byte("manx/member/v1\x00" + t.Issuer + "\x00" + t.Subject))
	m.Digest = hex.EncodeToString(h[:16])
	if g, ok := all[claim]; ok {
		m.Groups, err = groups(g)
	}
	return m, err
}

// groups reads a claim that is a text or a list of texts.
func groups(raw json.RawMessage) ([]string, error) {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	if err := json.Unmarshal(raw, &many); err != nil || len(many) > maxGroups {
		return nil, refused(errors.Join(errors.New("the claim of groups is no text and no list of texts"), err))
	}
	return many, nil
}

// answeredBy holds an answer's issuer against the one that was asked: it must be there
// where the issuer says that it is.
func answeredBy(p *coreos.Provider, issuer, iss string) error {
	var says struct {
		Always bool `json:"authorization_response_iss_parameter_supported"`
	}
	if err := p.Claims(&says); err != nil {
		return err
	}
	if iss != issuer && (iss != "" || says.Always) {
		return errors.New("another issuer answered")
	}
	return nil
}

func (i *Issuers) provider(ctx context.Context, issuer string) (*coreos.Provider, error) {
	if !i.Allowed(issuer) {
		return nil, notice.New(notice.Denied, "this node's operator has not named that issuer", "ask for `manx up --staff-issuer`")
	}
	i.mu.Lock()
	f := i.known[issuer]
	i.mu.Unlock()
	if time.Now().Before(f.until) {
		return f.provider, f.failed
	}
	p, err := coreos.NewProvider(i.with(ctx), issuer)
	if ctx.Err() != nil { // who asked has left: it says nothing of the issuer
		return nil, silent(ctx.Err())
	}
	f = found{provider: p, until: time.Now().Add(fresh)}
	if err != nil {
		f = found{failed: silent(err), until: time.Now().Add(silence)}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.known[issuer] = f
	return f.provider, f.failed
}

func (i *Issuers) with(ctx context.Context) context.Context {
	return coreos.ClientContext(ctx, i.client)
}

// config is of a public client: PKCE stands in for a secret.
func config(p *coreos.Provider, s SignIn) *oauth2.Config {
	e := p.Endpoint()
	e.AuthStyle = oauth2.AuthStyleInParams
	return &oauth2.Config{ClientID: s.ClientID, Endpoint: e, RedirectURL: s.Redirect, Scopes: append([]string{coreos.ScopeOpenID}, s.Scopes...)}
}

func refused(cause error) error {
	return notice.Because(fmt.Errorf("sign-in at an issuer: %w", cause), notice.Denied, "the issuer's answer does not prove who signs in", "begin the sign-in again")
}

func silent(cause error) error {
	return notice.Because(fmt.Errorf("ask an issuer: %w", cause), notice.Unavailable, "the organisation's issuer does not answer as it should", "try again in a moment")
}
