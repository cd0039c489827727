package link

import (
	"net"
	"slices"
)

// A Pair is one party's two links.
type Pair struct{ Next, Previous net.Conn }

// Memory links three parties of one process.
func Memory() [3]Pair {
	var p [3]Pair
	for i := range p {
		j := (i + 1) % 3
		p[i].Next, p[j].Previous = net.Pipe()
	}
	return p
}

// Altered returns c with a fault: every write goes through f, which gets its
// number, from 0, and a copy of its bytes, and returns what is sent instead. nil
// is sent as nothing, and the sender does not notice.
func Altered(c net.Conn, f func(number int, b []byte) []byte) net.Conn {
	return &altered{Conn: c, f: f}
}

type altered struct {
	net.Conn
	f       func(number int, b []byte) []byte
	written int
}

func (a *altered) Write(b []byte) (int, error) {
	out := a.f(a.written, slices.Clone(b))
	a.written++
	if out != nil {
		if _, err := a.Conn.Write(out); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
