package dicom

import (
	"context"
	"syscall/js"

	"manx/privacy/notice"
	"manx/privacy/promise"
)

// codecHere returns the codec of JavaScript's global decode(codec, bytes), where it offers
// one: it promises {rows, columns, samples, bits, planar, bytes}, or {failed}, the kind of
// notice (web/ui/src/worker/codecs.ts). Its time and memory are bounded there.
func codecHere(name string) codec {
	call := js.Global().Get("decode")
	if call.Type() != js.TypeFunction {
		return nil
	}
	return func(b []byte) (samples, error) {
		got, err := promise.Await(context.Background(), call.Invoke(name, promise.ToJS(b)), nil)
		if err != nil {
			return samples{}, err
		}
		if why := got.Get("failed"); why.Type() == js.TypeString {
			switch notice.KindOf(why.String()) {
			case notice.Exhausted:
				return samples{}, notice.New(notice.Exhausted, "the compressed pixels take more time or memory than a picture may", "convert the file first: `gdcmconv --raw IN OUT`")
			case notice.Unavailable:
				return samples{}, notice.New(notice.Unavailable, "the codec for the compressed pixels could not be fetched", "check the connection to the node, and try again")
			default:
				return samples{}, errDamaged
			}
		}
		return samples{
			rows: got.Get("rows").Int(), columns: got.Get("columns").Int(), each: got.Get("samples").Int(), bits: got.Get("bits").Int(),
			planar: got.Get("planar").Bool(), data: promise.FromJS(got.Get("bytes")),
		}, nil
	}
}
