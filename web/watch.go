package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
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
	var calls []watch.Call
	err := x.Uses(ctx, asker, m.ID, max(now-watched, 0), now+1, func(u index.Use) error {
		if u.Role == "asker" && u.Told {
			calls = append(calls, watch.Call{At: u.At, Subject: u.Subject})
		}
		return nil
	})
	return watch.Look(m.Parameters, calls), err
}

// Watch says how each asker of a model has called it in the last 90 days, as far as
// its calls have ended and told of something; alarms first.
func Watch(ctx context.Context, x *index.Index, m ledger.Model, now ledger.Time) ([]api.Watched, error) {
	calls := map[ledger.PartyID][]watch.Call{}
	if err := x.Uses(ctx, m.Owner, m.ID, max(now-watched, 0), now+1, func(u index.Use) error {
		if u.Role == "model-owner" && u.Told {
			calls[u.Asker] = append(calls[u.Asker], watch.Call{At: u.At, Subject: u.Subject})
		}
		return nil
	}); err != nil {
		return nil, err
	}
	out := []api.Watched{}
	for _, p := range slices.Sorted(maps.Keys(calls)) {
		out = append(out, api.Watched{Asker: p, Since: calls[p][0].At, Report: watch.Look(m.Parameters, calls[p])})
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
