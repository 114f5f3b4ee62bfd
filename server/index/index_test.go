package index

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"vbge/server/catalog"
)

func TestOnlyNewAndChangedIsEmbedded(t *testing.T) {
	t.Parallel()
	c := openCatalog(t)
	dir := tree(t, map[string]string{"a.jpg": "A", "b/c.PNG": "C", "b/same.webp": "A", "b/notes.txt": "text", "z.gif": "Z"})
	joined := func(name string) string { return filepath.Join(dir, name) }
	o := Options{Dir: dir + "/", Catalog: c}

	report, embedded := mustRun(t, o)
	if want := (counts{found: 4, written: 4, embedded: 3}); report.counts() != want || !slices.Equal(embedded, []string{"A", "C", "Z"}) {
		t.Errorf("first run: %+v, embedded %v; want %+v", report, embedded, want)
	}
	if got, want := rows(t, c, "A", "C", "Z"), map[string]string{joined("a.jpg"): "A", joined("b/c.PNG"): "C", joined("b/same.webp"): "A", joined("z.gif"): "Z"}; !maps.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}

	report, embedded = mustRun(t, o)
	if want := (counts{found: 4, unchanged: 4}); report.counts() != want || len(embedded) != 0 {
		t.Errorf("second run: %+v, embedded %v; want %+v", report, embedded, want)
	}

	write(t, joined("a.jpg"), "A2")
	write(t, joined("new.bmp"), "N")
	write(t, joined("moved.jpg"), "Z")
	os.Remove(joined("z.gif"))
	report, embedded = mustRun(t, o)
	if want := (counts{found: 5, unchanged: 2, written: 3, embedded: 2}); report.counts() != want || !slices.Equal(embedded, []string{"A2", "N"}) {
		t.Errorf("third run: %+v, embedded %v; want %+v", report, embedded, want)
	}
	want := map[string]string{joined("a.jpg"): "A2", joined("b/c.PNG"): "C", joined("b/same.webp"): "A", joined("z.gif"): "Z", joined("new.bmp"): "N", joined("moved.jpg"): "Z"}
	if got := rows(t, c, "A", "A2", "C", "Z", "N"); !maps.Equal(got, want) {
		t.Errorf("rows %v, want %v: nothing is removed without Prune", got, want)
	}
}

// A vector is copied from a row of the same content; it must not be when that
// row has just been given another one.
func TestSwappedFiles(t *testing.T) {
	t.Parallel()
	for batch := 1; batch <= 3; batch++ {
		c := openCatalog(t)
		dir := tree(t, map[string]string{"1.jpg": "A", "2.jpg": "B", "3.jpg": "C"})
		o := Options{Dir: dir, Catalog: c, Relative: true, Batch: batch}
		mustRun(t, o)
		for name, content := range map[string]string{"1.jpg": "B", "2.jpg": "C", "3.jpg": "A"} {
			write(t, filepath.Join(dir, name), content)
		}
		report, _ := mustRun(t, o)
		if got, want := rows(t, c, "A", "B", "C"), map[string]string{"1.jpg": "B", "2.jpg": "C", "3.jpg": "A"}; !maps.Equal(got, want) {
			t.Errorf("batches of %d: rows %v, want %v (%+v)", batch, got, want, report)
		}
	}
}

