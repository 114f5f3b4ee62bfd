package catalog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"vbge/server/catalog/milvustest"
)

// pymilvus is a command of testdata/pymilvus.py, or skips the test.
func pymilvus(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	if os.Getenv(milvustest.ServerVariable) != milvustest.Embedded {
		t.Skip("pymilvus: run make test-milvus, which does this beside " + milvustest.Embedded)
	}
	packages, err := milvustest.Fetched("pymilvus-2")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "python3", append([]string{"testdata/pymilvus.py"}, arguments...)...)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+packages, "PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore", "HOME="+t.TempDir())
	return cmd
}

// said runs it and decodes what it prints.
func said(t *testing.T, cmd *exec.Cmd, in any, into any) {
	t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var wrong bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), &wrong
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &wrong)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// pymilvusRows are those of pymilvus.py.
func pymilvusRows() []Row {
	rows := make([]Row, 20)
	for i := range rows {
		vector := make([]float32, testDimension)
		for j := range vector {
			vector[j] = float32(math.Sin(float64((i + 1) * (j + 1))))
		}
		rows[i] = Row{ID: fmt.Sprint(i), ImagePath: fmt.Sprintf("images/%04d.jpg", i), Vector: vector, Fields: map[string]any{"kind": []string{"mug", "shoe"}[i%2]}}
	}
	return rows
}

// readTutorial checks a .db that pymilvus.py made.
func readTutorial(t *testing.T, o Options) {
	t.Helper()
	o.Write = false
	c := mustOpen(t, o)
	rows := pymilvusRows()
	if info := c.Info(); info.Model != "" || info.Dimension != testDimension {
		t.Errorf("info %+v", info)
	}
	mustCount(t, c, len(rows))
	for filter, keep := range map[string]func(Row) bool{"": nil, `kind == "mug"`: func(r Row) bool { return r.Fields["kind"] == "mug" }} {
		hits, err := c.Search(t.Context(), rows[6].Vector, 9, filter)
		if err != nil || len(hits) != 9 {
			t.Fatalf("filter %q: %d hits, %v", filter, len(hits), err)
		}
		ids, scores := bruteForce(rows, rows[6].Vector, 9, keep)
		for i, hit := range hits {
			n, _ := strconv.Atoi(ids[i])
			if far := math.Abs(float64(hit.Score) - scores[i]); hit.ImagePath != rows[n].ImagePath || far > 1e-6 || hit.Fields["kind"] != rows[n].Fields["kind"] {
				t.Errorf("filter %q, rank %d: %+v, want %s %.6f (%.1e off)", filter, i, hit, rows[n].ImagePath, scores[i], far)
			}
			if found, err := c.Find(t.Context(), []string{hit.ID}); err != nil || found[hit.ID].ImagePath != hit.ImagePath {
				t.Errorf("find %s: %v, %v", hit.ID, found, err)
			}
		}
	}
	if err := c.Upsert(t.Context(), rows[:1]); !errors.Is(err, ErrForeign) {
		t.Errorf("write: %v, want ErrForeign", err)
	}
	c.Close()
}

// TestFileOfPymilvus has a file that pymilvus 2.5.18 made (testdata/pymilvus.py make), and writes a collection beside its own.
func TestFileOfPymilvus(t *testing.T) {
	t.Parallel()
	o := liteWriter(t)
	packed, err := os.Open("testdata/pymilvus-2.5.18.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	db, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.URI, db, 0o644); err != nil {
		t.Fatal(err)
	}
	readTutorial(t, o)
	beside := o
	beside.Collection = "vbge_s"
	c := mustOpen(t, beside)
	mustUpsert(t, c, testRows(30))
	mustCount(t, c, 30)
	c.Close()
	readTutorial(t, o)
}

// TestPymilvus: either reads what the other has just written.
func TestPymilvus(t *testing.T) {
	t.Parallel()
	o := liteWriter(t)
	var made int
	said(t, pymilvus(t, "make", o.URI, o.Collection), nil, &made)
	if made != 20 {
		t.Fatalf("%d rows made", made)
	}
	readTutorial(t, o)

	o.Collection = "vbge_s"
	c := mustOpen(t, o)
	rows := testRows(100)
	mustUpsert(t, c, rows)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	var read struct {
		Count int
		Hits  []struct {
			ID       string
			Distance float64
			Entity   map[string]any
		}
	}
	query := map[string]any{"vector": rows[7].Vector, "limit": 9, "filter": `kind == "bag"`}
	said(t, pymilvus(t, "search", o.URI, o.Collection), query, &read)
	ids, scores := bruteForce(rows, rows[7].Vector, 9, func(r Row) bool { return r.Fields["kind"] == "bag" })
	if read.Count != len(rows) || len(read.Hits) != len(ids) {
		t.Fatalf("pymilvus counts %d rows and finds %d", read.Count, len(read.Hits))
	}
	for i, hit := range read.Hits {
		if far := math.Abs(hit.Distance - scores[i]); hit.ID != ids[i] || far > 1e-6 || hit.Entity["kind"] != "bag" || !strings.HasPrefix(fmt.Sprint(hit.Entity["image_path"]), "images/") {
			t.Errorf("rank %d: %+v, want %s %.6f (%.1e off)", i, hit, ids[i], scores[i], far)
		}
	}
}

// TestPymilvusHasItOpen: each says of the other that it has the file.
func TestPymilvusHasItOpen(t *testing.T) {
	t.Parallel()
	o := liteWriter(t)
	other := pymilvus(t, "hold", o.URI)
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), o)
	if want := fmt.Sprintf("(it is process %s, python3", strings.TrimSpace(line)); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want ErrLocked with %s", err, want)
	}
	in.Close()
	if err := other.Wait(); err != nil {
		t.Error(err)
	}
	mustOpen(t, o)
	if text, err := pymilvus(t, "make", o.URI, "x").CombinedOutput(); err == nil {
		t.Errorf("pymilvus opened it too: %s", text)
	} else if !strings.Contains(string(text), "opened by another program") {
		t.Errorf("pymilvus says %s", text)
	}
}
