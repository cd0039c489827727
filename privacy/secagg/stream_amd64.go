//go:build amd64 && !purego

package secagg

import "golang.org/x/sys/cpu"

func haveVectors() bool {
	return cpu.X86.HasAES && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VAES && cpu.X86.HasAVX512VPCLMULQDQ
}

// expandAES writes the eleven round keys of AES-128.
//
//go:noescape
func expandAES(round, key *byte)

// addStream adds as many groups of 64 words of a stream, at least one, from the
// block `counter` on, or takes them off.
//
//go:noescape
func addStream(v *uint32, round *byte, counter uint64, groups int, off bool)

// addBytes adds as many groups of 64 words of bytes, at least one.
//
//go:noescape
func addBytes(v *uint32, b *byte, groups int)

// dots adds to sums the carry-less inner products, 128 bits each, of as many groups
// of 8 words, at least one, of m with r, and with r one word further.
//
//go:noescape
func dots(sums *uint64, r, m *byte, groups int)

// roundEights writes as many groups of 8 values, at least one, as quantise does, and
// reports whether none was beyond `most`.
//
//go:noescape
func roundEights(out *uint32, in *float64, groups int, by, most float64) bool
