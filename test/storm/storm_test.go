package storm

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/ml"
	"manx/ml/ckks"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/notice"
	"manx/storage"
)

// What a process of the storm is told by.
const roleVar, planVar = "MANX_STORM_ROLE", "MANX_STORM_PLAN"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		if err := play(role, os.Getenv(planVar)); err != nil {
			fmt.Fprintln(os.Stderr, role, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A part is one process, killed and started again by one goroutine at a time.
type part struct {
	role string
	plan plan
	t    *testing.T
	cmd  *exec.Cmd
	dead int
}

func (p *part) start() {
	self, err := os.Executable()
	check(p.t, err)
	log, err := os.OpenFile(p.plan.path("log-"+p.role), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	check(p.t, err)
	defer log.Close()
	p.cmd = exec.Command(self)
	p.cmd.Env = []string{roleVar + "=" + p.role, planVar + "=" + p.plan.path("plan.json"), "TMPDIR=" + p.plan.Dir, "GOMAXPROCS=2"}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	check(p.t, p.cmd.Start())
}

// kill is SIGKILL, whatever the process does now.
func (p *part) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.dead++
}

// TestInvariant8_KilledUnderTwoHundredJobs: while two hundred jobs wait and run, workers,
// the queue and the node are killed at random moments and start again. Every job ends
// once; its fee is paid once, or goes back; nothing is left in escrow.
func TestInvariant8_KilledUnderTwoHundredJobs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	rounds := 1
	if os.Getenv("MANX_LONG") == "1" {
		rounds = 15
	}
	for _, kind := range []string{"a queue of its own", "the queue in the node"} {
		for i := range rounds {
			t.Run(fmt.Sprintf("%s/%d", kind, i), func(t *testing.T) { storm(t, kind != "the queue in the node") })
		}
	}
}

func storm(t *testing.T, apart bool) {
	const jobs, workers = 200, 4
	const weather, life, speed = 6 * time.Second, 90 * time.Second, 60
	p, s := found(t, workers, apart)
	patient, ids, before := ask(t, &p, s, speed, life, jobs)

	parts := map[string]*part{}
	roles := []string{"node"}
	if apart {
		roles = append(roles, "queue")
	}
	for i := range workers {
		roles = append(roles, strconv.Itoa(i))
	}
	for _, r := range roles {
		parts[r] = &part{role: r, plan: p, t: t}
		parts[r].start()
	}
	defer func() {
		for _, x := range parts {
			x.kill()
		}
	}()

	// The patient accepts what is done, and closes what is due.
	c := client{p}
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Minute+weather)
	defer stop()
	var still atomic.Int32
	still.Store(jobs)
	over := make(chan int)
	go func() {
		defer close(over)
		open := append([]ledger.JobID(nil), ids...)
		kept := map[ledger.JobID]ledger.Command{} // the same command until it is answered
		for len(open) > 0 && ctx.Err() == nil {
			var left []ledger.JobID
			for _, id := range open {
				if !end(ctx, c, p, patient, id, kept) {
					left = append(left, id)
				}
			}
			open = left
			still.Store(int32(len(open)))
			time.Sleep(100 * time.Millisecond)
		}
		over <- len(open)
	}()

	random := mrand.New(mrand.NewPCG(uint64(time.Now().UnixNano()), 8))
	until := time.Now().Add(weather)
	for time.Now().Before(until) {
		time.Sleep(time.Duration(50+random.IntN(350)) * time.Millisecond)
		r := roles[random.IntN(len(roles))]
		parts[r].kill()
		time.Sleep(time.Duration(random.IntN(150)) * time.Millisecond)
		parts[r].start()
	}
	t.Logf("when the storm was over %d jobs had not ended", still.Load())
	if left := <-over; left > 0 {
		for _, r := range roles {
			b, _ := os.ReadFile(p.path("log-" + r))
			t.Logf("%s:\n%s", r, b[max(0, len(b)-3000):])
		}
		t.Fatalf("%d of %d jobs are stranded", left, jobs)
	}
	deaths := map[string]int{}
	for r, x := range parts {
		deaths[r] = x.dead
		x.kill()
	}
	account(t, p, patient.Party(), ids, before, deaths)
}

