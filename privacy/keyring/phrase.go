package keyring

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"manx/privacy"
	"manx/privacy/notice"
)

// The English word list of BIP-39 (MIT licence), 2048 words in order, one a
// line; SHA-256 2f5eed53…b24dbda.
//
//go:embed english.txt
var wordList string

// Words is how many words a phrase has: 256 bits and a checksum of 8 (BIP-39).
const Words = 24

const bitsPerWord = 11

// Phrase returns the kit as a BIP-39 phrase of 24 English words.
func (k Kit) Phrase() privacy.Secret[string] {
	s := k.get()
	sum := sha256.Sum256(s[:])
	bits := append(s[:], sum[0])
	list := strings.Fields(wordList)
	words := make([]string, Words)
	for i := range words {
		n := 0
		for b := i * bitsPerWord; b < (i+1)*bitsPerWord; b++ {
			n = n<<1 | int(bits[b/8]>>(7-b%8)&1)
		}
		words[i] = list[n]
	}
	return privacy.Hide(strings.Join(words, " "))
}

// ParsePhrase reads the 24 words, in any case and spacing. Its errors say which
// word is wrong, by number; they never quote one.
func ParsePhrase(text string) (Kit, error) {
	const hint = "check the words against what you wrote down, in order; all are English and in lower case"
	if len(text) > 1024 {
		return Kit{}, notice.New(notice.Invalid, "a recovery phrase has 24 words", hint)
	}
	words := strings.Fields(strings.ToLower(text))
	if len(words) != Words {
		return Kit{}, notice.New(notice.Invalid, fmt.Sprintf("a recovery phrase has %d words; these are %d", Words, len(words)), hint)
	}
	list := strings.Fields(wordList)
	var bits [kitSize + 1]byte
	for i, w := range words {
		n, found := slices.BinarySearch(list, w)
		if !found {
			return Kit{}, notice.New(notice.Invalid, fmt.Sprintf("word %d of the recovery phrase is not in the word list", i+1), hint)
		}
		for j := range bitsPerWord {
			at := i*bitsPerWord + j
			bits[at/8] |= byte(n>>(bitsPerWord-1-j)&1) << (7 - at%8)
		}
	}
	if sum := sha256.Sum256(bits[:kitSize]); sum[0] != bits[kitSize] {
		return Kit{}, notice.New(notice.Invalid, "the words of the recovery phrase do not fit together: one is wrong or two are exchanged", hint)
	}
	return kitOf(bits[:kitSize]), nil
}
