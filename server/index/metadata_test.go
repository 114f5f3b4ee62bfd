package index

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"vbge/server/catalog"
)

func TestMetadataBecomesFields(t *testing.T) {
	t.Parallel()
	c := openCatalog(t)
	dir := tree(t, map[string]string{
		"images/1.jpg": "1", "images/2.jpg": "2", "images/3.jpg": "3", "images/4.jpg": "4",
		"products.jsonl": `{"image_path": "images/1.jpg", "kind": "shoe", "price": 12345678901234567}
{"image_path": "./2.jpg", "kind": "bag"}

{"image_path": "elsewhere.jpg", "kind": "hat"}
`,
	})
	o := Options{Dir: filepath.Join(dir, "images"), Catalog: c, Metadata: filepath.Join(dir, "products.jsonl")}
	more := fmt.Sprintf(`{"image_path": %q, "kind": "lamp"}`, filepath.Join(o.Dir, "3.jpg"))
	text, _ := readFile(o.Metadata, 1<<20)
	write(t, o.Metadata, string(text)+more)

	report, _ := mustRun(t, o)
	if want := (counts{found: 4, written: 4, embedded: 4}); report.counts() != want || report.MetadataUnused != 1 {
		t.Errorf("first run: %+v, want %+v and 1 unused line", report, want)
	}
	fields := func() string {
		t.Helper()
		all := make([]string, 4)
		hits, err := c.Search(t.Context(), vectorOf("1"), 9, "")
		if err != nil || len(hits) != 4 {
			t.Fatalf("%d hits, %v", len(hits), err)
		}
		for _, hit := range hits {
			all[filepath.Base(hit.ImagePath)[0]-'1'] = fmt.Sprint(hit.Fields)
		}
		return strings.Join(all, " ")
	}
	if got, want := fields(), "map[kind:shoe price:12345678901234567] map[kind:bag] map[kind:lamp] map[]"; got != want {
		t.Errorf("fields %s, want %s", got, want)
	}
	if hits, err := c.Search(t.Context(), vectorOf("1"), 9, `kind == "bag"`); err != nil || len(hits) != 1 || hits[0].ImagePath != filepath.Join(o.Dir, "2.jpg") {
		t.Errorf("filter: %v, %v", hits, err)
	}
	if report, _ := mustRun(t, o); report.counts() != (counts{found: 4, unchanged: 4}) {
		t.Errorf("same metadata: %+v", report)
	}

	write(t, o.Metadata, `{"image_path": "1.jpg", "kind": "boot"}`+"\n"+`{"image_path": "2.jpg", "kind": "bag"}`+"\n"+more)
	report, embedded := mustRun(t, o)
	if want := (counts{found: 4, unchanged: 3, written: 1}); report.counts() != want || len(embedded) != 0 {
		t.Errorf("new metadata: %+v, embedded %v; want %+v and none", report, embedded, want)
	}
	o.Metadata = ""
	if report, _ := mustRun(t, o); report.counts() != (counts{found: 4, unchanged: 4}) {
		t.Errorf("no metadata: %+v", report)
	}
	if got, want := fields(), "map[kind:boot] map[kind:bag] map[kind:lamp] map[]"; got != want {
		t.Errorf("fields %s, want %s", got, want)
	}
	rows(t, c, "1", "2", "3", "4") // and the vectors are still the right ones
}

func TestParseMetadata(t *testing.T) {
	for _, test := range []struct{ text, say string }{
		{"", ""},
		{"\n\r\n", ""},
		{`{"image_path": "a.jpg"}` + "\r\n" + `{"image_path": "b.jpg", "x": [1, {"y": null}]}`, ""},
		{`{"kind": "shoe"}`, "line 1: no image_path"},
		{"\n" + `{"image_path": 7}`, "line 2: no image_path"},
		{`{"image_path": ""}`, "no image_path"},
		{`{"image_path": "a.jpg"}` + "\n" + `{"image_path": "./a.jpg"}`, `line 2: image_path "a.jpg" has a line already`},
		{`{"image_path": "a.jpg", "vector": 1}`, `line 1: `},
		{`{"image_path": "a.jpg"} {}`, "more than one"},
		{`{"image_path": "a.jpg"`, "line 1"},
		{`["a.jpg"]`, "line 1"},
		{`null`, "no image_path"},
	} {
		_, err := parseMetadata([]byte(test.text))
		if (err != nil) != (test.say != "") || err != nil && !strings.Contains(err.Error(), test.say) {
			t.Errorf("%q: %v, want %q", test.text, err, test.say)
		}
	}
}

func FuzzParseMetadata(f *testing.F) {
	for _, seed := range []string{`{"image_path": "a.jpg", "n": 1e400}`, "{}\n{}", `{"image_path": "..", "k": "\ud800"}`, "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines, err := parseMetadata(text)
		for path, line := range lines {
			if err != nil || path != filepath.Clean(path) || line.values[keyPath] != nil {
				t.Errorf("line of %q: %v, %v", path, line.values, err)
			}
			if again, err := catalog.FieldsHash(line.values); err != nil || again != line.hash {
				t.Errorf("hash of %v: %s and %s, %v", line.values, line.hash, again, err)
			}
		}
	})
}
