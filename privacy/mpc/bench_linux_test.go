package mpc_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"

	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
)

// The benchmarks run three processes: this test binary, told by its environment
// to be a party. They meet on loopback with mutual TLS, and do what the
// benchmark asks of them, a line of JSON at a time.

const partyVariable = "MANX_MPC_BENCHMARK_PARTY"

func TestMain(m *testing.M) {
	if os.Getenv(partyVariable) != "" {
		if err := beParty(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// start is what a party is told first, once it has said where it listens.
type start struct {
	Party    int
	Key      ed25519.PrivateKey
	Next     link.Peer
	Previous ed25519.PublicKey
	Security mpc.Security
}

type order struct {
	Job   string
	N     int
	Times int
}

type answer struct {
	Wall, CPU time.Duration
	Stats     mpc.Stats // of one time
}

func beParty(in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	reply, ask := json.NewEncoder(out), json.NewDecoder(bufio.NewReader(in))
	if err := reply.Encode(l.Addr().String()); err != nil {
		return err
	}
	var st start
	if err := ask.Decode(&st); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	pair, err := link.Connect(ctx, l, st.Key, st.Next, st.Previous, [32]byte{})
	if err != nil {
		return err
	}
	s, err := mpc.Open(ctx, mpc.Config{Party: st.Party, Next: pair.Next, Previous: pair.Previous, Security: st.Security})
	if err != nil {
		return err
	}
	for {
		var o order
		if err := ask.Decode(&o); errors.Is(err, io.EOF) {
			return s.Close()
		} else if err != nil {
			return err
		}
		a, err := obey(s, o)
		if err != nil {
			return err
		}
		if err := reply.Encode(a); err != nil {
			return err
		}
	}
}

func obey(s *mpc.Session, o order) (answer, error) {
	job, err := prepare(s, o)
	if err != nil {
		return answer{}, err
	}
	// All start together.
	one := s.Public([]uint64{1})
	if _, err := s.Output(one); err != nil {
		return answer{}, err
	}
	before, cpu, began := s.Stats(), cpuTime(), time.Now()
	for range o.Times {
		if err := job(); err != nil {
			return answer{}, err
		}
	}
	a := answer{time.Since(began), cpuTime() - cpu, s.Stats()}
	for _, p := range []struct{ now, then *mpc.Phase }{{&a.Stats.Online, &before.Online}, {&a.Stats.Checks, &before.Checks}} {
		times := uint64(o.Times)
		p.now.Sent, p.now.Rounds = (p.now.Sent-p.then.Sent)/times, (p.now.Rounds-p.then.Rounds)/times
	}
	return a, nil
}

// prepare makes inputs; what it returns is measured. In sessions with abort it
// includes the checks, which Output makes.
func prepare(s *mpc.Session, o order) (func() error, error) {
	values := make([]uint64, o.N)
	for i := range values {
		values[i] = uint64(i*2654435761) - 1<<40
	}
	x, err := s.Mul(s.Public(values), s.Public(values)) // components that look random
	if err != nil {
		return nil, err
	}
	run := func(f func() (mpc.Share, error)) func() error {
		return func() error {
			z, err := f()
			if err == nil && s.Security() == mpc.WithAbort {
				_, err = s.Output(z.Slice(0, 1))
			}
			return err
		}
	}
	switch o.Job {
	case "comparisons":
		return run(func() (mpc.Share, error) { return s.Negative(x) }), nil
	case "ReLUs":
		return run(func() (mpc.Share, error) { return s.ReLU(x) }), nil
	case "products":
		return run(func() (mpc.Share, error) { return s.Mul(x, x) }), nil
	case "truncated products":
		return run(func() (mpc.Share, error) { return s.MulFixed(x, x) }), nil
	case "sigmoids":
		return run(func() (mpc.Share, error) { return s.Sigmoid(x) }), nil
	case "quotients":
		return run(func() (mpc.Share, error) { return s.Divide(x, x) }), nil
	case "matrix":
		d := side(o.N)
		return run(func() (mpc.Share, error) { return s.MatMul(x, x, d, d, d) }), nil
	case "gonum":
		d := side(o.N)
		data := make([]float64, o.N)
		for i := range data {
			data[i] = float64(i%1000) / 7
		}
		a, z := mat.NewDense(d, d, data), mat.NewDense(d, d, nil)
		return func() error { z.Mul(a, a); return nil }, nil
	}
	return nil, fmt.Errorf("no job %q", o.Job)
}

func side(n int) int {
	d := 1
	for d*d < n {
		d++
	}
	return d
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// trio is three processes at work.
type trio struct {
	ask   [mpc.Parties]*json.Encoder
	reply [mpc.Parties]*json.Decoder
}

// startTrio starts three parties whose links take that long both ways together.
func startTrio(b *testing.B, security mpc.Security, roundTrip time.Duration) *trio {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	t := &trio{}
	var addresses [mpc.Parties]string
	var keys [mpc.Parties]ed25519.PrivateKey
	for i := range mpc.Parties {
		if _, keys[i], err = ed25519.GenerateKey(rand.Reader); err != nil {
			b.Fatal(err)
		}
		c := exec.CommandContext(b.Context(), self)
		c.Env = append(os.Environ(), partyVariable+"=1")
		c.Stderr = os.Stderr
		in, err := c.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			_ = in.Close()
			_ = c.Wait()
		})
		t.ask[i], t.reply[i] = json.NewEncoder(in), json.NewDecoder(out)
		if err := t.reply[i].Decode(&addresses[i]); err != nil {
			b.Fatal(err)
		}
	}
	for i := range mpc.Parties {
		next, previous := (i+1)%mpc.Parties, (i+2)%mpc.Parties
		address := addresses[next]
		if roundTrip > 0 {
			address = delayed(b, address, roundTrip/2)
		}
		st := start{i, keys[i], link.Peer{Address: address, Key: keys[next].Public().(ed25519.PublicKey)}, keys[previous].Public().(ed25519.PublicKey), security}
		if err := t.ask[i].Encode(st); err != nil {
			b.Fatal(err)
		}
	}
	return t
}

// do has all parties do a job, and returns the mean of what they measured, and
// the slowest one's time.
func (t *trio) do(b *testing.B, job string, n, times int) answer {
	b.Helper()
	for i := range mpc.Parties {
		if err := t.ask[i].Encode(order{job, n, times}); err != nil {
			b.Fatal(err)
		}
	}
	var sum answer
	for i := range mpc.Parties {
		var a answer
		if err := t.reply[i].Decode(&a); err != nil {
			b.Fatal(err)
		}
		sum.Wall = max(sum.Wall, a.Wall)
		sum.CPU += a.CPU / mpc.Parties
		sum.Stats.Online.Sent += a.Stats.Online.Sent
		sum.Stats.Checks.Sent += a.Stats.Checks.Sent
		sum.Stats.Online.Rounds = a.Stats.Online.Rounds
		sum.Stats.Checks.Rounds = a.Stats.Checks.Rounds
	}
	return sum
}

// delayed listens, and passes on to an address what it hears, late: a delaying
// proxy, where the kernel has no netem.
func delayed(b *testing.B, address string, delay time.Duration) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", address)
			if err != nil {
				_ = in.Close()
				continue
			}
			var wait sync.WaitGroup
			wait.Go(func() { passOn(out, in, delay) })
			wait.Go(func() { passOn(in, out, delay) })
			go func() {
				wait.Wait()
				_ = errors.Join(in.Close(), out.Close())
			}()
		}
	}()
	return l.Addr().String()
}

