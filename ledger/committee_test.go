package ledger

import "testing"

// What a node tells of committees has the form that its readers count on.
func TestCommitteesHaveAForm(t *testing.T) {
	three, said := []PartyID{"a", "b", "c"}, make([]Hash, 3)
	good := Committee{Organisations: three, Holders: three, Said: said, Need: 2}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*Committee){
		"no holders":      func(c *Committee) { c.Holders = nil },
		"a word too few":  func(c *Committee) { c.Said = said[:2] },
		"two members":     func(c *Committee) { c.Organisations, c.Holders, c.Said = three[:2], three[:2], said[:2] },
		"more than serve": func(c *Committee) { c.Need = 4 },
		"one serves":      func(c *Committee) { c.Need = 1 },
	} {
		c := good
		if change(&c); c.Check() == nil {
			t.Errorf("%s: a committee", what)
		}
	}
	for what, k := range map[string]CommitteeKeys{"nobody": {}, "a word too few": {Serve: three[:2], Said: said[:1]}, "too many": {Serve: append(three, "d"), Said: make([]Hash, 4)}} {
		if k.Check() == nil {
			t.Errorf("keys by %s", what)
		}
	}
	if err := (CommitteeKeys{Serve: three[:2], Said: said[:2]}).Check(); err != nil {
		t.Error(err)
	}
}
