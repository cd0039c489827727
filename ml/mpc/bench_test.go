package mpc

import (
	"testing"

	"manx/privacy/mpc"
)

func BenchmarkForestInMemory(b *testing.B) {
	m, x := grown(b, 100, 6, 23)
	trees, err := CompileMargins(m)
	if err != nil {
		b.Fatal(err)
	}
	ands, rounds := trees.Gates()
	b.Logf("%d ANDs a row, %d rounds, %d slots", ands, rounds, trees.program.Slots)
	flat, _ := rowsOf(b, trees, x)
	for b.Loop() {
		run(b, mpc.SemiHonest, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return trees.Run(s, in[0], len(x)) }, flat)
	}
	b.ReportMetric(float64(len(x))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
