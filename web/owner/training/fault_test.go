package training

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/faulty"
	"manx/ml/federated"
	"manx/test/webtest"
	"manx/web/owner"
	"manx/web/owner/training/cover"
	"manx/web/owner/training/house"
	"manx/web/owner/training/policy"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/recipe/recipetest"
)

// A wires is a hub's listener that kills one party when so many of its writes have
// come, and loses the one that is due.
type wires struct {
	net.Listener
	mu    sync.Mutex // guards what follows
	party string     // by the name that its hellos have
	after int        // writes that still come through; below 0 no kill
	count int        // writes of the party that have come
	kill  func()

	copy *capture // of all that comes; nil: none
}

type wire struct {
	net.Conn
	all  *wires
	head []byte // of what came, as far as the party's name
}

func (w *wires) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wire{Conn: c, all: w}, nil
}

// nameAt is where a hello has the name of who says it, in hexadecimal.
const nameAt = len("manx/hub/v1\n") + 32 + 1

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if err != nil {
		return n, err
	}
	if w.all.copy != nil {
		_, _ = w.all.copy.Write(b[:n])
	}
	const end = nameAt + 2*ed25519.PublicKeySize
	if w.head = append(w.head, b[:n]...); len(w.head) < end {
		return n, nil
	}
	party := string(w.head[nameAt:end])
	w.head = w.head[:end]
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	if party != w.all.party {
		return n, nil
	}
	w.all.count++
	if w.all.after--; w.all.after == -1 {
		go w.all.kill()
		_ = w.Conn.Close()
		return 0, net.ErrClosed
	}
	return n, nil
}

// arm sets up the next kill.
func (w *wires) arm(key ed25519.PublicKey, after int, kill func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.party, w.after, w.kill, w.count = hex.EncodeToString(key), after, kill, 0
}

func (w *wires) seen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// Every round is one in which a hospital, or the coordinator, is killed when one more
// of its messages was to be sent, and started again on its folder (of the coordinator's
// messages every third, every one with MANX_LONG=1). Whatever the
// message, the round has a result; it is the sum of exactly the sites that the
// ledger names; and the next round follows.
func TestInvariant8_KilledAtEveryMessage(t *testing.T) {
	r := recipetest.Logistic(false)
	r.Network.Steps = 5
	killed, s, on := killing(t, tables(r), 60, []int{1, 3}) // the coordinator says the same to four sites
	if !testing.Short() && (killed["a hospital"] < 8 || killed["the coordinator"] < 8) {
		t.Errorf("killed before so many messages: %v", killed)
	}
	s.same(t, on, r, 1e-5)
}

// The same of a CNN on studies, whose version of a round is not one that learns in the
// end: a hospital's every message.
func TestInvariant8_KilledAtEveryMessageOfPictures(t *testing.T) {
	k := pictures()
	killed, s, on := killing(t, k, 26, []int{1, 4})
	if !testing.Short() && (killed["a hospital"] < 8 || killed["the coordinator"] < 8) {
		t.Errorf("killed before so many messages: %v", killed)
	}
	s.same(t, on, k.recipe, 1e-5)
}

// The same of rounds on shares, whose hospitals say some hundred messages to each other
// while they compute: every fortieth (MANX_LONG=1: every fifth) of a hospital's is the one.
func TestInvariant8_KilledAtEveryMessageOfARoundOnShares(t *testing.T) {
	r := recipetest.Logistic(false)
	r.Network.Steps = 5
	killed, s, on := killing(t, tables(r), 18, []int{40, 10}, func(s *scene, r *recipe.Recipe) { *r = s.onShares(*r) })
	if !testing.Short() && (killed["a hospital"] < 4 || killed["the coordinator"] < 3) {
		t.Errorf("killed before so many messages: %v", killed)
	}
	signed, err := s.sites[0].Party.SignedTraining(t.Context(), on.ID)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = recipe.Read(signed.ProposeTraining); err != nil {
		t.Fatal(err)
	}
	s.same(t, on, r, 1e-5)
}

