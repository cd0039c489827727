package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"manx/ledger"
	"manx/ml/watch"
	"manx/privacy/notice"
	"manx/web/api"
	"manx/web/index"
)

// watched is how far back the calls of a model are looked at, in seconds.
const watched = ledger.Time(90 * 24 * 3600)

func (s *server) model(ctx context.Context, id ledger.ModelID) (m ledger.Model, err error) {
	missing := notice.New(notice.NotFound, "there is no such model", "list those on offer: `manx model list`")
	if ledger.CheckID(id, "model") != nil {
		return m, missing
	}
	b, err := s.Ledger.Read(ctx, ledger.KeyOf(id))
	if errors.Is(err, fs.ErrNotExist) {
		return m, missing
	}
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(b, &m)
}

// WatchAsker says how one asker has called a model in the last 90 days.
func WatchAsker(ctx context.Context, x *index.Index, m ledger.Model, asker ledger.PartyID, now ledger.Time) (watch.Report, error) {
	told, err := x.Told(ctx, m.ID, asker, max(now-watched, 0))
	return watch.Look(m.Parameters, callsOf(told)), err
}

func callsOf(told []index.Call) []watch.Call {
	out := make([]watch.Call, len(told))
	for i, c := range told {
		out[i] = watch.Call{At: c.At, Subject: c.Subject}
	}
	return out
}

// Watch says how each asker of a model has called it in the last 90 days, as far as
// its calls have ended and told of something; alarms first.
func Watch(ctx context.Context, x *index.Index, m ledger.Model, now ledger.Time) ([]api.Watched, error) {
	told, err := x.Told(ctx, m.ID, "", max(now-watched, 0))
	if err != nil {
		return nil, err
	}
	out := []api.Watched{}
	for begin, i := 0, 1; i <= len(told); i++ {
		if i == len(told) || told[i].Asker != told[begin].Asker {
			out = append(out, api.Watched{Asker: told[begin].Asker, Since: told[begin].At, Report: watch.Look(m.Parameters, callsOf(told[begin:i]))})
			begin = i
		}
	}
	slices.SortStableFunc(out, func(a, b api.Watched) int {
		switch {
		case a.Report.Alarm != b.Report.Alarm && a.Report.Alarm:
			return -1
		case a.Report.Alarm != b.Report.Alarm:
			return 1
		}
		return cmp.Or(b.Report.Repeated-a.Report.Repeated, strings.Compare(string(a.Asker), string(b.Asker)))
	})
	return out, nil
}
