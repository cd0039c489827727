package promise

import (
	"context"
	"errors"
	"syscall/js"
)

// Await returns what a promise gives, or its reason as an error. Where ctx ends first,
// abort is called and the promise still awaited, then ctx's error returned; abort may be
// nil where nothing ends the promise early. A callback of JavaScript must not call it:
// it would wait for itself.
func Await(ctx context.Context, promise js.Value, abort func()) (js.Value, error) {
	good, bad := make(chan js.Value, 1), make(chan error, 1)
	onGood := js.FuncOf(func(_ js.Value, args []js.Value) any { good <- args[0]; return nil })
	defer onGood.Release()
	onBad := js.FuncOf(func(_ js.Value, args []js.Value) any {
		bad <- errors.New("javascript: " + js.Global().Get("String").Invoke(args[0]).String())
		return nil
	})
	defer onBad.Release()
	promise.Call("then", onGood, onBad)
	done := ctx.Done()
	for {
		select {
		case v := <-good:
			return v, ctx.Err()
		case err := <-bad:
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return js.Undefined(), err
		case <-done:
			done = nil
			if abort != nil {
				abort()
			}
		}
	}
}

// ToJS copies bytes to a new Uint8Array.
func ToJS(b []byte) js.Value {
	out := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(out, b)
	return out
}

// FromJS copies the bytes of a Uint8Array.
func FromJS(v js.Value) []byte {
	out := make([]byte, v.Length())
	js.CopyBytesToGo(out, v)
	return out
}
