package ledger

import "errors"

// An Annotation is a record of its author's that speaks of another's: About names
// that one, At the hospital that may see it, and Supersedes, where the annotation
// corrects another author's, which. What it says is sealed, for the author and that
// hospital alone. The author is the hospital, or who it says annotates for it.

// A Member annotates in a hospital's name until it leaves.
type Member struct {
	Hospital PartyID `json:"hospital"`
	Party    PartyID `json:"party"`
	From     Time    `json:"from"`
	Left     Time    `json:"left,omitempty"` // 0 while it has not
}

// MemberKey is where a hospital's word on who annotates for it is kept.
func MemberKey(hospital, party PartyID) Key {
	return "health/member/" + Key(hospital) + "/" + Key(party)
}

// AdmitMember says that a person may annotate in the author's, a hospital's, name.
type AdmitMember struct {
	Party PartyID `json:"party"`
}

// Command implements Body.
func (AdmitMember) Command() string { return "member.admit" }

// Check implements Body.
func (b AdmitMember) Check() error { return checkMember(b.Party) }

// DismissMember says that a person may no more. What it wrote stays.
type DismissMember struct {
	Party PartyID `json:"party"`
}

// Command implements Body.
func (DismissMember) Command() string { return "member.dismiss" }

// Check implements Body.
func (b DismissMember) Check() error { return checkMember(b.Party) }

func checkMember(p PartyID) error {
	if VerticalOf(p) != Health {
		return ErrWall
	}
	return CheckID(p, "p")
}

// checkAnnotation is of what a record's registration says of an annotation.
func (b RegisterRecord) checkAnnotation() error {
	if b.Kind != Annotation {
		if b.About != "" || b.At != "" || b.Supersedes != "" {
			return errors.New("only an annotation speaks of a record, is made at a hospital, or supersedes another")
		}
		return nil
	}
	if VerticalOf(b.About) != Health || VerticalOf(b.At) != Health {
		return ErrWall
	}
	if b.Supersedes != "" {
		if err := CheckID(b.Supersedes, "rec"); err != nil {
			return err
		}
	}
	return errors.Join(CheckID(b.About, "rec"), CheckID(b.At, "p"))
}
