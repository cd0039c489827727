//go:build !amd64 || purego

package train

func haveVectors() bool { return false }

func tile(_, _, _ *float32, _, _, _, _, _, _ int, _ uint32) {
	panic("train: no vectors on this processor")
}
