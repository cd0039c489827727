package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"filippo.io/age"

	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/privacy/seal/sealtest"
)

func text(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

func identity(t testing.TB) seal.Identity {
	t.Helper()
	id, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// sizes stand around the edges of chunks.
func sizes() []int {
	s := []int{0, 1, 15, 16, 17, 1000, 5*seal.Chunk + 7777}
	for _, c := range []int{1, 2, 3} {
		for d := -17; d <= 17; d += 1 {
			if d >= -2 && d <= 2 || d%16 == 0 || d%17 == 0 {
				s = append(s, c*seal.Chunk+d)
			}
		}
	}
	return s
}

func TestAgeOpensOursAndWeOpenAges(t *testing.T) {
	id := identity(t)
	theirs, err := age.ParseHybridIdentity(id.Reveal(reveal.Token{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range sizes() {
		plain := text(n)
		k := seal.NewKey()
		wrap, err := seal.Wrap(k, id.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		payload, err := seal.Seal(k, plain)
		if err != nil || int64(len(payload)) != seal.SealedSize(int64(n)) {
			t.Fatalf("size %d: payload of %d bytes: %v", n, len(payload), err)
		}
		r, err := age.Decrypt(io.MultiReader(bytes.NewReader(wrap), bytes.NewReader(payload)), theirs)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("size %d: age read %d bytes: %v", n, len(got), err)
		}

		var file bytes.Buffer
		w, err := age.Encrypt(&file, theirs.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(plain)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		wrap, err = age.ExtractHeader(bytes.NewReader(file.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		k, err = seal.Unwrap(wrap, id)
		if err != nil {
			t.Fatal(err)
		}
		checkOpens(t, k, file.Bytes()[len(wrap):], plain)
	}
}

func checkOpens(t *testing.T, k seal.Key, payload, plain []byte) {
	t.Helper()
	if n, err := seal.OpenedSize(int64(len(payload))); err != nil || n != int64(len(plain)) {
		t.Fatalf("opened size %d: %v", n, err)
	}
	if got, err := seal.Open(k, payload); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("size %d: opened %d bytes: %v", len(plain), len(got), err)
	}
	r, err := seal.NewReader(k, iotest.HalfReader(bytes.NewReader(payload)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("size %d: read %d bytes: %v", len(plain), len(got), err)
	}
	if r, err = seal.NewReader(k, bytes.NewReader(payload)); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	part, err := io.CopyN(&got, r, int64(rand.IntN(len(plain)+1)))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.WriteTo(&got); err != nil || part+n != int64(len(plain)) || !bytes.Equal(got.Bytes(), plain) {
		t.Fatalf("size %d: read %d, wrote %d bytes: %v", len(plain), part, n, err)
	}
	at, err := seal.NewReaderAt(k, bytes.NewReader(payload), int64(len(payload)))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		off := rand.IntN(len(plain) + 1)
		p := make([]byte, rand.IntN(len(plain)-off+1))
		if n, err := at.ReadAt(p, int64(off)); n != len(p) || err != nil || !bytes.Equal(p, plain[off:off+n]) {
			t.Fatalf("size %d: range %d+%d: %v", len(plain), off, len(p), err)
		}
	}
	if n, err := at.ReadAt(make([]byte, 1), int64(len(plain))); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("past the end: %d, %v", n, err)
	}
}

func TestChunksSealInAnyOrderInPlace(t *testing.T) {
	plain := text(10*seal.Chunk + 5)
	k := seal.NewKey()
	p, err := seal.NewPayload(k)
	if err != nil {
		t.Fatal(err)
	}
	chunks := seal.Chunks(int64(len(plain)))
	out := make([]byte, seal.SealedSize(int64(len(plain))))
	copy(out, p.Head())
	var wg sync.WaitGroup
	for i := range chunks {
		wg.Go(func() {
			from := plain[i*seal.Chunk : min((i+1)*seal.Chunk, int64(len(plain)))]
			buf := out[seal.Head+i*seal.SealedChunk:][:len(from)+16]
			copy(buf, from)
			p.SealChunk(buf, i, i == chunks-1)
		})
	}
	wg.Wait()
	checkOpens(t, k, out, plain)
	buf := make([]byte, 16)
	if n := testing.AllocsPerRun(100, func() { p.SealChunk(buf, 0, true) }); n > 0 {
		t.Errorf("sealing a chunk allocates %v times", n)
	}
}

func TestDamageIsAlwaysFound(t *testing.T) {
	k := seal.NewKey()
	plain := text(2*seal.Chunk + 100)
	good, err := seal.Seal(k, plain)
	if err != nil {
		t.Fatal(err)
	}
	one := good[:seal.Head+seal.SealedChunk]
	cases := map[string][]byte{
		"empty": {}, "half a head": good[:8], "head only": good[:16],
		"cut at a chunk": one, "cut in a chunk": good[:len(good)-1], "cut in the first tag": good[:20],
		"one more byte":    append(bytes.Clone(good), 0),
		"one more chunk":   append(bytes.Clone(good), good[seal.Head:seal.Head+seal.SealedChunk]...),
		"chunks swapped":   bytes.Join([][]byte{good[:16], good[16+seal.SealedChunk : 16+2*seal.SealedChunk], good[16 : 16+seal.SealedChunk], good[16+2*seal.SealedChunk:]}, nil),
		"first bit":        flip(good, 0),
		"a bit in a tag":   flip(good, seal.Head+seal.SealedChunk-1),
		"a bit at the end": flip(good, len(good)-1),
	}
	for name, bad := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := seal.Open(k, bad); !notice.Is(err, notice.Integrity) {
				t.Errorf("Open: %v", err)
			}
			r, err := seal.NewReader(k, bytes.NewReader(bad))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if !notice.Is(err, notice.Integrity) {
				t.Errorf("reader: %v", err)
			}
			if !bytes.HasPrefix(plain, got) {
				t.Error("the reader returned bytes that were never sealed")
			}
			if r, err = seal.NewReader(k, bytes.NewReader(bad)); err != nil {
				t.Fatal(err)
			}
			var written bytes.Buffer
			if _, err := r.WriteTo(&written); !notice.Is(err, notice.Integrity) || !bytes.Equal(written.Bytes(), got) {
				t.Errorf("WriteTo: %d bytes, Read gave %d: %v", written.Len(), len(got), err)
			}
		})
	}
	if _, err := seal.Open(seal.NewKey(), good); !notice.Is(err, notice.Integrity) {
		t.Errorf("another key: %v", err)
	}
	if _, err := seal.Open(seal.Key{}, good); !notice.Is(err, notice.Denied) {
		t.Errorf("no key: %v", err)
	}
}

func flip(b []byte, at int) []byte {
	c := bytes.Clone(b)
	c[at] ^= 1
	return c
}

func TestWrapForSeveralAndForNobodyElse(t *testing.T) {
	a, b, other := identity(t), identity(t), identity(t)
	k := seal.NewKey()
	wrap, err := seal.Wrap(k, a.Recipient(), b.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []seal.Identity{a, b} {
		if got, err := seal.Unwrap(wrap, id); err != nil || !got.Equal(k) {
			t.Errorf("unwrap: %v", err)
		}
	}
	if _, err := seal.Unwrap(wrap, other); !notice.Is(err, notice.Denied) {
		t.Errorf("somebody else: %v", err)
	}
	for name, bad := range map[string][]byte{
		"nothing": nil, "cut": wrap[:len(wrap)-3], "more": append(bytes.Clone(wrap), 'x'),
		"mac": flip(wrap, len(wrap)-3), "long": bytes.Repeat([]byte("-> a\n\n"), 1<<16),
	} {
		if _, err := seal.Unwrap(bad, a); !notice.Is(err, notice.Integrity) && !notice.Is(err, notice.Denied) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPartsJoinAndNoTwoAreEnough(t *testing.T) {
	id := identity(t)
	k := seal.NewKey()
	parts, err := seal.Split(k)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := seal.SealPart(parts[1], id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	p, err := seal.OpenPart(sealed, id)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := seal.Join([3]seal.Part{parts[2], p, parts[0]}); err != nil || !got.Equal(k) {
		t.Errorf("join: %v", err)
	}
	if _, err := seal.Join([3]seal.Part{parts[0], parts[1], {}}); err == nil {
		t.Error("two parts joined")
	}
	other, err := seal.Split(k)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := seal.Join([3]seal.Part{parts[0], parts[1], other[2]}); got.Equal(k) {
		t.Error("parts of two splits joined")
	}
	plain, err := seal.Message([]byte("not a part"), id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OpenPart(plain, id); !notice.Is(err, notice.Integrity) {
		t.Errorf("a message taken for a part: %v", err)
	}
}

func TestMessageAndPassphrase(t *testing.T) {
	id := identity(t)
	for _, n := range []int{0, 1, 100_000} {
		sealed, err := seal.Message(text(n), id.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := seal.OpenMessage(sealed, id); err != nil || !bytes.Equal(got, text(n)) {
			t.Errorf("%d bytes: %v", n, err)
		}
		if _, err := seal.OpenMessage(flip(sealed, len(sealed)-1), id); !notice.Is(err, notice.Integrity) {
			t.Errorf("damaged: %v", err)
		}
		if _, err := seal.OpenMessage(sealed, identity(t)); !notice.Is(err, notice.Denied) {
			t.Errorf("somebody else: %v", err)
		}
	}
	pass := sealtest.Passphrase(t, "correct horse")
	sealed, err := pass.Seal([]byte("the keyring"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pass.Open(sealed); err != nil || string(got) != "the keyring" {
		t.Errorf("passphrase: %q, %v", got, err)
	}
	if _, err := sealtest.Passphrase(t, "wrong").Open(sealed); !notice.Is(err, notice.Denied) {
		t.Errorf("wrong passphrase: %v", err)
	}
	if _, err := seal.NewPassphrase(""); !notice.Is(err, notice.Invalid) {
		t.Errorf("empty passphrase: %v", err)
	}
}

func TestPassphraseCostsTwoToTheEighteen(t *testing.T) {
	p, err := seal.NewPassphrase("x")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := p.Seal([]byte("y"))
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Split(string(sealed), "\n")[1]
	if !strings.HasPrefix(line, "-> scrypt ") || !strings.HasSuffix(line, " 18") {
		t.Errorf("stanza %q", line)
	}
	dear := bytes.Replace(sealed, []byte(" 18\n"), []byte(" 30\n"), 1)
	if _, err := p.Open(dear); err == nil {
		t.Error("a file asking for 2^30 work was opened")
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	id := identity(t)
	k := seal.NewKey()
	parts, err := seal.Split(k)
	if err != nil {
		t.Fatal(err)
	}
	pass := sealtest.Passphrase(t, "hunter2")
	secrets := []string{string(k.Reveal(reveal.Token{})), id.Reveal(reveal.Token{}), "hunter2"}
	for _, v := range []any{k, id, parts, pass, struct{ K seal.Key }{k}, &id} {
		j, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out := fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v) + string(j)
		for _, s := range secrets {
			if strings.Contains(out, s) || strings.Contains(out, fmt.Sprintf("%x", s)) {
				t.Errorf("%T prints its secret", v)
			}
		}
	}
}

func TestStoredFormsReadBack(t *testing.T) {
	id := identity(t)
	again, err := seal.ParseIdentity(id.Reveal(reveal.Token{}))
	if err != nil || again.Recipient().String() != id.Recipient().String() {
		t.Errorf("identity: %v", err)
	}
	r, err := seal.ParseRecipient(id.Recipient().String())
	if err != nil || r.String() != id.Recipient().String() {
		t.Errorf("recipient: %v", err)
	}
	for _, bad := range []string{"", "age1pq1", "AGE-SECRET-KEY-PQ-1QQQ", strings.Repeat("a", 1<<20), strings.ToUpper(r.String())} {
		if _, err := seal.ParseIdentity(bad); !notice.Is(err, notice.Invalid) {
			t.Errorf("identity %.20q: %v", bad, err)
		}
		if _, err := seal.ParseRecipient(bad); !notice.Is(err, notice.Invalid) {
			t.Errorf("recipient %.20q: %v", bad, err)
		}
	}
	k := seal.NewKey()
	d1, _ := k.Derive("a", 1)
	d2, _ := k.Derive("a", 2)
	if again, _ := k.Derive("a", 1); d1.Equal(d2) || !again.Equal(d1) || d1.Equal(k) {
		t.Error("derived keys")
	}
	if _, err := (seal.Key{}).Derive("a", 1); err == nil {
		t.Error("derived from no key")
	}
	if _, err := seal.KeyOf(make([]byte, 15)); err == nil {
		t.Error("short key")
	}
}

func TestRepeatablePayloadRepeats(t *testing.T) {
	k := seal.NewKey()
	a, err := seal.RepeatablePayload(k)
	if err != nil {
		t.Fatal(err)
	}
	b, err := seal.RepeatablePayload(k)
	if err != nil {
		t.Fatal(err)
	}
	c, err := seal.NewPayload(k)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Head(), b.Head()) || bytes.Equal(a.Head(), c.Head()) {
		t.Error("heads")
	}
}

func TestReaderPassesOnTheSourcesError(t *testing.T) {
	k := seal.NewKey()
	sealed, err := seal.Seal(k, text(100))
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	r, err := seal.NewReader(k, io.MultiReader(bytes.NewReader(sealed[:50]), iotest.ErrReader(gone)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, gone) {
		t.Error(err)
	}
}

// fuzzIdentity opens the committed corpus, whose wraps hold the key of zeros.
const fuzzIdentity = "AGE-SECRET-KEY-PQ-15ACJCQ2AX2QJWZRFFETH0CZA0SVREZD54X2J9XJF0UCETQZTWK4Q57Y38D"

func FuzzUnwrap(f *testing.F) {
	id, err := seal.ParseIdentity(fuzzIdentity)
	if err != nil {
		f.Fatal(err)
	}
	k, err := seal.KeyOf(make([]byte, 16))
	if err != nil {
		f.Fatal(err)
	}
	wrap, err := seal.Wrap(k, id.Recipient())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wrap)
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := seal.Unwrap(b, id); err == nil && !got.Equal(k) {
			t.Error("a key nobody wrapped")
		}
		if _, err := seal.OpenMessage(b, id); err == nil {
			t.Error("a message nobody sealed")
		}
	})
}

func FuzzPayload(f *testing.F) {
	k, err := seal.KeyOf(make([]byte, 16))
	if err != nil {
		f.Fatal(err)
	}
	p, err := seal.RepeatablePayload(k)
	if err != nil {
		f.Fatal(err)
	}
	sealed := append(p.Head(), make([]byte, 5+16)...)
	p.SealChunk(sealed[seal.Head:], 0, true)
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, err1 := seal.Open(k, b)
		r, err := seal.NewReader(k, bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		stream, err2 := io.ReadAll(r)
		if (err1 == nil) != (err2 == nil) || (err1 == nil && !bytes.Equal(whole, stream)) {
			t.Errorf("whole: %v, stream: %v", err1, err2)
		}
	})
}
