package real

import (
	"testing"

	"manx/web/index/indextest"
)

func BenchmarkPostgresGrowth(b *testing.B) { indextest.Growth(b, databases(postgresServer(b))) }

func BenchmarkPostgresThroughput(b *testing.B) { indextest.Throughput(b, databases(postgresServer(b))) }
