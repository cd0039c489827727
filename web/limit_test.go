package web

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"
)

// A bucket gives what it holds, fills as time passes, and is its owner's alone; names
// beyond those that are told apart share one.
func TestBuckets(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := newLimiter("test", Rate{PerSecond: 2, Burst: 4})
	l.now = func() time.Time { return now }
	take := func(who string, want bool) {
		t.Helper()
		if ok, left, wait := l.take(who); ok != want || ok && wait != 0 || !ok && (wait <= 0 || wait > time.Second) || left < 0 || left > 4 {
			t.Errorf("%s: %t, %v left, wait %v", who, ok, left, wait)
		}
	}
	for range 4 {
		take("a", true)
	}
	take("a", false)
	take("b", true)
	now = now.Add(500 * time.Millisecond)
	take("a", true)
	take("a", false)
	now = now.Add(-time.Hour) // a clock that goes back fills nothing
	take("a", false)
	now = now.Add(2 * time.Hour) // long unused, it is full and no fuller
	for range 4 {
		take("a", true)
	}
	take("a", false)
	for i := range maxBuckets {
		l.take(fmt.Sprint("many ", i))
	}
	for i := range 3 {
		l.take(fmt.Sprint("beyond ", i))
	}
	take("beyond all", false)
	if len(l.new) > maxBuckets+1 {
		t.Errorf("%d buckets", len(l.new))
	}
}

// An address is the connection's, or what the proxy on this machine wrote last.
func TestAddressOf(t *testing.T) {
	for _, c := range []struct {
		from, through, want string
	}{
		{"203.0.113.9:55", "", "203.0.113.9"},
		{"203.0.113.9:55", "198.51.100.7", "203.0.113.9"},
		{"127.0.0.1:55", "", "127.0.0.1"},
		{"127.0.0.1:55", "1.1.1.1, 198.51.100.7", "198.51.100.7"},
		{"[::1]:55", "198.51.100.7", "198.51.100.7"},
		{"127.0.0.1:55", "nonsense", "127.0.0.1"},
		{"127.0.0.1:55", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"127.0.0.1:55", "fe80::1%eth0", "fe80::/64"},
		{"[::ffff:203.0.113.9]:55", "", "203.0.113.9"},
		{"@", "", "@"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.RemoteAddr = c.from
		if c.through != "" {
			r.Header.Set("X-Forwarded-For", c.through)
		}
		if got := addressOf(r); got != c.want {
			t.Errorf("%s through %q is %s, want %s", c.from, c.through, got, c.want)
		}
	}
}
