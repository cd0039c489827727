package pool

import (
	"net/url"
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

// A node on a cluster is a client like any other; here the cluster is another
// node's embedded server.
func TestAQueueOnACluster(t *testing.T) {
	ctx := t.Context()
	cluster, err := Open(ctx, Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cluster.Close() }()
	u, err := url.Parse(cluster.server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(nodeName, cluster.gate.password(nodeName))
	q, err := Open(ctx, Config{URL: u.String()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	if err := q.Publish(ctx, CKKS, Normal, ledger.NewJobID(ledger.Credit, ledger.NewCommandID()), 0); err != nil {
		t.Fatal(err)
	}
	if n, err := cluster.Waiting(ctx); n != 1 || err != nil {
		t.Errorf("%d messages, %v", n, err)
	}
	if _, err := q.Admit(ledger.NewPartyID(ledger.Common, nil)); !notice.Is(err, notice.Unsupported) {
		t.Errorf("a ticket of a cluster gave %v", err)
	}
	for _, c := range []Config{{}, {Dir: "x", URL: "y"}, {Dir: t.TempDir(), Classes: []Class{"a.b"}}} {
		if _, err := Open(ctx, c); !notice.Is(err, notice.Invalid) {
			t.Errorf("%+v gave %v", c, err)
		}
	}
}
