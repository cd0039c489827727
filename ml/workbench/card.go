package workbench

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"manx/ml"
	"manx/privacy/notice"
)

// Digest pins inputs: SHA-256, in hexadecimal, over their float64 values,
// little-endian, one input after another.
func Digest(inputs [][]float64) string {
	h := sha256.New()
	for _, in := range inputs {
		var b []byte
		for _, x := range in {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Measured returns a card with what a check measured on inputs of that digest:
// precision, the comparison by labels, times and bytes, in the place of what
// earlier checks wrote. A card of another graph is notice.Invalid, and a
// difference over the bound that the card promises notice.Integrity.
func Measured(card ml.Card, r Report, c Checked, digest string) (ml.Card, error) {
	if card.Hash != r.Model {
		return ml.Card{}, notice.New(notice.Invalid, "the card is of another model than the one that was checked",
			"name the card of this model, or put the model hash that `manx model compile` prints into it")
	}
	p := ml.Precision{Scheme: "CKKS", Parameters: fmt.Sprintf("privacy/ckks set %s: ring degree %d, %d levels", r.Set, 2*r.Slots, r.Levels), Bound: c.Stated}
	if card.Precision != nil {
		p = *card.Precision
	}
	p.Seen, p.Inputs, p.Digests = c.Worst, c.Inputs, digest
	if p.Seen > p.Bound {
		return ml.Card{}, notice.New(notice.Integrity, "the encrypted results are further off than the card promises", "do not publish the model so; calibrate it on inputs like these")
	}
	card.Precision = &p
	card.Comparison = slices.Clone(card.Comparison)
	card.Metrics = slices.Clone(card.Metrics)
	if c.Measure != "" {
		card.Comparison = slices.DeleteFunc(card.Comparison, func(o ml.Comparison) bool { return o.Name == c.Measure })
		card.Comparison = append(card.Comparison, ml.Comparison{Name: c.Measure, Clear: c.Clear, Encrypted: c.Encrypted, Inputs: c.Inputs})
	}
	method := fmt.Sprintf("`manx model check`, median of %d inputs, one worker", c.Inputs)
	sent := "`manx model check`, bytes as sent"
	for _, m := range []ml.Metric{
		{Name: "encrypted: CPU of an input, ms", Value: tenth(float64(c.CPU) / 1e6), Method: method + ", processor time of all cores"},
		{Name: "encrypted: time of an input, ms", Value: tenth(float64(c.Wall) / 1e6), Method: method + fmt.Sprintf(", %d cores", r.Cores)},
		{Name: "encrypted: evaluation keys, bytes", Value: float64(c.KeyBytes), Method: sent + ", once"},
		{Name: "encrypted: an input, bytes", Value: float64(c.InputUp), Method: sent},
		{Name: "encrypted: mean difference", Value: c.Mean, Method: fmt.Sprintf("`manx model check`, every output of %d inputs", c.Inputs)},
	} {
		card.Metrics = slices.DeleteFunc(card.Metrics, func(o ml.Metric) bool { return o.Name == m.Name })
		card.Metrics = append(card.Metrics, m)
	}
	return card, card.Check()
}

func tenth(x float64) float64 { return math.Round(x*10) / 10 }
