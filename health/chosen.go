//go:build !js

package health

import (
	"io"
	"io/fs"
)

// readerOf returns a way to read an open file at any place, nil where there is none.
func readerOf(f fs.File) io.ReaderAt {
	r, _ := f.(io.ReaderAt)
	return r
}
