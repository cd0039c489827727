package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ml/heart"
	"manx/ml/lungct"
)

func TestCardsAreReadable(t *testing.T) {
	for _, open := range []func() (string, []string){
		func() (string, []string) {
			_, c, err := heart.Model()
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			return string(b), []string{"chart fields\tname: cp; meaning: chest pain: 1 typical angina, 2 atypical angina, 3 other pain, 4 none; codes: 1 2 3 4; max: 4; min: 1; required: true; usual: ",
				"words sign\ten: coronary heart disease; zh: 冠心病", "metrics\tname: AUC, patients, out of fold; value: 0.9014; high: 0.9208; low: 0.881; method: "}
		},
		func() (string, []string) {
			_, c, err := lungct.Model()
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			return string(b), []string{"input\tbody part: CHEST; center: -500; ", "rule\t", "versions\tversion: 1.0.0; what: First release: one network"}
		},
	} {
		card, want := open()
		var b bytes.Buffer
		sayCard(&b, ledger.Model{}, json.RawMessage(card))
		for _, line := range want {
			if !strings.Contains(b.String(), line) {
				t.Errorf("no line has %q", line)
			}
		}
		if strings.Contains(b.String(), "map[") {
			t.Errorf("a card is shown as Go writes it:\n%s", b.String())
		}
	}
}
