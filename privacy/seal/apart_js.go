package seal

import (
	"context"
	"errors"
	"syscall/js"

	"manx/privacy/notice"
	"manx/privacy/promise"
	"manx/privacy/reveal"
	"manx/privacy/seal/internal/work"
)

// A module's memory in a browser never shrinks, and stretching a passphrase takes 256
// MiB. Where JavaScript offers a global apart(do, passphrase, bytes), the work is done
// by another instance of the module (ServeApart), whose memory goes with it.
func (p Passphrase) apart(do string, in []byte) (out []byte, done bool, err error) {
	call := js.Global().Get("apart")
	if call.Type() != js.TypeFunction || p.factor != work.Production() {
		return nil, false, nil
	}
	got, err := promise.Await(context.Background(), call.Invoke(do, p.text.Reveal(reveal.Token{}), promise.ToJS(in)), nil)
	if err != nil {
		return nil, true, err
	}
	if bytes := got.Get("bytes"); bytes.Type() == js.TypeObject {
		return promise.FromJS(bytes), true, nil
	}
	err = errors.New("in the instance for a passphrase: " + got.Get("text").String())
	switch kind := notice.KindOf(got.Get("kind").String()); kind {
	case notice.Denied:
		return nil, true, errWrong(err)
	case notice.Internal:
		return nil, true, err
	default:
		return nil, true, errMessage(err)
	}
}

// ServeApart does what apart asks of another instance: it seals or opens bytes under a
// passphrase, and answers with {bytes} or {kind, text}.
func ServeApart(do, text string, in js.Value) map[string]any {
	b := promise.FromJS(in)
	p, err := NewPassphrase(text)
	if err == nil {
		work := p.open
		if do == "seal" {
			work = p.seal
		}
		b, err = work(b)
	}
	if err != nil {
		n := notice.From(err)
		return map[string]any{"kind": n.Kind.String(), "text": n.Text}
	}
	return map[string]any{"bytes": promise.ToJS(b)}
}
