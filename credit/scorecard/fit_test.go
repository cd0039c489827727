package scorecard

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"manx/credit"
	"manx/privacy/notice"
	"manx/test/realdata"
)

//go:generate go test -run TestConsumerRiskIsWhatTheDataGives -count=1 -update .

var update = flag.Bool("update", false, "write consumer-risk.json and its card anew")

var consumerRiskOptions = Options{Name: "consumer-risk", Version: "1.0.0", Date: "2026-11-22"}

// taiwan reads the real training rows, or skips.
func taiwan(t testing.TB) []Row {
	t.Helper()
	b, err := os.ReadFile(realdata.Path(t, "credit", "taiwan_default.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := ReadTraining(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestTrainingDataOfAnotherShapeIsRefused(t *testing.T) {
	head := "SEX,CREDIT_LIMIT,target"
	right := "2,20000,1"
	for m := range credit.Months {
		head += fmt.Sprintf(",PAYMENTDELAY_%[1]d,BILL_AMT%[1]d,PAID_AMT%[1]d", m+1)
		right += fmt.Sprintf(",%d,3913,689", m)
	}
	rows, err := ReadTraining(strings.NewReader(head + "\n" + right + "\n"))
	if err != nil || len(rows) != 1 || !rows[0].Bad || rows[0].Features[credit.FeatureWorstDelay] != credit.Months-1 || rows[0].Features[credit.FeatureLowestPaid] != 689 {
		t.Fatal(rows, err)
	}
	for name, raw := range map[string]string{
		"empty": "", "no rows": head + "\n", "no target": strings.Replace(head, "target", "other", 1) + "\n" + right + "\n",
		"no column": strings.Replace(head, "BILL_AMT3", "other", 1) + "\n" + right + "\n", "words": head + "\n" + strings.Replace(right, "20000", "much", 1) + "\n",
		"out of range": head + "\n" + strings.Replace(right, "20000", "-1", 1) + "\n", "target": head + "\n" + strings.Replace(right, ",1,0", ",2,0", 1) + "\n",
		"short": head + "\n" + "2,20000\n",
	} {
		if _, err := ReadTraining(strings.NewReader(raw)); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// card is what this package writes of a model card; ml.Card reads it. The hash is filled
// in as it is published.
type card struct {
	Format      int      `json:"format"`
	Name        string   `json:"name"`
	Version     string   `json:"version"`
	Vertical    string   `json:"vertical"`
	Summary     string   `json:"summary"`
	Hash        string   `json:"hash"`
	Licence     string   `json:"licence"`
	Price       string   `json:"price"`
	IntendedUse []string `json:"intended_use"`
	NotFor      []string `json:"not_for"`
	Data        []source `json:"data"`
	Metrics     []metric `json:"metrics"`
	Notes       []string `json:"notes"`
	Versions    []change `json:"versions"`
}

type source struct {
	Name        string `json:"name"`
	Licence     string `json:"licence"`
	Attribution string `json:"attribution"`
	Where       string `json:"where"`
	Rows        int    `json:"rows"`
	Note        string `json:"note"`
}

type metric struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Method string  `json:"method"`
}

type change struct {
	Version string `json:"version"`
	What    string `json:"what"`
}

func TestConsumerRiskIsWhatTheDataGives(t *testing.T) {
	rows := taiwan(t)
	m, err := Fit(t.Context(), rows, consumerRiskOptions)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	metrics, err := CrossValidate(t.Context(), rows, 5, 0, consumerRiskOptions)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("5-fold AUC %.4f (sd %.4f), KS %.4f, base %d", metrics.AUC, metrics.AUCSD, metrics.KS, m.Base)
	if metrics.AUC < 0.7739-0.01 {
		t.Errorf("AUC %.4f is more than 0.01 below the baseline 0.7739", metrics.AUC)
	}
	c := cardOf(m, metrics)
	gotCard, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	gotCard = append(gotCard, '\n')
	if *update {
		if err := os.WriteFile("consumer-risk.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("consumer-risk.card.json", gotCard, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for name, want := range map[string][]byte{"consumer-risk.json": got, "consumer-risk.card.json": gotCard} {
		if b, err := os.ReadFile(name); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%s is not what the data gives: run go generate (%v)", name, err)
		}
	}
}

func cardOf(m *Model, metrics Metrics) card {
	low, high := m.Range()
	round := func(v float64) float64 { return math.Round(v*1e4) / 1e4 }
	metrics.AUC, metrics.AUCSD = round(metrics.AUC), round(metrics.AUCSD)
	metrics.KS, metrics.BadRate = round(metrics.KS), round(metrics.BadRate)
	folds := fmt.Sprintf("mean over the folds of a %d-fold stratified cross-validation over all %d accounts", metrics.Folds, metrics.Rows)
	return card{
		Format: 1, Name: m.Name, Version: m.Version, Vertical: "credit", Licence: "Apache-2.0 (scorecard)", Price: "1",
		Summary: fmt.Sprintf("A scorecard that gives %d features of a credit file a score in whole points, %d to %d, more for less risk that the next payment is missed, and at most four reasons. "+
			"It runs encrypted, with a zero-knowledge proof of the score, and on shares.", len(m.Features), low, high),
		IntendedUse: []string{"Rank consumers by the risk that a revolving-credit payment is missed next month, for a " +
			"purpose permitted by 15 U.S.C. 1681b and with the consumer's consent; the score comes with at most four principal reasons (12 CFR 1002.9)."},
		NotFor: []string{
			"Employment, insurance, tenancy or marketing decisions.",
			"Decisions by score alone, or without telling the consumer the reasons.",
			"Markets, products or years unlike the training data before it is validated on them.",
			"Any use of sex, marital status, age, race, religion, national origin, public assistance or health: " +
				"none of these, nor education, was seen in fitting, and the schema has no place for them.",
		},
		Data: []source{{
			Name: "Default of Credit Card Clients", Licence: "CC BY 4.0",
			Attribution: "Yeh, I. (2009). Default of Credit Card Clients. UCI Machine Learning Repository. Changes: features derived, values binned; columns SEX, EDUCATION, MARITALSTATUS and AGE left out.",
			Where:       "doi:10.24432/C55S3H", Rows: metrics.Rows,
			Note: fmt.Sprintf("Taiwan, April to September 2005; %.2f %% of the accounts defaulted in the next month.", 100*metrics.BadRate),
		}},
		Metrics: []metric{
			{"AUC, accounts, out of fold", metrics.AUC, fmt.Sprintf("%s; standard deviation over the folds %.4f", folds, metrics.AUCSD)},
			{"Kolmogorov-Smirnov distance", metrics.KS, folds},
		},
		Notes: []string{
			"Input: a credit file of schema " + credit.Schema + ".",
			fmt.Sprintf("Whole points, %d to %d; 600 points at odds of 50 good to 1 bad, 20 points double the odds. The encrypted score equals the clear one after rounding.", low, high),
		},
		Versions: []change{{m.Version, "First release."}},
	}
}

func FuzzReadTraining(f *testing.F) {
	f.Add([]byte("SEX,CREDIT_LIMIT,target\n2,20000,1\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		rows, err := ReadTraining(bytes.NewReader(raw))
		if err != nil {
			return
		}
		list := credit.FeatureList()
		for _, r := range rows {
			for i, v := range r.Features {
				if v < 0 || v >= 1<<list[i].Bits {
					t.Fatalf("feature %d is out of its range", i)
				}
			}
		}
	})
}
