package patient

import (
	"bytes"
	"context"
	"io"

	"manx/health/chart"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/vault"
	"manx/web/owner"
)

const chartObject = "chart"

// Charted is a chart that was stored.
type Charted struct {
	Record   ledger.RecordID `json:"record"`
	Version  int             `json:"version"`
	Manifest storage.Ref     `json:"manifest"`
	Measured int             `json:"measurements"`
	Stored   int64           `json:"stored"` // bytes on the nodes
}

// AddChart seals a chart as a record of its own or, where to names one, as that
// record's next version. An interrupted AddChart of the same chart goes on when it
// is repeated.
func AddChart(ctx context.Context, p *owner.Party, c chart.Chart, to ledger.RecordID) (a Charted, err error) {
	raw, err := c.Encode()
	if err != nil {
		return a, err
	}
	v := vault.Version{Kind: string(ledger.Chart), Objects: []vault.Object{{ID: chartObject, Name: "chart.json", Size: int64(len(raw)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }}}}
	if to != "" {
		var r ledger.Record
		if v.Prev, r, err = p.OpenOwn(ctx, to, 0); err != nil {
			return a, err
		}
		if r.Kind != ledger.Chart {
			return a, notice.New(notice.Invalid, "the record that the chart is to be added to is no chart", "`manx chart list` shows those; without --to it becomes a record of its own")
		}
	}
	d, reg, err := store(ctx, p, "chart-"+string(to), ledger.RegisterRecord{Kind: ledger.Chart}, to, v, nil, int64(len(raw)))
	if err != nil {
		return a, err
	}
	return Charted{reg.Record, reg.Version, d.Manifest, c.Count(), d.Stored}, nil
}

// OpenChart opens a version of a chart of the patient's own; 0 is the latest. It
// returns the version's number.
func OpenChart(ctx context.Context, p *owner.Party, id ledger.RecordID, version int) (c chart.Chart, at int, err error) {
	record, r, err := p.OpenOwn(ctx, id, version)
	if err != nil {
		return c, 0, err
	}
	c, err = ReadChart(ctx, record, r)
	if at = version; at == 0 {
		_, at = r.Latest()
	}
	return c, at, err
}

// ReadChart reads the chart of an opened record.
func ReadChart(ctx context.Context, record *vault.Record, r ledger.Record) (c chart.Chart, err error) {
	if r.Kind != ledger.Chart {
		return c, notice.New(notice.Invalid, "the record is no chart", "`manx chart list` shows yours")
	}
	o, err := record.Open(ctx, chartObject)
	if err != nil {
		return c, err
	}
	defer o.Close()
	return chart.Decode(io.NewSectionReader(o, 0, chart.MaxFile+1))
}