// end brings a job to its end, and reports whether it is there.
func end(ctx context.Context, c client, p plan, patient *ledgertest.Key, id ledger.JobID, kept map[ledger.JobID]ledger.Command) bool {
	b, err := c.Read(ctx, ledger.KeyOf(id))
	var j ledger.Job
	if err != nil || json.Unmarshal(b, &j) != nil {
		return false
	}
	now := ledger.Time(p.now().Unix())
	var word ledger.Body
	switch {
	case j.Stage.Over():
		return true
	case j.Stage == ledger.Done:
		word = ledger.AcceptJob{Job: id}
	case j.Due != 0 && now > j.Due:
		word = ledger.CloseJob{Job: id}
	default:
		return false
	}
	cmd, ok := kept[id]
	if !ok || cmd.Name != word.Command() {
		if cmd, err = ledger.NewCommand(p.Genesis.ID(), patient, now+3600, word); err != nil {
			return false
		}
		kept[id] = cmd
	}
	if _, err := c.Submit(ctx, cmd); err != nil && !notice.Is(err, notice.Unavailable) {
		delete(kept, id) // refused: look again
	}
	return false
}

// account opens the ledger that the processes have left and looks at every job and coin.
func account(t *testing.T, p plan, patient ledger.PartyID, ids []ledger.JobID, before ledger.Amount, deaths map[string]int) {
	l, err := p.ledger()
	check(t, err)
	defer l.Close()
	height, err := l.Height()
	check(t, err)
	now := ledger.Time(p.now().Unix())
	last, err := ledger.NewCommand(p.Genesis.ID(), p.organisation(0), now+3600, ledger.Tick{Time: now})
	check(t, err)
	_, err = l.Submit(t.Context(), last) // events end nowhere: this one is the first that is of no interest
	check(t, err)
	mine := map[ledger.Key]bool{}
	for _, id := range ids {
		mine[ledger.KeyOf(id)] = true
	}
	ends, done, coins := map[ledger.Key][]string{}, map[ledger.Key]int{}, map[ledger.Key]ledger.Coin{}
	for e, err := range l.Events(t.Context(), 1) {
		check(t, err)
		if e.Height > height {
			break
		}
		if mine[e.Key] {
			var j ledger.Job
			check(t, json.Unmarshal(e.Body, &j))
			if j.Stage.Over() {
				ends[e.Key] = append(ends[e.Key], string(j.Stage))
			}
			if e.Name == ledger.JobDone {
				done[e.Key]++
			}
		}
		if _, word := ledger.IDOf(e.Key); word == "coin" {
			if e.Body == nil {
				delete(coins, e.Key)
			} else {
				var c ledger.Coin
				check(t, json.Unmarshal(e.Body, &c))
				coins[e.Key] = c
			}
		}
	}
	settled, refunded := 0, 0
	for _, id := range ids {
		k := ledger.KeyOf(id)
		if len(ends[k]) != 1 || done[k] > 1 {
			t.Errorf("a job ended as %v, and was done %d times", ends[k], done[k])
			continue
		}
		if ends[k][0] == string(ledger.Settled) {
			settled++
		} else {
			refunded++
		}
	}
	var all, back ledger.Amount
	for _, c := range coins {
		all, err = all.Add(c.Amount)
		check(t, err)
		if c.Owner == patient {
			back, err = back.Add(c.Amount)
			check(t, err)
		}
	}
	if all != before {
		t.Errorf("in the end %s MAN are in coins of %s: the rest is in escrow, or was made", all, before)
	}
	if back != ledger.MAN(uint32(3*refunded)) {
		t.Errorf("%d jobs of 3 MAN were refunded, and she holds %s", refunded, back)
	}
	if settled < len(ids)/2 {
		t.Errorf("only %d of %d jobs were done", settled, len(ids))
	}
	killed := 0
	for _, n := range deaths {
		killed += n
	}
	if killed < 8 {
		t.Errorf("only %d processes were killed: nothing is shown", killed)
	}
	t.Logf("%d jobs paid, %d refunded; killed: %v", settled, refunded, deaths)
}

// found makes the folder in which the processes meet: a ledger with workers, and where
// the queue is a process of its own, its certificates and users.
func found(t *testing.T, workers int, apart bool) (plan, *ledgertest.Story) {
	t.Helper()
	const organisations = 3
	random := make([]byte, 32*(1+organisations+workers))
	_, _ = rand.Read(random)
	part := func(i int) []byte { return random[32*i : 32*(i+1)] }
	g, orgs := ledgertest.NewGenesis(organisations, bytes.NewReader(random))
	p := plan{Dir: t.TempDir(), Genesis: g, Speed: 1, Began: time.Now().Unix(), Patience: 2 * time.Second}
	for i := range organisations {
		p.Seeds = append(p.Seeds, part(1+i))
	}
	ports := free(t, 2)
	p.Node = ports[0]
	if apart {
		p.Queue = ports[1]
		certify(t, p.Dir)
		check(t, os.WriteFile(p.path("users"), []byte("node:a\nworker:b\n"), 0o600))
	}
	l, err := p.ledger()
	check(t, err)
	s := ledgertest.Begin(t, l, ledgertest.World{Genesis: g, Organisations: orgs, Now: func() ledger.Time { return ledger.Time(p.now().Unix()) }})
	for i := range workers {
		k := ledgertest.NewKey(ledger.Common, bytes.NewReader(part(1+organisations+i)))
		s.Do(k, ledger.RegisterParty{Vertical: ledger.Common, Role: ledger.Worker, Name: "worker", Key: k.Public(), Recovery: ledger.RecoveryHash(k.Public()), Sealing: "age1" + rand.Text()})
		p.Workers, p.IDs = append(p.Workers, part(1+organisations+i)), append(p.IDs, k.Party())
	}
	return p, s
}

