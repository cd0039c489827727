package ring

// MulAdd adds the product of x (m rows of k) and y (k rows of n) to z (m rows
// of n), modulo 2^64. Row-major, without gaps.
func MulAdd(z, x, y []uint64, m, k, n int) {
	if m == 0 || k == 0 || n == 0 {
		return
	}
	_, _, _ = z[m*n-1], x[m*k-1], y[k*n-1]
	mulAdd(z, x, y, m, k, n)
}

// mulAddGo is MulAdd in Go: by rows of y, four at a time.
func mulAddGo(z, x, y []uint64, m, k, n int) {
	if n == 1 {
		for i := range m {
			z[i] += dotGo(x[i*k:(i+1)*k], y[:k])
		}
		return
	}
	for i := range m {
		row, a := z[i*n:(i+1)*n], x[i*k:(i+1)*k]
		t := 0
		for ; t+4 <= k; t += 4 {
			a0, a1, a2, a3 := a[t], a[t+1], a[t+2], a[t+3]
			y0, y1, y2, y3 := y[t*n:][:len(row)], y[(t+1)*n:][:len(row)], y[(t+2)*n:][:len(row)], y[(t+3)*n:][:len(row)]
			for j := range row {
				row[j] += a0*y0[j] + a1*y1[j] + a2*y2[j] + a3*y3[j]
			}
		}
		for ; t < k; t++ {
			a0, y0 := a[t], y[t*n:][:len(row)]
			for j := range row {
				row[j] += a0 * y0[j]
			}
		}
	}
}

func dotGo(x, y []uint64) uint64 {
	y = y[:len(x)]
	var s uint64
	for i, v := range x {
		s += v * y[i]
	}
	return s
}
