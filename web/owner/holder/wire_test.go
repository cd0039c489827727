package holder

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"manx/privacy/mpc/hub"
)

func board(t *testing.T) (*Switchboard, ed25519.PublicKey) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Listen(t.Context(), "127.0.0.1:0", key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, public
}

// A connection reaches who awaits its session from that key, whichever of the two
// comes first, and nobody else.
func TestWiresPair(t *testing.T) {
	here, hereKey := board(t)
	there, thereKey := board(t)
	stranger, strangerKey := board(t)
	here.Admit(thereKey)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for name, wait := range map[string][2]time.Duration{"awaited first": {0, 50 * time.Millisecond}, "dialled first": {50 * time.Millisecond, 0}} {
		session := [32]byte{byte(len(name)), byte(wait[0])}
		got := make(chan string, 1)
		go func() {
			time.Sleep(wait[0])
			c, err := here.Await(ctx, thereKey, session)
			if err != nil {
				got <- err.Error()
				return
			}
			b, err := io.ReadAll(c)
			got <- string(b)
			if err = errors.Join(err, c.Close()); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(wait[1])
		c, err := there.Dial(ctx, here.Address(), hereKey, session)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if s := <-got; s != "hello" {
			t.Errorf("%s: %q", name, s)
		}
	}

	short, end := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer end()
	if _, err := stranger.Dial(short, here.Address(), hereKey, [32]byte{9}); err == nil {
		t.Error("a stranger connects")
	}
	if _, err := there.Dial(short, here.Address(), strangerKey, [32]byte{9}); err == nil {
		t.Error("another key answers for the holder")
	}
	if _, err := there.Dial(short, here.Address(), hereKey, [32]byte{9}); err == nil {
		t.Error("a session that nobody awaits begins")
	}
	if _, err := here.Await(short, strangerKey, [32]byte{9}); err == nil {
		t.Error("who was not admitted is awaited")
	}
	here.Admit()
	late, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	if _, err := there.Dial(late, here.Address(), hereKey, [32]byte{10}); err == nil {
		t.Error("who is no longer admitted connects")
	}
}

// Holders that only dial out meet at a hub; one that listens dials them there,
// and is dialled by them directly.
func TestWiresThroughAHub(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	served := make(chan error, 1)
	go func() { served <- new(hub.Hub).Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	type end struct {
		Wire
		address string
		key     ed25519.PublicKey
	}
	var ends []end
	for range 2 {
		public, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		o := Through(l.Addr().String(), key)
		ends = append(ends, end{o, o.Address(), public})
	}
	here, hereKey := board(t)
	here.Admit(ends[0].key, ends[1].key)
	ends = append(ends, end{here, here.Address(), hereKey})
	for i, from := range ends {
		for j, to := range ends {
			if i == j {
				continue
			}
			session := [32]byte{byte(i), byte(j)}
			got := make(chan error, 1)
			go func() {
				c, err := to.Await(ctx, from.key, session)
				if err == nil {
					var b []byte
					if b, err = io.ReadAll(c); string(b) != "share" {
						err = errors.Join(errors.New("something else came"), err)
					}
					err = errors.Join(err, c.Close())
				}
				got <- err
			}()
			c, err := from.Dial(ctx, to.address, to.key, session)
			if err != nil {
				t.Fatalf("%d to %d: %v", i, j, err)
			}
			_, err = c.Write([]byte("share"))
			if err = errors.Join(err, c.Close(), <-got); err != nil {
				t.Errorf("%d to %d: %v", i, j, err)
			}
		}
	}
	// Who answers in another's name at the hub does not get through the handshake.
	go func() {
		if c, err := ends[1].Await(ctx, ends[0].key, [32]byte{9}); err == nil {
			_ = c.Close()
		}
	}()
	_, stranger := board(t)
	short, giveUp := context.WithTimeout(ctx, time.Second)
	defer giveUp()
	if c, err := ends[0].Dial(short, ends[1].address, stranger, [32]byte{9}); err == nil {
		_ = c.Close()
		t.Error("another key answers at the hub")
	}
}
