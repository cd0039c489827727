//go:build amd64 && !purego

package secagg

import "golang.org/x/sys/cpu"

func haveVectors() bool {
	return cpu.X86.HasAES && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VAES
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
