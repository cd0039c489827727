package credit

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"manx/privacy/notice"
	"manx/privacy/reveal"
)

func text(t testing.TB, f *File) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f, reveal.Token{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSampleIsReadBack(t *testing.T) {
	for seed := range uint64(200) {
		f := Sample(seed)
		again, err := Read(strings.NewReader(text(t, f)))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if again.Values(reveal.Token{}) != f.Values(reveal.Token{}) {
			t.Fatalf("seed %d: other values", seed)
		}
	}
	if Sample(1).Values(reveal.Token{}) != Sample(1).Values(reveal.Token{}) {
		t.Error("one seed gives two files")
	}
}

func TestColumnsInAnyOrder(t *testing.T) {
	f := Sample(2)
	lines := strings.Split(strings.TrimSpace(text(t, f)), "\n")
	names, cells := strings.Split(lines[0], ","), strings.Split(lines[1], ",")
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(names), func(i, j int) {
		names[i], names[j] = names[j], names[i]
		cells[i], cells[j] = cells[j], cells[i]
	})
	again, err := Read(strings.NewReader("\ufeff" + strings.Join(names, ",") + "\r\n" + strings.Join(cells, ",") + "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if again.Values(reveal.Token{}) != f.Values(reveal.Token{}) {
		t.Error("other values")
	}
}

func TestInvariant9_CSVIsRefusedWithItsPlaceAndNoValue(t *testing.T) {
	good := text(t, Sample(3))
	lines := strings.Split(strings.TrimSpace(good), "\n")
	header, row := lines[0], lines[1]
	cells := strings.Split(row, ",")
	with := func(column int, cell string) string {
		c := append([]string(nil), cells...)
		c[column] = cell
		return header + "\n" + strings.Join(c, ",") + "\n"
	}
	const planted = "424242424242"
	for name, c := range map[string]struct{ in, says string }{
		"empty":          {"", "ends before row 1"},
		"header only":    {header + "\n", "ends before row 2"},
		"no header":      {row + "\n" + row + "\n", "column 1"},
		"two rows":       {good + row + "\n", "row 3"},
		"short row":      {header + "\n1,2\n", "2 columns"},
		"lacks a column": {strings.Replace(header, "paid_6", "paid_5", 1) + "\n" + row, "repeats paid_5"},
		"too large":      {header + "\n" + strings.Repeat("1", MaxFile), "larger"},
		"quote":          {header + "\n\"" + row, "not well-formed"},
		"empty cell":     {with(3, ""), "row 2, column 4 (delay_3)"},
		"plus":           {with(0, "+5"), "row 2, column 1 (credit_limit)"},
		"zeros":          {with(0, "05"), "row 2, column 1 (credit_limit)"},
		"space":          {with(0, " 5"), "row 2, column 1 (credit_limit)"},
		"decimal":        {with(8, "1.5"), "row 2, column 9 (bill_2)"},
		"text":           {with(8, "Ann "+planted), "row 2, column 9 (bill_2)"},
		"limit zero":     {with(0, "0"), "outside 1 to"},
		"too high":       {with(0, planted), "outside 1 to"},
		"far too high":   {with(0, planted+planted), "outside 1 to"},
		"delay too long": {with(1, "16"), "outside 0 to 15"},
		"NUL":            {with(1, "\x00"), "row 2, column 2"},
	} {
		_, err := Read(strings.NewReader(c.in))
		n := notice.From(err)
		if !notice.Is(err, notice.Invalid) || !strings.Contains(n.Text, c.says) || n.Hint == "" {
			t.Errorf("%s: %v (%q)", name, err, n.Hint)
		}
		if strings.Contains(n.Text+n.Hint, planted) {
			t.Errorf("%s: the notice quotes the file", name)
		}
	}
}

func TestInvariant5_ProhibitedBasis(t *testing.T) {
	good := text(t, Sample(4))
	header, row, _ := strings.Cut(strings.TrimSpace(good), "\n")
	for name, want := range map[string]Basis{
		"SEX": Sex, "sex": Sex, "Gender": Sex, "applicant_gender_code": Sex, "isFemale": Sex, "性别": Sex,
		"MARITALSTATUS": MaritalStatus, "marital_status": MaritalStatus, "Married": MaritalStatus, "婚姻状况": MaritalStatus,
		"AGE": Age, "age_years": Age, "date-of-birth": Age, "DOB": Age, "birthDate": Age, "年龄": Age, "age2": Age,
		"race": Race, "Ethnicity": Race, "skin_colour": Race, "民族": Race,
		"religion": Religion, "宗教信仰": Religion,
		"national_origin": NationalOrigin, "Nationality": NationalOrigin, "citizenship": NationalOrigin,
		"public_assistance_income": PublicAssistance, "welfare": PublicAssistance, "snap_benefits": PublicAssistance,
		"number_of_children": Childbearing, "complaints_filed": RightsExercised,
		"diagnosis": Health, "hospital_visits": Health, "medical_debt": Health,
	} {
		if got := BasisOf(name); got != want {
			t.Errorf("%s is taken for %v", name, got)
		}
		_, err := Read(strings.NewReader(header + "," + name + "\n" + row + ",1\n"))
		if !notice.Is(err, notice.Denied) || !strings.Contains(err.Error(), want.String()) {
			t.Errorf("a file with the column %s: %v", name, err)
		}
		err = CheckFeatures([]string{"credit_limit", name})
		if !notice.Is(err, notice.Denied) || !strings.Contains(err.Error(), want.String()) {
			t.Errorf("a model with the feature %s: %v", name, err)
		}
	}
	// The second check: what hides its meaning is in no schema.
	for _, name := range []string{"x1", "segment", "credit_limit ", "CREDIT_LIMIT", "education", "zip", ""} {
		if BasisOf(name) != NotProhibited {
			t.Errorf("%q betrays a basis", name)
		}
		if err := CheckFeatures([]string{name}); !notice.Is(err, notice.Denied) {
			t.Errorf("a model with the feature %q: %v", name, err)
		}
	}
	if err := CheckFeatures(FeatureNames()); err != nil {
		t.Errorf("the schema's own features: %v", err)
	}
	if err := CheckFeatures([]string{"utilisation", "utilisation"}); !notice.Is(err, notice.Invalid) {
		t.Errorf("a feature named twice: %v", err)
	}
	for _, f := range Fields() {
		if f.Basis != NotProhibited || BasisOf(f.Name) != NotProhibited {
			t.Errorf("field %s is a prohibited basis", f.Name)
		}
	}
	for _, f := range FeatureList() {
		if f.Basis != NotProhibited || BasisOf(f.Name) != NotProhibited {
			t.Errorf("feature %s is a prohibited basis", f.Name)
		}
	}
}

func TestDerive(t *testing.T) {
	var v Values
	v[CreditLimit] = 1000
	copy(v[Delay:], []int64{0, 1, 3, 0, 0, 2})
	copy(v[Bill:], []int64{505, -10, 300, 0, 1, 1})
	copy(v[Paid:], []int64{7, 0, 50, 40, 0, 9})
	want := Features{1000, 0, 3, 3, 2, 50, 13, 17, 0, 7, 0, 2}
	if got := Derive(v); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	Derive(Values{}) // of no file, but it must not divide by zero
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		for i, f := range Fields() {
			v[i] = []int64{f.Min, f.Max, f.Min + r.Int64N(f.Max-f.Min+1)}[r.IntN(3)]
		}
		for i, x := range Derive(v) {
			if f := FeatureList()[i]; x < 0 || x >= 1<<f.Bits {
				t.Fatalf("feature %s leaves its range", f.Name)
			}
		}
	}
}

