package phantom

import (
	"encoding/binary"
	"math"
)

// A picture is one slice in Hounsfield units; painting is in mm from its
// middle, x to the patient's left, y to the back.
type picture []float32

// ellipse paints a filled ellipse, only over what lies between lo and hi.
func (p picture) ellipse(cx, cy, rx, ry float64, hu, lo, hi float32) {
	if rx <= 0 || ry <= 0 {
		return
	}
	const mid = (Size - 1) / 2.0
	for row := max(0, int((cy-ry)/spacing+mid)); row <= min(Size-1, int((cy+ry)/spacing+mid)+1); row++ {
		dy := ((float64(row)-mid)*spacing - cy) / ry
		if dy*dy >= 1 {
			continue
		}
		half := rx * math.Sqrt(1-dy*dy)
		from, to := int(math.Ceil((cx-half)/spacing+mid)), int(math.Floor((cx+half)/spacing+mid))
		line := p[row*Size:][:Size]
		for c := max(0, from); c <= min(Size-1, to); c++ {
			if line[c] >= lo && line[c] <= hi {
				line[c] = hu
			}
		}
	}
}

// pixels returns slice i as 16-bit signed little-endian values.
func (s *Series) pixels(i int) []byte {
	const anywhere = 4000
	p := make(picture, Size*Size)
	for j := range p {
		p[j] = -1000
	}
	z := s.depth(i) // positive toward the feet
	// Skin and fat, then muscle.
	p.ellipse(0, 0, 165, 112, -100, -anywhere, anywhere)
	p.ellipse(0, 0, 150, 97, 50, -anywhere, anywhere)
	// Lungs taper to the apex above and to the diaphragm below.
	grow := math.Sqrt(max(0, 1-math.Pow(z/125, 2)))
	if z > 0 {
		grow = math.Sqrt(max(0, 1-math.Pow(z/112, 2)))
	}
	for _, side := range []float64{-1, 1} {
		p.ellipse(side*74, -4, 58*grow, 80*grow, -860, -anywhere, anywhere)
	}
	// Vessels wander along z; a lobe's are thinner toward its edge.
	for _, v := range s.vessels {
		x, y := v.x+v.dx*z, v.y+v.dy*z
		p.ellipse(x, y, v.r, v.r*1.3, 35, -900, -600)
	}
	// Mediastinum: heart below, great vessels above, trachea.
	if z > -5 {
		beat := math.Sqrt(max(0, 1-math.Pow((z-45)/50, 2)))
		p.ellipse(18, -22, 52*beat, 42*beat, 40, -anywhere, anywhere)
	}
	p.ellipse(0, -10, 24, 52, 40, -anywhere, anywhere)
	p.ellipse(16, 28, 12, 12, 45, -anywhere, anywhere)
	if z < 20 {
		p.ellipse(0, 8, 9, 8, -990, -anywhere, anywhere)
	}
	// Spine with its canal, and ribs that slide round the chest wall.
	p.ellipse(0, 66, 19, 16, 250, -anywhere, anywhere)
	p.ellipse(0, 66, 15, 12, 160, 249, 251)
	p.ellipse(0, 88, 9, 8, 20, -anywhere, anywhere)
	p.ellipse(0, 100, 5, 9, 350, -anywhere, anywhere)
	for k := range 10 {
		a := 2*math.Pi*(float64(k)+.5)/10 + z/40
		p.ellipse(143*math.Cos(a), 91*math.Sin(a), 8, 5, 420, -120, 60)
	}
	p.ellipse(0, -92, 16, 5, 220, -120, 60)
	s.nodule(p, z)
	return s.finish(p, i)
}

func (s *Series) nodule(p picture, z float64) {
	n := s.o.Nodule
	r, d := n.Diameter/2, -n.Z-z
	if r == 0 || math.Abs(d) >= r {
		return
	}
	cut := math.Sqrt(r*r - d*d)
	p.ellipse(n.X, n.Y, cut, cut, float32(n.HU), -1000, 4000)
	// Four short spicules.
	for k := range 4 {
		a := math.Pi/4 + float64(k)*math.Pi/2
		p.ellipse(n.X+cut*1.1*math.Cos(a), n.Y+cut*1.1*math.Sin(a), cut*.25, cut*.25, float32(n.HU)-60, -1000, -600)
	}
}

// finish blurs edges a little and adds noise that the seed and slice decide.
func (s *Series) finish(p picture, i int) []byte {
	h := s.hash("noise", i)
	r := random(binary.LittleEndian.Uint64(h[:]))
	out := make([]byte, 2*Size*Size)
	for y := range Size {
		up, down := max(y-1, 0)*Size, min(y+1, Size-1)*Size
		line := y * Size
		for x := range Size {
			left, right := max(x-1, 0), min(x+1, Size-1)
			v := p[line+x]/2 + (p[line+left]+p[line+right]+p[up+x]+p[down+x])/8
			// The sum of four uniform numbers: nearly normal, 12 HU wide.
			n := r.next()
			sum := int32(n&0xFFFF) + int32(n>>16&0xFFFF) + int32(n>>32&0xFFFF) + int32(n>>48) - 2*0xFFFF
			v += float32(sum) * (12 / 37837.0)
			binary.LittleEndian.PutUint16(out[2*(line+x):], uint16(int16(min(max(v, -1024), 3071)+1024.5)-1024))
		}
	}
	return out
}
