package index

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vbge/server/catalog"
	"vbge/server/catalog/milvustest"
)

// pictures are n files of which every fourth is a copy of the one before.
func pictures(t *testing.T, n int) (dir string, contents []string) {
	files := map[string]string{}
	for i := range n {
		content := fmt.Sprint("content ", i)
		if i%4 == 3 {
			content = fmt.Sprint("content ", i-1)
		}
		files[fmt.Sprintf("%03d.jpg", i)] = content
		contents = append(contents, content)
	}
	return tree(t, files), contents
}

// killing is a catalogue whose Milvus is killed while it takes a batch.
type killing struct {
	catalog.Catalog
	kill   func()
	before int // batches
}

func (k *killing) Upsert(ctx context.Context, rows []catalog.Row) error {
	k.before--
	if k.before != -1 {
		return k.Catalog.Upsert(ctx, rows)
	}
	killed := make(chan struct{})
	go func() { defer close(killed); k.kill() }()
	err := k.Catalog.Upsert(ctx, rows)
	<-killed
	return err
}

// mustStop runs until its Milvus is killed, and checks what it says. A kill can come after the last answer.
func mustStop(t *testing.T, o Options) Report {
	t.Helper()
	o.Embedder, o.Batch = &hashEmbedder{}, 8
	report, err := Run(t.Context(), o)
	if err == nil && report.Written+report.Unchanged == report.Found {
		return report
	}
	if !errors.Is(err, catalog.ErrUnreachable) || !strings.Contains(err.Error(), "run it again to continue") {
		t.Errorf("%v, want ErrUnreachable and what to do", err)
	}
	return report
}

// mustComplete runs again, and checks that each picture is there once and nothing that was confirmed is embedded again.
func mustComplete(t *testing.T, o Options, confirmed int, contents []string) {
	t.Helper()
	report, _ := mustRun(t, o)
	if report.Unchanged < confirmed || report.Unchanged+report.Written != len(contents) {
		t.Errorf("%d were confirmed; the next run: %+v", confirmed, report)
	}
	if n, err := o.Catalog.Count(t.Context()); err != nil || n != len(contents) {
		t.Errorf("count %d (%v), want %d", n, err, len(contents))
	}
	found := rows(t, o.Catalog, contents...)
	if len(found) != len(contents) {
		t.Errorf("%d rows, want %d", len(found), len(contents))
	}
	hits, err := o.Catalog.Search(t.Context(), vectorOf(contents[0]), 2*len(contents), "")
	if err != nil || len(hits) != len(contents) || hits[0].Score < 0.9999 {
		t.Errorf("%d hits (%v), want %d", len(hits), err, len(contents))
	}
}

func TestEmbeddedMilvusKilledWhileIndexing(t *testing.T) {
	t.Parallel()
	if _, err := catalog.FindBinary(); errors.Is(err, catalog.ErrNoBinary) {
		t.Skip("run make setup: it brings in milvus-lite")
	}
	dir, contents := pictures(t, 40)
	db := filepath.Join(t.TempDir(), "catalog.db")
	open := func() catalog.Catalog {
		c, err := catalog.Open(t.Context(), catalog.Options{URI: db, Model: "hash", Dimension: dimension, Write: true})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	kill := func() {
		if err := milvustest.KillEmbedded(db); err != nil {
			t.Error(err)
		}
	}
	confirmed := 0
	for before := range 3 {
		c := open()
		report := mustStop(t, Options{Dir: dir, Catalog: &killing{c, kill, before}})
		confirmed = max(confirmed, report.Written+report.Unchanged)
		c.Close()
	}
	c := open()
	defer c.Close()
	mustComplete(t, Options{Dir: dir, Catalog: c}, confirmed, contents)
}

// TestServerKilledWhileIndexing: a server that is away for good ends the run; one that is back at once may not be noticed.
func TestServerKilledWhileIndexing(t *testing.T) {
	t.Parallel()
	server := milvustest.New(t)
	dir, contents := pictures(t, 40)
	open := func(timeout time.Duration) catalog.Catalog {
		o := catalog.Options{URI: server.URI, Model: "hash", Dimension: dimension, Write: true, Timeout: timeout}
		end := time.Now().Add(2 * time.Minute)
		for {
			c, err := catalog.Open(t.Context(), o)
			if err == nil {
				return c
			}
			// Milvus 2.3.5 needs a while after a kill: it answers, but cannot load.
			if time.Now().After(end) {
				t.Fatal(err)
			}
			t.Log("not yet:", err)
			time.Sleep(100 * time.Millisecond)
		}
	}
	confirmed, kills, patience := 0, 2, time.Second // the SDK tries for 22 s
	if os.Getenv(milvustest.ServerVariable) == milvustest.Full {
		kills, patience = 1, 20*time.Second // it takes 3 s for anything, and a minute to come back
	}
	for before := range kills {
		c := open(patience)
		report := mustStop(t, Options{Dir: dir, Catalog: &killing{c, server.Kill, before}})
		confirmed = max(confirmed, report.Written+report.Unchanged)
		c.Close()
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	back := func() {
		server.Kill()
		if err := server.Restart(context.Background()); err != nil {
			t.Error(err)
		}
	}
	c := open(time.Minute)
	embedder := &hashEmbedder{}
	if _, err := Run(t.Context(), Options{Dir: dir, Catalog: &killing{c, back, 0}, Embedder: embedder, Batch: 8}); err != nil {
		t.Log("back at once:", err)
		if !errors.Is(err, catalog.ErrUnreachable) && !errors.Is(err, catalog.ErrNotLoaded) {
			t.Error(err)
		}
	}
	c.Close()
	c = open(2 * time.Minute)
	defer c.Close()
	mustComplete(t, Options{Dir: dir, Catalog: c}, confirmed, contents)
}
