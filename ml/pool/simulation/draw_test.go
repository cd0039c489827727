package simulation

import (
	"fmt"
	"math"
	"strings"
)

// draw draws waits against workers or load, both axes logarithmic.
func draw(title string, points []point, unit float64) string {
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 460 380" font-family="sans-serif" font-size="12">` + "\n" +
		`<rect width="460" height="380" fill="#fff"/>` + "\n")
	panel(&b, 60, title, points, unit)
	b.WriteString("</svg>\n")
	return b.String()
}

const (
	wide, high, top = 360.0, 270.0, 50.0
	least, most     = 0.01, 100_000.0 // seconds
)

func panel(b *strings.Builder, left float64, title string, points []point, unit float64) {
	first, last := math.Log(points[0].x), math.Log(points[len(points)-1].x)
	x := func(v float64) float64 { return left + wide*(math.Log(v)-first)/(last-first) }
	y := func(s float64) float64 {
		s = math.Min(most, math.Max(least, s))
		return top + high*(1-math.Log(s/least)/math.Log(most/least))
	}
	fmt.Fprintf(b, `<text x="%.0f" y="24" font-weight="bold">%s</text>`+"\n", left-50, title)
	for s := least; s <= most; s *= 10 {
		fmt.Fprintf(b, `<path d="M%.0f %.1fh%.0f" stroke="#ddd"/><text x="%.0f" y="%.1f" text-anchor="end">%g</text>`+"\n", left, y(s), wide, left-6, y(s)+4, s)
	}
	for _, p := range points {
		fmt.Fprintf(b, `<text x="%.1f" y="%.0f" text-anchor="middle">%g</text>`+"\n", x(p.x), top+high+18, p.x/unit)
	}
	for i, line := range []struct {
		name, colour string
		q            float64
	}{{"p50", "#2a6f97", 0.5}, {"p95", "#d08c27", 0.95}, {"p99", "#b23a48", 0.99}} {
		var at []string
		for _, p := range points {
			at = append(at, fmt.Sprintf("%.1f,%.1f", x(p.x), y(p.Wait.Quantile(line.q).Seconds())))
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/><text x="%.0f" y="%.0f" fill="%s">%s</text>`+"\n",
			strings.Join(at, " "), line.colour, left+wide-110+float64(i)*36, top+high+40, line.colour, line.name)
	}
}
