package items

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"vbge/engine"
	"vbge/engine/pixels"
	"vbge/server/catalog"
	"vbge/server/index"
)

// TestAddAndDelete goes through Milvus, with each kind of file.
func TestAddAndDelete(t *testing.T) {
	t.Parallel()
	c, m := openLite(t), &model{}
	dir := filepath.Join(t.TempDir(), "new", "items")
	s := mustOpen(t, Options{Dir: dir, Catalog: c, Embed: m.embed})
	kinds := map[string]string{ // by extension: what the first bytes say, and the media type
		".jpg": "\xff\xd8\xff\xe0|image/jpeg", ".png": "\x89PNG\r\n\x1a\n|image/png", ".gif": "GIF89a|image/gif",
		".webp": "RIFF\x10\x00\x00\x00WEBPVP8 |image/webp", ".bmp": "BM\x10|image/bmp",
	}
	var ids []string
	for extension, kind := range kinds {
		magic, mediaType, _ := strings.Cut(kind, "|")
		file := []byte(magic + " and the rest")
		fields := map[string]any{"title": "a " + extension, "price": json.Number("1.50")}
		added := mustAdd(t, s, New{Image: file, Fields: fields})[0]
		content := hash(file)
		path := filepath.Join(dir, content[:2], content+extension)
		if want := (Added{ID: hash([]byte(path)), ImagePath: path}); added != want {
			t.Errorf("added %+v, want %+v", added, want)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != string(file) {
			t.Errorf("its file: %q, %v", data, err)
		}
		hits, err := c.Search(t.Context(), vectorOf(file), 1, "")
		if err != nil || len(hits) != 1 || hits[0].ID != added.ID || hits[0].ImagePath != path || hits[0].Score < 0.9999 || !reflect.DeepEqual(hits[0].Fields, fields) {
			t.Errorf("found %+v, %v", hits, err)
		}
		if shown, kind, err := s.Picture(t.Context(), added.ID); err != nil || kind != mediaType || string(shown) != string(file) {
			t.Errorf("picture %q of type %s, %v", shown, kind, err)
		}
		ids = append(ids, added.ID)
	}
	for i, id := range ids {
		if err := s.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("deleted again: %v", err)
		}
		if _, _, err := s.Picture(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("picture of a deleted row: %v", err)
		}
		if n, err := c.Count(t.Context()); err != nil || n != len(ids)-1-i {
			t.Errorf("%d rows, %v", n, err)
		}
	}
	if left := tree(t, dir); len(left) > 0 {
		t.Errorf("files left: %v", left)
	}
}

func TestAddingAgain(t *testing.T) {
	w := newWorld(t)
	a, b := png("a"), png("b")
	old := map[string]any{"kind": "mug"}
	first := mustAdd(t, w.Store, New{a, old}, New{b, nil}, New{a, nil})
	if first[0].Existed || first[1].Existed || !first[2].Existed || first[0].ID != first[2].ID {
		t.Errorf("added %+v", first)
	}
	fieldsOf := func(place int) map[string]any { return w.memory.all()[first[place].ID].Fields }
	for _, test := range []struct {
		name   string
		fields map[string]any
		want   map[string]any
	}{
		{"no metadata keeps what is there", nil, old},
		{"equal metadata", map[string]any{"kind": "mug"}, old},
		{"other metadata", map[string]any{"kind": "cup"}, map[string]any{"kind": "cup"}},
		{"empty metadata", map[string]any{}, map[string]any{}},
	} {
		again := mustAdd(t, w.Store, New{a, test.fields})[0]
		want := first[0]
		want.Existed = true
		if again != want || !reflect.DeepEqual(fieldsOf(0), test.want) {
			t.Errorf("%s: %+v with %v", test.name, again, fieldsOf(0))
		}
	}
	mustAdd(t, w.Store, New{b, nil}, New{b, map[string]any{"n": 1}}, New{b, map[string]any{"n": 2}}, New{b, nil})
	if got := fieldsOf(1); !reflect.DeepEqual(got, map[string]any{"n": 2}) {
		t.Errorf("the last metadata of a call is %v", got)
	}
	// A file that somebody removed is kept again.
	if err := os.Remove(first[0].ImagePath); err != nil {
		t.Fatal(err)
	}
	mustAdd(t, w.Store, New{a, nil})
	if files := tree(t, w.kept.path); len(files) != 2 || files[first[0].ImagePath] != string(a) {
		t.Errorf("files %v", files)
	}
	if w.model.embedded(a) != 1 || w.model.embedded(b) != 1 {
		t.Errorf("embedded %v, want each once", w.model.seen)
	}
}