func TestSkippedFilesAreListed(t *testing.T) {
	t.Parallel()
	c := openCatalog(t)
	dir := tree(t, map[string]string{"good.jpg": "G", "broken.jpg": "broken 1", "copy.jpg": "broken 1", "large.jpg": strings.Repeat("L", 101), "\xff.jpg": "name", "target": "linked"})
	for name, make := range map[string]func(string) error{
		"pipe.jpg":     func(p string) error { return syscall.Mkfifo(p, 0o644) },
		"dangling.jpg": func(p string) error { return os.Symlink("absent", p) },
		"link.jpg":     func(p string) error { return os.Symlink("target", p) },
		"circle":       func(p string) error { return os.Symlink(".", p) },
		"folder.jpg":   func(p string) error { return os.Mkdir(p, 0o755) },
	} {
		if err := make(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	var last Progress
	report, _ := mustRun(t, Options{Dir: dir, Catalog: c, Relative: true, MaxFileBytes: 100, Batch: 2, Progress: func(p Progress) {
		if p.Done < last.Done || p.Done > p.Total {
			t.Errorf("progress went from %+v to %+v", last, p)
		}
		last = p
	}})
	if got, want := rows(t, c, "G", "linked"), map[string]string{"good.jpg": "G", "link.jpg": "linked"}; !maps.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
	var got []string
	for _, s := range report.Skipped {
		got = append(got, fmt.Sprintf("%s: %v", filepath.Base(s.Path), s.Err))
	}
	want := []string{"broken.jpg: this is no picture", "copy.jpg: this is no picture", "dangling.jpg: ", "large.jpg: ", "pipe.jpg: ", "\xff.jpg: "}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("skipped %q, want %q", got, want)
	}
	if want := (Progress{Done: 8, Total: 8, Skipped: 6}); last != want || report.Found != 8 {
		t.Errorf("last progress %+v, want %+v", last, want)
	}
}

func TestCancelledRunFinishesItsBatchAndIsContinued(t *testing.T) {
	t.Parallel()
	c := openCatalog(t)
	files := map[string]string{}
	for i := range 10 {
		files[fmt.Sprintf("%d.jpg", i)] = fmt.Sprint("content ", i)
	}
	o := Options{Dir: tree(t, files), Catalog: c, Relative: true, Batch: 3}
	ctx, cancel := context.WithCancel(t.Context())
	embedder := &hashEmbedder{hook: func(call int) error {
		if call == 2 {
			cancel() // the user's Ctrl-C, while the second batch is embedded
		}
		return nil
	}}
	o.Embedder = embedder
	report, err := Run(ctx, o)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "6 of 10") {
		t.Errorf("error %v, want context.Canceled after 6 of 10", err)
	}
	if want := (counts{found: 10, written: 6, embedded: 6}); report.counts() != want || embedder.calls != 2 {
		t.Errorf("%+v after %d batches, want %+v after 2", report, embedder.calls, want)
	}
	if n, err := c.Count(t.Context()); err != nil || n != 6 {
		t.Errorf("%d rows (%v), want 6", n, err)
	}
	report, embedded := mustRun(t, o)
	if want := (counts{found: 10, unchanged: 6, written: 4, embedded: 4}); report.counts() != want || len(embedded) != 4 {
		t.Errorf("continued: %+v, want %+v", report, want)
	}
}

