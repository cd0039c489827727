package simulation

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestDay prints the first table of docs/benchmarks.md, and draws it into the folder
// that MANX_SVG names: MANX_LONG=1 go test -run 'TestDay|TestLoad' -v -timeout 60m
// ./ml/pool/simulation takes minutes.
func TestDay(t *testing.T) {
	long(t)
	fmt.Println("A million jobs a day, by workers: from nine to eleven o'clock, with a crowd at ten")
	fmt.Println(heading)
	var days []point
	for _, n := range []int{24, 32, 40, 60, 100, 1_000, 10_000} {
		w := morning()
		w.Workers = n
		days = append(days, measure(t, fmt.Sprint(n), float64(n), w))
	}
	for _, jobs := range []int{4, 1} {
		w := morning()
		w.Scale = &Scale{Every: 15 * time.Second, Jobs: jobs, Start: time.Minute, Cooldown: 5 * time.Minute, Min: 4}
		measure(t, fmt.Sprintf("as the queue asks, %d each", jobs), 0, w)
	}
	save(t, "pool-day.svg", draw("A million jobs a day: seconds until a job begins, by workers", days, 1))
	for _, n := range []int{40, 10_000} {
		w := Usual()
		w.Workers = n
		measure(t, fmt.Sprintf("%d, the whole day", n), 0, w)
	}
}

// TestLoad prints and draws the second: what ten thousand workers bear.
func TestLoad(t *testing.T) {
	long(t)
	fmt.Println("Ten thousand workers, by jobs a day: a minute at ten o'clock, from a cold start")
	fmt.Println(heading)
	var loads []point
	for _, jobs := range []float64{1e6, 1e7, 5e7, 1e8, 2e8, 4e8} {
		w := Usual()
		w.Jobs, w.Lasts, w.Begins, w.Bursts = jobs, time.Minute, 10*time.Hour, nil
		loads = append(loads, measure(t, fmt.Sprintf("%.0f million", jobs/1e6), jobs, w))
	}
	save(t, "pool-load.svg", draw("10,000 workers: seconds until a job begins, by million jobs a day", loads, 1e6))
}

// morning is the two hours around the crowd.
func morning() World {
	w := Usual()
	w.Begins, w.Lasts = 9*time.Hour, 2*time.Hour
	return w
}

func long(t *testing.T) {
	t.Helper()
	if os.Getenv("MANX_LONG") == "" {
		t.Skip("set MANX_LONG=1: it simulates days of a million jobs")
	}
}

func save(t *testing.T, name, svg string) {
	t.Helper()
	dir := os.Getenv("MANX_SVG")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(svg), 0o600); err != nil {
		t.Fatal(err)
	}
}

const heading = "| | wait p50, p95, p99, s | the crowd's p99, s | busy, fetching, % | cost of 1,000 jobs | keys at hand, % | fetched, MB/s | scheduler, us a job; an advert | done, refused, wait at the end |\n|---|---|---|---|---|---|---|---|---|"

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
	fmt.Printf("| %s | %s | %s | %.1f, %.1f | %.3g | %.0f | %.0f | %.1f; %.1f | %d, %d, %d |\n", name, q(r.Wait), s(r.Crowd.Quantile(0.99)), 100*r.Busy, 100*r.Fetching,
		r.Rent/float64(max(1, r.Done))*1000, 100*r.Hits, r.Bytes/1e6/w.Lasts.Seconds(), (r.Processor-r.AdvertsTook).Seconds()*1e6/float64(max(1, r.Decisions)), r.AdvertsTook.Seconds()*1e6/float64(max(1, r.Adverts)), r.Done, r.Refused, r.Waiting)
	return point{x, r}
}