func passOn(to, from net.Conn, delay time.Duration) {
	type late struct {
		at time.Time
		b  []byte
	}
	queue := make(chan late, 1<<16)
	go func() {
		defer close(queue)
		for {
			b := make([]byte, 1<<16)
			n, err := from.Read(b)
			if n > 0 {
				queue <- late{time.Now().Add(delay), b[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for l := range queue {
		time.Sleep(time.Until(l.at))
		if _, err := to.Write(l.b); err != nil {
			break
		}
	}
	_ = to.(*net.TCPConn).CloseWrite()
}

// BenchmarkParties measures jobs with three processes: per second, CPU time a
// party, bytes sent a party, rounds.
func BenchmarkParties(b *testing.B) {
	for _, set := range []struct {
		name      string
		security  mpc.Security
		roundTrip time.Duration
		jobs      []order
	}{
		{"loopback", mpc.SemiHonest, 0, []order{
			{Job: "comparisons", N: 1 << 18}, {Job: "comparisons", N: 1 << 20}, {Job: "ReLUs", N: 1 << 18}, {Job: "ReLUs", N: 1 << 20},
			{Job: "products", N: 1 << 20}, {Job: "truncated products", N: 1 << 20}, {Job: "sigmoids", N: 1 << 14}, {Job: "quotients", N: 1 << 14},
			{Job: "comparisons", N: 1}, {Job: "matrix", N: 512 * 512}, {Job: "gonum", N: 512 * 512},
		}},
		{"with-abort", mpc.WithAbort, 0, []order{
			{Job: "comparisons", N: 1 << 18}, {Job: "comparisons", N: 1 << 20}, {Job: "ReLUs", N: 1 << 18}, {Job: "products", N: 1 << 18}, {Job: "truncated products", N: 1 << 18},
			{Job: "comparisons", N: 1}, {Job: "matrix", N: 512 * 512},
		}},
		{"20ms", mpc.SemiHonest, 20 * time.Millisecond, []order{{Job: "comparisons", N: 1 << 18}, {Job: "ReLUs", N: 1 << 18}, {Job: "products", N: 1 << 18}, {Job: "comparisons", N: 1}}},
		{"80ms", mpc.SemiHonest, 80 * time.Millisecond, []order{{Job: "comparisons", N: 1 << 18}, {Job: "ReLUs", N: 1 << 18}, {Job: "products", N: 1 << 18}, {Job: "comparisons", N: 1}}},
	} {
		b.Run(set.name, func(b *testing.B) {
			t := startTrio(b, set.security, set.roundTrip)
			for _, o := range set.jobs {
				b.Run(fmt.Sprintf("%s/%d", o.Job, o.N), func(b *testing.B) {
					t.do(b, o.Job, o.N, 1) // buffers grow
					a := t.do(b, o.Job, o.N, b.N)
					times := float64(b.N)
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(a.Wall.Seconds()/times*1e3, "ms")
					b.ReportMetric(float64(o.N)*times/a.Wall.Seconds()/1e6, "M/s")
					b.ReportMetric(a.CPU.Seconds()/times*1e3, "cpu-ms/party")
					b.ReportMetric(float64(a.Stats.Online.Sent)/mpc.Parties/float64(o.N), "B/party")
					b.ReportMetric(float64(a.Stats.Online.Rounds), "rounds")
					if set.security == mpc.WithAbort {
						b.ReportMetric(float64(a.Stats.Checks.Sent)/mpc.Parties/1e3, "checks-kB/party")
						b.ReportMetric(float64(a.Stats.Checks.Rounds), "checks-rounds")
					}
				})
			}
		})
	}
}
