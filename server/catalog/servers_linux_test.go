package catalog

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"vbge/server/catalog/milvustest"
)

// served are the options of a fresh catalogue of the server that this run of the tests is beside.
func served(t *testing.T, why string) Options {
	t.Helper()
	if os.Getenv(milvustest.URIVariable) == "" {
		t.Skipf("%s: run make test-milvus", why)
	}
	return writer(t)
}

func TestServerKilledWhileSearching(t *testing.T) {
	t.Parallel()
	server := milvustest.New(t)
	o := Options{URI: server.URI, Collection: "kept", Model: "test model", Dimension: testDimension, Write: true}
	l, err := OpenLasting(t.Context(), o, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	rows := testRows(50)
	mustSoon(t, func() error { return l.Upsert(t.Context(), rows) })
	want, _ := bruteForce(rows, rows[3].Vector, 9, nil)
	search := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		hits, err := l.Search(ctx, rows[3].Vector, 9, "")
		var ids []string
		for _, hit := range hits {
			ids = append(ids, hit.ID)
		}
		if err == nil && !slices.Equal(ids, want) {
			t.Errorf("%d hits %v, want %v", len(ids), ids, want)
		}
		return err
	}
	missed, stop := keepSearching(t, search)
	defer stop()
	server.Kill()
	for range searchers {
		select {
		case <-missed:
		case <-time.After(time.Minute):
			t.Fatal("it is still searched")
		}
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustSoon(t, search)
	mustCount(t, l, len(rows))
}

const searchers = 3

// keepSearching searches side by side until stop is called. Each of the searchers tells missed of its first failure.
func keepSearching(t *testing.T, search func() error) (missed <-chan struct{}, stop func()) {
	var group sync.WaitGroup
	done, failures := make(chan struct{}), make(chan struct{}, searchers)
	for range searchers {
		group.Go(func() {
			tell := sync.OnceFunc(func() { failures <- struct{}{} })
			for poll := time.Tick(time.Millisecond); ; { // an unreachable catalogue answers at once
				select {
				case <-done:
					return
				case <-poll:
				}
				err := search()
				if err == nil {
					continue
				}
				if !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrNotLoaded) && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("while it was away: %v", err)
				}
				tell()
			}
		})
	}
	return failures, func() { close(done); group.Wait() }
}

// mustSoon does it again and again until there is no error.
func mustSoon(t *testing.T, do func() error) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		err := do()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// TestIndexOfTheUsersChoice: what is indexed before vbge opens the collection stays, and is searched with its defaults.
func TestIndexOfTheUsersChoice(t *testing.T) {
	hnsw, err := entity.NewIndexHNSW(metric, 16, 200)
	if err != nil {
		t.Fatal(err)
	}
	flat, err := entity.NewIndexIvfFlat(metric, 16)
	if err != nil {
		t.Fatal(err)
	}
	base := served(t, "indexes other than AUTOINDEX")
	rows := testRows(2000)
	for name, index := range map[string]entity.Index{"HNSW": hnsw, "IVF_FLAT": flat, "AUTOINDEX": nil} {
		t.Run(name, func(t *testing.T) {
			o := base
			o.Collection += "_" + name
			if index != nil {
				makeIndexed(t, o, index)
			}
			c := mustOpen(t, o)
			mustUpsert(t, c, rows)
			seal(t, c.(*milvus))
			if index != nil {
				made, err := c.(*milvus).client.DescribeIndex(t.Context(), o.Collection, fieldVector)
				if err != nil || len(made) != 1 || made[0].Params()["index_type"] != name {
					t.Errorf("index %v, %v", made, err)
				}
			}
			recall := 0.9
			if name == "IVF_FLAT" {
				recall = 0.3 // by default it looks into half of its cells or fewer, which may hold fewer rows than are asked for
			}
			for _, limit := range []int{9, 100, 1500} {
				mustRecall(t, c, rows, limit, recall)
			}
		})
	}
}

