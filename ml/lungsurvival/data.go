package lungsurvival

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"manx/ml"
	"manx/ml/federated"
	"manx/ml/federated/cox"
	"manx/privacy/notice"
)

// File is the table of the North Central Cancer Treatment Group's patients, as R's
// package survival names its columns.
const File = "lung_ncctg_survival.csv"

// Schema is what every institution's table is. Age counts in decades from 60 on, so
// that sums over patients stay small; sex is 1 for men and 2 for women, which becomes
// 0 and 1.
func Schema() federated.Schema {
	field := func(name, meaning string, low, high, centre, spread float64) federated.Column {
		return federated.Column{Field: ml.Field{Name: name, Meaning: meaning, Min: low, Max: high, Centre: centre, Spread: spread, Required: true}}
	}
	age := field("age", "age in years", 18, 110, 60, 10)
	age.Unit = "years"
	time := field("time", "days from entry to death or to the last visit", 1, 1100, 0, 1)
	time.Unit = "days"
	return federated.Schema{
		Columns: []federated.Column{age, field("sex", "1 man, 2 woman", 1, 2, 1, 1), field("ph_ecog", "ECOG performance by the physician: 0 well to 4 bedbound", 0, 4, 0, 1)},
		Label:   federated.Label{Name: "status", Negative: []string{"1"}, Positive: []string{"2"}, Time: &time},
	}
}

// A Site is an institution with its patients.
type Site struct {
	Number   int
	Patients cox.Patients
}

// Load reads the institutions from the folder dir, by number. Left is how many rows
// take no part: they lack a covariate or the institution.
func Load(dir string) (sites []Site, left int, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		return nil, 0, notice.Because(err, notice.Invalid, "the folder does not hold the NCCTG lung cancer data", "give the folder that holds "+File)
	}
	// The schema's names have no dots.
	raw = bytes.Replace(raw, []byte("ph.ecog"), []byte("ph_ecog"), 1)
	var all []int
	_, err = Schema().Read(bytes.NewReader(raw), func(cell func(string) string) bool {
		n, err := strconv.Atoi(cell("inst"))
		if err != nil {
			left++
		} else if !slices.Contains(all, n) {
			all = append(all, n)
		}
		return true
	})
	if err != nil {
		return nil, 0, err
	}
	slices.Sort(all)
	for _, n := range all {
		t, err := Schema().Read(bytes.NewReader(raw), func(cell func(string) string) bool { return cell("inst") == strconv.Itoa(n) })
		if err != nil {
			return nil, 0, err
		}
		left += t.Left
		sites = append(sites, Site{n, cox.Patients{X: t.X, Time: t.Time, Event: t.Positive}})
	}
	return sites, left, nil
}

// Pooled returns the patients of all sites as if they were of one.
func Pooled(sites []Site) (all cox.Patients) {
	for _, s := range sites {
		all.X, all.Time, all.Event = append(all.X, s.Patients.X...), append(all.Time, s.Patients.Time...), append(all.Event, s.Patients.Event...)
	}
	return all
}
