package ckks

import (
	"bytes"
	"errors"
	"testing"

	"manx/privacy"
	"manx/privacy/notice"
)

func FuzzCiphertext(f *testing.F) {
	k := key(f, Small)
	c, err := k.Encrypt(privacy.Hide([]float64{1, 2, 3}), 0)
	if err != nil {
		f.Fatal(err)
	}
	var fresh bytes.Buffer
	_, _ = c.WriteTo(&fresh)
	f.Add(fresh.Bytes())
	c.seed = nil
	var computed bytes.Buffer
	_, _ = c.WriteTo(&computed)
	f.Add(computed.Bytes())
	f.Add(computed.Bytes()[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ReadCiphertext(bytes.NewReader(b), Small, 0)
		if err != nil {
			isNotice(t, err)
			return
		}
		var again bytes.Buffer
		if _, err := c.WriteTo(&again); err != nil || !bytes.HasPrefix(b, again.Bytes()) {
			t.Fatal("a ciphertext has two encodings")
		}
		if _, err := k.Decrypt(c, 1<<24, .1); err != nil {
			isNotice(t, err)
		}
	})
}

func FuzzEvaluationKeys(f *testing.F) {
	k, needs := key(f, Small), Needs{{3, 0}}
	var b bytes.Buffer
	if err := k.WriteEvaluationKeys(f.Context(), &b, needs, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:60])
	collective := bytes.Clone(b.Bytes()) // a rotation's alone are the same in version 2
	collective[3] = versionCollective
	f.Add(collective)
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := ReadEvaluationKeys(t.Context(), bytes.NewReader(b), Small, needs)
		if err != nil {
			isNotice(t, err)
		} else if !(keys.keys[3] != nil && keys.keys[3].turn != nil) {
			t.Fatal("keys read do not cover the needs")
		}
	})
}

func FuzzPublicKey(f *testing.F) {
	b := publicKey(f, Small)
	f.Add(b)
	f.Add(b[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ReadPublicKey(bytes.NewReader(b), Small)
		if err != nil {
			isNotice(t, err)
			return
		}
		var again bytes.Buffer
		if _, err := k.WriteTo(&again); err != nil || !bytes.HasPrefix(b, again.Bytes()) {
			t.Fatal("a public key has two encodings")
		}
	})
}

func isNotice(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*notice.Error](err); !ok {
		t.Fatalf("not a notice: %v", err)
	}
}

// TestHostileBytes cuts and bends valid bytes everywhere a header is.
func TestHostileBytes(t *testing.T) {
	k, needs := key(t, Small), Needs{{3, 0}}
	c, err := k.Encrypt(privacy.Hide([]float64{1}), 0)
	if err != nil {
		t.Fatal(err)
	}
	var ct, ek bytes.Buffer
	_, _ = c.WriteTo(&ct)
	if err := k.WriteEvaluationKeys(t.Context(), &ek, needs, nil); err != nil {
		t.Fatal(err)
	}
	reads := map[string]struct {
		valid  []byte
		header int // bytes that must be exactly so
		read   func([]byte) error
	}{
		"ciphertext": {ct.Bytes(), headerSize, func(b []byte) error { _, err := ReadCiphertext(bytes.NewReader(b), Small, 0); return err }},
		"keys": {ek.Bytes(), 7, func(b []byte) error {
			_, err := ReadEvaluationKeys(t.Context(), bytes.NewReader(b), Small, needs)
			return err
		}},
	}
	for name, r := range reads {
		if err := r.read(r.valid); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, n := range []int{0, 1, r.header, r.header + 20, len(r.valid) / 2, len(r.valid) - 1} {
			if err := r.read(r.valid[:n]); err == nil {
				t.Errorf("%s: accepted when cut to %d bytes", name, n)
			} else {
				isNotice(t, err)
			}
		}
		for i := range r.header {
			bent := bytes.Clone(r.valid)
			bent[i] ^= 0x40
			if err := r.read(bent); err == nil {
				t.Errorf("%s: accepted with byte %d bent", name, i)
			}
		}
		full := bytes.Clone(r.valid)
		for i := len(full) - 64; i < len(full); i++ {
			full[i] = 0xff
		}
		if err := r.read(full); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: residues over their prime: %v", name, err)
		}
	}
	if _, err := ReadCiphertext(bytes.NewReader(ct.Bytes()), Deep, 7); !notice.Is(err, notice.Invalid) {
		t.Errorf("a ciphertext of another set: %v", err)
	}
	bent := bytes.Clone(ct.Bytes())
	bent[3] = 9
	if _, err := ReadCiphertext(bytes.NewReader(bent), Small, 0); !notice.Is(err, notice.Unsupported) {
		t.Errorf("a later format: %v", err)
	}
}
