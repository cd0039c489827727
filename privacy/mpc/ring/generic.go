package ring

func mulAdd(z, x, y []uint64, m, k, n int) { mulAddGo(z, x, y, m, k, n) }
