package web

import (
	"math"
	"strconv"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/privacy/notice"
)

// maxMovements is about how many movements one answer holds; those of one command
// are never parted, and a command moves fewer.
const maxMovements = 500

// statement tells every coin that came to the caller or left, in order, with what
// it was for, from a time on, before another, and after a height: an api.Statement.
func (s *server) statement(c *gin.Context) {
	from, err1 := strconv.ParseInt(c.DefaultQuery("from", "0"), 10, 64)
	before, err2 := strconv.ParseInt(c.DefaultQuery("before", strconv.FormatInt(math.MaxInt64, 10)), 10, 64)
	after, err3 := strconv.ParseUint(c.DefaultQuery("after", "0"), 10, 63)
	if err1 != nil || err2 != nil || err3 != nil {
		s.fail(c, notice.New(notice.Invalid, "from and before are times in seconds since 1970, after is a height", ""))
		return
	}
	if err := s.current(c); err != nil {
		s.fail(c, err)
		return
	}
	m, err := s.Index.Movements(c, caller(c), ledger.Time(from), ledger.Time(before), ledger.Height(after), maxMovements)
	if err != nil {
		s.fail(c, err)
		return
	}
	if m.Next != 0 {
		next(c, map[string]string{"after": strconv.FormatUint(uint64(m.Next), 10), "from": strconv.FormatInt(int64(m.From), 10)})
	}
	s.data(c, "application/json; charset=utf-8", listOf(`{"opening":"`+m.Opening.String()+`","movements":[`, m.Bodies, m.Next))
}
