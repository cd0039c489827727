package contract

import (
	"slices"

	"manx/credit"
	"manx/ledger"
	"manx/privacy/notice"
)

func publishModel(t *txn, b ledger.PublishModel) error {
	if t.author.Role != ledger.Scientist && t.author.Role != ledger.Hospital {
		return refuse(notice.Denied, "only a scientist or a hospital publishes models", "register as one: `manx keys new --role scientist`")
	}
	if b.Vertical != ledger.VerticalOf(t.cmd.Author) {
		return checked(ledger.ErrWall)
	}
	if b.Vertical == ledger.Credit {
		if err := credit.CheckFeatures(b.Features); err != nil {
			return err
		}
	} else if known := credit.FeatureNames(); slices.ContainsFunc(b.Features, func(f string) bool { return slices.Contains(known, f) }) {
		return checked(ledger.ErrWall)
	}
	var paid []ledger.Output
	for _, s := range b.Shares {
		paid = append(paid, ledger.Output{To: s.To})
	}
	if err := t.wall(b.Vertical, paid); err != nil { // they are known, and of one side
		return err
	}
	id := ledger.NewModelID(b.Vertical, t.cmd.ID)
	m := ledger.Model{
		ID: id, Owner: t.cmd.Author, Name: b.Name, Version: b.Version, Hash: b.Hash, Plan: b.Plan, PlanHash: b.PlanHash, Joint: b.Joint,
		Card: b.Card, Keys: b.Keys, KeysRef: b.KeysRef, Accepts: b.Accepts, Features: b.Features, Price: b.Price,
		Shares: b.Shares, Limit: b.Limit, Parameters: b.Parameters,
	}
	if b.Training != "" {
		if err := t.trained(&m, b); err != nil {
			return err
		}
	}
	return t.save(ledger.KeyOf(id), m, ledger.ModelPublished)
}

// trained checks that a model is the one that was released from a training, and
// that it earns for whom the training says.
func (t *txn) trained(m *ledger.Model, b ledger.PublishModel) error {
	on, err := t.coordinated(b.Training)
	switch {
	case err != nil:
		return err
	case on.Stage != ledger.TrainingReleased:
		return refuse(notice.Denied, "the training has not released its model", "ask the sites for it: `manx train release`")
	case b.Hash != on.Release.Model:
		return refuse(notice.Denied, "this is another model than the one that the training released", "publish that one: `manx train status`")
	case !slices.Equal(b.Shares, on.Release.Shares):
		return refuse(notice.Denied, "the model shares what it earns as its training says, and not otherwise", "give it the shares of the release: `manx train status`")
	case !slices.Contains(b.Accepts, on.Kind) || len(b.Accepts) != 1:
		return refuse(notice.Denied, "the model reads the records that it was trained on, and no others", "read its kind: `manx train status`")
	}
	m.Training, m.Users = on.ID, on.Users
	return nil
}

func retireModel(t *txn, b ledger.RetireModel) error {
	m, err := t.model(b.Model)
	if err != nil {
		return err
	}
	if m.Owner != t.cmd.Author {
		return refuse(notice.Denied, "the model belongs to another party", "list yours: `manx model list`")
	}
	if m.Retired {
		return refuse(notice.Conflict, "the model is retired already", "")
	}
	m.Retired = true
	return t.save(ledger.KeyOf(m.ID), m, ledger.ModelRetired)
}

func (t *txn) model(id ledger.ModelID) (ledger.Model, error) {
	m, ok, err := load[ledger.Model](t, ledger.KeyOf(id))
	if err == nil && !ok {
		err = refuse(notice.NotFound, "there is no such model", "list those on offer: `manx model list`")
	}
	return m, err
}

// count counts a call of the author's, and refuses one that the model's limit does
// not allow now.
func (t *txn) count(m ledger.Model) error {
	if m.Limit.IsZero() {
		return nil
	}
	k := ledger.CallsKey(m.ID, t.cmd.Author)
	made, _, err := load[[]ledger.CallsMade](t, k)
	if err != nil {
		return err
	}
	made, ok := m.Limit.Count(made, t.now)
	if !ok {
		return refuse(notice.Exhausted, "the model's owner allows one asker no more calls for now", "read how many in what time, and wait: `manx model show`")
	}
	return t.save(k, made, "")
}
