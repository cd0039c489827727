package council

import (
	"bufio"
	"bytes"
	"net"
)

// Across returns a table of two places over a connection, this one being 0, at
// which the other has sat down.
func Across(c net.Conn) *Table {
	return &Table{conns: []net.Conn{nil, c}, sent: make([]uint64, 2), got: make([]uint64, 2), torn: make([]bool, 2), ahead: make([][]byte, 2)}
}

// Frame returns the bytes of the frame with a body that the other place of such a
// table tells first.
func Frame(body []byte) []byte {
	return framed(tag("tell", about("tell", []byte("1 1")), 0), body)
}

// Farewell returns the bytes of a farewell with a body.
func Farewell(body []byte) []byte { return framed(farewellTag(), body) }

func framed(of [tagSize]byte, body []byte) []byte {
	var b bytes.Buffer
	_ = writeFrame(bufio.NewWriter(&b), of, body) // a buffer takes all
	return b.Bytes()
}

// Silent is that a place sent nothing in time, by whose word.
func Silent(place int, by ...int) Fault {
	return Fault{Place: place, What: sayings[silent], By: by, code: silent}
}

// Answered is what is left of faults once places that were waited for have spoken.
func (f Faults) Answered(spoke ...int) Faults { return f.answered(spoke) }
