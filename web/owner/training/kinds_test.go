package training

import (
	"fmt"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"manx/ledger"
	"manx/ml"
	"manx/ml/pool/sandbox"
	"manx/test/webtest"
	"manx/web/owner/training/house"
	"manx/web/owner/training/local"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/recipe/recipetest"
	"manx/web/owner/training/release"
)

// TestMain is the launcher of trainers too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "launch" {
		status, err := sandbox.Enter()
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(status)
	}
	os.Exit(m.Run())
}

func launcher(t testing.TB) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{self, "launch"}
}

// A kit is a kind of training in a scene: its recipe, how many rounds it takes, and
// what its sites have.
type kit struct {
	recipe recipe.Recipe
	rounds int
	policy string
	fill   func(h *member, s *scene, rows int, seed uint64)
	shares bool // rounds are on shares
}

// tables is rows of measurements.
func tables(r recipe.Recipe) kit {
	return kit{recipe: r, rounds: 4, policy: anything, fill: func(h *member, s *scene, rows int, seed uint64) { h.table(s, rows, seed) }}
}

// survival is patients whose hazard rises with age and falls with sex, by months.
func survival() kit {
	return kit{
		recipe: recipetest.Survival(),
		rounds: 24, policy: anything,
		fill: func(h *member, s *scene, rows int, seed uint64) {
			r := rand.New(rand.NewPCG(seed, 3))
			h.fill(s, ledger.Chart, rows, []string{"age [years]", "sex", "days [days]", "dead"}, func(int) []string {
				age, sex := 30+r.Float64()*50, r.IntN(2)
				t := 300 * r.ExpFloat64() / math.Exp(1.1*(age-55)/15-float64(sex))
				seen := 100 + 500*r.Float64()
				return []string{fmt.Sprintf("%.1f", age), fmt.Sprint(sex), fmt.Sprintf("%.0f", math.Ceil(min(t, seen))), yes(t <= seen)}
			})
		},
	}
}

// pictures is studies of three small pictures each, with a bright disc in those of who
// is ill.
func pictures() kit {
	return kit{
		recipe: recipetest.Pictures(),
		rounds: 14, policy: anything,
		fill: func(h *member, s *scene, rows int, seed uint64) {
			r := rand.New(rand.NewPCG(seed, 4))
			h.fill(s, ledger.Deidentified, rows, []string{"study", "nodule"}, func(i int) []string {
				name, ill := fmt.Sprintf("case-%03d", i), i%2 == 1
				dir := filepath.Join(house.Folder(h.Dir).Studies(), name)
				s.check(os.MkdirAll(dir, 0o700))
				for k := range 3 {
					s.check(draw(filepath.Join(dir, fmt.Sprintf("%d.png", k)), r, ill))
				}
				return []string{name, map[bool]string{true: "yes", false: "no"}[ill]}
			})
		},
	}
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(9, 9)) }

// draw writes a picture of 32 x 32 pixels of noise, with a disc.
func draw(file string, r *rand.Rand, disc bool) error {
	im := image.NewGray(image.Rect(0, 0, 32, 32))
	cx, cy := 8+r.Float64()*16, 8+r.Float64()*16
	for i := range im.Pix {
		v := 60 + 50*r.Float64()
		if disc && math.Hypot(float64(i%32)-cx, float64(i/32)-cy) < 6 {
			v += 120
		}
		im.Pix[i] = uint8(v)
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return png.Encode(f, im)
}

// trained is what a table is, by a program of each site's own that alone knows the
// model.
func trained(t *testing.T) kit {
	t.Helper()
	program, err := os.ReadFile("../../../examples/trainer/trainer.py")
	if err != nil {
		t.Fatal(err)
	}
	const python = "/usr/bin/python3"
	if _, err := os.Stat(python); err != nil {
		t.Skip("there is no " + python)
	}
	return kit{recipe: recipetest.Foreign(), rounds: 4, policy: `{"table":"patients.csv","unbounded":true,"export":true,"trainer":"python"}`,
		fill: func(h *member, s *scene, rows int, seed uint64) {
			h.table(s, rows, seed)
			dir := house.Folder(h.Dir).Trainer("python")
			s.check(os.MkdirAll(dir, 0o700))
			s.check(os.WriteFile(filepath.Join(dir, "trainer.py"), program, 0o600))
			h.trainers = `{"python":{"command":["` + python + `","-I","trainer.py"],"memory_gib":1,"minutes":1}}`
		}}
}

// set proposes a kit's training at sites of so many records each, and starts them.
func (k kit) set(s *scene, rows int) ledger.TrainingID {
	s.t.Helper()
	for i, h := range s.sites {
		k.fill(h, s, rows, uint64(i+1))
		h.allow(s, k.policy)
	}
	id, err := s.sites[0].Party.ProposeTraining(s.t.Context(), s.proposal(k.recipe, k.rounds))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range s.sites {
		h.permit(s, id, rows)
	}
	return id
}

// Every kind trains at four hospitals to its end, by sums alone, and what it has
// become is good on what was held out; its release is a file and a card.
func TestEveryKindTrains(t *testing.T) {
	for name, of := range map[string]struct {
		kit   func(*testing.T) kit
		rows  int
		auc   float64
		exact float64 // of what sums under masks resolve
	}{
		"survival": {func(*testing.T) kit { return survival() }, 80, 0.6, 1e-5},
		"pictures": {func(*testing.T) kit { return pictures() }, 16, 0.8, 1e-5},
		"standardised pictures": {func(t *testing.T) kit {
			k := pictures()
			k.recipe.Network.Standard = true // measured in the first rounds, not in the last
			// Sums are rounded to a step of theirs, and variances are small beside it.
			return k
		}, 16, 0.8, 1e-4},
		"program": {trained, 50, 0.7, 1e-5},
	} {
		t.Run(name, func(t *testing.T) {
			k := of.kit(t)
			s := begin(t, 4, webtest.Options{}, nil)
			id := k.set(s, of.rows)
			for _, h := range s.sites {
				h.start()
			}
			on := s.await(id, "all rounds", func(on ledger.Training) bool { return !on.Busy && (on.Round == k.rounds || local.Still(on)) })
			s.same(t, on, k.recipe, of.exact)
			out, err := release.Ask(t.Context(), s.sites[0].in().House, id, release.Request{Name: "together", Version: "1.0.0", Price: ledger.MAN(1)})
			if err != nil {
				t.Fatal(err)
			}
			if out.Quality == nil || out.Quality.AUC < of.auc {
				t.Errorf("on held-out records: %+v", out.Quality)
			}
			f, err := os.Open(out.Card)
			s.check(err)
			defer f.Close()
			card, err := ml.ReadCard(f)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("round %d of %d, %+v, card of %d metrics", on.Round, on.Rounds, *out.Quality, len(card.Metrics))
		})
	}
}
