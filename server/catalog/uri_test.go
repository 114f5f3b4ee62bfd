package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseURI(t *testing.T) {
	for _, test := range []struct{ uri, file, server, say string }{
		{uri: "./catalog.db", file: "./catalog.db"},
		{uri: "/a b/c.db", file: "/a b/c.db"},
		{uri: "http://localhost", server: "http://localhost:19530"},
		{uri: "http://[::1]:1/db", server: "http://[::1]:1/db"},
		{uri: "https://in03.zillizcloud.com", server: "https://in03.zillizcloud.com:443"},
		{uri: "", say: "want a local file"},
		{uri: "localhost:19530", say: "want a local file"},
		{uri: "catalog", say: "want a local file"},
		{uri: "ftp://host/x.db", say: "want a local file"},
		{uri: "http://", say: "no host"},
		{uri: "http://host:port", say: "port"},
		{uri: "https://root:secret@host", say: "do not belong"},
	} {
		got, err := parseURI(test.uri)
		server := ""
		if got.server != nil {
			server = got.server.String()
		}
		if got.file != test.file || server != test.server || (err != nil) != (test.say != "") {
			t.Errorf("%q: file %q, server %q, error %v", test.uri, got.file, server, err)
		}
		if err != nil && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), test.say) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%q: %v, want %q", test.uri, err, test.say)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	for _, seed := range []string{"a.db", "http://h", "https://h:1/d", "http://u:p@h", "://", "http://[::1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		got, err := parseURI(uri)
		if err == nil && (got.file == "") == (got.server == nil) {
			t.Errorf("%q is neither a file nor a server, or both: %+v", uri, got)
		}
		if got.server != nil && (got.server.Port() == "" || got.server.User != nil) {
			t.Errorf("%q: server %v", uri, got.server)
		}
	})
}

func TestFindBinary(t *testing.T) {
	folder := t.TempDir()
	binary := filepath.Join(folder, fetchedBinary)
	deep := filepath.Join(folder, "a", "b")
	for _, dir := range []string{deep, filepath.Dir(binary)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(BinaryVariable, "")
	t.Chdir(deep)
	if _, err := FindBinary(); !errors.Is(err, ErrNoBinary) {
		t.Errorf("nothing there: %v", err)
	}
	if err := os.WriteFile(binary, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := FindBinary(); err != nil || got != binary {
		t.Errorf("above the working directory: %s, %v", got, err)
	}
	t.Setenv(BinaryVariable, deep)
	if _, err := FindBinary(); err == nil || !strings.Contains(err.Error(), BinaryVariable) {
		t.Errorf("a folder in the environment: %v", err)
	}
	t.Setenv(BinaryVariable, binary)
	if got, err := FindBinary(); err != nil || got != binary {
		t.Errorf("in the environment: %s, %v", got, err)
	}
}

func TestReadingMakesNoFile(t *testing.T) {
	db := filepath.Join(t.TempDir(), "typo.db")
	_, err := Open(t.Context(), Options{URI: db, Binary: "/no/such/program"})
	if !errors.Is(err, ErrNoCollection) || !strings.Contains(err.Error(), "typo.db") {
		t.Errorf("a .db that is not there: %v, want %v", err, ErrNoCollection)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(db), "*")); len(left) > 0 {
		t.Errorf("reading left %v behind", left)
	}
}
