package train

import (
	"math/rand/v2"
	"testing"
)

// unroll against the plain definition of a window, and roll as its transpose, where
// windows overhang on every side and strides leave a rest.
func TestUnrollAndRoll(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []conv[float32]{{in: 2, kernel: 5, stride: 2, pad: 2}, {in: 1, kernel: 3, stride: 3, pad: 1}, {in: 3, kernel: 7, stride: 3, pad: 3}, {in: 2, kernel: 4, stride: 1, pad: 0}, {in: 1, kernel: 1, stride: 2}} {
		for _, hw := range [][2]int{{9, 11}, {8, 8}, {7, 10}} {
			h, w := hw[0], hw[1]
			oh, ow := (h+2*c.pad-c.kernel)/c.stride+1, (w+2*c.pad-c.kernel)/c.stride+1
			src := make([]float32, c.in*h*w)
			for i := range src {
				src[i] = rng.Float32()
			}
			cols := make([]float32, c.taps()*oh*ow)
			for i := range cols {
				cols[i] = 9
			}
			c.unroll(src, cols, h, w, oh, ow)
			back := make([]float32, len(src))
			c.roll(cols, back, h, w, oh, ow)
			want := make([]float32, len(src))
			at := 0
			for ch := range c.in {
				for ky := range c.kernel {
					for kx := range c.kernel {
						for y := range oh {
							for x := range ow {
								sy, sx := y*c.stride+ky-c.pad, x*c.stride+kx-c.pad
								var v float32
								if sy >= 0 && sy < h && sx >= 0 && sx < w {
									v = src[(ch*h+sy)*w+sx]
									want[(ch*h+sy)*w+sx] += v
								}
								if cols[at] != v {
									t.Fatalf("%+v on %v: column value %d is %v, not %v", c, hw, at, cols[at], v)
								}
								at++
							}
						}
					}
				}
			}
			for i := range want {
				if want[i] != back[i] {
					t.Fatalf("%+v on %v: value %d was added up to %v, not %v", c, hw, i, back[i], want[i])
				}
			}
		}
	}
}
