package secagg

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/big"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// BenchmarkRound is a round on loopback, each hospital a goroutine with a mutual
// TLS connection of its own that stays open, journals on disk: first a plain
// average of 32-bit numbers, and the masked sum; of each also one of which the last
// hospital vanishes before its update. One after the other in each iteration,
// so that a busy machine is busy for all three. What is reported are medians, and
// medians of the ratios to the plain average.
func BenchmarkRound(b *testing.B) {
	for _, n := range []int{4, 10, 20, 40} {
		for _, length := range []int{10_000, 100_000, 1_000_000} {
			// From 20 hospitals on a sparse graph will do, a tenth of them colluding and a
			// tenth vanishing; of 20 both are measured.
			degree, needed := Sparse(n, n/10, n/10)
			b.Run(fmt.Sprintf("hospitals=%d/parameters=%d", n, length), func(b *testing.B) {
				if n > 20 {
					b.Skip("in a sparse graph alone")
				}
				measure(b, n, length, 0, 0)
			})
			if degree > 0 && n >= 20 {
				b.Run(fmt.Sprintf("hospitals=%d,neighbours=%d/parameters=%d", n, degree, length), func(b *testing.B) {
					measure(b, n, length, degree, needed)
				})
			}
		}
	}
}

func measure(b *testing.B, n, length, degree, needed int) {
	hub := meet(b, n, length)
	hub.round.Degree, hub.round.Needed = degree, needed
	var plain, short, masked, dropped []taken
	for b.Loop() {
		plain = append(plain, hub.plain(false))
		short = append(short, hub.plain(true))
		masked = append(masked, hub.masked(false))
		dropped = append(dropped, hub.masked(true))
	}
	b.ReportMetric(float64(plain[0].up)/1e6, "MB-plain")
	b.ReportMetric(median(plain, masked, func(p, m taken) float64 { return m.up / p.up }), "bytes-ratio")
	b.ReportMetric(median(plain, plain, func(p, _ taken) float64 { return p.wall * 1e3 }), "ms-plain")
	b.ReportMetric(median(plain, masked, func(_, m taken) float64 { return m.wall * 1e3 }), "ms-masked")
	b.ReportMetric(median(plain, plain, func(p, _ taken) float64 { return p.cpu * 1e3 }), "cpu-ms-plain")
	b.ReportMetric(median(plain, masked, func(_, m taken) float64 { return m.cpu * 1e3 }), "cpu-ms-masked")
	for _, of := range []struct {
		name        string
		plain, runs []taken
	}{{"", plain, masked}, {"-dropout", short, dropped}} {
		b.ReportMetric(median(of.plain, of.runs, func(p, m taken) float64 { return m.wall / p.wall }), "wall-ratio"+of.name)
		b.ReportMetric(median(of.plain, of.runs, func(p, m taken) float64 { return m.cpu / p.cpu }), "cpu-ratio"+of.name)
	}
}

// taken is what a round took: seconds, processor seconds of all sides together, and
// bytes that one hospital sent.
type taken struct{ wall, cpu, up float64 }

func median(p, m []taken, f func(p, m taken) float64) float64 {
	var all []float64
	for i := range p {
		all = append(all, f(p[i], m[i]))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// bench is a coordinator with a connection to each hospital, which is a goroutine
// that does what it is told.
type bench struct {
	*world
	hub    []*wire // at the coordinator
	begin  []chan func(w *wire, p *party) error
	failed chan error
	rounds int
	mean   []float32
}

// A wire carries frames: their length (32 bits), then themselves.
type wire struct {
	*tls.Conn
	sent int
}

func (w *wire) send(m []byte) error {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(m)))
	w.sent += len(head) + len(m)
	if len(m) < 16<<10 {
		_, err := w.Write(append(head, m...))
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(m)
	return err
}

func (w *wire) receive() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(w, head[:]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.LittleEndian.Uint32(head[:])) // the bench is its own peer
	_, err := io.ReadFull(w, m)
	return m, err
}

func meet(b *testing.B, n, length int) *bench {
	s := &bench{world: newWorld(b, n, Majority(n), length), failed: make(chan error, n), mean: make([]float32, length)}
	key := s.coordinator.account
	cert, err := x509.CreateCertificate(nil, &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}, &x509.Certificate{}, key.Public(), ed25519.PrivateKey(key))
	if err != nil {
		b.Fatal(err)
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: ed25519.PrivateKey(key)}},
		InsecureSkipVerify: true, ClientAuth: tls.RequireAnyClientCert, // both ends are this process
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for i := range n {
		begin := make(chan func(*wire, *party) error)
		ready := make(chan struct{})
		go func() {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				s.failed <- err
				return
			}
			w := &wire{Conn: tls.Client(c, config)}
			defer w.Close()
			close(ready)
			for f := range begin {
				s.failed <- f(w, s.sites[i])
			}
		}()
		c, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		<-ready
		s.hub, s.begin = append(s.hub, &wire{Conn: c.(*tls.Conn)}), append(s.begin, begin)
	}
	b.Cleanup(func() {
		for i := range s.hub {
			close(s.begin[i])
			_ = s.hub[i].Close()
		}
	})
	s.plain(false) // handshakes are not measured
	return s
}

