package storage

import (
	"context"
	"sync"
	"syscall/js"

	"manx/privacy/promise"
)

// rooms are Uint8Arrays in which JavaScript finds what it is to digest. It copies that
// before digest returns, and a fresh one would stay until Go's collector has run.
var rooms = sync.Pool{New: func() any { return js.Global().Get("Uint8Array").New(MaxBlob) }} //nolint:gochecknoglobals // a pool is shared

// RefsOf writes the names of blobs to refs, which is as long. In a browser its own
// SHA-256 runs beside the module, many times as fast; where the page has none, since it
// came by plain HTTP from another machine, they are hashed here, as is what is no blob.
func RefsOf(refs []Ref, blobs [][]byte) {
	subtle := js.Global().Get("crypto").Get("subtle")
	if subtle.IsUndefined() {
		refsHere(refs, blobs)
		return
	}
	room := rooms.Get().(js.Value)
	defer rooms.Put(room)
	sums := make([]any, len(blobs))
	for i, b := range blobs {
		if len(b) > MaxBlob {
			refsHere(refs, blobs)
			return
		}
		js.CopyBytesToJS(room, b)
		sums[i] = subtle.Call("digest", "SHA-256", room.Call("subarray", 0, len(b)))
	}
	all, err := promise.Await(context.Background(), js.Global().Get("Promise").Call("all", sums), nil)
	if err != nil {
		refsHere(refs, blobs)
		return
	}
	for i := range refs {
		js.CopyBytesToGo(refs[i][:], js.Global().Get("Uint8Array").New(all.Index(i)))
	}
}
