package heart

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"manx/privacy/notice"
)

// A row is one patient of the training data.
type row struct {
	hospital string
	disease  bool
	x        []float64 // as Patient.Input returns it
}

const (
	maxRows  = 100000
	fileName = "heart_disease_4hospitals.csv"
)

// load reads the rows of the four hospitals from the one file of them in dir:
// columns hospital, the fields by name, and target, which is 1 for disease.
func load(dir string) ([]row, error) {
	f, err := os.Open(filepath.Join(dir, fileName))
	if err != nil {
		return nil, absent(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := read(f)
	if err != nil {
		return nil, absent(err)
	}
	return rows, nil
}

func absent(cause error) error {
	return notice.Because(cause, notice.Invalid, "the folder does not hold the UCI Heart Disease data as this training reads it",
		"give the folder that holds "+fileName+": `manx model train heart --data-set DIR`")
}

func read(r io.Reader) ([]row, error) {
	in := csv.NewReader(io.LimitReader(r, 16<<20))
	head, err := in.Read()
	if err != nil {
		return nil, err
	}
	column := map[string]int{}
	for i, name := range head {
		column[name] = i
	}
	fields := Schema().Fields
	at := func(name string) (int, error) {
		i, ok := column[name]
		if !ok {
			return 0, fmt.Errorf("there is no column %s", name)
		}
		return i, nil
	}
	hospital, err1 := at("hospital")
	target, err2 := at("target")
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	var out []row
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(out) == maxRows {
			return nil, fmt.Errorf("more than %d rows", maxRows)
		}
		var p Patient
		for i, f := range fields {
			c, err := at(f.Name)
			if err != nil {
				return nil, err
			}
			p[i] = math.NaN()
			if s := record[c]; s != "" && s != "?" {
				if p[i], err = strconv.ParseFloat(s, 64); err != nil {
					return nil, fmt.Errorf("row %d, column %s: not a number", len(out)+1, f.Name)
				}
			}
		}
		disease, err := strconv.ParseBool(record[target])
		if err != nil {
			return nil, fmt.Errorf("row %d: the target is neither 0 nor 1", len(out)+1)
		}
		x, err := p.Input()
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", len(out)+1, err)
		}
		out = append(out, row{record[hospital], disease, x})
	}
	if len(out) == 0 {
		return nil, errors.New("no rows")
	}
	return out, nil
}
