//go:build amd64 && !purego

package dcf

import "golang.org/x/sys/cpu"

//go:noescape
func expandAES(round, key *uint64)

// mixAES does as many blocks as that, at least one.
//
//go:noescape
func mixAES(words, round *uint64, blocks int)

func (c *cipherKey) expand(key []uint64) bool {
	if !cpu.X86.HasAES {
		return false
	}
	expandAES(&c.round[0], &key[0])
	return true
}

// mix sets every block b to AES(b) ^ b.
func (c *cipherKey) mix(blocks []uint64) {
	if c.block != nil {
		c.mixGo(blocks)
		return
	}
	mixAES(&blocks[0], &c.round[0], len(blocks)/2)
}
