package mpc_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"manx/privacy/mpc"
)

// FuzzReadShare: bytes are a share of what was asked for, and written back the
// same, or an error.
func FuzzReadShare(f *testing.F) {
	for n := range 3 {
		shares, err := mpc.Deal(make([]uint64, n))
		if err != nil {
			f.Fatal(err)
		}
		b, err := shares[n].MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, n, n)
	}
	f.Fuzz(func(t *testing.T, b []byte, party, n int) {
		s, err := mpc.ReadShare(b, party, n)
		if err != nil {
			if !errors.Is(err, mpc.ErrMalformed) {
				t.Error(err)
			}
			return
		}
		again, err := s.MarshalBinary()
		if err != nil || !bytes.Equal(b, again) || s.Len() != n || s.Party() != party {
			t.Errorf("%d values of party %d, %v", s.Len(), s.Party(), err)
		}
	})
}

// FuzzPeer: whatever a peer sends before it leaves, a session ends with an error
// that names it, and does not allocate by what the bytes declare.
func FuzzPeer(f *testing.F) {
	frame := func(number uint64, payload []byte) []byte {
		b := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
		return append(binary.LittleEndian.AppendUint64(b, number), payload...)
	}
	f.Add([]byte{})
	f.Add(frame(0, make([]byte, 96)))
	f.Add(frame(1<<40, make([]byte, 96)))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, sent []byte) {
		var ours, theirs [2]net.Conn
		for i := range ours {
			ours[i], theirs[i] = net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, theirs[i]) }()
			go func() {
				_, _ = theirs[i].Write(sent)
				_ = theirs[i].Close()
			}()
		}
		_, err := mpc.Open(t.Context(), mpc.Config{Next: ours[0], Previous: ours[1], Patience: 10 * time.Second})
		var peer *mpc.PeerError
		if !errors.As(err, &peer) || peer.Step != "hello" {
			t.Error(err)
		}
	})
}