// killing has a training of at most so many rounds, in each of which a victim is killed
// before a message, each victim's next after so many more.
func killing(t *testing.T, k kit, rounds int, steps []int, change ...func(*scene, *recipe.Recipe)) (killed map[string]int, s *scene, on ledger.Training) {
	t.Helper()
	var w *wires
	s = begin(t, 4, webtest.Options{}, func(l net.Listener) net.Listener {
		w = &wires{Listener: l, after: -1}
		return w
	})
	for _, f := range change {
		f(s, &k.recipe)
	}
	if testing.Short() {
		rounds = 12
	}
	if os.Getenv("MANX_LONG") != "" {
		rounds, steps = 90, []int{max(steps[0]/7, 1), max(steps[1]/3, 1)}
	}
	k.rounds = rounds
	id := k.set(s, 12)
	for _, h := range s.sites[1:] {
		h.start()
	}
	s.await(id, "the votes of the others", func(on ledger.Training) bool { return len(on.Votes) == 3 })
	victims := []struct {
		name string
		site *member
		as   string
	}{{"a hospital", s.sites[2], owner.TakesPart}, {"the coordinator", s.sites[0], owner.Coordinates}}
	round := 0
	killed = map[string]int{}
	for i, v := range victims {
		key, err := v.site.Party.StreamKey(v.as)
		if err != nil {
			t.Fatal(err)
		}
		public, _ := key.Public().(ed25519.PublicKey)
		most := rounds * (i + 1) / len(victims) // each has its part of the rounds
		for after := 0; round < most; after += steps[i] {
			round++
			again := make(chan struct{})
			w.arm(public, after, func() {
				v.site.stop()
				v.site.start()
				close(again)
			})
			if round == 1 {
				s.sites[0].start()
			}
			on := s.await(id, "a round in which "+v.name+" is killed", func(on ledger.Training) bool { return on.Round > round || on.Round == round && !on.Busy })
			if len(on.Versions) != round {
				for _, h := range s.sites {
					t.Log(h.log.String())
				}
				t.Fatalf("%s was killed before its message %d: the round has no result", v.name, after+1)
			}
			if w.seen() <= after { // it had no more to say
				w.arm(public, -1, nil)
				break
			}
			<-again
			killed[v.name]++
		}
	}
	t.Logf("killed before so many messages: %v", killed)
	return killed, s, s.await(id, "the end of the last round", func(on ledger.Training) bool { return !on.Busy })
}