func TestBadPicturesDoNotDisturbGoodOnes(t *testing.T) {
	w := newWorld(t)
	news := []New{
		{png("good"), nil}, {nil, nil}, {png("broken"), nil}, {[]byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), nil}, {[]byte("II*\x00 a TIFF"), nil},
		{png("reserved"), map[string]any{"vector": 1}}, {png("no JSON"), map[string]any{"f": func() {}}}, {png("also good"), map[string]any{"a": 1}},
		{png("good"), map[string]any{"id": 1}},
	}
	want := []error{nil, pixels.ErrFormat, pixels.ErrFormat, pixels.ErrFormat, ErrKind, catalog.ErrInvalid, catalog.ErrInvalid, nil, catalog.ErrInvalid}
	added, err := w.Add(t.Context(), news)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range added {
		if !errors.Is(a.Err, want[i]) || want[i] == nil && a.ID == "" {
			t.Errorf("picture %d: %+v, want %v", i, a, want[i])
		}
	}
	if rows, files := w.memory.all(), tree(t, w.kept.path); len(rows) != 2 || len(files) != 2 {
		t.Errorf("%d rows and %d files, want 2", len(rows), len(files))
	}
}

// TestAddsThatFail: what failed has left neither row nor file, and what was there before stays.
func TestAddsThatFail(t *testing.T) {
	errFull := errors.New("the queue is full")
	old, fresh := png("old"), png("fresh")
	for name, test := range map[string]struct {
		spoil func(w *world)
		want  error
		fresh bool // is there all the same
	}{
		"queue full":             {func(w *world) { w.model.err = errFull }, errFull, false},
		"Milvus gone before":     {func(w *world) { w.memory.finding = errMilvus }, catalog.ErrUnreachable, false},
		"Milvus gone at the end": {func(w *world) { w.memory.writing = errMilvus }, catalog.ErrUnreachable, false},
		"answer lost":            {func(w *world) { w.memory.writing, w.memory.lost = errMilvus, true }, nil, true},
		"made by something else": {func(w *world) { w.memory.foreign = true }, catalog.ErrForeign, false},
		"gone while it is embedded": {func(w *world) {
			w.model.enter = func(context.Context) { w.memory.finding, w.memory.writing = errMilvus, errMilvus }
		}, catalog.ErrUnreachable, false},
		"model that miscounts": {func(w *world) {
			w.options.Embed = func(context.Context, []engine.Input) ([]engine.Result, error) { return nil, nil }
		}, nil, false},
		"disk": {func(w *world) { block(t, w, fresh) }, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			mustAdd(t, w.Store, New{old, map[string]any{"n": 1}})
			before := w.memory.all()
			test.spoil(w)
			files := tree(t, w.kept.path)
			added, err := w.Add(t.Context(), []New{{fresh, nil}, {old, nil}})
			if test.want != nil && (!errors.Is(err, test.want) || !errors.Is(added[0].Err, test.want)) {
				t.Errorf("%v, %+v; want %v", err, added, test.want)
			}
			if test.fresh != (added[0].Err == nil) || test.fresh != (len(w.memory.all()) == 2) {
				t.Errorf("%v, %+v, rows %v", err, added, w.memory.all())
			}
			if test.fresh {
				return
			}
			if !reflect.DeepEqual(w.memory.all(), before) {
				t.Errorf("rows %v, want %v", w.memory.all(), before)
			}
			if got := tree(t, w.kept.path); !maps.Equal(got, files) {
				t.Errorf("files %v, want %v", got, files)
			}
		})
	}
}

// block makes it impossible to keep a file, also for root: a file stands where its folder goes.
func block(t *testing.T, w *world, file []byte) {
	write(t, filepath.Join(w.kept.path, hash(file)[:2]), nil)
}

