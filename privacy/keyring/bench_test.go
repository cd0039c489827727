package keyring_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"manx/privacy/keyring"
	"manx/privacy/seal"
	"manx/privacy/seal/sealtest"
)

// BenchmarkSave keeps one more record key in a keyring of a thousand.
func BenchmarkSave(b *testing.B) {
	k, err := keyring.New(filepath.Join(b.TempDir(), "keyring"), sealtest.Passphrase(b, "p"), "health")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	p, err := k.Persona("health")
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	save := func() {
		n++
		if err := p.SetRecordKey(fmt.Sprintf("health-rec-%032d", n%1000), seal.NewKey()); err != nil {
			b.Fatal(err)
		}
	}
	for range 1000 {
		save()
	}
	for b.Loop() {
		save()
	}
}

// BenchmarkPassphrase opens a keyring at the cost that people pay.
func BenchmarkPassphrase(b *testing.B) {
	pass, err := seal.NewPassphrase("correct horse")
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "keyring")
	k, err := keyring.New(path, pass, "common")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := k.Close(); err != nil {
			b.Fatal(err)
		}
		if k, err = keyring.Open(path, pass); err != nil {
			b.Fatal(err)
		}
	}
	_ = k.Close()
}
