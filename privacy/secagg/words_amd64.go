//go:build amd64 && !purego

package secagg

// addBytes adds as many groups of 64 words of bytes, at least one.
//
//go:noescape
func addBytes(v *uint32, b *byte, groups int)

// roundEights writes as many groups of 8 values, at least one, as steps.values does,
// and reports whether none was beyond `most`.
//
//go:noescape
func roundEights(out *uint32, in *float64, groups int, by, most float64) bool
