package recipe

// What tests of this package see besides.
const (
	MaxGroups     = maxGroups
	MaxJudgeRows  = maxJudgeRows
	MaxJudgeBytes = maxJudgeBytes
	VersionMagic  = versionMagic
)

func (g Group) Has(r Recipe, x []float64) bool { return g.has(r.Schema, x) }
func (r Recipe) Noisy(n int) (float64, error)  { return r.noisy(n) }
