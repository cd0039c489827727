package real

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/fabric"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// misled connects with profiles that the good one was made wrong into. Each gets
// a notice that names the cure, in time.
func (c channel) misled(t *testing.T) {
	good, err := os.ReadFile(c.Profile)
	if err != nil {
		t.Fatal(err)
	}
	profile := func(t *testing.T, text string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "connection.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	swap := func(pattern, with string) string {
		return regexp.MustCompile(pattern).ReplaceAllString(string(good), with)
	}
	for name, bad := range map[string]struct {
		profile string
		cfg     fabric.Config
		kind    notice.Kind
		says    string
	}{
		"a peer of another channel": {swap(`(?m)^  manx:`, "  elsewhere:"), fabric.Config{Channel: "elsewhere"}, notice.Denied, "has not joined channel elsewhere"},
		"the peers' authority is another's": {
			swap(`/exchange/(peer|orderer)/tls/ca.pem`, "/health/$1/tls/ca.pem"), fabric.Config{}, notice.Invalid, "TLS certificate",
		},
		"a user the channel does not know": {
			swap(`mspid: exchange`, "mspid: stranger"), fabric.Config{}, notice.Denied, "does not know this user",
		},
		"nobody listens": {swap(`127\.0\.0\.1:\d+`, "127.0.0.1:1"), fabric.Config{}, notice.Unavailable, "does not answer"},
		"cut off":        {string(good[:len(good)/3]), fabric.Config{}, notice.Invalid, "connection profile"},
	} {
		t.Run(name, func(t *testing.T) {
			bad.cfg.Profile = profile(t, bad.profile)
			began := time.Now()
			l, err := fabric.New(t.Context(), bad.cfg)
			if err == nil {
				t.Fatal(errors.Join(errors.New("it was taken"), l.Close()))
			}
			n := notice.From(err)
			if n.Kind != bad.kind || !strings.Contains(n.Text, bad.says) || n.Hint == "" {
				t.Errorf("%v: %q, hint %q (%v)", n.Kind, n.Text, n.Hint, errors.Unwrap(n))
			}
			if took := time.Since(began); took > 12*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}

	t.Run("no orderer answers", func(t *testing.T) {
		cfg := fabric.Config{Patience: time.Second, Profile: profile(t, regexp.MustCompile(`(?s)\norderers:.*\npeers:`).
			ReplaceAllStringFunc(string(good), func(part string) string {
				return regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(part, "127.0.0.1:1")
			}))}
		l, err := fabric.New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}()
		s := &ledgertest.Story{T: t, Ledger: l, World: c.world}
		k := ledgertest.NewKey(ledger.Health, rand.Reader)
		err = s.Try(k, ledger.RegisterParty{Vertical: ledger.Health, Role: ledger.Person, Key: k.Public(), Sealing: "age1unsent"})
		if n := notice.From(err); n.Kind != notice.Unavailable || !strings.Contains(n.Text, "orderer") || n.Hint == "" {
			t.Errorf("%v (%v)", err, errors.Unwrap(n))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Read(ctx, ledger.NowKey); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("reads need no orderer: %v", err)
		}
	})
}