// TestFileOfAFailedAddStaysIfItWasThere: somebody else's copy is not taken back.
func TestFileOfAFailedAddStaysIfItWasThere(t *testing.T) {
	w := newWorld(t)
	file := png("copied here by hand")
	path := write(t, filepath.Join(w.kept.path, nameOf(hash(file), ".png")), file)
	w.memory.writing = errMilvus
	if _, err := w.Add(t.Context(), []New{{file, nil}}); !errors.Is(err, catalog.ErrUnreachable) {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	// One that is not what its name says is replaced.
	write(t, path, []byte("cut off"))
	w.memory.writing = nil
	mustAdd(t, w.Store, New{file, nil})
	if got := tree(t, w.kept.path); len(got) != 1 || got[path] != string(file) {
		t.Errorf("files %v", got)
	}
}

// TestAddByAClientThatLeaves: the row is written or the file is gone, never half.
func TestAddByAClientThatLeaves(t *testing.T) {
	w := newWorld(t)
	ctx, leave := context.WithCancel(t.Context())
	w.model.enter = func(context.Context) { leave() }
	added, err := w.Add(ctx, []New{{png("a"), nil}})
	if !errors.Is(err, context.Canceled) || !errors.Is(added[0].Err, context.Canceled) {
		t.Errorf("%v, %+v", err, added)
	}
	if files := tree(t, w.kept.path); len(files)+len(w.memory.all()) > 0 {
		t.Errorf("files %v, rows %v", files, w.memory.all())
	}
}

func TestDeleteRemovesOnlyItsOwnFile(t *testing.T) {
	w := newWorld(t)
	file := png("x")
	content := hash(file)
	elsewhere := filepath.Join(t.TempDir(), nameOf(content, ".png"))
	own := filepath.Join(w.kept.path, nameOf(content, ".png"))
	for name, test := range map[string]struct {
		path, content, source string
		gone                  bool
	}{
		"its own":           {own, content, Source, true},
		"of index":          {own, content, "", false},
		"outside":           {elsewhere, content, Source, false},
		"another name":      {filepath.Join(w.kept.path, "holiday.png"), content, Source, false},
		"another content":   {own, hash(png("y")), Source, false},
		"no content":        {own, "", Source, false},
		"the folder itself": {w.kept.path, content, Source, false},
		"a similar folder":  {filepath.Join(w.kept.path+"x", nameOf(content, ".png")), content, Source, false},
	} {
		if test.path != w.kept.path {
			write(t, test.path, file)
		}
		row := catalog.Row{ID: "row", ImagePath: test.path, ContentHash: test.content, Source: test.source}
		if err := w.memory.Upsert(t.Context(), []catalog.Row{row}); err != nil {
			t.Fatal(err)
		}
		if err := w.Delete(t.Context(), "row"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(test.path); test.gone != errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v, gone should be %v", name, err, test.gone)
		}
		if len(w.memory.all()) > 0 {
			t.Errorf("%s: the row is there", name)
		}
	}
}

func TestDeletesThatFail(t *testing.T) {
	w := newWorld(t)
	added := mustAdd(t, w.Store, New{png("a"), nil})[0]
	w.memory.writing = errMilvus
	if err := w.Delete(t.Context(), added.ID); !errors.Is(err, catalog.ErrUnreachable) {
		t.Errorf("%v, want ErrUnreachable", err)
	}
	if _, err := os.Stat(added.ImagePath); err != nil {
		t.Errorf("its file: %v", err)
	}
	w.memory.lost = true // the answer alone
	if err := w.Delete(t.Context(), added.ID); err != nil {
		t.Error(err)
	}
	if files := tree(t, w.kept.path); len(files) > 0 {
		t.Errorf("files %v", files)
	}
}

func TestStoreWithoutAFolder(t *testing.T) {
	w := newWorld(t)
	s := mustOpen(t, Options{Catalog: w.memory, Embed: w.model.embed})
	if added, err := s.Add(t.Context(), []New{{png("a"), nil}}); !errors.Is(err, ErrReadOnly) || !errors.Is(added[0].Err, ErrReadOnly) {
		t.Errorf("%v, %v", added, err)
	}
	added := mustAdd(t, w.Store, New{png("a"), nil})[0]
	if err := s.Delete(t.Context(), added.ID); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(added.ImagePath); err != nil {
		t.Errorf("a file that is not its own: %v", err)
	}
}

func TestFoldersThatCannotBeUsed(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "file"), nil)
	for want, o := range map[string]Options{
		"--images: ":    {Images: filepath.Join(t.TempDir(), "absent")},
		"--images: o":   {Images: file},
		"--items-dir: ": {Dir: filepath.Join(file, "items")},
		"not UTF-8":     {Dir: filepath.Join(t.TempDir(), "\xff")},
	} {
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
}

// TestIndexLeavesAddedPicturesAlone: both live in one collection, even in one folder.
func TestIndexLeavesAddedPicturesAlone(t *testing.T) {
	t.Parallel()
	c, m := openLite(t), &model{}
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: filepath.Join(dir, "items"), Catalog: c, Embed: m.embed})
	added := mustAdd(t, s, New{png("added"), nil}, New{png("and gone"), nil})
	if err := os.Remove(added[1].ImagePath); err != nil {
		t.Fatal(err)
	}
	shop := filepath.Join(dir, "shop")
	write(t, filepath.Join(shop, "one.png"), png("one"))
	for _, relative := range []bool{false, true} {
		report, err := index.Run(t.Context(), index.Options{Dir: shop, Catalog: c, Embedder: embedder{}, Relative: relative, Prune: true})
		if err != nil || report.Pruned != 0 || report.Written != 1 {
			t.Errorf("index: %+v, %v", report, err)
		}
		// Also where somebody indexes the folder above.
		if report, err = index.Run(t.Context(), index.Options{Dir: dir, Catalog: c, Embedder: embedder{}, Relative: relative, Prune: true}); err != nil || report.Pruned != 0 {
			t.Errorf("index: %+v, %v", report, err)
		}
	}
	found, err := c.Find(t.Context(), []string{added[0].ID, added[1].ID})
	if err != nil || len(found) != 2 {
		t.Errorf("found %v, %v", found, err)
	}
}

type embedder struct{}

func (embedder) EmbedPictures(_ context.Context, files [][]byte) ([][]float32, []error) {
	vectors := make([][]float32, len(files))
	for i, file := range files {
		vectors[i] = vectorOf(file)
	}
	return vectors, make([]error, len(files))
}
