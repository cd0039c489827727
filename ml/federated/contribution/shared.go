package contribution

import (
	"context"

	"manx/privacy/mpc"
	"manx/privacy/secagg/bounded"
)

// Shared is the game of one round on shares, for a logistic model: the value of a set
// of the sites whose updates are within their bound is the mean logarithm of the
// likelihood, on public rows, of the model moved by the set's mean update. Three
// parties play it alike, each with its session; they see each value and nothing else
// of an update. Site i of the game is the i-th of Updates.In.
type Shared struct {
	Session *mpc.Session
	Updates *bounded.Admitted
	Model   bounded.Logistic
}

// Sites implements Game.
func (g Shared) Sites() int { return len(g.Updates.In()) }

// Value implements Game. After an error the parties do not agree on where they are,
// and the session has ended.
func (g Shared) Value(ctx context.Context, s Set) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	in := g.Updates.In()
	var set []int
	for _, i := range s.Sites() {
		set = append(set, in[i])
	}
	loss, err := g.Updates.Loss(g.Session, set, g.Model)
	return -loss, err
}
