package credit

import "manx/privacy/notice"

// A Purpose is why a lender asks for a score. Values travel on the ledger.
type Purpose string

// The permissible purposes this exchange supports, of those in section 604 of
// the Fair Credit Reporting Act (15 U.S.C. 1681b). Each needs the consumer's
// own grant as well, which section 604 would not always ask for.
const (
	// CreditApplication is 604(a)(3)(A): a credit transaction that the
	// consumer started.
	CreditApplication Purpose = "credit-application"
	// AccountReview is 604(a)(3)(A) and (F)(ii): whether an account the
	// consumer holds still meets its terms.
	AccountReview Purpose = "account-review"
	// ConsumerInstruction is 604(a)(2): the consumer's written instructions.
	ConsumerInstruction Purpose = "consumer-instruction"
)

// Purposes returns the supported purposes.
func Purposes() []Purpose { return []Purpose{CreditApplication, AccountReview, ConsumerInstruction} }

// Check returns a notice unless p is supported.
func (p Purpose) Check() error {
	const hint = "state one of credit-application, account-review, consumer-instruction: `manx credit request --purpose …`"
	switch p {
	case CreditApplication, AccountReview, ConsumerInstruction:
		return nil
	case "":
		return notice.New(notice.Denied, "the request states no permissible purpose (15 U.S.C. 1681b)", hint)
	case "employment", "insurance", "marketing", "prescreen", "tenant-screening", "collection":
		return notice.New(notice.Denied, "the stated purpose is not one this exchange serves", hint)
	default:
		return notice.New(notice.Denied, "the stated purpose is not a permissible one (15 U.S.C. 1681b)", hint)
	}
}

// Covers returns a notice unless a grant for p covers a request for asked.
func (p Purpose) Covers(asked Purpose) error {
	if err := asked.Check(); err != nil {
		return err
	}
	if p != asked {
		return notice.New(notice.Denied, "the grant is for another purpose than the one stated",
			"ask the consumer for a grant that names it: `manx credit request --purpose …`")
	}
	return nil
}
