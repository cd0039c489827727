package seal

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"

	"filippo.io/age"

	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal/internal/work"
)

// A Passphrase seals small byte strings under something a person remembers:
// age's scrypt recipient, N = 2^18 (256 MiB and about a second for each try).
// It never prints.
type Passphrase struct {
	text   privacy.Secret[string]
	factor work.Factor
}

// NewPassphrase returns a passphrase; an empty one is an error.
func NewPassphrase(text string) (Passphrase, error) {
	return WithWork(text, work.Production())
}

// WithWork is NewPassphrase at another cost. Only packages below this one can
// make a work.Factor: sealtest, for tests.
func WithWork(text string, factor work.Factor) (Passphrase, error) {
	if text == "" || factor.LogN() == 0 {
		return Passphrase{}, notice.New(notice.Invalid, "the passphrase is empty", "set MANX_PASSPHRASE_FILE or type a passphrase")
	}
	return Passphrase{privacy.Hide(text), factor}, nil
}

// Seal returns an age file that only the passphrase opens.
func (p Passphrase) Seal(plain []byte) ([]byte, error) {
	if out, done, err := p.apart("seal", plain); done {
		return out, err
	}
	return p.seal(plain)
}

func (p Passphrase) seal(plain []byte) ([]byte, error) {
	r, err := age.NewScryptRecipient(p.text.Reveal(reveal.Token{}))
	if err != nil {
		return nil, errors.New("seal under a passphrase: no passphrase")
	}
	r.SetWorkFactor(p.factor.LogN())
	var out bytes.Buffer
	w, err := age.Encrypt(&out, r)
	if err != nil {
		return nil, fmt.Errorf("seal under a passphrase: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("seal under a passphrase: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("seal under a passphrase: %w", err)
	}
	if out.Len() > MaxMessage {
		return nil, fmt.Errorf("seal a message of %d bytes: at most %d fit", len(plain), MaxMessage)
	}
	return out.Bytes(), nil
}

// Open opens what Seal sealed. A wrong passphrase is a Denied notice. A file
// that asks for more work than Seal's is refused before any work is done.
func (p Passphrase) Open(sealed []byte) ([]byte, error) {
	if out, done, err := p.apart("open", sealed); done {
		return out, err
	}
	return p.open(sealed)
}

func (p Passphrase) open(sealed []byte) ([]byte, error) {
	id, err := age.NewScryptIdentity(p.text.Reveal(reveal.Token{}))
	if err != nil {
		return nil, errors.New("open under a passphrase: no passphrase")
	}
	id.SetMaxWorkFactor(work.Production().LogN())
	plain, err := openFile(sealed, id)
	if notice.Is(err, notice.Denied) {
		return nil, errWrong(err)
	}
	return plain, err
}

func errWrong(cause error) error {
	return notice.Because(cause, notice.Denied, "wrong passphrase", "try again, or restore the keyring: `manx keys recover`")
}

// Format implements fmt.Formatter: it prints "[passphrase]".
func (Passphrase) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[passphrase]") }

// LogValue implements slog.LogValuer.
func (Passphrase) LogValue() slog.Value { return slog.StringValue("[passphrase]") }

// MarshalText implements encoding.TextMarshaler.
func (Passphrase) MarshalText() ([]byte, error) { return []byte("[passphrase]"), nil }
