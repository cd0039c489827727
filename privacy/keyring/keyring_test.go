package keyring_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"manx/privacy/keyring"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/privacy/seal/sealtest"
)

var open = reveal.Token{}

func newPerson(t *testing.T) (*keyring.Keyring, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "owner", "keyring")
	k, err := keyring.New(path, sealtest.Passphrase(t, "correct horse"), "health", "credit")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k, path
}

func persona(t *testing.T, k *keyring.Keyring, v string) *keyring.Persona {
	t.Helper()
	p, err := k.Persona(v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestEverythingIsThereAfterReopening(t *testing.T) {
	k, path := newPerson(t)
	p := persona(t, k, "health")
	key := seal.NewKey()
	must(t, p.SetRecordKey("health-rec-1", key), p.Keep("opening", []byte("planted-opening")))
	public, recipient := p.Public(), sealTo(t, p)
	seed, deid := p.CKKSSeed().Reveal(open), p.DeidentificationKey().Reveal(open)
	salt, err := p.Salt("lender")
	must(t, err, k.Close())

	k, err = keyring.Open(path, sealtest.Passphrase(t, "correct horse"))
	must(t, err)
	defer func() { _ = k.Close() }()
	p = persona(t, k, "health")
	got, err := p.RecordKey("health-rec-1")
	must(t, err)
	again, err := p.Salt("lender")
	must(t, err)
	kept, ok := p.Kept("opening")
	if !got.Equal(key) || !p.Public().Equal(public) || !ok || string(kept.Reveal(open)) != "planted-opening" ||
		p.CKKSSeed().Reveal(open) != seed || p.DeidentificationKey().Reveal(open) != deid || again.Reveal(open) != salt.Reveal(open) {
		t.Error("a secret is not what it was")
	}
	if b, err := p.OpenMessage(recipient); err != nil || string(b) != "hello" {
		t.Errorf("message opened as %q, %v", b, err)
	}
	must(t, p.DropRecordKey("health-rec-1"), p.Forget("opening"))
	if _, err := p.RecordKey("health-rec-1"); !notice.Is(err, notice.NotFound) {
		t.Errorf("a dropped key gave %v", err)
	}
}

func sealTo(t *testing.T, p *keyring.Persona) []byte {
	t.Helper()
	r, err := p.Recipient()
	must(t, err)
	m, err := seal.Message([]byte("hello"), r)
	must(t, err)
	return m
}

func TestRefusals(t *testing.T) {
	k, path := newPerson(t)
	pass := sealtest.Passphrase(t, "correct horse")
	if _, err := keyring.Open(path, pass); !notice.Is(err, notice.Conflict) {
		t.Errorf("a second process got %v", err)
	}
	must(t, k.Close())
	if _, err := keyring.New(path, pass, "common"); !notice.Is(err, notice.Conflict) {
		t.Errorf("overwriting gave %v", err)
	}
	if _, err := keyring.Open(path, sealtest.Passphrase(t, "wrong")); !notice.Is(err, notice.Denied) || notice.From(err).Hint == "" {
		t.Errorf("a wrong passphrase gave %v", err)
	}
	if _, err := keyring.Open(path+"x", pass); !notice.Is(err, notice.NotFound) {
		t.Errorf("no file gave %v", err)
	}
	for _, verticals := range [][]string{{}, {"common", "health"}, {"wealth"}} {
		if _, err := keyring.New(filepath.Join(t.TempDir(), "k"), pass, verticals...); !notice.Is(err, notice.Invalid) {
			t.Errorf("personas %v gave %v", verticals, err)
		}
	}
	whole, err := os.ReadFile(path)
	must(t, err)
	for i := 0; i < len(whole); i += 97 {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 4
		must(t, os.WriteFile(path, damaged, 0o600))
		_, err := keyring.Open(path, pass)
		if !notice.Is(err, notice.Integrity) || !strings.Contains(notice.From(err).Hint, "manx keys recover") {
			t.Fatalf("byte %d altered gave %v", i, err)
		}
	}
	for _, n := range []int{0, 10, len(whole) / 2, len(whole) - 1} {
		must(t, os.WriteFile(path, whole[:n], 0o600))
		if _, err := keyring.Open(path, pass); !notice.Is(err, notice.Integrity) {
			t.Fatalf("cut to %d bytes gave %v", n, err)
		}
	}
}

func TestPassphraseChanges(t *testing.T) {
	k, path := newPerson(t)
	must(t, k.SetPassphrase(sealtest.Passphrase(t, "battery staple")), k.Close())
	if _, err := keyring.Open(path, sealtest.Passphrase(t, "correct horse")); !notice.Is(err, notice.Denied) {
		t.Errorf("the old passphrase gave %v", err)
	}
	k, err := keyring.Open(path, sealtest.Passphrase(t, "battery staple"))
	must(t, err, k.Close())
}

func TestRotationKeepsOldWrapsOpen(t *testing.T) {
	k, _ := newPerson(t)
	p := persona(t, k, "health")
	first, old := p.Public(), sealTo(t, p)
	st, err := p.StageRotation()
	must(t, err)
	again, err := p.StageRotation()
	must(t, err)
	if !st.Public.Equal(again.Public) || st.Recipient.String() != again.Recipient.String() || st.Recovery != nil {
		t.Error("staging twice gave other keys")
	}
	if !p.Public().Equal(first) {
		t.Error("the key changed before it was promoted")
	}
	early, err := seal.Message([]byte("hello"), st.Recipient)
	must(t, err)
	if _, err := p.OpenMessage(early); err != nil {
		t.Errorf("a message to the staged key: %v", err)
	}
	must(t, p.Promote(), p.Promote())
	if !p.Public().Equal(st.Public) || !p.First().Equal(first) || p.Rotated() != 1 {
		t.Error("promotion did not make the staged keys current")
	}
	for _, m := range [][]byte{old, early, sealTo(t, p)} {
		if b, err := p.OpenMessage(m); err != nil || string(b) != "hello" {
			t.Errorf("after rotation a message gave %q, %v", b, err)
		}
	}
	if !ed25519.Verify(st.Public, []byte("m"), p.Sign([]byte("m"))) {
		t.Error("signature is not of the current key")
	}
}

func TestInvariant1_NoSecretInTheFileOrInPrint(t *testing.T) {
	k, path := newPerson(t)
	p := persona(t, k, "credit")
	key := seal.NewKey()
	must(t, p.SetRecordKey("credit-rec-planted", key), p.Keep("planted-name", []byte("planted-secret")))
	backup, err := k.Backup()
	must(t, err)
	file, err := os.ReadFile(path)
	must(t, err)
	seed, phrase := p.CKKSSeed().Reveal(open), k.Kit().Phrase().Reveal(open)
	id, err := p.Identity()
	must(t, err)
	secrets := [][]byte{key.Reveal(open), seed[:], []byte(phrase), []byte(phrase[:20]), []byte(id.Reveal(open)), []byte("planted"), []byte("correct horse")}

	shares, err := k.Kit().Shares(2, 3)
	must(t, err)
	var printed bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&printed, nil))
	type holder struct {
		hidden any
		K      *keyring.Keyring
		P      *keyring.Persona
		Kit    keyring.Kit
	}
	for _, v := range []any{k, *k, p, *p, k.Kit(), backup.Sequence, shares, holder{k, k, p, k.Kit()}, holder{p, k, p, k.Kit()}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
			fmt.Fprintf(&printed, verb, v)
		}
		b, err := json.Marshal(v)
		must(t, err)
		printed.Write(b)
		logger.Info("value", "v", v)
	}
	for i, s := range secrets {
		for _, form := range [][]byte{s, fmt.Appendf(nil, "%x", s), fmt.Appendf(nil, "%d", s)} {
			if bytes.Contains(file, form) || bytes.Contains(backup.Blob, form) || bytes.Contains(printed.Bytes(), form) {
				t.Errorf("secret %d shows", i)
			}
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file mode %v, %v", info.Mode(), err)
	}
}

func TestPersonasShareNothing(t *testing.T) {
	k, _ := newPerson(t)
	h, c := persona(t, k, "health"), persona(t, k, "credit")
	hr, err := h.Recipient()
	must(t, err)
	cr, err := c.Recipient()
	must(t, err)
	if h.Public().Equal(c.Public()) || h.Recovery().Equal(c.Recovery()) || hr.String() == cr.String() ||
		h.CKKSSeed().Reveal(open) == c.CKKSSeed().Reveal(open) || h.DeidentificationKey().Reveal(open) == c.DeidentificationKey().Reveal(open) {
		t.Error("two personas share a key")
	}
	if _, err := c.OpenMessage(sealTo(t, h)); !notice.Is(err, notice.Denied) {
		t.Errorf("the credit persona opened a health message: %v", err)
	}
}