func TestFileDoesNotPrint(t *testing.T) {
	var v Values
	for i := range v {
		v[i] = 13
	}
	f, err := New(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(f), fmt.Sprintf("%+v", f), fmt.Sprintf("%#v", *f), fmt.Sprintf("%d", f), fmt.Sprint(f.Features())} {
		if strings.Contains(s, "13 13") || strings.Contains(s, "13, 13") {
			t.Errorf("a file prints: %s", s)
		}
	}
}

// docs/credit-file.md is written by hand; this keeps it true.
func TestDocumentNamesEveryFieldAndFeature(t *testing.T) {
	b, err := os.ReadFile("../docs/credit-file.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Fields() {
		if !strings.Contains(string(b), fmt.Sprintf("| `%s` | %d | %d |", f.Name, f.Min, f.Max)) {
			t.Errorf("docs/credit-file.md lacks field %s, or its range", f.Name)
		}
	}
	for _, f := range FeatureList() {
		if !strings.Contains(string(b), fmt.Sprintf("| `%s` | %s |", f.Name, f.Meaning)) {
			t.Errorf("docs/credit-file.md lacks feature %s, or its arithmetic", f.Name)
		}
	}
	_, sample, _ := strings.Cut(string(b), "```csv\n")
	sample, _, _ = strings.Cut(sample, "```")
	if _, err := Read(strings.NewReader(sample)); err != nil {
		t.Errorf("the sample of docs/credit-file.md: %v", err)
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte(text(f, Sample(1))))
	f.Add([]byte("credit_limit\n1\n"))
	f.Add([]byte("sex\n1\n"))
	f.Add([]byte("\"a\nb\",\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Read(bytes.NewReader(b))
		if err != nil {
			if notice.From(err).Kind == notice.Internal {
				t.Fatalf("not a notice: %v", err)
			}
			return
		}
		again, err := Read(strings.NewReader(text(t, file)))
		if err != nil || again.Values(reveal.Token{}) != file.Values(reveal.Token{}) {
			t.Fatal("a file that was read is not written back")
		}
	})
}
