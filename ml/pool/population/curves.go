package population

import (
	"bytes"
	"fmt"
	"math"

	"manx/ledger"
)

// A line is one curve of a chart.
type line struct {
	name, colour string
	x, y         []float64
	dashed       bool
}

// A chart has an axis from 0 to right, and one from low to high.
type chart struct {
	title, below    string
	lines           []line
	right, low, top float64
}

const (
	wide, tall = 640, 300
	left, head = 60, 36
	plotW      = wide - left - 170
	plotH      = tall - head - 44
)

// draw writes a chart, at a height of the page.
func (c chart) draw(b *bytes.Buffer, at int) {
	fmt.Fprintf(b, `<g transform="translate(0,%d)"><text x="%d" y="20" font-weight="bold">%s</text>`, at, left, c.title)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`, left+plotW/2, tall-6, c.below)
	px := func(x float64) float64 { return left + plotW*x/c.right }
	py := func(y float64) float64 { return head + plotH*(c.top-math.Max(c.low, math.Min(c.top, y)))/(c.top-c.low) }
	for i := range 5 {
		y, x := c.low+(c.top-c.low)*float64(i)/4, c.right*float64(i)/4
		fmt.Fprintf(b, `<path d="M%d %.1fh%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.3g</text>`, left, py(y), plotW, left-6, py(y)+4, y)
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%.3g</text>`, px(x), head+plotH+16, x)
	}
	for i, l := range c.lines {
		dash := ""
		if l.dashed {
			dash = ` stroke-dasharray="5 4"`
		}
		fmt.Fprintf(b, `<path fill="none" stroke="%s" stroke-width="2"%s d="`, l.colour, dash)
		for k := range l.x {
			fmt.Fprintf(b, "%c%.1f %.1f", "ML"[min(k, 1)], px(l.x[k]), py(l.y[k]))
		}
		fmt.Fprintf(b, `"/><text x="%d" y="%d" fill="%s">%s</text>`, left+plotW+10, head+14+18*i, l.colour, l.name)
	}
	b.WriteString("</g>\n")
}

//nolint:gochecknoglobals // a constant list
var colours = [Kinds]string{"#1b7837", "#e08214", "#8073ac", "#b2182b", "#2166ac"}

// Curves plays the settings that the documentation shows, of so many jobs each, and
// returns them drawn and as tables in Markdown.
func Curves(jobs int) (svg, table []byte, err error) {
	var b, md bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12"><rect width="100%%" height="100%%" fill="white"/>`+"\n", wide, 3*tall)
	fmt.Fprintf(&md, "# A population of workers\n\n%d jobs a row, 1,000 a day, under the contract's rules (`ledger/proof`); 100 workers with 100 MAN at stake each,\na fee of 3 MAN, an evaluation that costs 0.2 MAN, a confidence of 0.99 asked for. Made by\n`go test ./ml/pool/population -run WriteCurves -docs`; [ADR 25](adr/0025-proof-of-results.md) says what it means.\n\n![curves](population.svg)\n", jobs)
	for i, part := range []func(*bytes.Buffer, int) (chart, error){kindsOverTime, wrongByShare, gainByCanaries} {
		c, err := part(&md, jobs)
		if err != nil {
			return nil, nil, err
		}
		c.draw(&b, i*tall)
	}
	b.WriteString("</svg>\n")
	return b.Bytes(), md.Bytes(), nil
}

// Usual is a population of 80 honest workers and five of every other kind, whose
// coalition gains a fee by each wrong result.
func Usual(jobs int) Setting {
	return Setting{Workers: [Kinds]int{Honest: 80, Guesser: 5, Copier: 5, Liar: 5, Colluder: 5}, Stake: ledger.MAN(100), Fee: ledger.MAN(3),
		Proof: ledger.Proof{Confidence: 9900}, Cost: 0.2, Gain: 3, Canaries: 0.02, Jobs: jobs, PerDay: 1000, Points: 50, Seed: 1}
}

// Coalition is a population of honest workers and one coalition, which holds so
// many hundredths of the stake.
func Coalition(hundredths, jobs int) Setting {
	s := Usual(jobs)
	s.Workers = [Kinds]int{Honest: 100 - hundredths, Colluder: hundredths}
	return s
}

// Lying returns what a worker of the coalition has in the end, in MAN, more than in a
// coalition that computes together and never lies, for each share of canaries.
func Lying(s Setting, canaries ...float64) (more []float64, err error) {
	s.Behaves = true
	not, err := Run(s)
	if err != nil {
		return nil, err
	}
	s.Behaves = false
	for _, s.Canaries = range canaries {
		lies, err := Run(s)
		if err != nil {
			return nil, err
		}
		more = append(more, lies.Curve[s.Points-1].Profit[Colluder]-not.Curve[s.Points-1].Profit[Colluder])
	}
	return more, nil
}

