package transport

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func hashOf(key string) string {
	hash := sha256.Sum256([]byte(key))
	return hex.EncodeToString(hash[:])
}

func testKeys(t *testing.T, lines ...string) *Keys {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := ReadKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestReadKeys(t *testing.T) {
	// The digest of "abc" is from FIPS 180-2, appendix B.1.
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	keys := testKeys(t, "# ours", "", "alice:"+abc, "  bob : "+strings.ToUpper(hashOf("two"))+" ", "alice:"+hashOf("new")+"\r")
	for key, want := range map[string]string{"abc": "alice", "two": "bob", "new": "alice", "": "", "abd": "", abc: ""} {
		if name, ok := keys.Name(key); name != want || ok != (want != "") {
			t.Errorf("Name(%q) = %q, %v, want %q", key, name, ok, want)
		}
	}
}

func TestReadKeysRefuses(t *testing.T) {
	for file, want := range map[string]string{
		"":                               "there is no key in it: leave --keys away to ask for none",
		"# none\n\n":                     "there is no key in it: leave --keys away to ask for none",
		"alice":                          "line 1 is not name:sha256",
		"\nalice:secret":                 "line 2 is not name:sha256",
		":" + hashOf("a"):                "line 1 is not name:sha256",
		"alice:" + hashOf("a")[1:]:       "line 1 is not name:sha256",
		"alice:" + hashOf("a") + "00":    "line 1 is not name:sha256",
		strings.Repeat("x", 100_000):     "token too long",
		"alice:" + hashOf("a") + "\nbob": "line 2 is not name:sha256",
	} {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadKeys(path)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.40q: %v, want %q", file, err, want)
		}
	}
	if _, err := ReadKeys(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there has keys")
	}
}

func TestReload(t *testing.T) {
	keys := testKeys(t, "alice:"+hashOf("old"))
	if err := os.WriteFile(keys.path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if keys.Reload() == nil {
		t.Error("nonsense was taken for keys")
	}
	if _, ok := keys.Name("old"); !ok {
		t.Error("after a Reload that failed the keys are gone")
	}
	if err := os.WriteFile(keys.path, []byte("alice:"+hashOf("new")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := keys.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, ok := keys.Name("old"); ok {
		t.Error("a key that was taken out is still known")
	}
	if name, _ := keys.Name("new"); name != "alice" {
		t.Error("the new key is not known")
	}
}

// TestNameTakesTheSameTime reads the code, as clocks tell too little: every line is compared by
// crypto/subtle, and nothing leaves the loop.
func TestNameTakesTheSameTime(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "keys.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	loops, compares := 0, 0
	ast.Inspect(file, func(n ast.Node) bool {
		f, ok := n.(*ast.FuncDecl)
		if !ok || f.Name.Name != "Name" {
			return true
		}
		ast.Inspect(f, func(n ast.Node) bool {
			loop, ok := n.(*ast.RangeStmt)
			if !ok {
				return true
			}
			loops++
			ast.Inspect(loop, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BranchStmt, *ast.ReturnStmt, *ast.IfStmt:
					t.Errorf("the loop has %T", n)
				case *ast.SelectorExpr:
					if n.Sel.Name == "ConstantTimeCompare" {
						compares++
					}
				}
				return true
			})
			return false
		})
		return false
	})
	if loops != 1 || compares != 1 {
		t.Errorf("%d loops with %d comparisons", loops, compares)
	}
}

func TestKeysOpenRoutes(t *testing.T) {
	keys := testKeys(t, "alice:"+hashOf("sesame"))
	var name string
	s := start(t, func(o *Options) { o.Keys = keys },
		Route{Method: "GET", Path: "/open", Access: Open, Handle: hello},
		Route{Method: "GET", Path: "/keyed", Handle: keyName(&name)},
		Route{Method: "POST", Path: "/items", Access: Writes, Handle: keyName(&name)})
	if got := s.ask("GET", "/open", "", ""); got.StatusCode != 200 {
		t.Errorf("an open route without a key: %s", got.Status)
	}
	for _, header := range []string{"Authorization: Bearer sesame\r\n", "authorization: bearer sesame\r\n", "Authorization: Bearer  sesame\r\n", "X-Api-Key: sesame\r\n"} {
		for method, path := range map[string]string{"GET": "/keyed", "POST": "/items"} {
			name = ""
			// Other names of the machine, and pages with a key, are fine then.
			got := s.ask(method, path, header+"Host: example.com\r\nOrigin: https://example.com\r\nContent-Length: 0\r\n", "")
			if got.StatusCode != 200 || name != "alice" {
				t.Errorf("%s %s with %q: %s, key of %q", method, path, header, got.Status, name)
			}
		}
	}
	if log := s.log.String(); !strings.Contains(log, `"key":"alice"`) || strings.Contains(log, "sesame") {
		t.Errorf("the log has to have the name and not the key:\n%s", log)
	}
}

func keyName(to *string) func(context.Context, *Request) (*Response, error) {
	return func(_ context.Context, r *Request) (*Response, error) {
		*to = r.Key
		if r.Header.Get("Authorization") != "" || r.Header.Get("X-Api-Key") != "" {
			*to += " and the key itself"
		}
		return &Response{}, nil
	}
}

func TestWritesOffLoopback(t *testing.T) {
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Skip(err)
	}
	s := startOn(t, ln, nil, Route{Method: "POST", Path: "/items", Access: Writes, Handle: hello}, post(hello))
	_, port, _ := net.SplitHostPort(s.addr)
	s.addr = net.JoinHostPort("127.0.0.1", port)
	got := s.ask("POST", "/items", "Content-Length: 0\r\n", "")
	if got.StatusCode != 403 || got.fault.Code != "keys_not_set" ||
		got.fault.Message != "without keys this route answers only on loopback, which is not where the server listens" ||
		got.fault.Change != "start the server with --keys, or with --listen 127.0.0.1:8080" {
		t.Errorf("got %s %+v", got.Status, got.fault)
	}
	if got := s.ask("POST", "/", "Host: example.com\r\nContent-Length: 0\r\n", ""); got.StatusCode != 200 {
		t.Errorf("a route that does not write: %s", got.Status)
	}
	if !strings.Contains(s.log.String(), "anybody who reaches the server may use it") {
		t.Errorf("the log does not warn:\n%s", s.log)
	}
}

func TestUnixSocketIsLoopback(t *testing.T) {
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Skip(err)
	}
	s := startOn(t, ln, nil, Route{Method: "POST", Path: "/items", Access: Writes, Handle: hello})
	c, err := net.Dial("unix", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l := &line{Conn: c, t: t, r: bufio.NewReader(c)}
	if got := l.send("POST /items HTTP/1.1\r\nHost: vbge\r\nContent-Length: 0\r\n\r\n").receive("POST"); got.StatusCode != 200 {
		t.Errorf("got %s %+v", got.Status, got.fault)
	}
}
