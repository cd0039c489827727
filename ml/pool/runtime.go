package pool

import (
	"errors"
	"fmt"
)

// A Cost is what a plan asks of a worker's machine, for one input.
type Cost struct {
	Work     float64 // operations, in the unit of workers' rates
	KeyBytes float64 // of evaluation keys
	Classes  []Class // of machines on which it fits; none means whoever serves the line
}

// A Runtime is one kind of plans, and what runs them.
type Runtime struct {
	Class  Class // of its line, and of who serves it
	Engine Engine
	// Takes reports whether a plan is of this kind, by its first bytes, and Cost what it
	// asks. Plans come from strangers.
	Takes func(plan []byte) bool
	Cost  func(plan []byte) (Cost, error)
}

// Runtimes are those that a node brings jobs to and that a worker has. One more is one
// more entry: lines, routes and engines follow from the list.
type Runtimes []Runtime

// Check reports a runtime that is not whole, or whose class is another's or no class.
func (r Runtimes) Check() error {
	if len(r) == 0 {
		return errors.New("there is no runtime")
	}
	seen := map[Class]bool{}
	for _, x := range r {
		if err := checkClass(x.Class); err != nil {
			return err
		}
		if seen[x.Class] || x.Engine == nil || x.Takes == nil || x.Cost == nil {
			return fmt.Errorf("runtime %s: it stands twice, or lacks something", x.Class)
		}
		seen[x.Class] = true
	}
	return nil
}

// Classes are those of the lines that a queue needs.
func (r Runtimes) Classes() (all []Class) {
	for _, x := range r {
		all = append(all, x.Class)
	}
	return all
}

// Engines returns what a worker runs them by.
func (r Runtimes) Engines() Engines {
	all := Engines{}
	for _, x := range r {
		all[x.Class] = x.Engine
	}
	return all
}

// Of returns the runtime of a plan; ok is false where none takes it.
func (r Runtimes) Of(plan []byte) (x Runtime, ok bool) {
	for _, x := range r {
		if x.Takes(plan) {
			return x, true
		}
	}
	return x, false
}

// Needs returns what a job asks of who runs it, by its plan and how many inputs it has.
// Where no runtime takes the plan it goes to the first, whose workers will say so.
func (r Runtimes) Needs(plan []byte, inputs int) (n Need, err error) {
	x, ok := r.Of(plan)
	if !ok {
		return Need{Line: r[0].Class}, fmt.Errorf("no runtime takes the plan of %d bytes", len(plan))
	}
	c, err := x.Cost(plan)
	return Need{Line: x.Class, Classes: c.Classes, Work: c.Work * float64(max(inputs, 1)), KeyBytes: c.KeyBytes}, err
}
