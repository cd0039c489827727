package health

import (
	"fmt"
	"strings"
)

// About is what a finding's sentences say beside its level.
type About struct {
	Words  Words
	Read   Parts
	Known  int // of a chart: how many measurements the model was given, of Of
	Of     int
	Untold Untold
}

// Words are a model's own parts of a finding's sentences; its card carries them.
// Empty ones say it without naming anything.
type Words struct {
	Record Text // what it reads: "this chest CT"
	Sign   Text // what it looks for: "a malignant nodule"
	Limit  Text // a sentence: whom it knows
}

// A Text is one text in both languages.
type Text struct{ English, Chinese string }

// Parts is what an input of a model is made of.
type Parts uint8

// The parts that models read.
const (
	Slices Parts = iota
	Radiographs
	Measurements
)

// Untold is what a file does not say, and so could not be compared with what the
// model reads.
type Untold uint8

// What a radiograph may leave out.
const (
	NoAge Untold = 1 << iota
	NoView
	NoBodyPart
)

// Words says what a file does not say, in a sentence; "" where it says all.
func (u Untold) Words() (english, chinese string) {
	var en, zh []string
	for _, x := range []struct {
		bit    Untold
		en, zh string
	}{
		{NoAge, "how old the patient is", "患者年龄"},
		{NoView, "from which side it was taken", "投照体位"},
		{NoBodyPart, "which part of the body it shows", "检查部位"},
	} {
		if u&x.bit != 0 {
			en, zh = append(en, x.en), append(zh, x.zh)
		}
	}
	if en == nil {
		return "", ""
	}
	return "The file does not say " + strings.Join(en, ", or ") + ", so that was not checked.", "文件未注明" + strings.Join(zh, "、") + "，因此未作核对。"
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// words puts a finding over n results into sentences.
func (a About) words(f Finding, n int) (english, chinese string) {
	w := a.Words
	record, sign := or(w.Record.English, "this record"), or(w.Sign.English, "what it looks for")
	recordZh, signZh := or(w.Record.Chinese, "这份记录"), or(w.Sign.Chinese, "其所查疾病")
	switch f.Level {
	case Suspicious:
		english = "The model marks " + record + " as suspicious for " + sign + ". Please show it to a doctor."
		chinese = "模型认为" + recordZh + "存在" + signZh + "的可疑征象，请咨询医生。"
	case NotSuspicious:
		english = "The model sees nothing in " + record + " that it marks as suspicious for " + sign + ". This does not rule out disease."
		chinese = "模型在" + recordZh + "中未发现其认为可疑的" + signZh + "征象，但这并不能排除疾病。"
	default:
		english = "The model's result is unclear: too close to its threshold to say either way. Please ask a doctor."
		chinese = "模型结果不明确：与判定阈值过于接近，无法得出结论，请咨询医生。"
	}
	sure, sureZh := "low", "低"
	switch {
	case f.Confidence >= 2.0/3:
		sure, sureZh = "high", "高"
	case f.Confidence >= 1.0/3:
		sure, sureZh = "moderate", "中等"
	}
	used, noun, nounZh := len(f.Slices), "slices", "张切片"
	switch a.Read {
	case Radiographs:
		noun, nounZh = "radiographs", "张X线片"
	case Measurements:
		used, n, noun, nounZh = a.Known, a.Of, "measurements", "项检查"
	}
	english += fmt.Sprintf(" Score %.2f from %d of %d %s; confidence %s.", f.Score, used, n, noun, sure)
	chinese += fmt.Sprintf("得分%.2f，依据%d%s中的%d%s；置信度%s。", f.Score, n, nounZh, used, string([]rune(nounZh)[:1]), sureZh)
	if w.Limit.English != "" {
		english += " " + w.Limit.English
	}
	untold, untoldZh := a.Untold.Words()
	if untold != "" {
		english += " " + untold
	}
	english += " Research software, not a medical device."
	chinese += w.Limit.Chinese + untoldZh + "本软件仅供研究，不是医疗器械。"
	return english, chinese
}
