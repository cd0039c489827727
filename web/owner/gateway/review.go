package gateway

import (
	"context"
	"slices"
	"strings"

	"manx/health"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner/patient"
)

// Release notes that a person has looked at a held file and found nothing in it, and
// completes the copy.
func (g *Gateway) Release(ctx context.Context, r ledger.RecordID, file string) error {
	g.mu.Lock()
	i := slices.IndexFunc(g.kept.Held, func(h Held) bool { return h.Record == r && h.File == file })
	may := i >= 0 && g.kept.Held[i].May
	g.mu.Unlock()
	if i < 0 {
		return notice.New(notice.NotFound, "that file is not held", "look at the list again")
	}
	if !may {
		return notice.New(notice.Denied, "a look does not release this file: it says itself that it shows who it is of", "it stays out of the copy")
	}
	if err := g.change(func(k *kept) { k.Released[r] = append(k.Released[r], file) }); err != nil {
		return err
	}
	d, left, err := g.deidentify(ctx, r)
	if err != nil {
		return err
	}
	return g.change(func(k *kept) {
		k.know(nil, r, d)
		for i := range k.Items {
			if slices.Contains(k.Items[i].Records, r) {
				k.Items[i].Held = left
				if d.Record != "" && !slices.Contains(k.Items[i].Copies, d.Record) {
					k.Items[i].Copies = append(k.Items[i].Copies, d.Record)
				}
			}
		}
	})
}

// Look opens a file that is held, for a person's eyes.
func (g *Gateway) Look(ctx context.Context, r ledger.RecordID, file string, see func(*health.Instance) error) error {
	if !slices.ContainsFunc(g.Waiting(), func(h Held) bool { return h.Record == r && h.File == file }) {
		return notice.New(notice.NotFound, "that file is not held", "look at the list again")
	}
	in, err := patient.OpenStudy(ctx, g.Party, r)
	if err != nil {
		return err
	}
	defer in.Close()
	for i := range in.Studies {
		for k := range in.Studies[i].Instances {
			if x := &in.Studies[i].Instances[k]; x.UID.Reveal(reveal.Token{}) == file {
				return see(x)
			}
		}
	}
	return notice.New(notice.NotFound, "the record does not hold that file", "look at the list again")
}

// LookUp returns whose a pseudonym is, or which pseudonyms somebody has: by the whole
// pseudonym, patient id or record, or a part of a name of three letters or more.
func (g *Gateway) LookUp(text string) []Person {
	text = strings.ToLower(strings.TrimSpace(text))
	out := []Person{}
	if text == "" {
		return out
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.kept.People {
		name := strings.ToLower(strings.ReplaceAll(p.Name, "^", " "))
		if strings.EqualFold(p.ID, text) || strings.EqualFold(p.Pseudonym, text) || string(p.Record) == text || string(p.Copy) == text || len(text) >= 3 && strings.Contains(name, text) {
			out = append(out, p)
		}
	}
	return out
}