// ask has a patient ask so many jobs and closes the ledger. From then on time runs at the
// speed of the plan.
func ask(t *testing.T, p *plan, s *ledgertest.Story, speed int64, life time.Duration, jobs int) (patient *ledgertest.Key, ids []ledger.JobID, held ledger.Amount) {
	t.Helper()
	packs, err := p.packs()
	check(t, err)
	store := func(write func(io.Writer) error) storage.Ref {
		var b bytes.Buffer
		check(t, write(&b))
		r, err := packs.Write(t.Context(), &b)
		check(t, err)
		return r
	}
	graph := ml.Graph{Name: "sum", Input: []int{4}, Output: 1, Nodes: []ml.Node{{Op: ml.Linear{Out: 1, In: 4, Weights: []float64{1, 2, 3, 4}, Bias: []float64{.5}}, Args: []int{0}}}}
	compiled, err := ckks.Compile(graph, [32]byte{1})
	check(t, err)
	var seed [32]byte
	_, _ = rand.Read(seed[:])
	secret, err := he.NewSecretKey(compiled.Set(), privacy.Hide(seed))
	check(t, err)
	keys := store(func(w io.Writer) error { return secret.WriteEvaluationKeys(t.Context(), w, compiled.Needs(), nil) })
	input := store(func(w io.Writer) error {
		in, err := compiled.Encrypt(secret, privacy.Hide([]float64{1, 1, 1, 1}))
		for _, c := range in {
			if err == nil {
				_, err = c.WriteTo(w)
			}
		}
		return err
	})
	patient = s.Party(ledger.Health, ledger.Person)
	record := s.Study(patient)
	model := ledger.NewModelID(ledger.Health, s.Do(s.Party(ledger.Health, ledger.Scientist), ledger.PublishModel{
		Vertical: ledger.Health, Name: "sum", Version: "1", Hash: ledger.Hash{1}, Plan: store(func(w io.Writer) error { _, err := compiled.WriteTo(w); return err }), PlanHash: compiled.Hash(),
		Card: ledgertest.Ref("card"), Accepts: []ledger.Kind{ledger.Study}, Features: []string{"ct-slice"}, Price: ledger.MAN(3)}))
	end := ledger.Time(time.Now().Unix()) + ledger.Time(life.Seconds()*float64(speed))
	for range jobs {
		ids = append(ids, ledger.NewJobID(ledger.Health, s.Do(patient, ledger.RequestJob{
			Model: model, Subject: patient.Party(), Purpose: ledger.Diagnosis, Fund: []ledger.CoinID{s.Fund(patient, ledger.MAN(3))}, Fee: ledger.MAN(3),
			Deadline: end, Record: record, Version: 1, EvalKeys: keys, Inputs: []storage.Ref{input}})))
	}
	held = ledger.MAN(uint32(3 * jobs)) // in escrow now, and nothing else is anywhere
	for _, c := range s.Coins() {
		held, err = held.Add(c.Amount)
		check(t, err)
	}
	check(t, s.Ledger.(io.Closer).Close())
	p.Began, p.Speed = time.Now().Unix(), speed
	b, err := json.Marshal(p)
	check(t, err)
	check(t, os.WriteFile(p.path("plan.json"), b, 0o600))
	return patient, ids, held
}

// free returns ports that nobody listens on.
func free(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		defer func() { _ = l.Close() }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// certify makes the queue's certificate, which stands for itself, and the authority of
// badges.
func certify(t *testing.T, dir string) {
	t.Helper()
	for i, name := range []string{"tls", "authority"} {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		check(t, err)
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i) + 1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
		der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
		check(t, err)
		key, err := x509.MarshalPKCS8PrivateKey(k)
		check(t, err)
		cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
		check(t, os.WriteFile(filepath.Join(dir, name+".crt"), cert, 0o600))
		check(t, os.WriteFile(filepath.Join(dir, name+".key"), secret, 0o600))
		check(t, os.WriteFile(filepath.Join(dir, name+".pem"), append(cert, secret...), 0o600))
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