// measure runs a round: f at each hospital, hub at the coordinator.
func (s *bench) measure(f func(w *wire, p *party) error, hub func() error) (out taken) {
	cpu := func() float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			s.t.Fatal(err)
		}
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	start, before := time.Now(), cpu()
	sent := 0
	for i, c := range s.begin {
		c <- func(w *wire, p *party) error {
			from := w.sent
			err := f(w, p)
			if i == 0 {
				sent = w.sent - from
			}
			return err
		}
	}
	if err := hub(); err != nil {
		s.t.Fatal(err)
	}
	for range s.begin {
		if err := <-s.failed; err != nil {
			s.t.Fatal(err)
		}
	}
	return taken{time.Since(start).Seconds(), cpu() - before, float64(sent)}
}

// gather receives a frame of each hospital, all at once, and gives each to f.
func (s *bench) gather(from []int, f func(m []byte) error) error {
	var g errgroup.Group
	frames := make(chan []byte)
	for _, i := range from {
		g.Go(func() error {
			m, err := s.hub[i].receive()
			frames <- m
			return err
		})
	}
	var wrong error
	for range from {
		if m := <-frames; len(m) > 0 && wrong == nil {
			wrong = f(m)
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return wrong
}

// tell sends a frame to each, all at once.
func (s *bench) tell(told map[int][]byte) error {
	var g errgroup.Group
	for i, m := range told {
		g.Go(func() error { return s.hub[i].send(m) })
	}
	return g.Wait()
}

// spread sends everybody the mean, as 32-bit numbers.
func (s *bench) spread() error {
	b := make([]byte, 0, 4*len(s.mean))
	for _, v := range s.mean {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	told := map[int][]byte{}
	for i := range s.hub {
		told[i] = b
	}
	return s.tell(told)
}

// plain averages 32-bit numbers in the clear.
func (s *bench) plain(dropout bool) taken {
	last := s.sites[len(s.sites)-1]
	return s.measure(func(w *wire, p *party) error {
		if dropout && p == last {
			if err := w.send(nil); err != nil { // as a connection that ends
				return err
			}
			_, err := w.receive()
			return err
		}
		b := make([]byte, 0, 4*len(p.c.Values)+4)
		b = binary.LittleEndian.AppendUint32(b, p.c.Weight)
		for _, v := range p.c.Values {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
		}
		if err := w.send(b); err != nil {
			return err
		}
		_, err := w.receive()
		return err
	}, func() error {
		total, weight := make([]float32, s.round.Length), float32(0)
		if err := s.gather(others(len(s.hub)), func(m []byte) error {
			by := float32(binary.LittleEndian.Uint32(m))
			weight += by
			m = m[4:]
			for i := range total {
				total[i] += by * math.Float32frombits(binary.LittleEndian.Uint32(m[4*i:]))
			}
			return nil
		}); err != nil {
			return err
		}
		for i, v := range total {
			s.mean[i] = v / weight
		}
		return s.spread()
	})
}

// masked is a round of this package.
func (s *bench) masked(dropout bool) taken {
	s.rounds++
	binary.LittleEndian.PutUint32(s.round.ID[4:], uint32(s.rounds))
	for _, p := range append([]*party{&s.coordinator}, s.sites...) {
		p.dir = s.t.TempDir()
	}
	s.start()
	last := len(s.hub) - 1
	return s.measure(func(w *wire, p *party) (err error) {
		var told []byte
		for step := 1; step <= 5; step++ {
			if step > 1 {
				if told, err = w.receive(); err != nil {
					return err
				}
			}
			if dropout && step == 3 && p == s.sites[last] {
				if err := w.send(nil); err != nil { // as a connection that ends
					return err
				}
				break
			}
			m, err := p.answer(step, told)
			if err == nil {
				err = w.send(m)
			}
			if err != nil {
				return err
			}
		}
		_, err = w.receive()
		return err
	}, func() error {
		from := others(len(s.hub))
		for step := 1; step <= 5; step++ {
			if err := s.gather(from, s.world.hub.Take); err != nil {
				return err
			}
			if step == 5 {
				break
			}
			told, err := s.world.hub.Close()
			if err != nil {
				return err
			}
			if err := s.tell(told); err != nil {
				return err
			}
			if dropout && step == 3 {
				from = from[:last]
			}
		}
		sum, err := s.world.hub.Sum()
		if err != nil {
			return err
		}
		for i, v := range sum.Totals {
			s.mean[i] = float32(v / float64(sum.Weight))
		}
		return s.spread()
	})
}

// BenchmarkHide is what a site does to a million values: rounding, bounding, ten
// masks, a tag.
func BenchmarkHide(b *testing.B) {
	w := newWorld(b, 4, 3, 1_000_000)
	steps, err := w.round.steps(w.sites[0].c)
	if err != nil {
		b.Fatal(err)
	}
	v := make([]uint32, 1_000_001)
	for b.Loop() {
		var masks []mask
		for i := range 10 {
			masks = append(masks, newMask([32]byte{byte(i)}, i%2 == 1))
		}
		if err := hide(v, steps, masks, newTagging([32]byte{1}, w.round.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkQuantise is what rounding and bounding a million values takes.
func BenchmarkQuantise(b *testing.B) {
	w := newWorld(b, 4, 3, 1_000_000)
	out := make([]uint32, 1_000_001)
	for b.Loop() {
		s, err := w.round.steps(w.sites[0].c)
		if err == nil {
			err = s.write(out, 0)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTag is what the tag of a million values takes.
func BenchmarkTag(b *testing.B) {
	v := make([]byte, 4_000_000)
	b.SetBytes(int64(len(v)))
	for b.Loop() {
		tagOf([32]byte{1}, v)
	}
}
