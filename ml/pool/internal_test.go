package pool

import (
	"context"
	"crypto/ed25519"
	"io/fs"
	"reflect"
	"testing"
	"time"

	"manx/ledger"
	"manx/ml/pool/schedule"
	"manx/privacy/notice"
	"manx/storage"
)

func FuzzMessage(f *testing.F) {
	b, err := message{Job: ledger.NewJobID(ledger.Health, ledger.CommandID{1})}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readMessage(b)
		if err == nil && (len(b) > maxMessage || ledger.CheckID(m.Job, "job") != nil) {
			t.Fatal("a message of no job was accepted")
		}
	})
}

func FuzzTicket(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	by := fixed{key}
	g := ledger.Genesis{Organisations: []ledger.Organisation{{ID: by.Party(), Serves: ledger.Common, Key: key.Public().(ed25519.PublicKey)}}}
	text, err := ticket{URL: "tls://127.0.0.1:4222", First: true, Badge: []byte{1}}.write(by)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(`{"ticket":{"url":"tls://127.0.0.1:4222","badge":"AQ=="},"signature":""}`)
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseTicket(s, g)
		if err != nil {
			return
		}
		again, err := k.get().write(by)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := ParseTicket(again, g); err != nil || !reflect.DeepEqual(same.get(), k.get()) {
			t.Fatalf("a ticket does not round trip: %v", err)
		}
	})
}

type fixed struct{ key ed25519.PrivateKey }

func (f fixed) Party() ledger.PartyID {
	return ledger.NewPartyID(ledger.Common, f.key.Public().(ed25519.PublicKey))
}
func (f fixed) Sign(b []byte) []byte { return ed25519.Sign(f.key, b) }

func FuzzAdvert(f *testing.F) {
	f.Add([]byte(`{"worker":"common-p-0123456789abcdefghjkmnpqrstvwxyz","lines":["ckks"],"rates":{"cpu":1e9},"slots":1,"price":0.5,"bandwidth":1e8,"keys":["bafy"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := readAdvert(b)
		if err != nil {
			return
		}
		s := schedule.New(schedule.Rules{})
		s.Advertise(a.scheduled(1))
		for c := range a.Rates {
			if err := s.Offer(schedule.Job{ID: "j", Asker: "a", Classes: []Class{c}, Work: 1e9, Key: "k", KeyBytes: 1e9}, 0); err != nil {
				t.Fatal(err)
			}
			s.Next(0)
			s.End("j")
		}
		if len(b) > maxAdvert || len(a.Keys) > maxAdvertKeys {
			t.Fatal("an advert past its bounds was accepted")
		}
	})
}

func TestGPUsByMemory(t *testing.T) {
	if c := GPU(23 << 30); c != "gpu-16" {
		t.Errorf("23 GiB are %q", c)
	}
	if c := GPU(1 << 30); c != "" {
		t.Errorf("1 GiB is %q", c)
	}
	if all := GPUs(20 << 30); all[0] != "gpu-24" || all[len(all)-1] != "gpu-141" {
		t.Errorf("20 GiB fit on %v", all)
	}
}

func TestCacheKeepsToItsBound(t *testing.T) {
	c := newCache(100)
	key := func(n byte) cacheKey { return cacheKey{plan: storage.Ref{n}} }
	for n := range byte(10) {
		c.room(30)
		c.put(&cached{key: key(n), value: n, cost: 30})
		if _, ok := c.get(key(0)); ok != true && n < 9 {
			t.Fatalf("what is used most is gone after %d", n)
		}
		if c.cost > 100 || int64(c.order.Len()*30) != c.cost || len(c.at) != c.order.Len() {
			t.Fatalf("%d entries cost %d", c.order.Len(), c.cost)
		}
	}
	c.room(1000)
	c.put(&cached{key: key(50), cost: 1000})
	if c.order.Len() != 1 {
		t.Error("what is larger than the cache is not alone in it")
	}
	c.dropIf(func(e *cached) bool { return time.Since(e.used) < time.Hour })
	if c.cost != 0 || len(c.at) != 0 {
		t.Error("dropped entries are kept")
	}
}

func TestAQueueIsOfOneKindAndOfItsNetwork(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	g := ledger.Genesis{Organisations: []ledger.Organisation{{ID: fixed{key}.Party(), Serves: ledger.Common, Key: key.Public().(ed25519.PublicKey)}}}
	host := Host{Genesis: g, Signer: fixed{key}, Ledger: nobody{}}
	other := host
	other.Signer = fixed{ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), 1))}
	for _, c := range []Config{{Host: host}, {Dir: "x", URL: "y", Host: host}, {Dir: t.TempDir(), Classes: []Class{"a.b"}, Host: host}, {Dir: t.TempDir()}, {Dir: t.TempDir(), Host: other}} {
		if _, err := Open(t.Context(), c); !notice.Is(err, notice.Invalid) {
			t.Errorf("%+v gave %v", c, err)
		}
	}
}

type nobody struct{}

func (nobody) Read(context.Context, ledger.Key) ([]byte, error) { return nil, fs.ErrNotExist }
