package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"manx/privacy/notice"
)

// MaxMessage is the largest sealed message that is opened, in bytes.
const MaxMessage = 4 << 20

// Message seals a small byte string to recipients: a whole age file.
func Message(plain []byte, to ...Recipient) ([]byte, error) {
	k := NewKey()
	wrap, err := Wrap(k, to...)
	if err != nil {
		return nil, err
	}
	payload, err := Seal(k, plain)
	if err != nil {
		return nil, err
	}
	if len(wrap)+len(payload) > MaxMessage {
		return nil, fmt.Errorf("seal a message of %d bytes: at most %d fit", len(plain), MaxMessage)
	}
	return append(wrap, payload...), nil
}

// OpenMessage opens what Message sealed, or any age file of at most MaxMessage
// bytes sealed to the identity.
func OpenMessage(sealed []byte, as Identity) ([]byte, error) {
	if as.IsZero() {
		return nil, errNotYours(errors.New("no identity"))
	}
	return openFile(sealed, as.get())
}

func openFile(sealed []byte, as age.Identity) ([]byte, error) {
	if len(sealed) > MaxMessage {
		return nil, errMessage(errors.New("too long"))
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), as)
	if _, no := errors.AsType[*age.NoIdentityMatchError](err); no {
		return nil, errNotYours(err)
	}
	if err != nil {
		return nil, errMessage(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, errMessage(err)
	}
	return plain, nil
}

func errMessage(cause error) error {
	return notice.Because(cause, notice.Integrity, "the sealed message is damaged", "fetch it again, or ask its sender to send it again")
}
