//go:build !amd64 || purego

package dcf

func (c *cipherKey) expand([]uint64) bool { return false }

// mix sets every block b to AES(b) ^ b.
func (c *cipherKey) mix(blocks []uint64) { c.mixGo(blocks) }
