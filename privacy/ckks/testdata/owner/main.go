// Command owner is the owner's half of an encrypted computation, for the test
// that runs it as WebAssembly: it makes evaluation keys, encrypts, and prints
// what it made and how long it took as one JSON value.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"manx/privacy"
	"manx/privacy/ckks"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	began := time.Now()
	k, err := ckks.NewSecretKey(ckks.Deep, privacy.Hide([32]byte{42}))
	if err != nil {
		return err
	}
	hash := sha256.New()
	needs := ckks.Needs{{Rotation: 0, Level: 6}}
	for i := range 24 {
		needs = append(needs, ckks.Need{Rotation: 1 + i, Level: 7})
	}
	if err := k.WriteEvaluationKeys(context.Background(), hash, needs, nil); err != nil {
		return err
	}
	keys := time.Since(began)
	began = time.Now()
	c, err := k.Encrypt(privacy.Hide([]float64{1, -2, 3.5}), 7)
	if err != nil {
		return err
	}
	var wire bytes.Buffer
	if _, err := c.WriteTo(&wire); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"keys": hex.EncodeToString(hash.Sum(nil)), "ciphertext": wire.Bytes(),
		"keyBytes": needs.Size(ckks.Deep), "keySeconds": keys.Seconds(), "encryptSeconds": time.Since(began).Seconds(),
	})
}
