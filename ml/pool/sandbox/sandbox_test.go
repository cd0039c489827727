package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/pool"
	"manx/ml/pool/engine"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/notice"
)

// TestMain is the child too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && strings.HasPrefix(os.Args[1], "child-") {
		if os.Args[1] == "child-silent" {
			_, _ = io.Copy(io.Discard, os.Stdin)
		}
		var e pool.Engine = probe{}
		if os.Args[1] == "child-ckks" {
			e = engine.CKKS{}
		}
		if err := Serve(os.Stdin, os.Stdout, e); err != nil {
			os.Exit(2)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func begin(t testing.TB, what string) *Engine {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{Command: []string{self, "child-" + what}, Memory: 1 << 30}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// probe does what its input says.
type probe struct{}

func (probe) Load(context.Context, []byte) (pool.Program, error)      { return probe{}, nil }
func (probe) Bind(context.Context, io.Reader) (pool.Evaluator, error) { return probe{}, nil }

func (probe) Evaluate(ctx context.Context, in io.Reader, out io.Writer, progress func(step, of int)) error {
	begins := bufio.NewReader(in)
	if b, _ := begins.Peek(4); string(b) == "deaf" {
		for { //nolint:staticcheck // nor does it read on
		}
	}
	b, err := io.ReadAll(begins)
	if err != nil {
		return err
	}
	what, rest, _ := strings.Cut(string(b), " ")
	switch what {
	case "dial":
		_, err = net.DialTimeout("tcp", rest, 2*time.Second)
	case "open":
		_, err = os.Open(rest)
	case "memory":
		var all [][]byte
		for range 64 {
			all = append(all, make([]byte, 64<<20))
			for i := 0; i < 64<<20; i += 4096 {
				all[len(all)-1][i] = 1
			}
		}
		runtime.KeepAlive(all)
	case "listen":
		<-ctx.Done()
		return context.Cause(ctx)
	case "spin":
		for { //nolint:staticcheck // it listens to nobody
		}
	default:
		progress(1, 2)
		progress(2, 2)
		_, err = out.Write(b)
	}
	if err != nil {
		return notice.New(notice.Denied, err.Error(), "")
	}
	return nil
}

func run(t testing.TB, ctx context.Context, e *Engine, in string) (string, error) {
	t.Helper()
	p, err := e.Load(ctx, nil)
	if err != nil {
		return "", err
	}
	v, err := p.Bind(ctx, strings.NewReader("keys"))
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = v.Evaluate(ctx, strings.NewReader(in), &out, func(int, int) {})
	return out.String(), err
}

func TestTheChildReachesNothing(t *testing.T) {
	e := begin(t, "probe")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := run(t, t.Context(), e, "open /etc/hostname"); err == nil || !strings.Contains(err.Error(), "too many open files") {
		if runtime.GOOS == "linux" {
			t.Errorf("it opens a file: %v", err)
		}
	}
	_, err = run(t, t.Context(), e, "dial "+l.Addr().String())
	if err == nil {
		t.Error("it reaches an address of this machine")
	}
	long := strings.Repeat("0123456789abcdef", 300_000) // of several frames
	got, err := run(t, t.Context(), e, long)
	if err != nil || got != long {
		t.Errorf("%d bytes came back of %d: %v", len(got), len(long), err)
	}
}

func TestNamespacesKeepTheNetworkAway(t *testing.T) {
	e := begin(t, "probe")
	if err := e.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Skip("this system has no namespaces")
	}
	b, err := os.Readlink("/proc/" + strconv.Itoa(e.c.cmd.Process.Pid) + "/ns/net")
	if err != nil || a == b {
		t.Skipf("the kernel forbids namespaces here: %v", err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	e := begin(t, "probe")
	_, err := run(t, t.Context(), e, "memory")
	if !notice.Is(err, notice.Exhausted) || !errors.Is(err, pool.ErrGone) {
		t.Fatalf("4 GiB within 1 GiB gave %v", err)
	}
	if got, err := run(t, t.Context(), e, "again"); err != nil || got != "again" {
		t.Errorf("then %q, %v", got, err)
	}
}

func TestTimeIsBounded(t *testing.T) {
	e := begin(t, "probe")
	e.Time = 300 * time.Millisecond
	if _, err := run(t, t.Context(), e, "spin"); !notice.Is(err, notice.Exhausted) {
		t.Errorf("an endless job gave %v", err)
	}
}

func TestACancelledCallStops(t *testing.T) {
	for what, keeps := range map[string]bool{"listen": true, "spin": false, "deaf": false} {
		e := begin(t, "probe")
		p, err := e.Load(t.Context(), nil)
		check(t, err)
		v, err := p.Bind(t.Context(), strings.NewReader(""))
		check(t, err)
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("revoked")
		began := time.Now()
		in := []io.Reader{strings.NewReader(what), after(func() { time.AfterFunc(200*time.Millisecond, func() { cancel(gone) }) })}
		if what == "deaf" {
			in = append(in, endless{}) // more than a pipe holds
		}
		err = v.Evaluate(ctx, io.MultiReader(in...), io.Discard, nil)
		if !errors.Is(err, gone) || time.Since(began) > 5*time.Second {
			t.Errorf("%s: %v after %v", what, err, time.Since(began))
		}
		if (e.c != nil) != keeps {
			t.Errorf("%s: the child lives: %v", what, e.c != nil)
		}
		if got, err := run(t, t.Context(), e, "on"); err != nil || got != "on" {
			t.Errorf("%s: then %q, %v", what, got, err)
		}
	}
}

// after is an empty reader that calls when it has been read to its end.
type after func()

func (a after) Read([]byte) (int, error) { a(); return 0, io.EOF }

// endless is zeros.
type endless struct{}

func (endless) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// A child that does not begin is not waited for.
func TestAChildThatDoesNotBegin(t *testing.T) {
	e := begin(t, "silent")
	e.Time = time.Second
	began := time.Now()
	if _, err := e.Load(t.Context(), nil); !notice.Is(err, notice.Internal) || time.Since(began) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

func TestABrokenInputIsTheCause(t *testing.T) {
	e := begin(t, "probe")
	p, err := e.Load(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	away := notice.New(notice.Unavailable, "a storage node is away", "wait")
	if _, err := p.Bind(t.Context(), io.MultiReader(strings.NewReader("half"), broken{away})); !notice.Is(err, notice.Unavailable) {
		t.Errorf("broken keys gave %v", err)
	}
	v, err := p.Bind(t.Context(), strings.NewReader(""))
	check(t, err)
	if err := v.Evaluate(t.Context(), io.MultiReader(strings.NewReader("half"), broken{away}), io.Discard, nil); !notice.Is(err, notice.Unavailable) {
		t.Errorf("a broken input gave %v", err)
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

func FuzzFrame(f *testing.F) {
	var b bytes.Buffer
	check(f, writeFrame(&b, frame{kind: data, id: 1, of: 2, body: []byte("abc")}))
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readFrame(bytes.NewReader(b))
		if err != nil {
			return
		}
		var again bytes.Buffer
		check(t, writeFrame(&again, got))
		if !bytes.HasPrefix(b, again.Bytes()) {
			t.Fatal("a frame does not round trip")
		}
	})
}

// encrypted returns a plan, its keys and an input.
func encrypted(t testing.TB, hidden int) (plan, keys, in []byte) {
	t.Helper()
	layer := func(out, in int) ml.Linear {
		l := ml.Linear{Out: out, In: in, Weights: make([]float64, out*in), Bias: make([]float64, out)}
		for i := range l.Weights {
			l.Weights[i] = float64(i%7-3) / float64(in)
		}
		return l
	}
	g := ml.Graph{Name: "net", Input: []int{hidden}, Output: 3, Nodes: []ml.Node{{Op: layer(hidden, hidden), Args: []int{0}}, {Op: squares(hidden), Args: []int{1}}, {Op: layer(1, hidden), Args: []int{2}}}}
	p, err := ckks.Compile(g, [32]byte{1})
	check(t, err)
	k, err := he.NewSecretKey(p.Set(), privacy.Hide([32]byte{7}))
	check(t, err)
	var a, b, c bytes.Buffer
	_, err = p.WriteTo(&a)
	check(t, err)
	check(t, k.WriteEvaluationKeys(t.Context(), &b, p.Needs(), nil))
	all, err := p.Encrypt(k, privacy.Hide(make([]float64, hidden)))
	check(t, err)
	for _, x := range all {
		_, err = x.WriteTo(&c)
		check(t, err)
	}
	return a.Bytes(), b.Bytes(), c.Bytes()
}

func squares(n int) ml.Poly {
	p := ml.Poly{Coeffs: make([][]float64, n)}
	for i := range p.Coeffs {
		p.Coeffs[i] = []float64{0, 0, 1}
	}
	return p
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// readied binds a plan and keys.
func readied(t testing.TB, e pool.Engine, plan, keys []byte) pool.Evaluator {
	t.Helper()
	p, err := e.Load(t.Context(), plan)
	check(t, err)
	v, err := p.Bind(t.Context(), bytes.NewReader(keys))
	check(t, err)
	return v
}

func TestInvariant7_TheSandboxGivesTheSameBytes(t *testing.T) {
	plan, keys, in := encrypted(t, 16)
	var want, got bytes.Buffer
	check(t, readied(t, engine.CKKS{}, plan, keys).Evaluate(t.Context(), bytes.NewReader(in), &want, func(int, int) {}))
	e := begin(t, "ckks")
	steps := 0
	check(t, readied(t, e, plan, keys).Evaluate(t.Context(), bytes.NewReader(in), &got, func(int, int) { steps++ }))
	if !bytes.Equal(want.Bytes(), got.Bytes()) || want.Len() == 0 || steps == 0 {
		t.Errorf("%d bytes, and not the same %d, in %d steps", got.Len(), want.Len(), steps)
	}
	if _, err := e.Load(t.Context(), []byte("no plan")); !notice.Is(err, notice.Invalid) && !notice.Is(err, notice.Integrity) {
		t.Errorf("a broken plan gave %v", err)
	}
}

// BenchmarkEvaluation compares a job of about a second in the sandbox with the same in
// this process, in turn: processor time of both processes, by medians.
func BenchmarkEvaluation(b *testing.B) {
	plan, keys, in := encrypted(b, 256)
	e := begin(b, "ckks")
	bare, boxed := readied(b, engine.CKKS{}, plan, keys), readied(b, e, plan, keys)
	const runs = 8
	var alone, inBox []float64
	for b.Loop() {
		for v, to := range map[pool.Evaluator]*[]float64{bare: &alone, boxed: &inBox} {
			had := spent(b, e)
			for range runs {
				check(b, v.Evaluate(b.Context(), bytes.NewReader(in), io.Discard, func(int, int) {}))
			}
			*to = append(*to, (spent(b, e) - had).Seconds())
		}
	}
	slices.Sort(alone)
	slices.Sort(inBox)
	a, s := alone[len(alone)/2], inBox[len(inBox)/2]
	b.ReportMetric(a, "bare-cpu-s")
	b.ReportMetric(100*(s/a-1), "cpu-overhead-%")
}

// BenchmarkReadying is loading a plan and binding keys, in the sandbox and here.
func BenchmarkReadying(b *testing.B) {
	plan, keys, _ := encrypted(b, 64)
	for name, e := range map[string]pool.Engine{"bare": engine.CKKS{}, "sandbox": begin(b, "ckks")} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(plan) + len(keys)))
			for b.Loop() {
				readied(b, e, plan, keys)
			}
		})
	}
}

// spent is the processor time of this process and of an engine's child, in steps of a
// hundredth of a second for the child.
func spent(b *testing.B, e *Engine) time.Duration {
	b.Helper()
	var u syscall.Rusage
	check(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	text, err := os.ReadFile("/proc/" + strconv.Itoa(e.c.cmd.Process.Pid) + "/stat")
	if err != nil {
		b.Skip("this system tells no process's time")
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		check(b, err)
		ticks += n
	}
	return time.Duration(u.Utime.Nano()+u.Stime.Nano()) + time.Duration(ticks)*10*time.Millisecond
}
