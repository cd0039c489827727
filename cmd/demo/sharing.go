package demo

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"manx/health/deid"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/web/owner"
	"manx/web/owner/patient"
)

func (s *scan) grants(ctx context.Context) (err error) {
	if err := s.step("Two hospitals and a research institute join", nil, func(say func(string, ...any)) error {
		for _, j := range []struct {
			name, shown string
			to          **owner.Party
		}{{"hospital", "Aga Demo Hospital", &s.hospital}, {"second-hospital", "Lakeside Demo Hospital", &s.second}, {"researcher", "Demo Research Institute", &s.researcher}} {
			h, err := s.join(ctx, j.name, ledger.Hospital, j.shown, ledger.Health)
			if err != nil {
				return err
			}
			if *j.to, err = h.As(ledger.Health); err != nil {
				return err
			}
			say("%s is %s, admitted by the health organisation", j.shown, (*j.to).ID())
		}
		return nil
	}); err != nil {
		return err
	}
	day := ledger.Time(24 * 3600)
	give := func(r ledger.RecordID, to *owner.Party, purpose ledger.Purpose) (ledger.GrantID, error) {
		info, err := s.p.Info(ctx)
		if err != nil {
			return "", err
		}
		g, err := s.p.Grant(ctx, ledger.GiveGrant{Record: r, To: to.ID(), Purpose: purpose, Access: ledger.Read, Until: info.Now + 30*day})
		return g.ID, err
	}
	if err := s.step("For care, she lets the hospital read the original", map[string]string{
		"hospital":      "the study",
		"organisations": "two parts of three of its key, each sealed to the hospital",
	}, func(say func(string, ...any)) error {
		if _, err := s.refusedOpen(ctx, s.hospital, say); err != nil {
			return err
		}
		if s.care, err = give(s.record, s.hospital, ledger.Care); err != nil {
			return err
		}
		if err := s.opensAs(ctx, s.hospital, s.care, s.folder); err != nil {
			return err
		}
		say("the hospital opens it, byte for byte, under %s", s.care)
		if s.sealedCare, err = give(s.record, s.second, ledger.Care); err != nil {
			return err
		}
		g, err := owner.Get[ledger.Grant](ctx, s.second.Client, s.sealedCare)
		if err != nil {
			return err
		}
		s.kept, err = s.second.TakeOwnPart(ctx, g, 1)
		say("the second hospital fetches shards, header and its own part of the key, and waits")
		return err
	}); err != nil {
		return err
	}
	return s.step("For research, only a de-identified derivative", map[string]string{"researcher": "the derivative, without names, numbers or dates"}, func(say func(string, ...any)) error {
		_, err := give(s.record, s.researcher, ledger.Research)
		text, err := s.refused(err, "an identified study is not granted for research", notice.Denied, notice.Invalid, notice.Conflict)
		if err != nil {
			return err
		}
		say("the identified study: refused: %s", text)
		d, err := patient.Deidentify(ctx, s.p, s.record, deid.Options{}, s.progress)
		if s.Study != "" && notice.Is(err, notice.Denied) {
			say("no derivative of this study: %s", notice.From(err).Text)
			return nil
		}
		if err != nil {
			return err
		}
		s.derived = d.Record
		say("%d instances by the PS3.15 Basic profile, %d elements changed, %d files held for a human look: %s", d.Instances, d.Changes, len(d.Held), d.Record)
		for _, w := range d.Warnings {
			say("warning: %s", w)
		}
		if s.research, err = give(s.derived, s.researcher, ledger.Research); err != nil {
			return err
		}
		r, _, err := s.researcher.OpenGranted(ctx, s.research, 0)
		if err != nil {
			return err
		}
		dir := filepath.Join(s.Dir, "researcher", "study")
		n, _, err := patient.Write(ctx, r, dir)
		if err != nil {
			return err
		}
		say("the institute opens %d files", n)
		return s.silent(say)
	})
}

func (s *scan) refusedOpen(ctx context.Context, p *owner.Party, say func(string, ...any)) (string, error) {
	_, err := p.GrantOn(ctx, s.record)
	text, err := s.refused(err, "without a grant nobody else opens it", notice.Denied)
	if err == nil {
		say("before: refused: %s", text)
	}
	return text, err
}

func (s *scan) revoke(ctx context.Context) error {
	return s.step("She takes all of it back", map[string]string{"organisations": "that the grants ended; they destroyed their parts"}, func(say func(string, ...any)) error {
		for _, g := range []ledger.GrantID{s.care, s.sealedCare, s.research} {
			if g == "" {
				continue // no derivative of this study could be granted
			}
			if err := s.p.Revoke(ctx, g); err != nil {
				return err
			}
		}
		for _, x := range []struct {
			who string
			p   *owner.Party
			g   ledger.GrantID
		}{{"the hospital", s.hospital, s.care}, {"the institute", s.researcher, s.research}, {"the second hospital, which kept shards, header and its own part", s.second, s.sealedCare}} {
			if x.g == "" {
				continue
			}
			_, _, err := x.p.OpenGranted(ctx, x.g, 0)
			text, err := s.refused(err, "after revoking, "+x.who+" opens nothing", notice.Denied)
			if err != nil {
				return err
			}
			say("%s: refused: %s", x.who, text)
		}
		if err := s.keptIsNotEnough(ctx); err != nil {
			return err
		}
		if err := s.partsGone(ctx); err != nil {
			return err
		}
		say("what the hospital had opened before it has seen: no revoking undoes that")
		return nil
	})
}

func (s *scan) keptIsNotEnough(ctx context.Context) error {
	other, err := seal.Split(seal.NewKey())
	if err != nil {
		return err
	}
	key, err := seal.Join([3]seal.Part{s.kept, other[1], other[2]})
	if err != nil {
		return err
	}
	r, err := owner.Get[ledger.Record](ctx, s.second.Client, s.record)
	if err != nil {
		return err
	}
	v, _ := r.Latest()
	_, err = s.second.Vault.OpenRecord(ctx, v.Manifest, key)
	return s.check(err != nil, "one part of three opens nothing")
}

func (s *scan) partsGone(ctx context.Context) error {
	for try := 0; ; try++ {
		found := 0
		err := filepath.WalkDir(filepath.Join(s.Dir, "node", "release"), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.Contains(path, "grant") {
				found++
			}
			return nil // a file destroyed while walking is what we wait for
		})
		if err != nil || found == 0 || try == 50 {
			return errors.Join(err, s.check(found == 0, "the organisations destroyed their parts of the key"))
		}
		if err := s.pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}
