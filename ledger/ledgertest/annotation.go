package ledgertest

import (
	"crypto/rand"

	"manx/ledger"
	"manx/ledger/faulty"
	"manx/privacy/notice"
)

// Annotating is the registration of an annotation of a record at a hospital.
func (s *Story) Annotating(about ledger.RecordID, at *Key) ledger.RegisterRecord {
	return ledger.RegisterRecord{Kind: ledger.Annotation, About: about, At: at.Party(), Manifest: Ref(rand.Text()), Digest: digest()}
}

// Annotated registers an annotation.
func (s *Story) Annotated(by *Key, b ledger.RegisterRecord) ledger.RecordID {
	s.T.Helper()
	return ledger.NewRecordID(ledger.Health, s.Do(by, b))
}

// annotated: a doctor annotates what the hospital may see, a second one corrects that,
// the hospital reads both, and what is withdrawn is.
func annotated(s *Story) {
	patient, hospital := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Hospital)
	first, second := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	chart := s.Chart(patient)
	note := s.Annotating(chart, hospital)
	for _, k := range []*Key{first, second} {
		s.Do(hospital, ledger.AdmitMember{Party: k.Party()})
	}
	if err := s.Try(first, note); !notice.Is(err, notice.NotFound) {
		s.T.Errorf("annotated without a grant: %v", err)
	}
	s.Do(patient, ledger.GiveGrant{Record: chart, To: hospital.Party(), Purpose: ledger.Care, Access: ledger.Read, Until: s.World.Now() + 3600})
	from := s.Annotated(first, note)
	s.Do(first, ledger.AmendRecord{Record: from, Version: 2, Manifest: Ref(rand.Text()), Digest: digest()})
	correction := s.Annotating(chart, hospital)
	correction.Supersedes = from
	by := s.Annotated(second, correction)
	got := Read[ledger.Record](s, ledger.KeyOf(by))
	if got.About != chart || got.At != hospital.Party() || got.Supersedes != from || got.Owner != second.Party() || got.Kind != ledger.Annotation {
		s.T.Errorf("the correction is %+v", got)
	}
	s.Do(second, ledger.GiveGrant{Record: by, To: hospital.Party(), Purpose: ledger.Care, Access: ledger.Read, Until: s.World.Now() + 3600})
	s.Do(second, ledger.EraseRecord{Record: by})
	if got := Read[ledger.Record](s, ledger.KeyOf(by)); !got.Erased {
		s.T.Error("what was withdrawn is there")
	}
	s.Do(hospital, ledger.DismissMember{Party: first.Party()})
	if err := s.Try(first, s.Annotating(chart, hospital)); !notice.Is(err, notice.Denied) {
		s.T.Errorf("annotated after leaving: %v", err)
	}
}

// annotatedBroken has every first try of it fail.
func annotatedBroken(s *Story, how faulty.Fault) {
	s.breaks(how)
	annotated(s)
}
