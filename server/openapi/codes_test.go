package openapi

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestCodes holds the document's codes equal to those of every fault.New in the server, in both
// directions, and each to one status.
func TestCodes(t *testing.T) {
	document, err := parse()
	if err != nil {
		t.Fatal(err)
	}
	code, err := document.Components.Schemas.get("Code")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]int{}
	for _, c := range code.Codes {
		listed[c.Name] = c.Value.Status
		if c.Value.When == "" {
			t.Errorf("code %s: the document does not say when", c.Name)
		}
	}
	var allowed []string
	for _, node := range code.Enum {
		allowed = append(allowed, node.Value)
	}
	if names := slices.Sorted(maps.Keys(listed)); !slices.Equal(names, slices.Sorted(slices.Values(allowed))) {
		t.Errorf("x-codes has %v, the enumeration %v", names, allowed)
	}
	raised := codesIn(t, "..")
	for name, status := range raised {
		if listed[name] != status {
			t.Errorf("code %s: the source says %d, the document %d", name, status, listed[name])
		}
	}
	for name := range listed {
		if _, ok := raised[name]; !ok {
			t.Errorf("code %s is in the document and nowhere in the source", name)
		}
	}
}

// codesIn returns the codes and statuses of all calls of fault.New below a folder.
func codesIn(t testing.TB, dir string) map[string]int {
	t.Helper()
	codes := map[string]int{}
	files := token.NewFileSet()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isFaultNew(call.Fun) {
				return true
			}
			name, status, err := codeOf(call)
			if err != nil {
				t.Errorf("%v: %v", files.Position(call.Pos()), err)
				return true
			}
			if other, ok := codes[name]; ok && other != status {
				t.Errorf("%v: code %s has status %d here, %d elsewhere", files.Position(call.Pos()), name, status, other)
			}
			codes[name] = status
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return codes
}

func isFaultNew(fun ast.Expr) bool {
	s, ok := fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "New" {
		return false
	}
	name, ok := s.X.(*ast.Ident)
	return ok && name.Name == "fault"
}

// codeOf reads the first arguments of fault.New: a number or http.StatusX, and a code.
func codeOf(call *ast.CallExpr) (code string, status int, err error) {
	literal, ok := call.Args[1].(*ast.BasicLit)
	if !ok {
		return "", 0, fmt.Errorf("the code is no literal")
	}
	if code, err = strconv.Unquote(literal.Value); err != nil {
		return "", 0, err
	}
	switch first := call.Args[0].(type) {
	case *ast.BasicLit:
		status, err = strconv.Atoi(first.Value)
		return code, status, err
	case *ast.SelectorExpr:
		if status, ok = statuses[first.Sel.Name]; ok {
			return code, status, nil
		}
		return "", 0, fmt.Errorf("http.%s is not among the statuses that this test knows", first.Sel.Name)
	}
	return "", 0, fmt.Errorf("the status is neither a number nor http.StatusX")
}

// statuses are those that the server answers with.
var statuses = map[string]int{
	"StatusBadRequest":                  http.StatusBadRequest,
	"StatusUnauthorized":                http.StatusUnauthorized,
	"StatusForbidden":                   http.StatusForbidden,
	"StatusNotFound":                    http.StatusNotFound,
	"StatusMethodNotAllowed":            http.StatusMethodNotAllowed,
	"StatusNotAcceptable":               http.StatusNotAcceptable,
	"StatusRequestTimeout":              http.StatusRequestTimeout,
	"StatusConflict":                    http.StatusConflict,
	"StatusLengthRequired":              http.StatusLengthRequired,
	"StatusRequestEntityTooLarge":       http.StatusRequestEntityTooLarge,
	"StatusRequestURITooLong":           http.StatusRequestURITooLong,
	"StatusUnsupportedMediaType":        http.StatusUnsupportedMediaType,
	"StatusExpectationFailed":           http.StatusExpectationFailed,
	"StatusUnprocessableEntity":         http.StatusUnprocessableEntity,
	"StatusTooManyRequests":             http.StatusTooManyRequests,
	"StatusRequestHeaderFieldsTooLarge": http.StatusRequestHeaderFieldsTooLarge,
	"StatusInternalServerError":         http.StatusInternalServerError,
	"StatusNotImplemented":              http.StatusNotImplemented,
	"StatusServiceUnavailable":          http.StatusServiceUnavailable,
	"StatusGatewayTimeout":              http.StatusGatewayTimeout,
	"StatusInsufficientStorage":         http.StatusInsufficientStorage,
	"StatusHTTPVersionNotSupported":     http.StatusHTTPVersionNotSupported,
}
