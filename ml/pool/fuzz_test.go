package pool

import (
	"testing"
	"time"

	"manx/ledger"
	"manx/storage"
)

func FuzzMessage(f *testing.F) {
	b, err := message{ledger.NewJobID(ledger.Health, ledger.CommandID{1})}.encode()
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
	f.Add("nats://health-p-0123456789abcdefghjkmnpqrstvwxyz:0a@127.0.0.1:4222")
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseTicket(s)
		if err != nil {
			return
		}
		if again, err := ParseTicket(k.Text()); err != nil || again.Text() != k.Text() {
			t.Fatalf("a ticket does not round trip: %v", err)
		}
	})
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
