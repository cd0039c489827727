package web

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/api"
	"manx/web/index"
)

// usage tells the caller of the calls that she took part in, month by month. She
// sees her own earnings only; who asked, only of her models and of her own data;
// and of whom a model was asked, never.
func (s *server) usage(c *gin.Context) {
	from, err1 := strconv.ParseInt(c.DefaultQuery("from", "0"), 10, 64)
	before, err2 := strconv.ParseInt(c.DefaultQuery("before", strconv.FormatInt(math.MaxInt64, 10)), 10, 64)
	m := ledger.ModelID(c.Query("model"))
	if err1 != nil || err2 != nil || m != "" && ledger.CheckID(m, "model") != nil {
		s.fail(c, notice.New(notice.Invalid, "from and before are times in seconds since 1970, model is a model's id", "`manx model list` shows them"))
		return
	}
	if err := s.current(c); err != nil {
		s.fail(c, err)
		return
	}
	t := tally{}
	used, err := s.Index.Usage(c, caller(c), m, ledger.Time(from), ledger.Time(before))
	for i := 0; i < len(used) && err == nil; i++ {
		err = t.add(used[i])
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	s.json(c, api.Usage{Months: t.months()})
}

// tally sums uses up, by month, model and role.
type tally map[[3]string]*counted

type counted struct {
	api.Used
	askers map[ledger.PartyID]int
}

func (t tally) add(u index.Used) (err error) {
	month := time.Unix(int64(u.At), 0).UTC().Format("2006-01")
	k := [3]string{month, string(u.Model), u.Role}
	n := t[k]
	if n == nil {
		n = &counted{api.Used{Month: month, Model: u.Model, Role: u.Role}, map[ledger.PartyID]int{}}
		t[k] = n
	}
	n.Calls += u.Calls
	n.Settled += u.Settled
	if n.Earned, err = n.Earned.Add(u.Amount); err != nil {
		return err
	}
	switch u.Role {
	case "asker":
		n.Spent, err = n.Spent.Add(u.Fee)
	case "model-owner", "subject":
		n.askers[u.Asker] += u.Calls
	}
	return err
}

func (t tally) months() []api.Used {
	out := []api.Used{}
	for _, n := range t {
		for _, p := range slices.Sorted(maps.Keys(n.askers)) {
			n.Askers = append(n.Askers, api.Asked{Asker: p, Calls: n.askers[p]})
		}
		slices.SortStableFunc(n.Askers, func(a, b api.Asked) int { return cmp.Compare(b.Calls, a.Calls) })
		out = append(out, n.Used)
	}
	slices.SortFunc(out, func(a, b api.Used) int {
		return cmp.Or(strings.Compare(a.Month, b.Month), strings.Compare(string(a.Model), string(b.Model)), strings.Compare(a.Role, b.Role))
	})
	return out
}

// watch tells the owner of a model how each asker calls it, those first that give
// cause for alarm.
func (s *server) watch(c *gin.Context) {
	skip, err1 := strconv.Atoi(c.DefaultQuery("skip", "0"))
	limit, err2 := strconv.Atoi(c.DefaultQuery("limit", "500"))
	if err1 != nil || err2 != nil || skip < 0 || skip > 1_000_000 || limit < 1 || limit > 500 {
		s.fail(c, notice.New(notice.Invalid, "skip is a number from 0 and limit one from 1 to 500", ""))
		return
	}
	id := ledger.ModelID(c.Query("model"))
	m, err := s.model(c, id)
	if err == nil && m.Owner != caller(c) {
		err = notice.New(notice.Denied, "the model belongs to another party", "list yours: `manx model list`")
	}
	if err == nil {
		err = s.current(c)
	}
	var now ledger.Time
	if err == nil {
		now, err = s.now(c)
	}
	out := []api.Watched{}
	if err == nil {
		out, err = Watch(c, s.Index, m, now)
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	out = out[min(skip, len(out)):]
	if len(out) > limit {
		out = out[:limit]
		next(c, map[string]string{"skip": strconv.Itoa(skip + limit)})
	}
	s.json(c, out)
}
