// Package external lets a hospital's own program do the local steps of a federated
// training: any program that reads one line of JSON and numbers on its standard input
// and writes the same on its standard output. docs/training.md documents what they
// say to each other, examples/trainer has one in Python, and text on PyTorch.
//
// The program runs in ml/pool/sandbox: no network, no files but its own folder. What
// it gives back is bounded, compared with what was asked, and refused where it is no
// update; what it does to the model within the bounds is the hospital's affair.
package external

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"manx/ml/federated"
	"manx/ml/pool/sandbox"
	"manx/ml/train"
	"manx/privacy/notice"
)

// Protocol is the version of what parent and program say to each other.
const Protocol = 1

// The files that a round's examples are in, in the program's folder: little-endian
// float32, row after row, and a label each. They are written anew every round, so
// that a record which has left the training is in no later one.
const (
	ExamplesFile = "examples.f32"
	LabelsFile   = "labels.f32"
)

// A Trainer is an outside program with the examples of a site. Its Program needs no
// time of its own in memory: each round starts it anew.
type Trainer struct {
	Program    sandbox.Program
	Parameters int // of the model, which the proposal fixes
	MostRows   int // from how many examples on the site counts no more
	Algorithm  federated.Algorithm
}

// maxParameters and maxHeader bound what is read.
const maxParameters, maxHeader = 1 << 26, 4096

// request is the line before the parameters.
type request struct {
	Trainer    int     `json:"manx_trainer"` // Protocol
	Round      int     `json:"round"`
	Parameters int     `json:"parameters"` // float32 that follow
	Examples   int     `json:"examples"`   // rows in the folder's files
	Inputs     int     `json:"inputs"`     // numbers of a row
	Seed       uint64  `json:"seed"`
	Proximal   float64 `json:"proximal,omitempty"` // FedProx
	Score      bool    `json:"score,omitempty"`    // nothing is trained: a logit for each row is wanted
}

// answer is the line before the numbers: the trained parameters, or a logit for each
// row.
type answer struct {
	Trainer    int `json:"manx_trainer"`
	Parameters int `json:"parameters"`
	Scores     int `json:"scores"`
}

// Bind returns the model at a site with these examples.
func (t Trainer) Bind(set train.Examples) (federated.Model, error) {
	switch {
	case len(set.Images) == 0:
		return nil, notice.New(notice.Invalid, "this site has no examples for this training", "wait until records with a grant that covers it are there, or leave the training: `manx train stop`")
	case t.Parameters < 1 || t.Parameters > maxParameters:
		return nil, notice.New(notice.Invalid, fmt.Sprintf("a trainer's model has 1 to %d parameters", maxParameters), "correct the proposal")
	case t.Algorithm.Name == federated.Scaffold:
		return nil, notice.New(notice.Unsupported, "scaffold's control variates are not in the protocol of trainers", "propose fedavg, fedprox or fedadam")
	}
	return &site{t, set}, nil
}

type site struct {
	Trainer
	set train.Examples
}

func (s *site) Size() int { return s.Parameters }

// Local implements federated.Model: one run of the program.
func (s *site) Local(ctx context.Context, r federated.Round) (federated.Update, error) {
	if len(r.Params) != s.Parameters {
		return federated.Update{}, failed(nil, fmt.Sprintf("the round has %d parameters, and the proposal's model %d", len(r.Params), s.Parameters), "correct the proposal")
	}
	if r.Measure {
		return federated.Update{}, notice.New(notice.Unsupported, "rounds that measure normalisations are not in the protocol of trainers", "propose a network without normalisation")
	}
	trained, err := s.run(ctx, request{Protocol, r.Number, s.Parameters, len(s.set.Images), len(s.set.Images[0]), r.Seed, s.Algorithm.Proximal, false}, r.Params)
	if err != nil {
		return federated.Update{}, err
	}
	u := federated.Update{Delta: trained, Weight: federated.Weight(len(s.set.Images), s.MostRows)}
	for i := range u.Delta {
		u.Delta[i] -= float64(float32(r.Params[i]))
	}
	return u, nil
}

// Scores has the program say of each example, with these parameters, the logit of its
// label being 1. Its folder has no labels meanwhile.
func (t Trainer) Scores(ctx context.Context, round int, params []float64, set train.Examples) ([]float64, error) {
	m, err := t.Bind(set)
	if err != nil {
		return nil, err
	}
	s := m.(*site)
	s.set.Labels = nil
	return s.run(ctx, request{Protocol, round, s.Parameters, len(set.Images), len(set.Images[0]), 0, 0, true}, params)
}

