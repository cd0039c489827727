package score

import (
	"slices"
	"testing"

	"manx/credit/scorecard"
)

// A trial is of numbers that differ from one to the next and are as large as what
// members open may be.
func TestTrialsAreOfLargeNumbers(t *testing.T) {
	s := begin(t)
	s.sit(s.here)
	c := s.committee()
	key, err := s.lender.CommitteeKey(t.Context(), c)
	s.check(err)
	m, err := scorecard.ConsumerRisk()
	s.check(err)
	card, err := newJointCard(m, nil)
	s.check(err)
	_, one, err := card.Trial(key)
	s.check(err)
	_, two, err := card.Trial(key)
	s.check(err)
	if slices.Equal(one, two) {
		t.Errorf("two trials come to the same, %d", one)
	}
	var largest uint64
	for i := range one {
		largest = max(largest, one[i], two[i])
	}
	if largest < 1<<16 || largest > 1<<19 {
		t.Errorf("the largest result of two trials is %d", largest)
	}
}
