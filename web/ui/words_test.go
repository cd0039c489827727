package ui

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var slot = regexp.MustCompile(`\{\w+\}`)

func table(t *testing.T, language string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("src", "words", language+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]string
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestWordsAreWholeInBothLanguages: the same keys, the same slots, nothing left in the
// other language, and no words that no page uses.
func TestWordsAreWholeInBothLanguages(t *testing.T) {
	en, zh := table(t, "en"), table(t, "zh")
	han := regexp.MustCompile(`\p{Han}`)
	same := []string{"app.language", "app.language.label", "word.utc", "word.man"} // each names the other language, or no language at all
	for _, key := range slices.Sorted(maps.Keys(en)) {
		other, ok := zh[key]
		if !ok || strings.TrimSpace(other) == "" || strings.TrimSpace(en[key]) == "" {
			t.Errorf("%s: not in both languages", key)
			continue
		}
		a, b := slot.FindAllString(en[key], -1), slot.FindAllString(other, -1)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("%s: slots %v in English, %v in Chinese", key, a, b)
		}
		if slices.Contains(same, key) {
			continue
		}
		if han.MatchString(en[key]) || !han.MatchString(slot.ReplaceAllString(other, "")) {
			t.Errorf("%s: not in its own language", key)
		}
	}
	for key := range zh {
		if _, ok := en[key]; !ok {
			t.Errorf("%s: in Chinese only", key)
		}
	}
	var all strings.Builder
	err := filepath.WalkDir("src", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(filepath.Ext(path), ".ts") {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// Those of these families are looked up by what the module says.
	made := regexp.MustCompile(`^(stage|kind|role|read|purpose|problem|hint|activity|use|event|gate\.stage|train\.stage|train\.vote|work\.stage|models\.reads|finding\.level|credit\.\w+|contract\.state|view\.(tool|window)|lender\.(state|way|action|did|role|deed))\.`)
	for key := range en {
		if !made.MatchString(key) && !strings.Contains(all.String(), `"`+key+`"`) {
			t.Errorf("%s: no page uses it", key)
		}
	}
}

// TestPagesAreThoseOfRooms: the paths that a node answers with the portal are those at
// which the portal has something to show.
func TestPagesAreThoseOfRooms(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("src", "pages", "*", "rooms.ts"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	shown := map[string]bool{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`path: "([^"]*)"`).FindAllStringSubmatch(string(b), -1) {
			shown[m[1]] = true
		}
	}
	if want := slices.Sorted(maps.Keys(shown)); !slices.Equal(want, slices.Sorted(slices.Values(pages()))) {
		t.Errorf("pages are %q, rooms %q", pages(), want)
	}
}
