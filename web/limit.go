package web

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"manx/privacy/notice"
)

// A Rate is a bucket of tokens, one for each request: it holds Burst and fills by
// PerSecond.
type Rate struct {
	PerSecond float64
	Burst     int
}

// The rates where a node names none. An upload sends some hundred blobs a second, and a
// command asks for the network first.
var (
	sessionRate = Rate{1000, 10_000} //nolint:gochecknoglobals // constants
	addressRate = Rate{1000, 10_000} //nolint:gochecknoglobals // constants
	signInRate  = Rate{1, 60}        //nolint:gochecknoglobals // of staff: each is kept for ten minutes
)

func (r Rate) or(other Rate) Rate {
	if r.PerSecond <= 0 || r.Burst <= 0 {
		return other
	}
	return r
}

// window is how long an empty bucket takes to fill, in whole seconds.
func (r Rate) window() int { return int(math.Ceil(float64(r.Burst) / r.PerSecond)) }

// A limiter keeps a bucket for each name. Names that were not used for as long as a
// bucket takes to fill are forgotten: theirs is full.
type limiter struct {
	name string
	rate Rate
	now  func() time.Time

	mu       sync.Mutex
	new, old map[string]*bucket
	turned   time.Time
}

type bucket struct {
	tokens float64
	at     time.Time
}

// maxBuckets bounds the names that are told apart within a window; what comes beyond
// them shares one bucket.
const maxBuckets = 200_000

func newLimiter(name string, r Rate) *limiter {
	return &limiter{name: name, rate: r, now: time.Now, new: map[string]*bucket{}, old: map[string]*bucket{}}
}

// take takes a token where one is there. left is what remains, and wait how long until
// one is.
func (l *limiter) take(who string) (ok bool, left float64, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if now.Sub(l.turned) > time.Duration(l.rate.window())*time.Second {
		l.new, l.old, l.turned = map[string]*bucket{}, l.new, now
	}
	if l.new[who] == nil && len(l.new) >= maxBuckets {
		who = "" // what comes beyond them
	}
	b := l.new[who]
	if b == nil {
		if b = l.old[who]; b == nil {
			b = &bucket{float64(l.rate.Burst), now}
		}
		l.new[who] = b
	}
	b.tokens = min(float64(l.rate.Burst), b.tokens+l.rate.PerSecond*max(now.Sub(b.at).Seconds(), 0))
	b.at = now
	if b.tokens < 1 {
		return false, b.tokens, time.Duration((1 - b.tokens) / l.rate.PerSecond * float64(time.Second))
	}
	b.tokens--
	return true, b.tokens, 0
}

// charge takes a token of a name's and says so in the answer's headers
// (draft-ietf-httpapi-ratelimit-headers-10). A request that finds none is refused.
func (s *server) charge(c *gin.Context, l *limiter, who string) bool {
	ok, left, wait := l.take(who)
	window := l.rate.window()
	full := int(math.Ceil((float64(l.rate.Burst) - left) / l.rate.PerSecond))
	c.Header("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", l.name, l.rate.Burst, window))
	c.Header("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", l.name, int(left), full))
	if !ok {
		seconds := max(int(math.Ceil(wait.Seconds())), 1)
		c.Header("Retry-After", strconv.Itoa(seconds))
		s.fail(c, notice.New(notice.Exhausted, "too many requests at once", fmt.Sprintf("go on in %d seconds", seconds)))
	}
	return ok
}

// address charges who has shown no session, by address.
func (s *server) address(c *gin.Context) { s.charge(c, s.byAddress, addressOf(c.Request)) }

// addressOf returns where a request comes from: IPv6 by its network of 64 bits. A node
// listens on loopback, so whoever comes from there with an X-Forwarded-For came through
// the proxy before the node, which wrote the last of its addresses.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	a, err := netip.ParseAddr(host)
	if list := r.Header.Values("X-Forwarded-For"); err == nil && a.IsLoopback() && len(list) > 0 {
		last := list[len(list)-1]
		if through, perr := netip.ParseAddr(strings.TrimSpace(last[strings.LastIndex(last, ",")+1:])); perr == nil {
			a = through
		}
	}
	if err != nil {
		return host
	}
	if a = a.Unmap().WithZone(""); a.Is6() {
		p, _ := a.Prefix(64) // of an IPv6 address there always is one
		return p.String()
	}
	return a.String()
}
