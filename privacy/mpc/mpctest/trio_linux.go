package mpctest

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

	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
)

const partyVariable = "MANX_MPC_BENCHMARK_PARTY"

// Prepare makes what a job of size n works on, alike at all parties; what it
// returns is measured.
type Prepare func(s *mpc.Session, job string, n int) (func() error, error)

// Main is a test binary's that has benchmarks with three processes: each is the
// binary itself, told by its environment to be a party. They meet on loopback
// with mutual TLS, and do what the benchmark asks of them, a line of JSON at a
// time. It returns the exit code.
func Main(m *testing.M, p Prepare) int {
	if os.Getenv(partyVariable) != "" {
		if err := beParty(os.Stdin, os.Stdout, p); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	return m.Run()
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

// An Answer is what doing a job took, of several times together; Stats are of one.
type Answer struct {
	Wall, CPU time.Duration
	Stats     mpc.Stats
}

func beParty(in io.Reader, out io.Writer, p Prepare) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
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
		a, err := obey(s, o, p)
		if err != nil {
			return err
		}
		if err := reply.Encode(a); err != nil {
			return err
		}
	}
}

func obey(s *mpc.Session, o order, p Prepare) (Answer, error) {
	job, err := p(s, o.Job, o.N)
	if err != nil {
		return Answer{}, err
	}
	// All start together.
	one := s.Public([]uint64{1})
	if _, err := s.Output(one); err != nil {
		return Answer{}, err
	}
	before, cpu, began := s.Stats(), cpuTime(), time.Now()
	for range o.Times {
		if err := job(); err != nil {
			return Answer{}, err
		}
	}
	a := Answer{time.Since(began), cpuTime() - cpu, s.Stats()}
	for _, p := range []struct{ now, then *mpc.Phase }{{&a.Stats.Online, &before.Online}, {&a.Stats.Checks, &before.Checks}, {&a.Stats.Preprocessing, &before.Preprocessing}} {
		times := uint64(o.Times)
		p.now.Sent, p.now.Rounds = (p.now.Sent-p.then.Sent)/times, (p.now.Rounds-p.then.Rounds)/times
	}
	return a, nil
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A Trio is three processes at work.
type Trio struct {
	ask   [mpc.Parties]*json.Encoder
	reply [mpc.Parties]*json.Decoder
}

// Start starts three parties whose links take that long both ways together.
func Start(b *testing.B, security mpc.Security, roundTrip time.Duration) *Trio {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	t := &Trio{}
	var addresses [mpc.Parties]string
	var keys [mpc.Parties]ed25519.PrivateKey
	for i := range mpc.Parties {
		if _, keys[i], err = ed25519.GenerateKey(rand.Reader); err != nil {
			b.Fatal(err)
		}
		c := exec.CommandContext(b.Context(), self) //nolint:gosec // this very program
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

// Do has all parties do a job, and returns the mean of what they measured, and
// the slowest one's time.
func (t *Trio) Do(b *testing.B, job string, n, times int) Answer {
	b.Helper()
	for i := range mpc.Parties {
		if err := t.ask[i].Encode(order{job, n, times}); err != nil {
			b.Fatal(err)
		}
	}
	var sum Answer
	for i := range mpc.Parties {
		var a Answer
		if err := t.reply[i].Decode(&a); err != nil {
			b.Fatal(err)
		}
		sum.Wall = max(sum.Wall, a.Wall)
		sum.CPU += a.CPU / mpc.Parties
		sum.Stats.Online.Sent += a.Stats.Online.Sent
		sum.Stats.Checks.Sent += a.Stats.Checks.Sent
		sum.Stats.Preprocessing.Sent += a.Stats.Preprocessing.Sent
		sum.Stats.Online.Rounds = a.Stats.Online.Rounds
		sum.Stats.Checks.Rounds = a.Stats.Checks.Rounds
		sum.Stats.Preprocessing.Rounds = a.Stats.Preprocessing.Rounds
		sum.Stats.RoundTrip = a.Stats.RoundTrip
	}
	return sum
}

// delayed listens, and passes on to an address what it hears, late: a delaying
// proxy, where the kernel has no netem.
func delayed(b *testing.B, address string, delay time.Duration) string {
	l, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
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
			out, err := new(net.Dialer).DialContext(b.Context(), "tcp", address)
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
		<-time.After(time.Until(l.at))
		if _, err := to.Write(l.b); err != nil {
			break
		}
	}
	_ = to.(*net.TCPConn).CloseWrite()
}
