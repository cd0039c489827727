package stream

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzReadFrame: a frame is at most as long as is allowed, and whole.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{1, 2, 0, 0, 0, 'o', 'k'}, 16)
	f.Add([]byte{1, 255, 255, 255, 255}, 16)
	f.Fuzz(func(t *testing.T, b []byte, most int) {
		if most < 0 || most > 1<<20 {
			return
		}
		_, body, err := readFrame(bytes.NewReader(b), most)
		if err == nil && (len(body) > most || len(body)+frameHead > len(b)) {
			t.Error("more was read than there is, or than is allowed")
		}
		if errors.Is(err, ErrFrame) && len(body) > 0 {
			t.Error("a body without a frame")
		}
	})
}
