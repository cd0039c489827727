package seal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"

	"manx/privacy/notice"
)

// MaxWrap is the largest wrap that is read, in bytes: about 30 recipients.
const MaxWrap = 64 << 10

const maxRecipients = 30

// Wrap returns a detached age v1 header whose file key is k: any one of the
// recipients can unwrap it, and it names none of them. Put before the payload
// it makes an ordinary age file.
func Wrap(k Key, to ...Recipient) ([]byte, error) {
	if k.IsZero() {
		return nil, errNoKey()
	}
	if len(to) == 0 || len(to) > maxRecipients {
		return nil, fmt.Errorf("wrap a key for %d recipients: 1 to %d are possible", len(to), maxRecipients)
	}
	fileKey := k.get()
	var h bytes.Buffer
	h.WriteString("age-encryption.org/v1\n")
	for _, r := range to {
		if r.r == nil {
			return nil, errors.New("wrap a key for nobody")
		}
		stanzas, err := r.r.Wrap(fileKey[:])
		if err != nil {
			return nil, fmt.Errorf("wrap key: %w", err)
		}
		for _, s := range stanzas {
			writeStanza(&h, s)
		}
	}
	h.WriteString("---")
	macKey, err := k.derive(nil, "header", sha256.Size)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, macKey)
	mac.Write(h.Bytes())
	h.WriteString(" " + base64.RawStdEncoding.EncodeToString(mac.Sum(nil)) + "\n")
	return h.Bytes(), nil
}

// writeStanza writes the body in lines of 64 columns; the last line is always
// shorter, so it may be empty.
func writeStanza(h *bytes.Buffer, s *age.Stanza) {
	h.WriteString("-> " + strings.Join(append([]string{s.Type}, s.Args...), " ") + "\n")
	body := base64.RawStdEncoding.EncodeToString(s.Body)
	for len(body) >= 64 {
		h.WriteString(body[:64] + "\n")
		body = body[64:]
	}
	h.WriteString(body + "\n")
}

// Unwrap returns the key in a wrap. A wrap for somebody else is a Denied
// notice; one that is damaged or longer than MaxWrap, an Integrity notice.
func Unwrap(wrap []byte, as Identity) (Key, error) {
	if as.IsZero() {
		return Key{}, errNotYours(errors.New("no identity"))
	}
	if len(wrap) > MaxWrap {
		return Key{}, errWrap(errors.New("too long"))
	}
	// age ignores what follows the header; here the header is all there is.
	if canonical, err := age.ExtractHeader(bytes.NewReader(wrap)); err != nil || !bytes.Equal(canonical, wrap) {
		return Key{}, errWrap(err)
	}
	b, err := age.DecryptHeader(wrap, as.get())
	if _, no := errors.AsType[*age.NoIdentityMatchError](err); no {
		return Key{}, errNotYours(err)
	}
	if err != nil {
		return Key{}, errWrap(err)
	}
	return KeyOf(b)
}

func errNotYours(cause error) error {
	return notice.Because(cause, notice.Denied, "this was sealed for another key",
		"open it with the keyring it was sealed for, or ask its owner for a grant")
}

func errWrap(cause error) error {
	return notice.Because(cause, notice.Integrity, "the wrap of the key is damaged",
		"fetch it again, or ask the owner to grant again: `manx grant add`")
}
