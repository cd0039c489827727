package keyring_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"manx/privacy/keyring"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/privacy/seal/sealtest"
)

// A device is lost; the phrase and the backup bring everything back, and new
// keys replace the lost ones.
func TestRecoveryStory(t *testing.T) {
	k, _ := newPerson(t)
	p := persona(t, k, "health")
	key := seal.NewKey()
	must(t, p.SetRecordKey("health-rec-1", key))
	old, ledgerHolds := sealTo(t, p), p.Recovery()
	backup, err := k.Backup()
	must(t, err)
	phrase := k.Kit().Phrase().Reveal(open)
	lost, first := p.Public(), p.First()

	kit, err := keyring.ParsePhrase(strings.ToUpper("  " + phrase + "\n"))
	must(t, err)
	if kit.Locator() != backup.Locator {
		t.Fatal("the phrase leads to another place")
	}
	path := filepath.Join(t.TempDir(), "new", "keyring")
	fresh, err := keyring.Recover(path, sealtest.Passphrase(t, "another"), kit, backup.Blob)
	must(t, err)
	defer func() { _ = fresh.Close() }()
	p = persona(t, fresh, "health")
	must(t, p.AlignRecovery(func(k ed25519.PublicKey) bool { return k.Equal(ledgerHolds) }))
	st, staged, err := p.Staged()
	must(t, err)
	if !staged || st.Recovery == nil || st.Public.Equal(lost) {
		t.Fatal("no new keys are staged")
	}
	if !ed25519.Verify(ledgerHolds, []byte("recover"), p.SignRecovery([]byte("recover"))) {
		t.Fatal("the ledger would not accept the recovery key")
	}
	must(t, p.Promote())
	if !p.First().Equal(first) || !p.Recovery().Equal(st.Recovery) || p.Public().Equal(lost) {
		t.Error("keys are not the staged ones")
	}
	got, err := p.RecordKey("health-rec-1")
	must(t, err)
	if b, err := p.OpenMessage(old); err != nil || string(b) != "hello" || !got.Equal(key) {
		t.Errorf("what was there before gave %q, %v", b, err)
	}

	// The new device is lost too, before any new backup: the same phrase and
	// the old backup still do.
	third, err := keyring.Recover(filepath.Join(t.TempDir(), "keyring"), sealtest.Passphrase(t, "third"), kit, backup.Blob)
	must(t, err)
	defer func() { _ = third.Close() }()
	q := persona(t, third, "health")
	must(t, q.AlignRecovery(func(k ed25519.PublicKey) bool { return k.Equal(st.Recovery) }))
	if !ed25519.Verify(st.Recovery, []byte("again"), q.SignRecovery([]byte("again"))) {
		t.Error("a second recovery does not find the ledger's key")
	}
	if again, err := q.StageRecovery(); err != nil || again.Recovery.Equal(st.Recovery) {
		t.Errorf("the next recovery key is the one in use, %v", err)
	}
	if err := q.AlignRecovery(func(ed25519.PublicKey) bool { return false }); !notice.Is(err, notice.Denied) {
		t.Errorf("an unknown recovery key gave %v", err)
	}
}

// The device was lost in the middle of a rotation.
func TestRecoveryReplacesStagedKeysToo(t *testing.T) {
	k, _ := newPerson(t)
	p := persona(t, k, "credit")
	st, err := p.StageRotation()
	must(t, err)
	m, err := seal.Message([]byte("hello"), st.Recipient)
	must(t, err)
	backup, err := k.Backup()
	must(t, err)
	fresh, err := keyring.Recover(filepath.Join(t.TempDir(), "keyring"), sealtest.Passphrase(t, "p"), k.Kit(), backup.Blob)
	must(t, err)
	defer func() { _ = fresh.Close() }()
	q := persona(t, fresh, "credit")
	again, _, err := q.Staged()
	must(t, err)
	if again.Public.Equal(st.Public) || again.Recipient.String() == st.Recipient.String() {
		t.Error("a key that the lost device had staged is used")
	}
	must(t, q.Promote())
	if b, err := q.OpenMessage(m); err != nil || string(b) != "hello" {
		t.Errorf("a message to the lost device's staged key gave %q, %v", b, err)
	}
}

