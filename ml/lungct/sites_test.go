package lungct

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"manx/ml/train"
)

// pictures are of nobody: grey noise, with a bright disc where malignant, in groups of
// four.
func pictures(groups int) (all []slice) {
	rng := rand.New(rand.NewPCG(1, 2))
	for g := range groups {
		for range 4 {
			s := slice{group: fmt.Sprint("g", g), malignant: g%2 == 1, pixels: make([]float32, Side*Side)}
			for i := range s.pixels {
				s.pixels[i] = rng.Float32() / 2
				if y, x := i/Side-30, i%Side-30; s.malignant && y*y+x*x < 80 {
					s.pixels[i] += 0.5
				}
			}
			all = append(all, s)
		}
	}
	return all
}

func TestGroupsAreDealtWhole(t *testing.T) {
	all := pictures(17)
	sites := dealt(all, Sites)
	total := 0
	where := map[*float32]int{} // of a picture
	for i, set := range sites {
		total += len(set.Images)
		if !slices.Contains(set.Labels, 0) || !slices.Contains(set.Labels, 1) {
			t.Errorf("site %d has one class", i+1)
		}
		for _, im := range set.Images {
			where[&im[0]] = i
		}
	}
	if total != len(all) {
		t.Errorf("%d pictures are dealt of %d", total, len(all))
	}
	of := map[string]int{}
	for _, s := range all {
		site := where[&s.pixels[0]]
		if was, ok := of[s.group]; ok && was != site {
			t.Errorf("group %s spans two sites", s.group)
		}
		of[s.group] = site
	}
}

// Members trained at sites have the recipe's layers, and a seed gives one network.
func TestSitesTrainTheRecipesNetwork(t *testing.T) {
	r, f := Polynomial(), Together()
	r.Members, r.Federation = 1, &f
	all := pictures(8)
	rounds := 0
	one, err := r.fit(t.Context(), all, Options{Seed: 1, Epochs: 2}, func(_ string, e train.Epoch) { rounds = e.Of }, "")
	if err != nil || rounds != 2 {
		t.Fatal(rounds, err)
	}
	again, err := r.fit(t.Context(), all, Options{Seed: 1, Epochs: 2}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	shape, err := r.Untrained(1)
	if err != nil {
		t.Fatal(err)
	}
	if len(one[0].Nodes) != len(shape.Nodes) {
		t.Errorf("%d operations, the recipe has %d", len(one[0].Nodes), len(shape.Nodes))
	}
	for i := range one[0].Nodes {
		if fmt.Sprint(one[0].Nodes[i].Op) != fmt.Sprint(again[0].Nodes[i].Op) {
			t.Errorf("operation %d differs when trained again", i)
		}
		if a, b := fmt.Sprintf("%T", one[0].Nodes[i].Op), fmt.Sprintf("%T", shape.Nodes[i].Op); a != b {
			t.Errorf("operation %d is %s, the recipe's %s", i, a, b)
		}
	}
}
