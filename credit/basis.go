package credit

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"manx/privacy/notice"
)

// A Basis says whether Regulation B (12 CFR 1002.2(z), 1002.6(b)) forbids a
// field or a feature in a credit decision, and why.
type Basis uint8

// The bases. Age may be used in a demonstrably sound system under
// 1002.6(b)(2); no schema of this exchange uses it, so it is refused too.
// Health is 15 U.S.C. 1681b(g)(2), and the wall between the verticals.
const (
	NotProhibited Basis = iota
	Sex
	MaritalStatus
	Age
	Race
	Religion
	NationalOrigin
	PublicAssistance
	Childbearing
	RightsExercised
	Health
)

var basisNames = [...]string{
	"none", "sex", "marital status", "age", "race or colour", "religion", "national origin",
	"public assistance income", "childbearing or children", "rights exercised under consumer law", "health",
}

// String returns the name of b in plain words.
func (b Basis) String() string {
	if int(b) < len(basisNames) {
		return basisNames[b]
	}
	return "unknown"
}

// basisOfWord returns the basis that a whole lower-case word betrays.
func basisOfWord(w string) Basis {
	switch w {
	case "sex", "gender", "male", "female", "pronoun", "title", "orientation":
		return Sex
	case "marital", "married", "marriage", "spouse", "divorced", "widowed", "husband", "wife":
		return MaritalStatus
	case "age", "ages", "birth", "born", "birthday", "birthdate", "dob", "birthyear":
		return Age
	case "race", "racial", "ethnic", "ethnicity", "skin", "colour", "color":
		return Race
	case "religion", "religious", "faith", "church", "creed":
		return Religion
	case "nationality", "national", "origin", "birthplace", "citizenship", "ancestry", "immigrant", "surname":
		return NationalOrigin
	case "assistance", "welfare", "snap", "tanf", "medicaid", "ssi", "benefits":
		return PublicAssistance
	case "children", "child", "pregnant", "pregnancy", "childbearing", "dependents", "dependants":
		return Childbearing
	case "complaint", "complaints", "lawsuit":
		return RightsExercised
	case "health", "medical", "diagnosis", "disease", "disability", "disabled", "dicom", "icd", "hospital", "genetic":
		return Health
	}
	return NotProhibited
}

// basisOfPart returns the basis that a part of a name betrays: stems that no
// innocent name holds, and the Chinese words, which have no spaces between.
func basisOfPart(name string) Basis {
	for _, s := range []struct {
		basis Basis
		parts []string
	}{
		{Sex, []string{"gender", "性别", "性別"}},
		{MaritalStatus, []string{"marital", "婚姻", "已婚", "未婚"}},
		{Age, []string{"birthda", "年龄", "年齡", "出生"}},
		{Race, []string{"ethnic", "种族", "種族", "民族", "肤色", "膚色"}},
		{Religion, []string{"religio", "宗教", "信仰"}},
		{NationalOrigin, []string{"nationality", "nationalorigin", "国籍", "國籍", "籍贯", "籍貫"}},
		{PublicAssistance, []string{"publicassist", "低保", "救济", "救濟"}},
		{Childbearing, []string{"pregnan", "生育", "怀孕", "懷孕"}},
		{Health, []string{"diagnos", "medical", "健康", "疾病", "诊断", "診斷"}},
	} {
		if slices.ContainsFunc(s.parts, func(p string) bool { return strings.Contains(name, p) }) {
			return s.basis
		}
	}
	return NotProhibited
}

// BasisOf returns the prohibited basis that a column's or feature's name
// betrays, or NotProhibited. It is the first of two checks: a name that hides
// its meaning still has to be one of the schema's, which hold none.
func BasisOf(name string) Basis {
	var word []rune
	words := []string{}
	flush := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
			word = word[:0]
		}
	}
	lower := false // whether the rune before was a lower-case letter, for camelCase
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			flush()
			lower = false
			continue
		}
		if unicode.IsUpper(r) && lower {
			flush()
		}
		lower = unicode.IsLower(r)
		word = append(word, r)
	}
	flush()
	for _, w := range words {
		if b := basisOfWord(strings.TrimRight(w, "0123456789")); b != NotProhibited {
			return b
		}
	}
	return basisOfPart(strings.Join(words, ""))
}

// CheckFeatures reports whether a model may use the features it names: each
// must be one of the documented features, and none a prohibited basis. The
// error is a notice. The contract calls it when a credit model is published.
func CheckFeatures(names []string) error {
	known := FeatureNames()
	seen := make(map[string]bool, len(names))
	for i, n := range names {
		if b := BasisOf(n); b != NotProhibited {
			return prohibited(fmt.Sprintf("feature %d of the model", i+1), b)
		}
		if !slices.Contains(known, n) {
			return notice.New(notice.Denied,
				fmt.Sprintf("feature %d of the model is not one of the credit features of schema %s", i+1, Schema),
				"use the features listed in docs/credit-file.md; data of another kind cannot enter a credit decision")
		}
		if seen[n] {
			return notice.New(notice.Invalid, fmt.Sprintf("feature %d of the model is named twice", i+1),
				"name each feature once")
		}
		seen[n] = true
	}
	return nil
}

func prohibited(what string, b Basis) error {
	rule := "Regulation B (12 CFR 1002.6)"
	if b == Health {
		rule = "15 U.S.C. 1681b(g), and the wall between health and credit"
	}
	return notice.New(notice.Denied,
		fmt.Sprintf("%s is %s, which %s forbids in a credit decision", what, b, rule),
		"remove it: nothing on this exchange scores it")
}
