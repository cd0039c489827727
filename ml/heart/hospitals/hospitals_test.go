package hospitals

import (
	"fmt"
	"testing"
)

func TestX(t *testing.T) {
	all, err := Load("../../../../shared/data/health/heart-disease")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range all {
		fmt.Println(h.Name, len(h.Train.X), len(h.Test.X), h.Test.Line)
	}
}
