package api

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vbge/engine"
	"vbge/engine/pixels"
	"vbge/server/catalog"
	"vbge/server/fault"
	"vbge/server/items"
	"vbge/server/search"
)

// sentinels are all of the packages that handlers call, by name. Those with "" are answered by a line of
// the table; the others cannot reach a handler, for the reason that stands there.
var sentinels = map[string]map[string]string{
	"engine": {
		"ErrQueueFull": "", "ErrQueueTimeout": "", "ErrTooLong": "", "ErrInput": "", "ErrPanic": "", "ErrClosed": "",
		"ErrNoVision": "", "ErrNotFinite": "", "ErrMemory": "",
		"ErrDevice": "opening", "ErrOptions": "opening", "ErrTokenBudget": "opening",
	},
	"engine/pixels": {"ErrFormat": "", "ErrTooLarge": ""},
	"server/catalog": {
		"ErrUnreachable": "", "ErrDenied": "", "ErrNoCollection": "", "ErrNotLoaded": "", "ErrDimension": "",
		"ErrOtherModel": "", "ErrForeign": "", "ErrFilter": "", "ErrInvalid": "",
		"ErrLocked": "opening", "ErrMetric": "opening", "ErrNoBinary": "opening",
	},
	"server/items":  {"ErrNotFound": "", "ErrReadOnly": "", "ErrKind": ""},
	"server/search": {"ErrQuery": ""},
}

// TestEverySentinelIsKnown fails when a package that handlers call has an error that this one has not
// decided about.
func TestEverySentinelIsKnown(t *testing.T) {
	for dir, known := range sentinels {
		declared := sentinelsIn(t, filepath.Join("../..", dir))
		for name := range declared {
			if _, ok := known[name]; !ok {
				t.Errorf("%s.%s is new: add it to the table in errors.go, or say here why it cannot reach a handler", dir, name)
			}
		}
		for name := range known {
			if !declared[name] {
				t.Errorf("%s has no %s any more", dir, name)
			}
		}
	}
}

// TestEverySentinelIsAnswered looks for the table's lines by the names that errors.go writes.
func TestEverySentinelIsAnswered(t *testing.T) {
	source, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	for dir, known := range sentinels {
		for name, reason := range known {
			line := "\t{" + filepath.Base(dir) + "." + name + ","
			if answered := strings.Contains(string(source), line); answered != (reason == "") {
				t.Errorf("%s.%s: a line in errors.go %t, here %q", dir, name, answered, reason)
			}
		}
	}
}

func sentinelsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, %d files", dir, err, len(paths))
	}
	declared := map[string]bool{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(name.Name, "Err") {
						declared[name.Name] = true
					}
				}
			}
		}
	}
	return declared
}

