package holder

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"testing"
	"time"
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
