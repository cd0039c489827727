package simulation

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestDay prints the tables of docs/benchmarks.md, and draws what MANX_SVG names. It
// takes minutes: MANX_LONG=1 go test -run TestDay -v -timeout 60m ./ml/pool/simulation.
func TestDay(t *testing.T) {
	if os.Getenv("MANX_LONG") == "" {
		t.Skip("set MANX_LONG=1: it simulates days of a million jobs")
	}
	fmt.Println("A million jobs a day, by workers")
	fmt.Println(heading)
	var days []point
	for _, n := range []int{8, 12, 16, 24, 40, 100, 1_000, 10_000} {
		w := Usual()
		w.Workers = n
		days = append(days, measure(t, fmt.Sprint(n), float64(n), w))
	}
	w := Usual()
	w.Scale = &Scale{Every: 15 * time.Second, Jobs: 4, Start: time.Minute, Cooldown: 5 * time.Minute, Min: 4}
	measure(t, "as the queue asks, 4 jobs each", 0, w)
	w.Scale = &Scale{Every: 15 * time.Second, Jobs: 1, Start: time.Minute, Cooldown: 5 * time.Minute, Min: 8}
	measure(t, "as the queue asks, 1 job each", 0, w)

	fmt.Println("Ten thousand workers, by jobs a day: ten minutes from ten o'clock")
	fmt.Println(heading)
	var loads []point
	for _, jobs := range []float64{1e6, 1e7, 3e7, 1e8, 2e8, 3e8} {
		w := Usual()
		w.Jobs, w.Lasts, w.Begins, w.Bursts = jobs, 10*time.Minute, 10*time.Hour, nil
		loads = append(loads, measure(t, fmt.Sprintf("%.0f million", jobs/1e6), jobs, w))
	}
	if file := os.Getenv("MANX_SVG"); file != "" {
		if err := os.WriteFile(file, []byte(draw(days, loads)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const heading = "| | wait p50, p95, p99, s | the crowd's p99, s | busy, fetching, % | cost of 1,000 jobs | keys at hand, % | fetched, MB/s | scheduler, us a job | done, refused, wait at the end |\n|---|---|---|---|---|---|---|---|---|"

// A point is one world's report.
type point struct {
	x float64
	Report
}

func measure(t *testing.T, name string, x float64, w World) point {
	t.Helper()
	r := report(t, w)
	s := func(d time.Duration) string { return fmt.Sprintf("%.3g", d.Seconds()) }
	q := func(of Times) string {
		return s(of.Quantile(0.5)) + ", " + s(of.Quantile(0.95)) + ", " + s(of.Quantile(0.99))
	}
	if w.Scale != nil {
		name += fmt.Sprintf(" (%.0f on the mean, %d at most)", r.Workers, r.Most)
	}
	fmt.Printf("| %s | %s | %s | %.1f, %.1f | %.3g | %.0f | %.0f | %.1f | %d, %d, %d |\n", name, q(r.Wait), s(r.Crowd.Quantile(0.99)), 100*r.Busy, 100*r.Fetching,
		r.Rent/float64(max(1, r.Done))*1000, 100*r.Hits, r.Bytes/1e6/w.Lasts.Seconds(), r.Processor.Seconds()*1e6/float64(max(1, r.Decisions)), r.Done, r.Refused, r.Waiting)
	return point{x, r}
}
