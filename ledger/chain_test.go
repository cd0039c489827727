package ledger

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
)

// keyed signs as a party with a key made from one byte.
type keyed struct {
	id  PartyID
	key ed25519.PrivateKey
}

func (k keyed) Party() PartyID       { return k.id }
func (k keyed) Sign(m []byte) []byte { return ed25519.Sign(k.key, m) }

func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func public(n byte) ed25519.PublicKey { return key(n).Public().(ed25519.PublicKey) }

// TestInvariant2_KeysAreProvedFromTheID tries to put other keys in a party's
// place.
func TestInvariant2_KeysAreProvedFromTheID(t *testing.T) {
	org := NewPartyID(Common, public(100))
	g := Genesis{Name: "test", Seed: []byte("seed"), Organisations: []Organisation{{ID: org, Serves: Health, Key: public(100)}}}
	id := NewPartyID(Health, public(1))
	sign := func(n byte, b Body) Command {
		c, err := NewCommand(g.ID(), keyed{id, key(n)}, 1000, b)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	register := sign(1, RegisterParty{Vertical: Health, Role: Hospital, Name: "H", Key: public(1), Recovery: RecoveryHash(public(50)), Sealing: "one"})
	register.Cosign(keyed{org, key(100)})
	rotate := sign(1, RotateKey{Key: public(2), Sealing: "two"})
	regain := sign(50, RecoverParty{Key: public(3), Sealing: "three", Shown: public(50), Recovery: RecoveryHash(public(51))})

	p, err := VerifyChain(g, id, []Command{register, rotate, regain})
	if err != nil || !p.Key.Equal(public(3)) || p.Sealing != "three" || p.Rotated != 2 || p.Role != Hospital {
		t.Fatalf("an honest chain gave %+v, %v", p, err)
	}
	unadmitted, altered, foreign := register, rotate, rotate
	unadmitted.Cosigns = nil
	altered.Body = bytes.Replace(altered.Body, []byte("two"), []byte("own"), 1)
	foreign.Network = "another"
	for name, chain := range map[string][]Command{
		"none":                      {},
		"no registration":           {rotate},
		"not admitted":              {unadmitted},
		"registered by another key": {sign(9, RegisterParty{Vertical: Health, Role: Person, Key: public(9), Recovery: RecoveryHash(public(50)), Sealing: "nine"})},
		"rotated by another key":    {register, sign(9, RotateKey{Key: public(9), Sealing: "nine"})},
		"rotated by an older key":   {register, rotate, sign(1, RotateKey{Key: public(9), Sealing: "nine"})},
		"altered":                   {register, altered},
		"of another network":        {register, foreign},
		"another recovery key":      {register, sign(9, RecoverParty{Key: public(9), Sealing: "nine", Shown: public(9), Recovery: RecoveryHash(public(8))})},
		"a spent recovery key":      {register, regain, sign(50, RecoverParty{Key: public(9), Sealing: "nine", Shown: public(50), Recovery: RecoveryHash(public(8))})},
		"registered twice":          {register, register},
		"about something else":      {register, sign(1, RevokeGrant{Grant: NewGrantID(Health, CommandID{})})},
	} {
		if p, err := VerifyChain(g, id, chain); !errors.Is(err, ErrChain) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}
