package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vbge/server/openapi"
	"vbge/server/page"
	"vbge/server/transport"
)

// TestServeDescribed holds the routes that are served against the document. The page's are for itself.
func TestServeDescribed(t *testing.T) {
	f := serveFlags{transport: transport.DefaultOptions(), model: modelFlags{dir: tinyModel(t)}, limits: limitsOf(newServe().Flags())}
	s, err := f.open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, l := range f.limits {
		if l.Flag == "--max-batch-tokens" && l.Value != s.engine.MaxBatchTokens() || l.Value == 0 {
			t.Errorf("%s is said to be %v", l.Flag, l.Value)
		}
	}
	ofPage := page.Routes(page.Options{})
	described := slices.DeleteFunc(slices.Clone(s.routes), func(r transport.Route) bool {
		return slices.ContainsFunc(ofPage, func(p transport.Route) bool { return p.Path == r.Path })
	})
	different, err := openapi.Differences(described)
	if err != nil || len(different) > 0 || len(described) < 10 {
		t.Errorf("%d routes, %v: %v", len(described), err, different)
	}
}

// TestServeFlagsNamed finds every flag that a message of the server, or the document, tells people to change.
func TestServeFlagsNamed(t *testing.T) {
	// The others are those of curl, milvus-lite and third_party/setup.
	flags := map[string]bool{"help": true, "data-binary": true, "data-dir": true, "host": true, "port": true, "milvus": true}
	for _, c := range []*cobra.Command{newServe(), newSearch(), newIndex()} {
		c.Flags().VisitAll(func(f *pflag.Flag) { flags[f.Name] = true })
	}
	named := regexp.MustCompile(`--([a-z][a-z-]+)`)
	found := 0
	check := func(where, text string) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			found++
			if !flags[m[1]] {
				t.Errorf("%s names --%s, which is no flag", where, m[1])
			}
		}
	}
	check("openapi.yaml", string(openapi.Document()))
	err := filepath.WalkDir("../../server", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "pagetest") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				check(path, l.Value)
			}
			return true
		})
		return nil
	})
	if err != nil || found < 50 {
		t.Errorf("%d flags named, %v", found, err)
	}
}

// TestServeLimits: /info has each flag that is a limit, with its default and what it bounds.
func TestServeLimits(t *testing.T) {
	flags := newServe().Flags()
	shown := map[string]bool{}
	for _, l := range limitsOf(flags) {
		if shown[l.Flag] || l.Value == "" || l.Meaning == "" {
			t.Errorf("%+v", l)
		}
		shown[l.Flag] = true
	}
	limit := regexp.MustCompile(`^max-|-(timeout|delay|bytes)$|^linger$`)
	flags.VisitAll(func(f *pflag.Flag) {
		if limit.MatchString(f.Name) != shown["--"+f.Name] {
			t.Errorf("--%s is a limit: %t; in /info: %t", f.Name, limit.MatchString(f.Name), shown["--"+f.Name])
		}
	})
}
