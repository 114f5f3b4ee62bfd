package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vbge/server/catalog"
	"vbge/server/search"
)

// shop is a folder with forty of the demo's pictures in images/, their products.jsonl beside it,
// the demo's model, and a catalogue that is not there yet.
type shop struct{ dir, images, metadata, model, uri string }

// leopards are the phone cases with a leopard's pattern.
var leopards = []string{"0561.jpg", "0562.jpg", "0563.jpg"}

const shopSize = 40

func newShop(t testing.TB) shop {
	t.Helper()
	needMilvus(t)
	dir := t.TempDir()
	s := shop{dir, filepath.Join(dir, "images"), filepath.Join(dir, "products.jsonl"), demoModel(t), filepath.Join(dir, "catalog.db")}
	for i := range shopSize {
		name := fmt.Sprintf("%04d.jpg", 530+i)
		writeFile(t, filepath.Join(s.images, name), readFile(t, demoData+"images/"+name))
	}
	writeFile(t, s.metadata, readFile(t, demoData+"products.jsonl"))
	return s
}

// on runs a command with the shop's model and catalogue; later flags win over them.
func (s shop) on(t testing.TB, args ...string) outcome {
	t.Helper()
	return vbge(t, append([]string{args[0], "--model", s.model, "--uri", s.uri}, args[1:]...)...)
}

// search returns the answer of `vbge search --json`.
func (s shop) search(t testing.TB, args ...string) search.Answer {
	t.Helper()
	o := s.on(t, append([]string{"search", "--json"}, args...)...).want(t, 0)
	var a search.Answer
	if err := json.Unmarshal([]byte(o.out), &a); err != nil {
		t.Fatalf("%s: %v", o.out, err)
	}
	return a
}

func (s shop) paths(names ...string) []string {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = filepath.Join(s.images, name)
	}
	return paths
}

func pathsOf(results []search.Result) []string {
	paths := make([]string, len(results))
	for i, r := range results {
		paths[i] = r.ImagePath
	}
	return paths
}

// report is the line that `vbge index` ends with, up to its time.
func report(found, embedded, written, unchanged, skipped, removed int) string {
	return fmt.Sprintf("%d pictures: %d embedded, %d rows written, %d unchanged, %d skipped, %d rows removed, in ",
		found, embedded, written, unchanged, skipped, removed)
}

// TestIndex follows a catalogue through the life of its folder.
func TestIndex(t *testing.T) {
	s := newShop(t)
	o := s.on(t, "index", s.images, "--metadata", s.metadata).want(t, 0, report(40, 40, 40, 0, 0, 0),
		"860 lines of "+s.metadata+" are about no picture", "indexing", "(40/40", "pictures/s")
	if strings.Contains(o.out, "indexing") || strings.Count(o.out, "\n") != 1 {
		t.Errorf("on standard output: %q", o.out)
	}
	s.on(t, "index", s.images).want(t, 0, report(40, 0, 0, 40, 0, 0))

	// An equal file is a row of its own but not embedded again, a changed one replaces its row.
	first := readFile(t, s.paths("0530.jpg")[0])
	writeFile(t, s.paths("copy.jpg")[0], first)
	writeFile(t, s.paths("0531.jpg")[0], readFile(t, demoData+"images/0000.jpg"))
	s.on(t, "index", s.images).want(t, 0, report(41, 1, 2, 39, 0, 0))

	// What cannot be read is listed, and does not keep the others from being indexed.
	writeFile(t, s.paths("broken.jpg")[0], first[:len(first)/2])
	writeFile(t, s.paths("empty.png")[0], nil)
	writeFile(t, s.paths("not\xffutf8.jpg")[0], first)
	writeFile(t, s.paths("huge.gif")[0], make([]byte, 20_001))
	writeFile(t, s.paths("notes.txt")[0], []byte("no picture and none by its name"))
	writeFile(t, s.paths("sub/0001.jpg")[0], readFile(t, demoData+"images/0001.jpg"))
	o = s.on(t, "index", s.images, "--max-image-bytes", "20000").want(t, 1, report(46, 1, 1, 41, 4, 0), "4 of 46 pictures skipped")
	for name, why := range map[string]string{"broken.jpg": "unreadable picture", "empty.png": "unreadable picture", "huge.gif": "20001", `not\xffutf8.jpg`: "UTF-8"} {
		path := s.paths(name)[0]
		if !slices.ContainsFunc(strings.Split(o.log, "\n"), func(line string) bool {
			return strings.HasPrefix(strings.Replace(line, `"`, "", 1), "skipped "+path+": ") && strings.Contains(line, why)
		}) {
			t.Errorf("%s is not listed with %q:\n%s", path, why, o.log)
		}
	}
	if strings.Contains(o.log, "notes.txt") {
		t.Errorf("notes.txt is listed:\n%s", o.log)
	}

	// Rows of files that are gone stay until --prune.
	for _, name := range []string{"broken.jpg", "empty.png", "huge.gif", "not\xffutf8.jpg", "copy.jpg", "0531.jpg"} {
		if err := os.Remove(s.paths(name)[0]); err != nil {
			t.Fatal(err)
		}
	}
	s.on(t, "index", s.images).want(t, 0, report(40, 0, 0, 40, 0, 0))
	s.on(t, "index", s.images, "--prune").want(t, 0, report(40, 0, 0, 40, 0, 2))
	a := s.search(t, "--text", "shoe", "--limit", "100")
	if paths := pathsOf(a.Results); len(paths) != 40 || !slices.Contains(paths, s.paths("sub/0001.jpg")[0]) || slices.Contains(paths, s.paths("copy.jpg")[0]) {
		t.Errorf("%d rows: %v", len(paths), paths)
	}
}

