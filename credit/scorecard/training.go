package scorecard

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"manx/credit"
	"manx/privacy/notice"
)

const (
	maxTrainingRows  = 1 << 20
	maxTrainingBytes = 256 << 20
)

const trainingFile = "taiwan_default.csv"

// LoadTraining reads the training rows from the file taiwan_default.csv in dir;
// model is whose training it is for, as `manx model train` names it.
func LoadTraining(dir, model string) ([]Row, error) {
	f, err := os.Open(filepath.Join(dir, trainingFile))
	if err != nil {
		return nil, notice.Because(err, notice.Invalid, "the folder does not hold the credit card clients as this training reads them",
			"give the folder that holds "+trainingFile+": `manx model train "+model+" --data-set DIR`")
	}
	defer func() { _ = f.Close() }()
	return ReadTraining(f)
}

// Defaults says of each row whether it defaulted.
func Defaults(rows []Row) []bool {
	out := make([]bool, len(rows))
	for i, r := range rows {
		out[i] = r.Bad
	}
	return out
}

// ReadTraining reads the rows of "Default of credit card clients" (UCI,
// doi:10.24432/C55S3H) from CSV with the columns CREDIT_LIMIT, PAYMENTDELAY_1 to
// 6, BILL_AMT1 to 6, PAID_AMT1 to 6 and target, which is 1 for a default. Other
// columns, among them sex, education, marital status and age, are never looked
// at. An error is a notice that names row and column by number and name.
func ReadTraining(r io.Reader) ([]Row, error) {
	in := csv.NewReader(io.LimitReader(r, maxTrainingBytes))
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return nil, notTraining(err)
	}
	column := map[string]int{}
	for i, name := range head {
		column[name] = i
	}
	var from [credit.FieldCount]int
	names := map[string]int{"CREDIT_LIMIT": credit.CreditLimit}
	for m := range credit.Months {
		names[fmt.Sprintf("PAYMENTDELAY_%d", m+1)] = credit.Delay + m
		names[fmt.Sprintf("BILL_AMT%d", m+1)] = credit.Bill + m
		names[fmt.Sprintf("PAID_AMT%d", m+1)] = credit.Paid + m
	}
	for name, field := range names {
		i, ok := column[name]
		if !ok {
			return nil, notTraining(fmt.Errorf("there is no column %s", name))
		}
		from[field] = i
	}
	target, ok := column["target"]
	if !ok {
		return nil, notTraining(errors.New("there is no column target"))
	}
	var rows []Row
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, notTraining(err)
		}
		if len(rows) == maxTrainingRows {
			return nil, notTraining(fmt.Errorf("more than %d rows", maxTrainingRows))
		}
		var v credit.Values
		for field, i := range from {
			if v[field], err = strconv.ParseInt(record[i], 10, 64); err != nil {
				return nil, notTraining(fmt.Errorf("row %d, column %s: not a whole number", len(rows)+1, head[i]))
			}
		}
		if _, err := credit.New(v); err != nil {
			return nil, notTraining(fmt.Errorf("row %d: %w", len(rows)+1, err))
		}
		if record[target] != "0" && record[target] != "1" {
			return nil, notTraining(fmt.Errorf("row %d: the target is neither 0 nor 1", len(rows)+1))
		}
		rows = append(rows, Row{credit.Derive(v), record[target] == "1"})
	}
	if len(rows) == 0 {
		return nil, notTraining(errors.New("no rows"))
	}
	return rows, nil
}

func notTraining(cause error) error {
	return notice.Because(cause, notice.Invalid, "the file does not hold the credit card clients as this training reads them",
		"give the CSV with the columns CREDIT_LIMIT, PAYMENTDELAY_1 to 6, BILL_AMT1 to 6, PAID_AMT1 to 6 and target")
}