// run starts the program once and returns the numbers that it gave: parameters, or a
// score for each example.
func (s *site) run(ctx context.Context, q request, params []float64) ([]float64, error) {
	if err := s.writeExamples(); err != nil {
		return nil, err
	}
	line, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	in := bytes.NewBuffer(append(line, '\n'))
	for _, p := range params {
		_ = binary.Write(in, binary.LittleEndian, float32(p))
	}
	want, noun := s.Parameters, "parameter"
	if q.Score {
		want, noun = q.Examples, "score"
	}
	out, err := s.Program.Run(ctx, in, maxHeader+4*int64(want))
	if err != nil {
		return nil, s.explain(err, want, noun)
	}
	return decode(out, want, q.Score)
}

// writeExamples writes the site's examples into the program's folder, never outside
// of it, whatever the program has put there.
func (s *site) writeExamples() error {
	root, err := os.OpenRoot(s.Program.Folder)
	if err != nil {
		return failed(err, "its folder cannot be opened", "make the folder that `manx train join` was given, and let this user write it")
	}
	defer func() { _ = root.Close() }()
	var rows bytes.Buffer
	for _, x := range s.set.Images {
		_ = binary.Write(&rows, binary.LittleEndian, x)
	}
	labels := bytes.NewBuffer(nil)
	_ = binary.Write(labels, binary.LittleEndian, s.set.Labels)
	for name, b := range map[string][]byte{ExamplesFile: rows.Bytes(), LabelsFile: labels.Bytes()} {
		if err := root.WriteFile(name, b, 0o600); err != nil {
			return failed(err, "the examples cannot be written into its folder", "empty the folder")
		}
	}
	return nil
}

// decode reads what the program wrote: a line and exactly so many numbers, none of
// which may be NaN or infinite.
func decode(out []byte, want int, scores bool) ([]float64, error) {
	const cure = "docs/training.md says what a trainer writes; look at examples/trainer"
	end := bytes.IndexByte(out[:min(len(out), maxHeader)], '\n')
	if end < 0 {
		return nil, failed(nil, "it wrote no line of JSON before its numbers", cure)
	}
	var a answer
	if err := json.Unmarshal(out[:end], &a); err != nil || a.Trainer != Protocol {
		return nil, failed(err, fmt.Sprintf("its first line is not that of a trainer of version %d", Protocol), cure)
	}
	body, named, noun := out[end+1:], a.Parameters, "parameter"
	if scores {
		named, noun = a.Scores, "score"
	}
	if named != want || len(body) != 4*want {
		return nil, failed(nil, fmt.Sprintf("it names %d %ss and wrote %d bytes after its first line, not %d and %d", named, noun, len(body), want, 4*want), cure)
	}
	all := make([]float64, want)
	for i := range all {
		v := float64(math.Float32frombits(binary.LittleEndian.Uint32(body[4*i:])))
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, failed(nil, fmt.Sprintf("%s %d is no number", noun, i), "learn more slowly, or look for values far outside their range")
		}
		all[i] = v
	}
	return all, nil
}

// explain says why the program gave nothing.
func (s *site) explain(err error, want int, noun string) error {
	const look = "its last words are in " + sandbox.Log + ", in its folder"
	var exit *sandbox.ExitError
	switch {
	case errors.Is(err, sandbox.ErrTime):
		return failed(err, "it took longer than this site allows", "make fewer steps a round, or allow more time")
	case errors.Is(err, sandbox.ErrDisk):
		return failed(err, "its files are larger than this site allows", "empty its folder, or allow more")
	case errors.Is(err, sandbox.ErrOutput):
		return failed(err, fmt.Sprintf("it wrote more than %d %ss", want, noun), "docs/training.md says what a trainer writes")
	case errors.As(err, &exit):
		if s.strayed() {
			return failed(err, "it tried to write outside its folder, or to read what it may not, and ended", "a trainer writes in "+sandbox.Work+" alone; "+look)
		}
		return failed(err, "it ended before it was done: "+exit.Status, look)
	}
	return err
}

// strayed reports whether the program's last words are those of a system that refuses
// a file.
func (s *site) strayed() bool {
	root, err := os.OpenRoot(s.Program.Folder)
	if err != nil {
		return false
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(sandbox.Log)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	words := make([]byte, 64<<10)
	n, _ := f.Read(words)
	for _, sign := range []string{"Read-only file system", "Permission denied", "Operation not permitted"} {
		if strings.Contains(string(words[:n]), sign) {
			return true
		}
	}
	return false
}

func failed(cause error, what, cure string) error {
	return notice.Because(cause, notice.Invalid, "the trainer gave no update: "+what, cure)
}