func TestPruneRemovesOnlyWhatIsGoneFromThisFolder(t *testing.T) {
	t.Parallel()
	for _, relative := range []bool{false, true} {
		c := openCatalog(t)
		dir := tree(t, map[string]string{"keep.jpg": "K", "gone.jpg": "1", "sub/gone.png": "2", "spoilt.jpg": "S", "renamed.jpg": "R"})
		other := tree(t, map[string]string{"gone too.jpg": "3"})
		mustRun(t, Options{Dir: dir, Catalog: c, Relative: relative})
		mustRun(t, Options{Dir: other, Catalog: c, Relative: relative})
		for _, path := range []string{filepath.Join(dir, "gone.jpg"), filepath.Join(dir, "sub"), filepath.Join(other, "gone too.jpg")} {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
		write(t, filepath.Join(dir, "spoilt.jpg"), "broken")
		os.Rename(filepath.Join(dir, "renamed.jpg"), filepath.Join(dir, "new name.jpg"))
		report, _ := mustRun(t, Options{Dir: dir, Catalog: c, Relative: relative, Prune: true})
		if want := (counts{found: 3, unchanged: 1, written: 1, pruned: 3, skipped: 1}); report.counts() != want {
			t.Errorf("relative %v: %+v, want %+v", relative, report, want)
		}
		got := slices.Sorted(maps.Keys(rows(t, c, "K", "S", "R", "3")))
		for i := range got {
			got[i] = filepath.Base(got[i])
		}
		slices.Sort(got)
		if want := []string{"gone too.jpg", "keep.jpg", "new name.jpg", "spoilt.jpg"}; !slices.Equal(got, want) {
			t.Errorf("relative %v: left %v, want %v", relative, got, want)
		}
		empty := Options{Dir: other, Catalog: c, Relative: relative, Prune: true, Embedder: &hashEmbedder{}}
		if _, err := Run(t.Context(), empty); err == nil || !strings.Contains(err.Error(), "not pruned") {
			t.Errorf("an empty folder was pruned: %v", err)
		}
	}
}

// failing is a catalogue that loses its connection at the second upsert.
type failing struct {
	catalog.Catalog
	upserts int
}

func (f *failing) Upsert(ctx context.Context, rows []catalog.Row) error {
	if f.upserts++; f.upserts > 1 {
		return catalog.ErrUnreachable
	}
	return f.Catalog.Upsert(ctx, rows)
}

func TestRunEndsWhenItCannotGoOn(t *testing.T) {
	t.Parallel()
	c := openCatalog(t)
	dir := tree(t, map[string]string{"1.jpg": "1", "2.jpg": "2", "3.jpg": "3"})
	for name, test := range map[string]struct {
		change func(*Options)
		want   error
	}{
		"lost device":     {func(o *Options) { o.Embedder = &hashEmbedder{hook: func(int) error { return ErrStop }} }, ErrStop},
		"other dimension": {func(o *Options) { o.Embedder = shortEmbedder{} }, catalog.ErrDimension},
		"too few answers": {func(o *Options) { o.Embedder = silentEmbedder{} }, ErrStop},
		"lost catalogue":  {func(o *Options) { o.Catalog = &failing{Catalog: c} }, catalog.ErrUnreachable},
		"no folder":       {func(o *Options) { o.Dir = filepath.Join(dir, "absent") }, os.ErrNotExist},
		"no time":         {func(o *Options) { o.BatchTimeout = 1 }, context.DeadlineExceeded},
	} {
		o := Options{Dir: dir, Catalog: c, Embedder: &hashEmbedder{}, Batch: 1}
		test.change(&o)
		report, err := Run(t.Context(), o)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if n, _ := c.Count(t.Context()); n != report.Written {
			t.Errorf("%s: %d rows, reported %d", name, n, report.Written)
		}
		var all []string
		for entry := range c.Entries(t.Context()) {
			all = append(all, entry.ID)
		}
		if err := c.Delete(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
}

type shortEmbedder struct{}

func (shortEmbedder) EmbedPictures(_ context.Context, files [][]byte) ([][]float32, []error) {
	vectors := make([][]float32, len(files))
	for i := range vectors {
		vectors[i] = []float32{1}
	}
	return vectors, make([]error, len(files))
}

type silentEmbedder struct{}

func (silentEmbedder) EmbedPictures(context.Context, [][]byte) ([][]float32, []error) {
	return nil, nil
}

// The demo's metadata names its pictures relative to its own folder.
func TestDemoCatalogue(t *testing.T) {
	t.Parallel()
	c := openCatalog(t)
	demo := filepath.Join("..", "..", "docs", "demo")
	report, _ := mustRun(t, Options{Dir: filepath.Join(demo, "images"), Catalog: c, Metadata: filepath.Join(demo, "products.jsonl")})
	if report.Found != 900 || report.Written != 900 || report.MetadataUnused != 0 || len(report.Skipped) != 0 {
		t.Errorf("%+v, want 900 pictures with their metadata", report)
	}
	hits, err := c.Search(t.Context(), vectorOf("any"), 900, `kind == "phone case" and pattern == "leopard"`)
	if err != nil || len(hits) == 0 {
		t.Errorf("%d phone cases with leopard pattern, %v", len(hits), err)
	}
}
