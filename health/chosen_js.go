package health

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall/js"

	"manx/privacy/promise"
)

// rooms are Uint8Arrays of roomSize bytes into which JavaScript reads.
var rooms = sync.Pool{New: func() any { return js.Global().Get("Uint8Array").New(roomSize) }} //nolint:gochecknoglobals // a pool is shared

const roomSize = 64 << 10

// readerOf returns a way to read an open file at any place, nil where there is none. A
// file that was chosen on a page is read past os, which takes new room of JavaScript's
// for each read and gives it back when Go's collector has run: hundreds of megabytes of a
// study, since sealing gives Go little to collect.
func readerOf(f fs.File) io.ReaderAt {
	if o, ok := f.(*os.File); ok {
		if files := js.Global().Get("fs"); files.Get("chosen").Type() == js.TypeFunction {
			if file := files.Call("chosen", o.Name()); file.Type() == js.TypeObject {
				return chosen{file}
			}
		}
	}
	r, _ := f.(io.ReaderAt)
	return r
}

// chosen is a file of web/ui/src/worker/files.ts, with read(room, place).
type chosen struct{ file js.Value }

// ReadAt implements io.ReaderAt.
func (c chosen) ReadAt(b []byte, at int64) (n int, err error) {
	room := rooms.Get().(js.Value)
	defer rooms.Put(room)
	for n < len(b) {
		want := min(len(b)-n, roomSize)
		got, err := promise.Await(context.Background(), c.file.Call("read", room.Call("subarray", 0, want), at+int64(n)), nil)
		if err != nil {
			return n, fmt.Errorf("read a chosen file: %w", err)
		}
		if got.Int() == 0 {
			return n, io.EOF
		}
		n += js.CopyBytesToGo(b[n:n+got.Int()], room)
	}
	return n, nil
}
