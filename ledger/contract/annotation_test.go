package contract

import (
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// Who may annotate what, and who may read that.
func TestAnnotationsNeedAHospitalThatMaySee(t *testing.T) {
	s, _ := begin(t)
	patient, doctor := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	here, there := s.Party(ledger.Health, ledger.Hospital), s.Party(ledger.Health, ledger.Hospital)
	chart := s.Chart(patient)
	note := s.Annotating(chart, here)
	s.Do(patient, ledger.GiveGrant{Record: chart, To: here.Party(), Purpose: ledger.Care, Access: ledger.Read, Until: s.World.Now() + 3600})
	denied(t, "a doctor of no hospital", s.Try(doctor, note), notice.Denied)
	denied(t, "a person admits a member", s.Try(patient, ledger.AdmitMember{Party: doctor.Party()}), notice.Denied)
	denied(t, "a hospital is a member", s.Try(here, ledger.AdmitMember{Party: there.Party()}), notice.Denied)
	denied(t, "somebody of credit is a member", s.Try(here, ledger.AdmitMember{Party: s.Party(ledger.Credit, ledger.Person).Party()}), notice.Denied)
	s.Do(here, ledger.AdmitMember{Party: doctor.Party()})
	denied(t, "admitted twice", s.Try(here, ledger.AdmitMember{Party: doctor.Party()}), notice.Conflict)
	denied(t, "dismissed by another", s.Try(there, ledger.DismissMember{Party: doctor.Party()}), notice.NotFound)
	denied(t, "the patient writes it herself", s.Try(patient, s.Annotating(chart, patient)), notice.Denied)
	denied(t, "at a hospital that may not see it", s.Try(there, s.Annotating(chart, there)), notice.NotFound)

	id := s.Annotated(doctor, note)
	denied(t, "of what is not there", s.Try(doctor, s.Annotating(ledger.NewRecordID(ledger.Health, ledger.NewCommandID()), here)), notice.NotFound)
	denied(t, "of an annotation", s.Try(doctor, s.Annotating(id, here)), notice.NotFound)
	again := s.Annotating(chart, here)
	again.Supersedes = id
	denied(t, "an author supersedes its own", s.Try(doctor, again), notice.Invalid)
	own := s.Annotated(here, again) // the hospital itself corrects it
	again.Supersedes = chart
	denied(t, "it supersedes what is none", s.Try(here, again), notice.NotFound)
	other := s.Annotating(s.Chart(here), here)
	s.Annotated(here, other) // of a record of its own
	other.Supersedes = own
	denied(t, "it supersedes another record's", s.Try(doctor, other), notice.NotFound)

	give := ledger.GiveGrant{Record: id, To: there.Party(), Purpose: ledger.Care, Access: ledger.Read, Until: s.World.Now() + 100}
	denied(t, "another hospital reads it", s.Try(doctor, give), notice.Denied)
	give.To, give.Purpose = here.Party(), ledger.Research
	denied(t, "for research", s.Try(doctor, give), notice.Denied)
	give.Purpose = ledger.Care
	s.Do(doctor, give)

	// An annotation spends, and limits, no budget but its own.
	s.Do(doctor, ledger.LimitBudget{Record: id, Limit: ledger.BudgetLimit{Epsilon: 1}})
	if got := ledgertest.Read[ledger.Budget](s, ledger.BudgetKey(id)); got.Limit.Epsilon != 1 {
		t.Errorf("the annotation's budget is %+v", got)
	}

	// With the grant, or its membership, an author's leave to write another version ends.
	next := ledger.AmendRecord{Record: id, Version: 2, Manifest: ledgertest.Ref("v2"), Digest: ledger.Hash{2}}
	s.Do(doctor, next)
	next.Version = 3
	s.Do(here, ledger.DismissMember{Party: doctor.Party()})
	denied(t, "a version after leaving", s.Try(doctor, next), notice.Denied)
	s.Do(here, ledger.AdmitMember{Party: doctor.Party()})
	s.Do(doctor, next)
	s.Do(patient, ledger.EraseRecord{Record: chart})
	next.Version = 4
	denied(t, "a version after the record was erased", s.Try(doctor, next), notice.NotFound)
	s.Do(doctor, ledger.EraseRecord{Record: id}) // withdrawing is its author's all the same
}