// TestAnswers holds each line of the table: its status and code, whether its message is the error's own
// text, and whether it says when to try again.
func TestAnswers(t *testing.T) {
	e := &Embedder{Engine: &fakeEngine{}}
	for _, x := range []struct {
		err        error
		status     int
		code       string
		own, retry bool
	}{
		{context.Canceled, 499, "client_gone", false, false},
		{context.DeadlineExceeded, 504, "request_timeout", false, false},
		{engine.ErrQueueFull, 429, "queue_full", false, true},
		{engine.ErrQueueTimeout, 503, "queue_timeout", false, true},
		{&engine.PanicError{Value: "v", Stack: []byte("stack")}, 500, "internal", false, false},
		{engine.ErrNotFinite, 500, "embedding_not_finite", false, false},
		{engine.ErrMemory, 503, "device_failed", false, true},
		{engine.ErrClosed, 503, "stopping", false, true},
		{engine.ErrTooLong, 413, "input_too_long", true, false},
		{engine.ErrInput, 400, "invalid_input", true, false},
		{pixels.ErrTooLarge, 413, "image_too_large", true, false},
		{pixels.ErrFormat, 400, "image_unreadable", true, false},
		{items.ErrKind, 400, "image_unreadable", true, false},
		{engine.ErrNoVision, 400, "no_vision", true, false},
		{catalog.ErrFilter, 400, "invalid_filter", true, false},
		{catalog.ErrInvalid, 400, "invalid_value", true, false},
		{catalog.ErrForeign, 409, "read_only_collection", false, false},
		{catalog.ErrDimension, 409, "other_model", false, false},
		{catalog.ErrOtherModel, 409, "other_model", false, false},
		{catalog.ErrNoCollection, 503, "no_collection", false, true},
		{catalog.ErrNotLoaded, 503, "collection_not_loaded", false, true},
		{catalog.ErrDenied, 503, "milvus_denied", false, true},
		{catalog.ErrUnreachable, 503, "milvus_unreachable", false, true},
		{items.ErrNotFound, 404, "no_such_item", false, false},
		{items.ErrReadOnly, 403, "items_read_only", true, false},
		{&os.PathError{Op: "write", Path: "/home/secret", Err: syscall.ENOSPC}, 507, "storage_full", false, false},
		{search.ErrQuery, 400, "invalid_query", true, false},
		{errors.New("cannot allocate at 0xc000"), 500, "internal", false, false},
	} {
		err := fmt.Errorf("what was done: %w (/home/secret)", x.err)
		f := e.explain(err, engine.Bulk)
		if f.Status != x.status || f.Code != x.code || (f.RetryAfter > 0) != x.retry {
			t.Errorf("%v: %d %s, retry after %v; want %d %s, retry %t", x.err, f.Status, f.Code, f.RetryAfter, x.status, x.code, x.retry)
		}
		if own := f.Message == err.Error(); own != x.own || f.Message == "" || f.Change == "" || !own && strings.Contains(f.Message, "secret") {
			t.Errorf("%v: message %q, change %q", x.err, f.Message, f.Change)
		}
		// An error's own text is about the request, which is not for the log.
		if errors.Is(f, x.err) == x.own {
			t.Errorf("%v: %v is for the log", x.err, f.Cause)
		}
	}
}

// TestAnswersOfLayers: of an error that several layers have wrapped the innermost reason counts.
func TestAnswersOfLayers(t *testing.T) {
	e := &Embedder{Engine: &fakeEngine{}}
	own := fault.New(418, "teapot", "m", "c")
	for err, want := range map[error]string{
		fmt.Errorf("%w: embed the query: %w", search.ErrQuery, pixels.ErrFormat): "image_unreadable",
		fmt.Errorf("%w: embed the query: %w", search.ErrQuery, own):              "teapot",
		// What a catalogue finds that it could not open at the server's start:
		fmt.Errorf("%w: %w", catalog.ErrUnreachable, catalog.ErrOtherModel):                            "other_model",
		fmt.Errorf("%w: %w", catalog.ErrUnreachable, catalog.ErrDimension):                             "other_model",
		fmt.Errorf("search: %w (%w)", catalog.ErrFilter, errors.New("server says 1100")):               "invalid_filter",
		fmt.Errorf("embed inputs 1 to 2: %w", errors.Join(engine.ErrQueueFull, errors.ErrUnsupported)): "queue_full",
	} {
		if f := e.explain(err, engine.Bulk); f.Code != want {
			t.Errorf("%v: %s, want %s", err, f.Code, want)
		}
	}
}

// TestDeviceFailed: whatever the error is called, an engine that is not ready has failed.
func TestDeviceFailed(t *testing.T) {
	e := &Embedder{Engine: &fakeEngine{failed: errors.New("cuda:0 does not answer")}}
	f := e.explain(errors.New("launch failed"), engine.Bulk)
	if f.Status != 503 || f.Code != "device_failed" || f.RetryAfter != time.Second || strings.Contains(f.Message, "cuda:0") {
		t.Errorf("%+v", f)
	}
}

func TestRetryAfter(t *testing.T) {
	e := &Embedder{Engine: &fakeEngine{}}
	retry := func(lane engine.Lane) time.Duration { return e.explain(engine.ErrQueueFull, lane).RetryAfter }
	if got := retry(engine.Bulk); got != time.Second {
		t.Errorf("an idle server: %v", got)
	}
	for range 100 {
		e.wait.observe(engine.Bulk, 4200*time.Millisecond)
	}
	if bulk, interactive := retry(engine.Bulk), retry(engine.Interactive); bulk != 5*time.Second || interactive != time.Second {
		t.Errorf("bulk inputs waited 4.2 s: %v, and %v for interactive ones", bulk, interactive)
	}
	for range 100 {
		e.wait.observe(engine.Bulk, time.Hour)
	}
	if got := retry(engine.Bulk); got != 30*time.Second {
		t.Errorf("an hour: %v", got)
	}
}
