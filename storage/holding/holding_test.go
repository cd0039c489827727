package holding

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"manx/storage"
)

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// Any byte may be in the range, and one that is wrong there, another seed or another
// blob make another answer.
func TestAnswersAreAboutTheBytesDrawn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{1, 2, 100, Length - 1, Length, Length + 1, 3*Length + 7, storage.MaxBlob} {
		b := random(r, size)
		name := storage.RefOf(b)
		for range 20 {
			seed := [32]byte(random(r, 32))
			from, length := Range(seed, name, size)
			if from < 0 || from >= size || length != min(size, Length) {
				t.Fatalf("of %d bytes it draws %d from %d", size, length, from)
			}
			a := Answer(seed, name, b)
			if !Right(seed, name, b, a) {
				t.Fatalf("the answer over %d bytes is wrong", size)
			}
			other := bytes.Clone(b)
			at := (from + r.IntN(length)) % size
			other[at] ^= 1
			if Answer(seed, name, other) == a {
				t.Errorf("byte %d of %d does not count", at, size)
			}
			if Right(seed, name, other, Answer(seed, name, other)) {
				t.Error("bytes that are not the blob's are right")
			}
			outside := bytes.Clone(b)
			if size > length {
				outside[(from+length)%size] ^= 1
				if Answer(seed, name, outside) != a {
					t.Error("a byte outside of the range counts")
				}
			}
			seed[0] ^= 1
			if Answer(seed, name, b) == a || Right(seed, name, b, a) {
				t.Error("an old answer is right for a new seed")
			}
		}
	}
	if Right([32]byte{}, storage.RefOf(nil), nil, [32]byte{}) {
		t.Error("nothing is right for an empty blob")
	}
}

// Ranges begin everywhere alike: of 64 parts of a blob each is begun in about as
// often, so that what part of a blob is gone is what chance an answer has to fail.
func TestRangesAreDrawnEvenly(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const draws, parts, size = 64_000, 64, 1 << 16
	var counts [parts]int
	for range draws {
		from, _ := Range([32]byte(random(r, 32)), storage.Ref{1}, size)
		counts[from*parts/size]++
	}
	chi := 0.0
	for _, c := range counts {
		d := float64(c) - draws/parts
		chi += d * d / (draws / parts)
	}
	if chi > 130 { // 63 degrees of freedom: above by chance in one of 10^6 seeds, and the seed is fixed
		t.Errorf("chi squared %.1f", chi)
	}
}

func BenchmarkAnswer(b *testing.B) {
	blob := random(rand.New(rand.NewPCG(5, 6)), 1<<18)
	name := storage.RefOf(blob)
	for b.Loop() {
		Answer([32]byte{1}, name, blob)
	}
}
