package ckks

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"slices"
	"time"

	"manx/ml"
	"manx/ml/clear"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/reveal"
)

// A Comparison is encrypted runs beside clear ones. Times are medians, of one
// input but for KeyTime; bytes are as sent.
type Comparison struct {
	Inputs    int           `json:"inputs"`
	Worst     float64       `json:"worst"`  // difference of an output
	Mean      float64       `json:"mean"`   // of it
	Stated    float64       `json:"stated"` // precision that the plan states
	CPU       time.Duration `json:"cpu_ns"` // of the worker, by the clock that Compare was given
	Wall      time.Duration `json:"wall_ns"`
	Encrypt   time.Duration `json:"encrypt_ns"`
	Decrypt   time.Duration `json:"decrypt_ns"`
	KeyTime   time.Duration `json:"key_time_ns"` // to make the evaluation keys, once
	KeyBytes  int64         `json:"key_bytes"`
	InputUp   int64         `json:"input_bytes"`
	ResultOut int64         `json:"result_bytes"`
	Clear     [][]float64   `json:"-"` // outputs, an input each
	Encrypted [][]float64   `json:"-"`
}

// Compare runs inputs through the plan under a fresh key, as owner and worker
// would, bytes and all, and through g in the clear: the graph that the plan was
// compiled from. clock returns the processor time used so far. progress, where
// not nil, is called after each input.
func (p *Plan) Compare(ctx context.Context, g ml.Graph, inputs [][]float64, clock func() time.Duration, progress func(done int)) (Comparison, error) {
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // never fails
	k, err := he.NewSecretKey(p.set, privacy.Hide(seed))
	if err != nil {
		return Comparison{}, err
	}
	c := Comparison{Stated: p.Precision()}
	var sent bytes.Buffer
	began := time.Now()
	if err := k.WriteEvaluationKeys(ctx, &sent, p.Needs(), nil); err != nil {
		return Comparison{}, err
	}
	c.KeyTime, c.KeyBytes = time.Since(began), int64(sent.Len())
	keys, err := he.ReadEvaluationKeys(ctx, &sent, p.set, p.Needs())
	if err != nil {
		return Comparison{}, err
	}
	e := he.NewEvaluator(keys)
	w, err := NewWorker(ctx, p)
	if err != nil {
		return Comparison{}, err
	}
	var cpu, wall, encrypt, decrypt []time.Duration
	values := 0
	for i, in := range inputs {
		want, err := clear.Run(g, in)
		if err != nil {
			return Comparison{}, err
		}
		began = time.Now()
		cts, err := p.Encrypt(k, privacy.Hide(in))
		if err != nil {
			return Comparison{}, err
		}
		sent.Reset()
		for _, ct := range cts {
			if _, err := ct.WriteTo(&sent); err != nil {
				return Comparison{}, fmt.Errorf("write ciphertext: %w", err)
			}
		}
		encrypt, c.InputUp = append(encrypt, time.Since(began)), int64(sent.Len())
		began = time.Now()
		at := clock()
		if cts, err = p.ReadInput(&sent); err != nil {
			return Comparison{}, err
		}
		result, err := w.Evaluate(ctx, e, cts, nil)
		if err != nil {
			return Comparison{}, err
		}
		sent.Reset()
		if _, err := result.WriteTo(&sent); err != nil {
			return Comparison{}, fmt.Errorf("write ciphertext: %w", err)
		}
		cpu, wall, c.ResultOut = append(cpu, clock()-at), append(wall, time.Since(began)), int64(sent.Len())
		began = time.Now()
		if result, err = p.ReadResult(&sent); err != nil {
			return Comparison{}, err
		}
		secret, err := p.Decrypt(k, result)
		if err != nil {
			return Comparison{}, err
		}
		got := secret.Reveal(reveal.Token{})
		decrypt = append(decrypt, time.Since(began))
		for j, v := range got {
			off := math.Abs(v - want[j])
			c.Worst = max(c.Worst, off)
			c.Mean += off
			values++
		}
		c.Clear, c.Encrypted = append(c.Clear, want), append(c.Encrypted, got)
		c.Inputs++
		if progress != nil {
			progress(i + 1)
		}
	}
	if values > 0 {
		c.Mean /= float64(values)
		c.CPU, c.Wall, c.Encrypt, c.Decrypt = median(cpu), median(wall), median(encrypt), median(decrypt)
	}
	return c, nil
}

func median(v []time.Duration) time.Duration {
	slices.Sort(v)
	return v[len(v)/2]
}
