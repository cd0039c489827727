package release

import (
	"context"
	"slices"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/training/house"
	"manx/web/owner/training/measured"
	"manx/web/owner/training/policy"
	"manx/web/owner/training/recipe"
)

// Agree assents to a release, where the site has decided to by itself, and the release
// shares what the model earns by what this site knows that each has contributed.
func Agree(ctx context.Context, h *house.House, on owner.SignedTraining) error {
	d, _, err := policy.Decided(h.Folder, on.ID)
	if err != nil || !d.Export {
		return err
	}
	return assent(ctx, h, on, true)
}

// Assent agrees to the release that is asked for, once its signature and its shares
// are what the ledger shows. Shares that were measured on shares have to be those; others
// a person may assent to.
func Assent(ctx context.Context, h *house.House, on owner.SignedTraining) error {
	return assent(ctx, h, on, false)
}

func assent(ctx context.Context, h *house.House, on owner.SignedTraining, byItself bool) error {
	if on.Stage != ledger.TrainingAsked {
		return notice.New(notice.Conflict, "no release of this training is asked for", "read it: `manx train status`")
	}
	b, err := h.Party.SignedRelease(ctx, on.Training)
	if err != nil {
		return err
	}
	if !slices.Equal(on.Earn(b.Contributed), on.Release.Shares) || b.Model != on.Release.Model {
		return notice.New(notice.Integrity, "the node shows another release than its author has signed", "do not assent; tell the organisations")
	}
	r, err := recipe.Read(on.ProposeTraining)
	if err != nil {
		return err
	}
	if byItself || r.Judge != nil {
		ok, err := measured.Agreed(ctx, h, on, r, b)
		if err != nil {
			return err
		}
		if !ok {
			return notice.New(notice.Denied, "the release shares what the model earns by other contributions than this site knows", "compare them: `manx train contribute`, `manx train status`; where nothing was measured, assent by hand: `manx train release --assent`")
		}
	}
	if err := h.Party.Once(ctx, "training/assent/"+string(on.ID)+"/"+on.Release.Terms.String()[:16], ledger.AssentTraining{Training: on.ID, Release: on.Release.Terms}); err != nil {
		return err
	}
	h.Show(house.Progress{Training: on.ID, Round: on.Release.Round, Rounds: on.Rounds, What: "assented to the release"})
	return nil
}
