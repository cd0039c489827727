package pool

import (
	"container/list"
	"io"
	"time"

	"manx/ledger"
	"manx/storage"
)

// cacheKey names a readied plan (keys zero) or a plan bound to one owner's
// evaluation keys.
type cacheKey struct{ plan, keys storage.Ref }

type cached struct {
	key   cacheKey
	value any
	cost  int64
	grant ledger.GrantID // whose end also ends the right to keep the keys
	used  time.Time
}

// A cache keeps what was readied last, within a bound of bytes. One goroutine
// uses it.
type cache struct {
	most, cost int64
	order      *list.List // of *cached, most recently used first
	at         map[cacheKey]*list.Element
}

func newCache(most int64) *cache {
	return &cache{most: most, order: list.New(), at: map[cacheKey]*list.Element{}}
}

func (c *cache) get(k cacheKey) (any, bool) {
	e := c.at[k]
	if e == nil {
		return nil, false
	}
	c.order.MoveToFront(e)
	v := e.Value.(*cached)
	v.used = time.Now()
	return v.value, true
}

// room drops the least recently used until cost more bytes fit, before they are
// allocated. What is larger than the whole cache is alone in it.
func (c *cache) room(cost int64) {
	for c.order.Len() > 0 && c.cost+cost > c.most {
		c.drop(c.order.Back().Value.(*cached).key)
	}
}

func (c *cache) put(v *cached) {
	c.drop(v.key)
	v.used = time.Now()
	c.at[v.key] = c.order.PushFront(v)
	c.cost += v.cost
}

func (c *cache) drop(k cacheKey) {
	if e := c.at[k]; e != nil {
		c.order.Remove(e)
		delete(c.at, k)
		c.cost -= e.Value.(*cached).cost
		if held, ok := e.Value.(*cached).value.(io.Closer); ok {
			_ = held.Close() // another process held it
		}
	}
}

// dropIf drops every entry that f says to drop.
func (c *cache) dropIf(f func(*cached) bool) {
	for e := c.order.Front(); e != nil; {
		v := e.Value.(*cached)
		e = e.Next()
		if f(v) {
			c.drop(v.key)
		}
	}
}

// held lists the evaluation keys in the cache, most recently used first.
func (c *cache) held(most int) (keys []string) {
	for e := c.order.Front(); e != nil && len(keys) < most; e = e.Next() {
		if k := e.Value.(*cached).key.keys; !k.IsZero() {
			keys = append(keys, k.String())
		}
	}
	return keys
}