// makeIndexed makes the collection as vbge does, but with an index of the user's.
func makeIndexed(t *testing.T, o Options, index entity.Index) {
	t.Helper()
	m, err := connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := m.client.CreateIndex(t.Context(), o.Collection, fieldVector, index, false); err != nil {
		if os.Getenv(milvustest.ServerVariable) == milvustest.Embedded {
			t.Skip(err)
		}
		t.Fatal(err)
	}
}

// mustRecall searches and checks that at least this part of the nearest rows is found, and every score.
func mustRecall(t *testing.T, c Catalog, rows []Row, limit int, recall float64) {
	t.Helper()
	query := testRows(3)[2].Vector
	hits, err := c.Search(t.Context(), query, limit, "")
	if err != nil {
		t.Errorf("limit %d: %v", limit, err)
		return
	}
	ids, _ := bruteForce(rows, query, limit, nil)
	found := 0
	for _, hit := range hits {
		at := slices.IndexFunc(rows, func(r Row) bool { return r.ID == hit.ID })
		if at < 0 {
			t.Fatalf("limit %d: a row with id %q", limit, hit.ID)
		}
		if far := math.Abs(float64(hit.Score) - cosine(rows[at].Vector, query)); far > 1e-5 {
			t.Errorf("score %v is %.1e off", hit.Score, far)
		}
		if slices.Contains(ids, hit.ID) {
			found++
		}
	}
	got := float64(found) / float64(limit)
	t.Logf("limit %d: %d hits, recall %.3f", limit, len(hits), got)
	if got < recall {
		t.Errorf("limit %d: recall %.3f, want %.1f", limit, got, recall)
	}
}

// seal has Milvus 2.3.5 build its index, which it does for segments that do not grow any more.
func seal(t *testing.T, m *milvus) {
	t.Helper()
	if os.Getenv(milvustest.ServerVariable) != milvustest.Full {
		return
	}
	if err := m.client.Flush(t.Context(), m.info.Collection, false); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		all, indexed, err := m.client.GetIndexBuildProgress(t.Context(), m.info.Collection, fieldVector)
		if err == nil && all > 0 && all == indexed {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d rows indexed, %v", indexed, all, err)
		}
	}
	// It searches what is loaded, and loads anew what is in the index now.
	if err := m.client.ReleaseCollection(t.Context(), m.info.Collection); err != nil {
		t.Fatal(err)
	}
	if err := m.load(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestPartitions: whatever others put where, the collection is searched whole.
func TestPartitions(t *testing.T) {
	o := served(t, "partitions")
	if os.Getenv(milvustest.ServerVariable) == milvustest.Embedded {
		t.Skip("milvus-lite 2.5.1 has no partitions")
	}
	c := mustOpen(t, o)
	rows := testRows(60)
	mustUpsert(t, c, rows[:20])
	m := c.(*milvus)
	for i, name := range []string{"second", "third"} {
		if err := m.client.CreatePartition(t.Context(), o.Collection, name); err != nil {
			t.Fatal(err)
		}
		part := rows[20+20*i : 40+20*i]
		metadata, err := checkRows(part, testDimension)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.client.Insert(t.Context(), o.Collection, name, columns(part, metadata, testDimension)...); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	c = mustOpen(t, o)
	mustCount(t, c, 60)
	if got := entries(t, c); len(got) != 60 {
		t.Errorf("%d entries", len(got))
	}
	hits, err := c.Search(t.Context(), rows[45].Vector, 60, "")
	if err != nil || len(hits) != 60 || hits[0].ID != rows[45].ID {
		t.Errorf("%d hits, %v", len(hits), err)
	}
	found, err := c.Find(t.Context(), []string{rows[5].ID, rows[25].ID, rows[45].ID})
	if err != nil || len(found) != 3 {
		t.Errorf("%d found, %v", len(found), err)
	}
	if err := c.Delete(t.Context(), []string{rows[5].ID, rows[25].ID, rows[45].ID}); err != nil {
		t.Fatal(err)
	}
	mustCount(t, c, 57)
}