func TestBackupRefusals(t *testing.T) {
	k, _ := newPerson(t)
	b1, err := k.Backup()
	must(t, err)
	b2, err := k.Backup()
	must(t, err)
	if b2.Sequence != b1.Sequence+1 || b1.Locator != b2.Locator || bytes.Equal(b1.Blob, b2.Blob) || len(b1.Blob) != len(b2.Blob) {
		t.Error("two backups are not numbered, in one place, sealed anew and of one length")
	}
	pass := sealtest.Passphrase(t, "p")
	for name, blob := range map[string][]byte{"empty": nil, "cut": b1.Blob[:len(b1.Blob)-1], "altered": append(bytes.Clone(b1.Blob[1:]), 0)} {
		if _, err := keyring.Recover(filepath.Join(t.TempDir(), "k"), pass, k.Kit(), blob); !notice.Is(err, notice.Integrity) {
			t.Errorf("%s backup gave %v", name, err)
		}
	}
	if _, err := keyring.Recover(filepath.Join(t.TempDir(), "k"), pass, keyring.NewKit(), b1.Blob); !notice.Is(err, notice.Integrity) {
		t.Errorf("another kit gave %v", err)
	}
}

// Other wallets' lists have other words in other places: this is BIP-39's own.
func TestWordListIsTheStandards(t *testing.T) {
	b, err := os.ReadFile("english.txt")
	must(t, err)
	if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda" {
		t.Errorf("english.txt hashes to %s", got)
	}
}

func TestPhraseRefusals(t *testing.T) {
	phrase := keyring.NewKit().Phrase().Reveal(open)
	words := strings.Fields(phrase)
	if len(words) != keyring.Words {
		t.Fatalf("%d words", len(words))
	}
	// BIP-39's own vector of 256 zero bits.
	zero := strings.Repeat("abandon ", 23) + "art"
	if k, err := keyring.ParsePhrase(zero); err != nil || k.Phrase().Reveal(open) != zero {
		t.Errorf("the vector of BIP-39 gave %v", err)
	}
	for name, text := range map[string]string{"short": strings.Join(words[1:], " "), "not a word": strings.Join(append([]string{"secretword"}, words[1:]...), " "),
		"checksum": strings.Repeat("abandon ", 24), "long": strings.Repeat("abandon ", 1000), "empty": ""} {
		_, err := keyring.ParsePhrase(text)
		if !notice.Is(err, notice.Invalid) {
			t.Errorf("%s phrase gave %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "secretword") {
			t.Error("the error quotes a word")
		}
	}
}

func TestSharesJoin(t *testing.T) {
	kit := keyring.NewKit()
	for _, c := range []struct{ t, n int }{{2, 2}, {2, 3}, {3, 5}, {5, 5}, {32, 32}} {
		texts := shares(t, kit, c.t, c.n)
		for mask := range 1 << min(c.n, 5) {
			var some []string
			for i := range c.n {
				if i >= 5 || mask>>i&1 == 1 {
					some = append(some, texts[i])
				}
			}
			got, err := keyring.JoinShares(some)
			switch {
			case len(some) >= c.t && (err != nil || !got.Equal(kit)):
				t.Fatalf("%d of %d-of-%d: %v", len(some), c.t, c.n, err)
			case len(some) < c.t && !notice.Is(err, notice.Invalid):
				t.Fatalf("%d of %d-of-%d gave %v", len(some), c.t, c.n, err)
			}
		}
	}
}

func TestSharesRefused(t *testing.T) {
	kit := keyring.NewKit()
	a, b := shares(t, kit, 2, 3), shares(t, kit, 2, 3)
	flipped := []byte(a[1])
	flipped[20] ^= 1
	for name, texts := range map[string][]string{
		"two sets of one kit": {a[0], b[1]}, "one share twice": {a[0], a[0]}, "typing error": {a[0], string(flipped)},
		"none": nil, "too many": make([]string, 40), "not a share": {a[0], "manx-share-1-"}, "cut": {a[0], a[1][:40]},
	} {
		if k, err := keyring.JoinShares(texts); !notice.Is(err, notice.Invalid) || !k.IsZero() {
			t.Errorf("%s gave %v", name, err)
		}
	}
	for _, c := range []struct{ t, n int }{{1, 3}, {4, 3}, {2, 33}, {0, 0}} {
		if _, err := kit.Shares(c.t, c.n); !notice.Is(err, notice.Invalid) {
			t.Errorf("%d of %d gave %v", c.t, c.n, err)
		}
	}
}

func shares(t *testing.T, k keyring.Kit, need, n int) []string {
	t.Helper()
	secrets, err := k.Shares(need, n)
	must(t, err)
	out := make([]string, n)
	for i, s := range secrets {
		out[i] = s.Reveal(open)
	}
	return out
}
