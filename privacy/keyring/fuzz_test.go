package keyring

import (
	"testing"

	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal/sealtest"
)

func FuzzKeyringFile(f *testing.F) {
	pass := sealtest.Passphrase(f, "p")
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		boxed, _, err := splitFile(b)
		// What is hashed last is the checksum, so let inputs pass it too.
		if err != nil && len(b) > len(magic) {
			boxed, _, err = splitFile(joinFile(nil, b))
		}
		if err != nil {
			if !notice.Is(err, notice.Integrity) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if len(boxed) > maxBox {
			t.Fatal("box over its bound")
		}
		if _, err := unboxKey(pass, boxed); err == nil && len(boxed) == 0 {
			t.Fatal("nothing opened")
		}
	})
}

func FuzzContent(f *testing.F) {
	f.Add([]byte(`{"version":1,"kit":"","sequence":0,"personas":{"common":null}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := readContent(b)
		if err != nil {
			return
		}
		if _, err := c.clone(); err != nil {
			t.Fatalf("accepted content is refused again: %v", err)
		}
	})
}

func FuzzPhrase(f *testing.F) {
	f.Add(kitOf(make([]byte, kitSize)).Phrase().Reveal(reveal.Token{}))
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParsePhrase(s)
		if err != nil {
			if !notice.Is(err, notice.Invalid) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if again, err := ParsePhrase(k.Phrase().Reveal(reveal.Token{})); err != nil || !again.Equal(k) {
			t.Fatal("a phrase does not round trip")
		}
	})
}

func FuzzShare(f *testing.F) {
	texts, err := kitOf(make([]byte, kitSize)).Shares(2, 2)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(texts[0].Reveal(reveal.Token{}), texts[1].Reveal(reveal.Token{}))
	f.Fuzz(func(t *testing.T, a, b string) {
		if _, err := parseShare(a); err == nil && len(a) > 4096 {
			t.Fatal("a huge share was accepted")
		}
		_, err := JoinShares([]string{a, b})
		if err != nil && notice.From(err).Kind == notice.Internal {
			t.Fatalf("error %v", err)
		}
	})
}
