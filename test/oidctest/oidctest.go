// Package oidctest is a strict OpenID provider over TLS, for tests only: it refuses every
// request that a careless client would send, gives each code once, and tells lies in its
// ID tokens where a test asks for them. It shares no code with what it tests.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Provider is running until its test ends.
type Provider struct {
	URL      string
	Roots    *x509.CertPool // that its certificate is signed by
	ClientID string
	Redirect string

	server *httptest.Server

	mu    sync.Mutex
	user  User
	lie   Lie
	keys  []key
	codes map[string]asked
	Asked int // how often the token endpoint was
}

// A User is who signs in.
type User struct {
	Subject string
	Claims  map[string]any
}

// A Lie changes what the provider says. The zero value is the truth.
type Lie struct {
	Claims    func(map[string]any) // of the ID token, before it is signed
	Header    func(map[string]any) // of the token
	Alg       string               // RS256 where "", ES256, none, HS256 with the public key as its secret
	Spoil     bool                 // the signature
	Silent    bool                 // the token endpoint fails
	NoToken   bool                 // it answers without an ID token
	Discovery func(map[string]any) // of the discovery document
}

type key struct {
	id  string
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
}

type asked struct {
	challenge, nonce string
	used             bool
}

// Start starts a provider that knows one public client.
func Start(t testing.TB, clientID, redirect string) *Provider {
	t.Helper()
	p := &Provider{ClientID: clientID, Redirect: redirect, codes: map[string]asked{}}
	p.Rotate(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /keys", p.published)
	p.server = httptest.NewTLSServer(mux)
	t.Cleanup(p.server.Close)
	p.URL, p.Roots = p.server.URL, x509.NewCertPool()
	p.Roots.AddCert(p.server.Certificate())
	return p
}

// Rotate makes new keys; the old ones are published no longer.
func (p *Provider) Rotate(t testing.TB) {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = []key{{id: draw(), rsa: r}, {id: draw(), ec: e}}
}

// As says who signs in from now on, and how the provider lies.
func (p *Provider) As(u User, l Lie) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.user, p.lie = u, l
}

// Browse goes to an address as a browser would, and returns what the provider sent it
// back with.
func (p *Provider) Browse(t testing.TB, address string) url.Values {
	t.Helper()
	c := *p.server.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		t.Fatalf("the provider answers %d to %s", resp.StatusCode, address)
	}
	if !strings.HasPrefix(to.String(), p.Redirect+"?") {
		t.Fatalf("sent to %s", to)
	}
	return to.Query()
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	d := map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "code_challenge_methods_supported": []string{"S256"},
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "HS256", "none"}, "authorization_response_iss_parameter_supported": true}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lie.Discovery != nil {
		p.lie.Discovery(d)
	}
	answer(w, http.StatusOK, d)
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for name, ok := range map[string]bool{
		"response_type":         q.Get("response_type") == "code",
		"client_id":             q.Get("client_id") == p.ClientID,
		"redirect_uri":          q.Get("redirect_uri") == p.Redirect,
		"scope":                 strings.HasPrefix(q.Get("scope")+" ", "openid "),
		"state":                 len(q.Get("state")) >= 32,
		"nonce":                 len(q.Get("nonce")) >= 32,
		"code_challenge":        len(q.Get("code_challenge")) == 43,
		"code_challenge_method": q.Get("code_challenge_method") == "S256",
	} {
		if !ok || len(q[name]) != 1 {
			http.Error(w, name, http.StatusBadRequest)
			return
		}
	}
	code := draw()
	p.mu.Lock()
	p.codes[code] = asked{challenge: q.Get("code_challenge"), nonce: q.Get("nonce")}
	p.mu.Unlock()
	back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.URL}}
	http.Redirect(w, r, p.Redirect+"?"+back.Encode(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Asked++
	if p.lie.Silent {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	if err := r.ParseForm(); err != nil || r.Header.Get("Authorization") != "" || r.PostForm.Has("client_secret") {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	f := r.PostForm
	a, known := p.codes[f.Get("code")]
	sum := sha256.Sum256([]byte(f.Get("code_verifier")))
	proof := base64.RawURLEncoding.EncodeToString(sum[:])
	if !known || a.used || f.Get("grant_type") != "authorization_code" || f.Get("client_id") != p.ClientID || f.Get("redirect_uri") != p.Redirect ||
		len(f.Get("code_verifier")) < 43 || subtle.ConstantTimeCompare([]byte(proof), []byte(a.challenge)) != 1 {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": "code " + f.Get("code")})
		return
	}
	a.used = true
	p.codes[f.Get("code")] = a
	out := map[string]any{"access_token": draw(), "token_type": "Bearer", "expires_in": 300}
	if !p.lie.NoToken {
		out["id_token"] = p.sign(a.nonce)
	}
	w.Header().Set("Cache-Control", "no-store")
	answer(w, http.StatusOK, out)
}

func (p *Provider) published(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []map[string]any
	for _, k := range p.keys {
		switch {
		case k.rsa != nil:
			all = append(all, map[string]any{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": k.id, "n": b64(k.rsa.N.Bytes()), "e": b64(big.NewInt(int64(k.rsa.E)).Bytes())})
		default:
			xy, _ := k.ec.PublicKey.Bytes() // 4, X, Y
			all = append(all, map[string]any{"kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": k.id, "x": b64(xy[1:33]), "y": b64(xy[33:])})
		}
	}
	answer(w, http.StatusOK, map[string]any{"keys": all})
}

// sign makes an ID token, true or as the lie has it.
func (p *Provider) sign(nonce string) string {
	now := time.Now().Unix()
	claims := map[string]any{"iss": p.URL, "sub": p.user.Subject, "aud": p.ClientID, "iat": now, "exp": now + 300, "nonce": nonce}
	for k, v := range p.user.Claims {
		claims[k] = v
	}
	if p.lie.Claims != nil {
		p.lie.Claims(claims)
	}
	alg := p.lie.Alg
	if alg == "" {
		alg = "RS256"
	}
	k := p.keys[0]
	if alg == "ES256" {
		k = p.keys[1]
	}
	header := map[string]any{"alg": alg, "typ": "JWT", "kid": k.id}
	if p.lie.Header != nil {
		p.lie.Header(header)
	}
	signed := part(header) + "." + part(claims)
	sum := sha256.Sum256([]byte(signed))
	var sig []byte
	switch alg {
	case "RS256":
		sig, _ = rsa.SignPKCS1v15(nil, k.rsa, crypto.SHA256, sum[:])
	case "ES256":
		r, s, _ := ecdsa.Sign(rand.Reader, k.ec, sum[:])
		sig = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case "HS256":
		public, _ := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
		m := hmac.New(sha256.New, public)
		m.Write([]byte(signed))
		sig = m.Sum(nil)
	}
	if p.lie.Spoil {
		sig[len(sig)/2] ^= 1
	}
	return signed + "." + b64(sig)
}

func part(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("claims that are no JSON: %v", err))
	}
	return b64(b)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func draw() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
