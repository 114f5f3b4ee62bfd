package main

import (
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vbge/server/catalog"
	"vbge/server/catalog/milvustest"
	"vbge/server/search"
)

// TestMilvusServer takes the catalogue's commands through a server that is really there, and away for a while.
func TestMilvusServer(t *testing.T) {
	if os.Getenv(milvustest.ServerVariable) == "" {
		t.Skip("a Milvus server: run make test-milvus")
	}
	local, far := newShop(t), newShop(t)
	milvus := milvustest.New(t)
	far.uri, far.images, far.metadata = milvus.URI, local.images, local.metadata
	local.on(t, "index", local.images, "--metadata", local.metadata).want(t, 0)
	far.on(t, "search", "--text", "mug").want(t, exitNothing, "run `vbge index` first")
	far.on(t, "index", far.images, "--metadata", far.metadata).want(t, 0, "40 rows written")
	far.on(t, "index", far.images).want(t, 0, "0 embedded, 0 rows written, 40 unchanged")
	same := func(a, b search.Result) bool {
		return a.ID == b.ID && a.ImagePath == b.ImagePath && math.Abs(float64(a.Score-b.Score)) < 1e-5
	}
	for _, query := range [][]string{
		{"--text", "mug", "--limit", "5"},
		{"--image", demoData + "leopard.jpg", "--text", theme},
		{"--text", "phone case", "--filter", `kind == "mug" and colour in ["blue", "red", "green"]`},
		{"--text", "phone case", "--filter", `kind == "no such kind"`},
	} {
		want, got := local.search(t, query...), far.search(t, query...)
		if !slices.EqualFunc(got.Results, want.Results, same) {
			t.Errorf("%q: the server's %v, of the .db %v", query, got.Results, want.Results)
		}
	}
	far.on(t, "search", "--text", "mug", "--filter", "kind ==").want(t, exitUsage, "filter")
	tiny := tinyModel(t)
	far.on(t, "search", "--text", "mug", "--model", tiny).want(t, exitNothing, "another model")
	far.on(t, "index", far.images, "--model", tiny).want(t, exitNothing, "another model")
	for _, name := range leopards[:2] {
		if err := os.Remove(filepath.Join(far.images, name)); err != nil {
			t.Fatal(err)
		}
	}
	far.on(t, "index", far.images, "--prune").want(t, 0, "38 unchanged, 0 skipped, 2 rows removed")
	if n := count(t, far); n != 38 {
		t.Errorf("%d rows, want 38", n)
	}
	outlive(t, far, milvus)
}

// outlive serves while Milvus is killed and comes back.
func outlive(t *testing.T, far shop, milvus *milvustest.Server) {
	t.Helper()
	s := serve(t, "--model", far.model, "--uri", far.uri, "--images", far.images)
	query := encode(t, map[string]any{"text": "mug"})
	client := http.Client{Timeout: time.Minute}
	ask := func() int {
		reply, err := client.Post(s.url+"/v1/search", "application/json", strings.NewReader(string(query)))
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Body.Close()
		io.Copy(io.Discard, reply.Body)
		return reply.StatusCode
	}
	until := func(status int) {
		t.Helper()
		for end := time.Now().Add(3 * time.Minute); ask() != status; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("no status %d within 3 minutes:\n%s", status, s.log.String())
			}
		}
	}
	until(http.StatusOK)
	milvus.Kill()
	until(http.StatusServiceUnavailable)
	far.on(t, "search", "--text", "mug").want(t, exitNothing, catalog.ErrUnreachable.Error(), "check host and port of --uri")
	if err := milvus.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(http.StatusOK)
	s.stop(t)
}