func kindsOverTime(md *bytes.Buffer, jobs int) (chart, error) {
	o, err := Run(Usual(jobs))
	c := chart{title: "Profit of one worker by its kind, in MAN (stake lost is counted)", below: "thousand jobs", right: float64(jobs) / 1000, low: -100, top: 100}
	if err != nil {
		return c, err
	}
	end := o.Curve[len(o.Curve)-1]
	fmt.Fprintf(md, "\n## By kind\n\n80 honest, 5 of every other kind, 2%% of the jobs canaries: %d results accepted, %d of them wrong, %d refunded, %d run again by the\norganisations. Replicas a job: %.2f among the first %d jobs, %.2f among the last.\n\n| kind | profit of one, MAN | still drawn |\n|---|---|---|\n",
		o.Accepted, o.Wrong, o.Refunded, o.Judged, o.Curve[0].Replicas, o.Curve[0].Jobs, end.Replicas)
	for k := range Kinds {
		l := line{name: k.String(), colour: colours[k]}
		for _, p := range o.Curve {
			l.x, l.y = append(l.x, float64(p.Jobs)/1000), append(l.y, p.Profit[k])
			c.top = max(c.top, math.Ceil(p.Profit[k]/100)*100)
		}
		c.lines = append(c.lines, l)
		fmt.Fprintf(md, "| %s | %.1f | %.0f%% |\n", k, end.Profit[k], 100*end.Staked[k])
	}
	return c, nil
}

func wrongByShare(md *bytes.Buffer, jobs int) (chart, error) {
	c := chart{title: "Wrong results accepted, per cent, of a coalition that nothing deters", below: "share of the stake that is the coalition's, per cent", right: 50, top: 10}
	fmt.Fprint(md, "\n## By the coalition's share of the stake\n\nNo canaries, nobody doubts: it lies whenever all that are drawn are its own. The bound is the share to the power of the least number\nof replicas that was drawn.\n\n| share | wrong, asked 0.9 | bound | wrong, asked 0.99 | bound |\n|---|---|---|---|---|\n")
	shares := []int{5, 10, 20, 30, 40, 50}
	rows := make([]string, len(shares))
	for n, confidence := range []uint32{9000, 9900} {
		l := line{name: fmt.Sprintf("asked %g", float64(confidence)/1e4), colour: colours[n]}
		bound := line{name: "its bound", colour: colours[n], dashed: true}
		for i, share := range shares {
			s := Coalition(share, jobs)
			s.Canaries, s.Proof.Confidence = 0, confidence
			o, err := Run(s)
			if err != nil {
				return c, err
			}
			least := ledger.MaxReplicas
			for k := range o.Drawn {
				least = min(least, k)
			}
			wrong, most := 100*float64(o.Wrong)/float64(o.Accepted), 100*math.Pow(float64(share)/100, float64(least))
			l.x, l.y = append(l.x, float64(share)), append(l.y, wrong)
			bound.x, bound.y = append(bound.x, float64(share)), append(bound.y, most)
			rows[i] += fmt.Sprintf(" %.3f%% | %.3f%% |", wrong, most)
		}
		c.lines = append(c.lines, l, bound)
	}
	for i, share := range shares {
		fmt.Fprintf(md, "| %d%% |%s\n", share, rows[i])
	}
	return c, nil
}

func gainByCanaries(md *bytes.Buffer, jobs int) (chart, error) {
	c := chart{title: "What lying earns one worker of a coalition, in MAN", below: "canaries, per cent of the jobs", right: 10, low: -100, top: 50}
	fmt.Fprint(md, "\n## By canaries\n\nA coalition of a fifth of the stake gains a fee by each wrong result that is accepted. What one of its workers has\nin the end more than if the coalition never lied, by the share of canaries and the stake of everybody:\n\n| canaries | 30 MAN | 300 MAN |\n|---|---|---|\n")
	canaries := []float64{0, 0.005, 0.01, 0.02, 0.05, 0.1}
	rows := make([]string, len(canaries))
	for n, stake := range []uint32{30, 300} {
		l := line{name: fmt.Sprintf("%d MAN at stake", stake), colour: colours[n]}
		s := Coalition(20, jobs)
		s.Stake = ledger.MAN(stake)
		more, err := Lying(s, canaries...)
		if err != nil {
			return c, err
		}
		for i, share := range canaries {
			l.x, l.y = append(l.x, 100*share), append(l.y, more[i])
			rows[i] += fmt.Sprintf(" %+.1f |", more[i])
			c.low = min(c.low, math.Floor(more[i]/100)*100)
		}
		c.lines = append(c.lines, l)
	}
	for i, share := range canaries {
		fmt.Fprintf(md, "| %g%% |%s\n", 100*share, rows[i])
	}
	return c, nil
}
