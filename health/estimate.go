package health

import (
	"fmt"
	"math"

	"manx/privacy/notice"
)

// An Estimate is the share of patients like one to whom the event that a model of
// survival is about comes later than a time, with the 95% interval of the curve.
type Estimate struct {
	Share, Low, High float64 // 0 to 1
	Time             string  // "365 days"
	TimeChinese      string
}

// Finding puts the share into words: the score is the share, the confidence what the
// interval leaves of 1. Words.Sign of a names the event: "death".
func (e Estimate) Finding(a About) (Finding, error) {
	if !(0 <= e.Low && e.Low <= e.Share && e.Share <= e.High && e.High <= 1) {
		return Finding{}, notice.New(notice.Integrity, "the model returned something that is no share of patients", "do not pay for this job: run `manx job show` and dispute it")
	}
	f := Finding{Level: Estimated, Score: math.Round(e.Share*100) / 100, Confidence: math.Round((1-(e.High-e.Low))*100) / 100, Slices: []int{0}}
	of := func(x float64) int { return int(math.Round(100 * x)) }
	w := a.Words
	record, sign := or(w.Record.English, "this record"), or(w.Sign.English, "the event that it is about")
	recordZh, signZh := or(w.Record.Chinese, "这份记录"), or(w.Sign.Chinese, "相关事件")
	f.English = fmt.Sprintf("Of 100 patients with %s, %d are expected to have more than %s before %s (95%% interval of the curve: %d to %d). It says nothing of when it comes to one of them. From %d of %d measurements.",
		record, of(e.Share), e.Time, sign, of(e.Low), of(e.High), a.Known, a.Of)
	f.Chinese = fmt.Sprintf("在100位具有%s的患者中，预计%d位在%s之后才发生%s（曲线的95%%区间：%d至%d）；这并不说明个人何时发生。依据%d项检查中的%d项。",
		recordZh, of(e.Share), e.TimeChinese, signZh, of(e.Low), of(e.High), a.Of, a.Known)
	if w.Limit.English != "" {
		f.English += " " + w.Limit.English
	}
	f.English += " Research software, not a medical device."
	f.Chinese += w.Limit.Chinese + "本软件仅供研究，不是医疗器械。"
	return f, nil
}
