package ledger

import (
	"crypto/ed25519"
	"encoding/json"
	"testing"
)

type fixedKey struct {
	id  PartyID
	key ed25519.PrivateKey
}

func (k fixedKey) Party() PartyID       { return k.id }
func (k fixedKey) Sign(m []byte) []byte { return ed25519.Sign(k.key, m) }

func seatedNetwork(t testing.TB) (Genesis, []byte) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	public := key.Public().(ed25519.PublicKey)
	o := Organisation{ID: NewPartyID(Common, public), Name: "one", Serves: Common, Key: public, Sealing: "age1"}
	g := Genesis{Name: "test", Organisations: []Organisation{o}, Seed: make([]byte, 32)}
	c, err := NewCommandWithID(g.ID(), CommandID{1}, fixedKey{o.ID, key}, 1000, TakeSeat{Holder: NewPartyID(Common, []byte("holder")), Address: "127.0.0.1:9", Key: public})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return g, b
}

// A seat that a node shows either is what the organisation signed, or is refused.
func FuzzReadSeat(f *testing.F) {
	g, good := seatedNetwork(f)
	org := g.Organisations[0].ID
	want, err := ReadSeat(g, org, good)
	if err != nil || want.Address != "127.0.0.1:9" {
		f.Fatalf("%+v, %v", want, err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := ReadSeat(g, org, b); err == nil && (got.Holder != want.Holder || got.Address != want.Address) {
			t.Fatalf("a seat nobody signed: %+v", got)
		}
	})
}
