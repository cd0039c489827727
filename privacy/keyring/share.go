package keyring

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/shamir"
)

// A share is text: "manx-share-1-" and base32 (Crockford's digits, lower case)
// of
//
//	1 byte    threshold t
//	1 byte    index i, from 1
//	8 bytes   random id of the set
//	48 bytes  value at i of 48 polynomials of degree t-1 over GF(2^8), whose
//	          values at 0 are the kit's 32 bytes and 16 bytes of a digest
//	4 bytes   checksum against typing errors
//
// Shamir, "How to share a secret", CACM 22 (1979). The digest is shared with
// the secret, not shown, so that t-1 shares together say nothing at all; it
// tells whether the shares that were joined belong together.
const (
	sharePrefix = "manx-share-1-"
	setSize     = 8
	digestSize  = 16
	sharedSize  = kitSize + digestSize
	sumSize     = 4
	shareSize   = 2 + setSize + sharedSize + sumSize
	// MaxShares bounds how many guardians share a kit.
	MaxShares = 32
)

var shareEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Shares returns n texts for guardians, any t of which give the kit back, and
// t-1 of which say nothing. 2 <= t <= n <= MaxShares.
func (k Kit) Shares(t, n int) ([]privacy.Secret[string], error) {
	if t < 2 || n < t || n > MaxShares {
		return nil, notice.New(notice.Invalid, fmt.Sprintf("a kit is shared among at most %d guardians, of whom at least 2 are needed", MaxShares), "for example `manx keys backup --guardians 3 --needed 2`")
	}
	secret := k.get()
	set := random(setSize)
	shared := append(secret[:], shareDigest(set, secret[:])...)
	out := make([]privacy.Secret[string], n)
	for i, value := range shamir.Deal(shared, t, n, random((t-1)*sharedSize)) {
		b := append([]byte{byte(t), byte(i + 1)}, set...)
		b = append(b, value...)
		b = append(b, shareSum(b)...)
		out[i] = privacy.Hide(sharePrefix + shareEncoding.EncodeToString(b))
	}
	return out, nil
}

// JoinShares gives the kit back from at least t shares of one set. Its errors
// say which share is wrong, by its place in the list, and quote none.
func JoinShares(texts []string) (Kit, error) {
	if len(texts) == 0 || len(texts) > MaxShares {
		return Kit{}, notice.New(notice.Invalid, fmt.Sprintf("between 2 and %d shares are needed", MaxShares), "ask your guardians for theirs")
	}
	var first share
	byIndex := map[byte]bool{}
	var all []share
	for i, text := range texts {
		s, err := parseShare(text)
		if err != nil {
			return Kit{}, notice.Because(err, notice.Invalid, fmt.Sprintf("share %d is mistyped or incomplete", i+1), "ask its guardian to send it again: it begins with "+sharePrefix)
		}
		if i == 0 {
			first = s
		}
		if !bytes.Equal(s.set, first.set) || s.threshold != first.threshold {
			return Kit{}, notice.New(notice.Invalid, fmt.Sprintf("share %d belongs to another kit than share 1", i+1), "ask its guardian for the newest share")
		}
		if !byIndex[s.index] {
			byIndex[s.index] = true
			all = append(all, s)
		}
	}
	if t := int(first.threshold); len(all) < t {
		return Kit{}, notice.New(notice.Invalid, fmt.Sprintf("%d different shares are needed; these are %d", t, len(all)), "ask more of your guardians")
	}
	var at []byte
	var values [][]byte
	for _, s := range all[:first.threshold] {
		at, values = append(at, s.index), append(values, s.value)
	}
	shared := shamir.Join(at, values)
	if subtle.ConstantTimeCompare(shareDigest(first.set, shared[:kitSize]), shared[kitSize:]) != 1 {
		return Kit{}, notice.New(notice.Integrity, "the shares do not fit together: one of them was altered", "try with other guardians' shares")
	}
	return kitOf(shared[:kitSize]), nil
}

type share struct {
	threshold, index byte
	set, value       []byte
}

func parseShare(text string) (share, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	rest, ours := strings.CutPrefix(text, sharePrefix)
	if !ours || len(rest) != shareEncoding.EncodedLen(shareSize) {
		return share{}, errors.New("not a share of version 1")
	}
	b, err := shareEncoding.DecodeString(rest)
	if err != nil || len(b) != shareSize {
		return share{}, errors.New("not base32")
	}
	body, sum := b[:shareSize-sumSize], b[shareSize-sumSize:]
	if !bytes.Equal(shareSum(body), sum) || shareEncoding.EncodeToString(b) != rest {
		return share{}, errors.New("checksum differs")
	}
	s := share{threshold: body[0], index: body[1], set: body[2 : 2+setSize], value: body[2+setSize:]}
	if s.threshold < 2 || s.threshold > MaxShares || s.index < 1 || s.index > MaxShares {
		return share{}, errors.New("threshold or index out of bounds")
	}
	return s, nil
}

func shareSum(b []byte) []byte {
	h := sha256.Sum256(append([]byte("manx/share-sum/v1\x00"), b...))
	return h[:sumSize]
}

func shareDigest(set, secret []byte) []byte {
	h := sha256.New()
	h.Write([]byte("manx/share-digest/v1\x00"))
	h.Write(set)
	h.Write(secret)
	return h.Sum(nil)[:digestSize]
}