// again returns what a site adds in a round, from its data in the clear.
func (h *member) again(on owner.SignedTraining, r recipe.Recipe, state federated.State) []float64 {
	h.t.Helper()
	j, _, err := policy.Decided(house.Folder(h.Dir), on.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	has, err := h.in().site.Has(h.t.Context(), on, r, j)
	if err != nil {
		h.t.Fatal(err)
	}
	in := r.Round(on.Training, state)
	in.Seed = h.in().site.Seed(r)
	v, _, err := r.Vector(h.t.Context(), in, has, len(on.Sites))
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

// same makes every version again from the sites' tables in the clear, each from the
// one before, to so many parts of one or of a parameter's size.
func (s *scene) same(t *testing.T, on ledger.Training, r recipe.Recipe, exact float64) {
	t.Helper()
	state, err := r.Begin()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.sites[0].Party.SignedTraining(t.Context(), on.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range on.Versions {
		var vectors [][]float64
		for _, h := range s.sites {
			if !slices.Contains(v.Sites, h.Party.ID()) {
				continue
			}
			signed.Round = v.Round
			vectors = append(vectors, h.again(signed, r, state))
		}
		sum, err := federated.Sum(vectors)
		if err != nil {
			t.Fatal(err)
		}
		signed.Round = v.Round
		next, _, err := r.Next(signed, state, sum)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(house.Folder(s.sites[0].Dir).Version(on.ID, v.Round))
		if err != nil || recipe.HashOf(b) != v.Hash {
			t.Fatalf("the version of round %d is not the one on the ledger: %v", v.Round, err)
		}
		if state, err = recipe.ReadVersion(b, on.Model.Parameters); err != nil {
			t.Fatal(err)
		}
		for i, x := range state.Params {
			if math.Abs(x-next.Params[i]) > exact*(1+math.Abs(x)) {
				t.Fatalf("round %d over %d sites: parameter %d is %g, and in the clear %g", v.Round, len(v.Sites), i, x, next.Params[i])
			}
		}
	}
}

// A hospital that vanishes for good stops no round, and is in none; one that is back
// is in the next. With too few the round has no result, and counts.
func TestHospitalsVanish(t *testing.T) {
	s := begin(t, 4, webtest.Options{}, nil)
	id := s.propose(recipetest.Logistic(false), 1000, 12)
	for _, h := range s.sites {
		h.patience = time.Second
		h.start()
	}
	s.await(id, "a first round", func(on ledger.Training) bool { return len(on.Versions) > 0 })
	gone := s.sites[3].Party.ID()
	s.sites[3].stop()
	n := s.n.Story(t).Training(id).Round
	on := s.await(id, "rounds without one", func(on ledger.Training) bool {
		return len(on.Versions) > 0 && on.Versions[len(on.Versions)-1].Round > n+2
	})
	if last := on.Versions[len(on.Versions)-1]; len(last.Sites) != 3 || slices.Contains(last.Sites, gone) {
		t.Errorf("the version is of %d sites", len(last.Sites))
	}
	s.sites[3].start()
	s.await(id, "a round with all", func(on ledger.Training) bool { return len(on.Versions[len(on.Versions)-1].Sites) == 4 })
	s.sites[3].stop()
	s.sites[2].stop()
	n = s.n.Story(t).Training(id).Round + 1
	on = s.await(id, "a round without a quorum", func(on ledger.Training) bool { return on.Round > n+1 })
	if last := on.Versions[len(on.Versions)-1]; last.Round > n {
		t.Error("two sites made a version")
	}
}

// A hospital that computes on shares and vanishes for good stops no round where four are
// named, and is in none.
func TestAComputingHospitalVanishes(t *testing.T) {
	s := begin(t, 4, webtest.Options{}, nil)
	for _, h := range s.sites {
		h.patience = time.Second
	}
	id := s.run(s.onShares(recipetest.Logistic(false)), 1000)
	s.await(id, "a first round", func(on ledger.Training) bool { return len(on.Versions) > 0 })
	s.sites[1].stop()
	n := s.n.Story(t).Training(id).Round
	on := s.await(id, "rounds without one", func(on ledger.Training) bool {
		return len(on.Versions) > 0 && on.Versions[len(on.Versions)-1].Round > n+2
	})
	if last := on.Versions[len(on.Versions)-1]; len(last.Sites) != 3 || slices.Contains(last.Sites, s.sites[1].Party.ID()) {
		t.Errorf("the version is of %d sites", len(last.Sites))
	}
}

// Invariant 5 and the consent of patients: a record whose grant is revoked, or that
// is erased, between rounds is in no later one, and neither the ledger nor the
// coordinator learns which it was, nor how many are left.
func TestARevokedRecordIsInNoLaterRound(t *testing.T) {
	s := begin(t, 3, webtest.Options{}, nil)
	id := s.propose(recipetest.Logistic(false), 1000, 14)
	for _, h := range s.sites {
		h.start()
	}
	s.await(id, "a first round", func(on ledger.Training) bool { return len(on.Versions) > 0 })
	h, story := s.sites[2], s.n.Story(t)
	f := house.Folder(h.Dir)
	if c, err := cover.Of(f, id, 1); err != nil || !slices.Contains(c.Grants, h.grants[4]) || len(c.Grants) != 12 {
		t.Fatalf("the first list has not all records: %v", err)
	}
	story.Do(h.patient, ledger.RevokeGrant{Grant: h.grants[4]})
	story.Do(h.patient, ledger.EraseRecord{Record: h.records[5]})
	n := story.Training(id).Round // may have been covered before
	on := s.await(id, "later rounds", func(on ledger.Training) bool { return on.Round > n+3 && !on.Busy })
	for k := n + 1; k <= on.Round; k++ {
		c, err := cover.Of(f, id, k)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(c.Grants, h.grants[4]) || slices.Contains(c.Grants, h.grants[5]) || len(c.Grants) != 10 {
			t.Fatalf("round %d has %d records, perhaps one that was taken back", k, len(c.Grants))
		}
		round, err := h.Party.TrainingRound(t.Context(), id, k)
		if err != nil {
			t.Fatal(err)
		}
		for _, cover := range round.Covers {
			if cover.Site == h.Party.ID() && cover.Digest != c.Digest() {
				t.Error("the ledger has another digest than the site's list")
			}
		}
		if round.Records != 30 && !round.Failed {
			t.Errorf("the round tells of %d records: more than that each site has the minimum", round.Records)
		}
	}
	for _, h := range s.sites {
		h.stop()
		h.patience = 200 * time.Millisecond
		h.start()
	}
	// One fewer, and the site is below the minimum: it covers no round, and says why.
	story.Do(h.patient, ledger.RevokeGrant{Grant: h.grants[0]})
	n = story.Training(id).Round
	on = s.await(id, "a round without it", func(on ledger.Training) bool { return on.Round > n+1 })
	round, err := h.Party.TrainingRound(t.Context(), id, n+1)
	if err != nil || round.Covered(h.Party.ID()) {
		t.Errorf("a site below the minimum covers round %d: %v", n+1, err)
	}
	if !bytes.Contains([]byte(h.log.String()), []byte("fewer records with a live grant than the training's minimum")) {
		t.Error("the site does not say why it takes no part")
	}
}

// Every command of a training is lost once on its way, or has its reply lost: each has
// one effect, and every round that was opened has a result.
func TestInvariant8_CommandsOfATrainingAreLost(t *testing.T) {
	for name, how := range map[string]faulty.Fault{"lost": faulty.Lost, "reply": faulty.Reply} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			tried, broken := map[string]bool{}, 0
			serve := func(l ledger.Ledger) ledger.Ledger {
				return faulty.New(l, func(c ledger.Command) faulty.Fault {
					mu.Lock()
					defer mu.Unlock()
					k := c.Name + string(c.Author) + string(c.Body)
					if !strings.HasPrefix(c.Name, "training.") || tried[k] {
						return faulty.None
					}
					tried[k] = true
					broken++
					return how
				})
			}
			s := begin(t, 3, webtest.Options{Serve: serve}, nil)
			for i, h := range s.sites {
				h.table(s, 12, uint64(i+1))
				h.allow(s, anything)
			}
			b := s.proposal(recipetest.Logistic(false), 3)
			propose := func() (id ledger.TrainingID, err error) { return s.sites[0].Party.ProposeTraining(t.Context(), b) }
			id, err := propose()
			if err != nil { // as a person would
				if id, err = propose(); err != nil {
					t.Fatal(err)
				}
			}
			for _, h := range s.sites {
				h.permit(s, id, 12)
				h.start()
			}
			on := s.await(id, "all rounds", func(on ledger.Training) bool { return on.Round == 3 && !on.Busy })
			if len(on.Versions) != 3 || len(on.Votes) != 3 || broken < 3+1+3+9+3 {
				t.Errorf("%d versions, %d votes, of %d commands that were broken", len(on.Versions), len(on.Votes), broken)
			}
			if all, err := s.sites[0].Party.Trainings(t.Context()); err != nil || len(all) != 1 {
				t.Errorf("%d trainings were proposed: %v", len(all), err)
			}
		})
	}
}
