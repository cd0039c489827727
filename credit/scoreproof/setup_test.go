package scoreproof

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"manx/privacy/notice"
)

// The real set-up takes about a minute of two cores, so it runs only when asked
// for: MANX_SLOW=1 go test -run TestInvariant10 ./credit/scoreproof.
func TestInvariant10_MultiPartySetup(t *testing.T) {
	if os.Getenv("MANX_SLOW") == "" {
		t.Skip("slow: set MANX_SLOW=1")
	}
	began := time.Now()
	parties := []Contributor{{Name: "alpha"}, {Name: "beta", Contribute: Contribute}, {Name: "gamma"}}
	k, transcript, err := Setup(t.Context(), parties, func(done, of int, step string) {
		t.Logf("%d/%d %s after %v", done, of, step, time.Since(began).Round(time.Millisecond))
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(transcript.Contributions) != 6 || transcript.Verifying != k.Verifying().Digest() {
		t.Errorf("transcript does not record the set-up: %+v", transcript)
	}
	w := witnessOf(t, 7)
	s := State(w, here)
	p, err := Prove(t.Context(), k, s, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(k.Verifying(), s, p); err != nil {
		t.Error(err)
	}
	s.Score++
	if err := Verify(k.Verifying(), s, p); !notice.Is(err, notice.Integrity) {
		t.Errorf("another score verifies: %v", err)
	}
}

func TestInvariant9_SetupBlamesWhoeverSpoilsIt(t *testing.T) {
	for name, spoil := range map[string]func(state []byte) []byte{
		"nothing":   func([]byte) []byte { return nil },
		"unchanged": func(b []byte) []byte { return b },
		"garbage":   func([]byte) []byte { return []byte("garbage") },
		"size": func(b []byte) []byte {
			return append(bytes.Clone(b[:3*stateProof]), bytes.Repeat([]byte{0xff}, len(b)-3*stateProof)...)
		},
		"point": func(b []byte) []byte {
			c := bytes.Clone(b)
			c[3*stateProof+8+5] ^= 1
			return c
		},
	} {
		evil := Contributor{"mallory", func(_ context.Context, _ int, b []byte) ([]byte, error) { return spoil(b), nil }}
		_, _, err := Setup(t.Context(), []Contributor{evil, {Name: "alice"}}, nil)
		if !notice.Is(err, notice.Integrity) || !strings.Contains(err.Error(), "mallory") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := Setup(t.Context(), nil, nil); err == nil {
		t.Error("a set-up without contributors")
	}
}

func TestInvariant9_SetupStates(t *testing.T) {
	huge := make([]byte, 4096)
	for i := range huge {
		huge[i] = 0xff
	}
	for _, state := range [][]byte{nil, {1}, huge, make([]byte, 3<<20)} {
		for phase := range 4 {
			if _, err := Contribute(t.Context(), phase, state); err == nil {
				t.Errorf("phase %d takes %d bytes that are no state", phase, len(state))
			}
		}
	}
}