// TestIndexSmallBatches gives what one large batch gives.
func TestIndexSmallBatches(t *testing.T) {
	s := newShop(t)
	scores := map[string][]float32{}
	for _, batch := range []string{"7", "100"} {
		s.uri = filepath.Join(s.dir, batch+".db")
		s.on(t, "index", s.images, "--batch", batch).want(t, 0, report(40, 40, 40, 0, 0, 0))
		for _, r := range s.search(t, "--text", "mug", "--limit", "40").Results {
			scores[r.ImagePath] = append(scores[r.ImagePath], r.Score)
		}
	}
	for path, score := range scores {
		if len(score) != 2 || score[0]-score[1] > 1e-5 || score[1]-score[0] > 1e-5 {
			t.Errorf("%s scores %v", path, score)
		}
	}
	if len(scores) != shopSize {
		t.Errorf("%d pictures", len(scores))
	}
}

func TestIndexRefuses(t *testing.T) {
	s := newShop(t)
	s.on(t, "index", s.images).want(t, 0)
	tiny := tinyModel(t)
	file := filepath.Join(s.dir, "products.jsonl")
	bad := filepath.Join(s.dir, "bad.jsonl")
	writeFile(t, bad, []byte(`{"image_path":"images/0530.jpg"`+"\n"))
	tests := []struct {
		name   string
		args   []string
		status int
		says   []string
	}{
		{"another model", []string{s.images, "--model", tiny}, 3, []string{"another model", "--collection"}},
		{"no folder", []string{filepath.Join(s.dir, "none")}, 2, []string{"none"}},
		{"a file", []string{file}, 2, []string{"products.jsonl"}},
		{"no argument", nil, 2, []string{"accepts 1 arg"}},
		{"two folders", []string{s.images, s.dir}, 2, []string{"accepts 1 arg"}},
		{"batch", []string{s.images, "--batch", "0"}, 2, []string{"--batch 0"}},
		{"negative batch", []string{s.images, "--batch", "-3"}, 2, []string{"--batch -3"}},
		{"metadata", []string{s.images, "--metadata", bad}, 2, []string{"bad.jsonl", "line 1"}},
		{"no metadata", []string{s.images, "--metadata", bad + ".none"}, 2, []string{"bad.jsonl.none"}},
		{"token file", []string{s.images, "--token-file", filepath.Join(s.dir, "none")}, 2, []string{"--token-file"}},
		{"closed port", []string{s.images, "--uri", "http://127.0.0.1:1"}, 3, []string{"127.0.0.1:1", "cannot be reached"}},
		{"no folder of the catalogue", []string{s.images, "--uri", filepath.Join(s.dir, "none", "c.db")}, 3, []string{"c.db"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.on(t, append([]string{"index"}, test.args...)...).want(t, test.status, test.says...)
		})
	}
	s.on(t, "index", s.images).want(t, 0, report(40, 0, 0, 40, 0, 0)) // nothing was harmed
	s.on(t, "index", s.images, "--model", tiny, "--collection", "of_tiny").want(t, 0, report(40, 40, 40, 0, 0, 0))
}

// TestLocked: a catalogue that another process has open is refused, not harmed.
func TestLocked(t *testing.T) {
	s := newShop(t)
	s.on(t, "index", s.images).want(t, 0)
	c, err := catalog.Open(t.Context(), catalog.Options{URI: s.uri})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if info := c.Info(); info.Collection != "multimodal_rag_demo" || info.Dimension != 192 || len(info.Model) != 64 {
		t.Errorf("collection %+v", info)
	}
	began := time.Now()
	s.on(t, "search", "--text", "mug").want(t, 3, "another process")
	t.Logf("refused after %v", time.Since(began).Round(time.Millisecond))
}

// TestProgress: the bar shows rate and time left, and a nil one is none.
func TestProgress(t *testing.T) {
	var log bytes.Buffer
	b := newBar(&log, "indexing", "pictures")
	b.set(0, 100)
	b.set(100, 100)
	b.finish()
	for _, part := range []string{"indexing", "(100/100", "pictures/", "100%"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("%q lacks %q", log.String(), part)
		}
	}
	b = nil
	b.finish()
}
