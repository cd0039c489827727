package hub

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"manx/privacy/mpc/link"
	"manx/privacy/notice"
)

func serve(t testing.TB, h *Hub) (address string, stop func()) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := h.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); done.Wait() }
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// Three parties meet in pairs, twice at a time, and each stream carries both
// ways what its own two ends send.
func TestPartiesMeet(t *testing.T) {
	at, _ := serve(t, &Hub{})
	names := []string{"health", "credit", "exchange"}
	var all sync.WaitGroup
	for session := range 2 {
		for i, from := range names {
			for j, to := range names {
				if i == j {
					continue
				}
				all.Go(func() {
					c, err := Dial(t.Context(), at, Meeting{[32]byte{byte(session)}, from, to})
					if err != nil {
						t.Error(err)
						return
					}
					defer c.Close()
					sent, want := bytes.Repeat(fmt.Appendf(nil, "%d %s to %s|", session, from, to), 5000), bytes.Repeat(fmt.Appendf(nil, "%d %s to %s|", session, to, from), 5000)
					got := make([]byte, len(want))
					var both sync.WaitGroup
					both.Go(func() { _, _ = c.Write(sent) })
					if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%s hears something else than %s says: %v", from, to, err)
					}
					both.Wait()
				})
			}
		}
	}
	all.Wait()
}

// What goes through a hub is the parties' own: a hub that meets one of them with
// itself does not get through the handshake.
func TestPartiesKnowEachOtherThroughAHub(t *testing.T) {
	at, _ := serve(t, &Hub{})
	key := func() (ed25519.PublicKey, ed25519.PrivateKey) {
		pub, secret, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return pub, secret
	}
	healthPub, health := key()
	creditPub, credit := key()
	strangerPub, _ := key()
	session := [32]byte{7}
	meet := func(expected ed25519.PublicKey) (dialer, accepter error) {
		var both sync.WaitGroup
		both.Go(func() {
			c, err := Dial(t.Context(), at, Meeting{session, "health", "credit"})
			if err == nil {
				if c, err = link.Over(t.Context(), c, health, expected, session); err == nil {
					_, err = c.Write([]byte("share"))
					_ = c.Close()
				}
			}
			dialer = err
		})
		both.Go(func() {
			c, err := Dial(t.Context(), at, Meeting{session, "credit", "health"})
			if err == nil {
				var who ed25519.PublicKey
				if c, who, _, err = link.Accept(t.Context(), c, credit, func(k ed25519.PublicKey) bool { return k.Equal(healthPub) }); err == nil {
					b := make([]byte, 5)
					if _, err = io.ReadFull(c, b); err == nil && (string(b) != "share" || !who.Equal(healthPub)) {
						err = errors.New("something else came")
					}
					_ = c.Close()
				}
			}
			accepter = err
		})
		both.Wait()
		return dialer, accepter
	}
	if a, b := meet(creditPub); a != nil || b != nil {
		t.Errorf("two that know each other: %v, %v", a, b)
	}
	if a, b := meet(strangerPub); !errors.Is(a, link.ErrUnknownPeer) || b == nil {
		t.Errorf("another answers: %v, %v", a, b)
	}
}

func TestWhoComesAloneIsTold(t *testing.T) {
	at, _ := serve(t, &Hub{Wait: 50 * time.Millisecond, MaxWaiting: 1})
	m := Meeting{From: "a", To: "b"}
	if _, err := Dial(t.Context(), at, m); !notice.Is(err, notice.Unavailable) {
		t.Errorf("alone: %v", err)
	}
	for name, m := range map[string]Meeting{"no name": {From: "a"}, "a long name": {From: "a", To: string(make([]byte, MaxName+1))}} {
		if _, err := Dial(t.Context(), at, m); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := Dial(t.Context(), at, Meeting{From: "a", To: "a"}); !notice.Is(err, notice.Invalid) {
		t.Errorf("a party with itself: %v", err)
	}
}

func TestWaitingIsBounded(t *testing.T) {
	h := &Hub{MaxWaiting: 1}
	at, _ := serve(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var first sync.WaitGroup
	first.Go(func() {
		if _, err := Dial(ctx, at, Meeting{From: "a", To: "b"}); !errors.Is(err, context.Canceled) {
			t.Errorf("a wait that was given up: %v", err)
		}
	})
	for {
		h.mu.Lock()
		n := len(h.waiting)
		h.mu.Unlock()
		if n == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := Dial(t.Context(), at, Meeting{From: "c", To: "d"}); !notice.Is(err, notice.Exhausted) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := Dial(t.Context(), at, Meeting{From: "a", To: "b"}); !notice.Is(err, notice.Invalid) {
		t.Errorf("the same twice: %v", err)
	}
	cancel()
	first.Wait()
}

// A hub that stops ends every stream, and the parties notice.
func TestStopping(t *testing.T) {
	at, stop := serve(t, &Hub{})
	var ends [2]net.Conn
	var both sync.WaitGroup
	for i, m := range []Meeting{{From: "a", To: "b"}, {From: "b", To: "a"}} {
		both.Go(func() {
			var err error
			if ends[i], err = Dial(t.Context(), at, m); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if t.Failed() {
		t.FailNow()
	}
	stop()
	for _, c := range ends {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a stream outlives the hub")
		}
		_ = c.Close()
	}
	if _, err := Dial(t.Context(), at, Meeting{From: "a", To: "b"}); !notice.Is(err, notice.Unavailable) {
		t.Errorf("a hub that is gone: %v", err)
	}
}

func FuzzHello(f *testing.F) {
	b, err := Meeting{[32]byte{1}, "health", "credit"}.hello()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readHello(bytes.NewReader(b))
		if err != nil {
			return
		}
		again, err := m.hello()
		if err != nil || !bytes.HasPrefix(b, again) {
			t.Fatalf("a hello does not survive being read: %v", err)
		}
	})
}

// BenchmarkRelay is what a hub's stream carries, beside the loopback's own.
func BenchmarkRelay(b *testing.B) {
	at, _ := serve(b, &Hub{})
	var ends [2]net.Conn
	var both sync.WaitGroup
	for i, m := range []Meeting{{From: "a", To: "b"}, {From: "b", To: "a"}} {
		both.Go(func() {
			var err error
			if ends[i], err = Dial(b.Context(), at, m); err != nil {
				b.Error(err)
			}
		})
	}
	both.Wait()
	chunk := make([]byte, 1<<20)
	_, _ = rand.Read(chunk)
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		var sending sync.WaitGroup
		sending.Go(func() { _, _ = ends[0].Write(chunk) })
		if _, err := io.ReadFull(ends[1], chunk); err != nil {
			b.Fatal(err)
		}
		sending.Wait()
	}
}
