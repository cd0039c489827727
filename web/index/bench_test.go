package index_test

import (
	"testing"

	"manx/web/index/indextest"
)

func BenchmarkGrowth(b *testing.B) { indextest.Growth(b, sqlite) }

func BenchmarkThroughput(b *testing.B) { indextest.Throughput(b, sqlite) }
