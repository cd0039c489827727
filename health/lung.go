package health

const (
	grid   = 128  // side of the picture that is searched for lungs
	airHU  = -400 // below it is air or lung
	minCM2 = 25   // least lung area where the size of a pixel is known

	mostLung = 0.75 // of a body's area; more means that the body was not found
)

// lungShare returns which share of the body's area is lung: air that does not
// connect to the outside, as in airways, bowel and sinuses, which are small. It
// is 0 where there is no body or the lung is smaller than minCM2.
func lungShare(hu []float32, rows, columns int, pixelMM2 float64) float64 {
	small := shrink(hu, rows, columns)
	outside := make([]bool, grid*grid)
	stack := make([]int, 0, 4*grid)
	visit := func(i int) {
		if !outside[i] && small[i] < airHU {
			outside[i] = true
			stack = append(stack, i)
		}
	}
	for i := range grid {
		visit(i)
		visit((grid-1)*grid + i)
		visit(i * grid)
		visit(i*grid + grid - 1)
	}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if x := i % grid; x > 0 {
			visit(i - 1)
		}
		if x := i % grid; x < grid-1 {
			visit(i + 1)
		}
		if i >= grid {
			visit(i - grid)
		}
		if i < grid*(grid-1) {
			visit(i + grid)
		}
	}
	body, lung := 0, 0
	for i, v := range small {
		if outside[i] {
			continue
		}
		body++
		if v < airHU {
			lung++
		}
	}
	if body < grid*grid/12 {
		return 0
	}
	if cm2 := pixelMM2 / 100 * float64(rows*columns) / (grid * grid) * float64(lung); pixelMM2 > 0 && cm2 < minCM2 {
		return 0
	}
	return float64(lung) / float64(body)
}

// shrink samples the picture on the grid, each cell the mean of up to nine of
// its pixels.
func shrink(hu []float32, rows, columns int) []float32 {
	out := make([]float32, grid*grid)
	for y := range grid {
		for x := range grid {
			var sum float32
			for k := range 9 {
				r := (y*6 + 1 + k/3*2) * rows / (6 * grid)
				c := (x*6 + 1 + k%3*2) * columns / (6 * grid)
				sum += min(max(hu[r*columns+c], -1100), 1000)
			}
			out[y*grid+x] = sum / 9
		}
	}
	return out
}
