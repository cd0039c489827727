package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"manx/ledger"
	"manx/privacy/notice"
)

// A chance is the organisations' part in the beacon: a chain of links each, in
// memory alone. A node that starts again commits to fresh ones.
type chance struct {
	links map[ledger.PartyID][]ledger.Hash // the next one last
}

// chainLinks is the length of a chain: at one an epoch it lasts for half a day.
const chainLinks = 4096

// chain makes an organisation a fresh chain and returns what it commits to.
func (c *chance) chain(o ledger.PartyID) ledger.CommitBeacon {
	links := []ledger.Hash{ledger.Hash(random(32))}
	for range chainLinks - 1 {
		links = append(links, ledger.NextLink(links[len(links)-1]))
	}
	if c.links == nil {
		c.links = map[ledger.PartyID][]ledger.Hash{}
	}
	c.links[o] = links
	return ledger.CommitBeacon{Link: ledger.NextLink(links[chainLinks-1]), Length: chainLinks}
}

// word returns what an organisation says next: the preimage of the link that the
// ledger holds, or a new commitment where it has none.
func (c *chance) word(o ledger.PartyID, on ledger.BeaconChain) ledger.Body {
	links := c.links[o]
	for len(links) > on.Left { // what was said in vain before is said
		links = links[:len(links)-1]
	}
	if len(links) == 0 || len(links) != on.Left || ledger.NextLink(links[len(links)-1]) != on.Link {
		return c.chain(o)
	}
	c.links[o] = links
	return ledger.RevealBeacon{Link: links[len(links)-1]}
}

// roll has every organisation show its link of this epoch.
func (k *clerk) roll(ctx context.Context) error {
	now, err := k.now(ctx)
	if err != nil {
		return err
	}
	for _, o := range k.orgs {
		b, err := k.beacon(ctx)
		if err != nil {
			return err
		}
		var on ledger.BeaconChain
		for i, g := range k.genesis.Organisations {
			if g.ID == o.ID && i < len(b.Chains) {
				on = b.Chains[i]
			}
		}
		if on.Left > 0 && on.Last >= ledger.EpochOf(now) {
			continue
		}
		c, err := ledger.NewCommand(k.genesis.ID(), o, now+600, k.chance.word(o.ID, on))
		if err != nil {
			return err
		}
		if _, err := k.ledger.Submit(ctx, c); err != nil && !notice.Is(err, notice.Conflict) {
			return fmt.Errorf("beacon: %w", err)
		}
	}
	return nil
}

func (k *clerk) beacon(ctx context.Context) (b ledger.Beacon, err error) {
	err = k.read(ctx, ledger.BeaconKey, &b)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	return b, err
}

func (k *clerk) read(ctx context.Context, key ledger.Key, v any) error {
	b, err := k.ledger.Read(ctx, key)
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	return json.Unmarshal(b, v)
}
