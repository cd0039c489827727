package policy

import (
	"fmt"
	"os"
	"time"

	"manx/ml/pool/sandbox"
	"manx/privacy/notice"
	"manx/web/owner/training/house"
	"manx/web/owner/training/local"
	"manx/web/owner/training/recipe"
)

// A Program is a trainer of a site's own, as its policy names it. It works in the
// folder trainers/<name> of the site's folder, which is /work inside, and sees nothing
// else of the site: sandbox.Program says what it may.
type Program struct {
	Command []string `json:"command"`              // by its whole path, and its arguments; what is in its folder by paths from there
	Read    []string `json:"read,omitempty"`       // more folders that it may read, such as a virtual environment
	Memory  int64    `json:"memory_gib,omitempty"` // of each of its processes; 0 means 4
	Disk    int64    `json:"disk_gib,omitempty"`   // of its folder; 0 means 1
	Minutes int      `json:"minutes,omitempty"`    // that a round may take it; 0 means 60
}

// check says what cannot be, nothing where all can.
func (p Program) check(name string) string {
	switch {
	case !PlainName(name):
		return "a trainer is not named as its folder can be"
	case len(p.Command) == 0:
		return fmt.Sprintf("the trainer %s has no command", name)
	case p.Memory < 0 || p.Memory > 1<<12 || p.Disk < 0 || p.Disk > 1<<14 || p.Minutes < 0 || p.Minutes > 7*24*60:
		return fmt.Sprintf("the trainer %s has bounds that cannot be", name)
	}
	return ""
}

// Trainer returns the trainer that takes part in a training by its name, nil for none.
// A proposal and a site that do not agree on who makes its steps are refused.
func Trainer(h *house.House, r recipe.Recipe, name string) (*sandbox.Program, error) {
	if name == "" {
		if r.Kind().Name() == local.Foreign {
			return nil, local.NoProgram()
		}
		return nil, nil
	}
	own, err := Read(h.Folder)
	if err != nil {
		return nil, err
	}
	p, ok := own.Trainers[name]
	switch {
	case r.Trainer == nil:
		return nil, local.NoPlace()
	case !ok:
		return nil, notice.New(notice.NotFound, "the site's policy has no trainer of this name", "put it under trainers of policy.json; docs/training.md shows one")
	case len(h.Launcher) == 0:
		return nil, notice.New(notice.Unsupported, "a trainer can be shut in by `manx hospital` alone", "run that")
	}
	dir := h.Folder.Trainer(name)
	if _, err := os.Stat(dir); err != nil {
		return nil, notice.Because(err, notice.NotFound, "the trainer has no folder", "make the folder trainers/"+name+" in the site's folder, with the program in it; this user has to be able to write it")
	}
	const gib = 1 << 30
	return &sandbox.Program{Launcher: h.Launcher, Command: p.Command, Folder: dir, Read: p.Read, Memory: p.Memory * gib, Disk: p.Disk * gib, Time: time.Duration(p.Minutes) * time.Minute}, nil
}
