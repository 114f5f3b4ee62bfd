package items

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vbge/engine/pixels"
)

// TestOnePictureFromMany: it is embedded once, and new to one of them.
func TestOnePictureFromMany(t *testing.T) {
	w := newWorld(t)
	var fresh atomic.Int32
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			// In both orders, beside one of its own.
			news := []New{{png("shared"), nil}, {fmt.Appendf(png("own"), "%d", i), nil}, {png("also shared"), nil}}
			if i%2 == 0 {
				news[0], news[2] = news[2], news[0]
			}
			added, err := w.Add(t.Context(), news)
			if err != nil {
				t.Error(err)
			}
			for _, a := range added {
				if a.Err != nil {
					t.Error(a.Err)
				}
				if !a.Existed {
					fresh.Add(1)
				}
			}
		})
	}
	group.Wait()
	if w.model.embedded(png("shared")) != 1 || w.model.embedded(png("also shared")) != 1 || fresh.Load() != 34 {
		t.Errorf("embedded %d and %d times, new %d times", w.model.embedded(png("shared")), w.model.embedded(png("also shared")), fresh.Load())
	}
	if rows, files := w.memory.all(), tree(t, w.kept.path); len(rows) != 34 || len(files) != 34 {
		t.Errorf("%d rows and %d files, want 34", len(rows), len(files))
	}
	if len(w.locks.turns) != 0 {
		t.Errorf("%d locks are left", len(w.locks.turns))
	}
}

// TestAddsAndDeletesRacing: whoever comes last, a row and its file are both there or both gone, and
// nobody sees a row without its file.
func TestAddsAndDeletesRacing(t *testing.T) {
	w := newWorld(t)
	pictures := [][]byte{png("0"), png("1"), png("2")}
	var ids []string
	for _, a := range mustAdd(t, w.Store, New{pictures[0], nil}, New{pictures[1], nil}, New{pictures[2], nil}) {
		ids = append(ids, a.ID)
	}
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 40 {
				i, j := random.IntN(3), random.IntN(3)
				if worker%2 == 0 {
					if added, err := w.Add(t.Context(), []New{{pictures[i], nil}, {pictures[j], nil}}); err != nil || added[0].Err != nil {
						t.Error(err, added)
					}
				} else if err := w.Delete(t.Context(), ids[i]); err != nil && !errors.Is(err, ErrNotFound) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	expectSame(t, w)
}

// TestDeleteWaitsForTheAdd that was there first, and then finds what it added.
func TestDeleteWaitsForTheAdd(t *testing.T) {
	w := newWorld(t)
	file := png("a")
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		w.model.enter = func(context.Context) { <-goOn }
		added, deleted := make(chan []Added, 1), make(chan error, 1)
		go func() {
			a, err := w.Add(t.Context(), []New{{file, nil}})
			if err != nil {
				t.Error(err)
			}
			added <- a
		}()
		synctest.Wait()
		go func() {
			deleted <- w.Delete(t.Context(), hash([]byte(filepath.Join(w.kept.path, nameOf(hash(file), ".png")))))
		}()
		synctest.Wait()
		close(goOn)
		if a := <-added; a[0].Err != nil {
			t.Error(a)
		}
		if err := <-deleted; err != nil {
			t.Errorf("delete: %v", err)
		}
	})
	if files := tree(t, w.kept.path); len(files)+len(w.memory.all()) > 0 {
		t.Errorf("files %v, rows %v", files, w.memory.all())
	}
}

// expectSame wants a file for each row and no other, with its own content.
func expectSame(t *testing.T, w *world) {
	t.Helper()
	files := tree(t, w.kept.path)
	rows := w.memory.all()
	if len(files) != len(rows) {
		t.Errorf("%d files and %d rows", len(files), len(rows))
	}
	for _, row := range rows {
		file, ok := files[row.ImagePath]
		if !ok || hash([]byte(file)) != row.ContentHash || !reflect.DeepEqual(row.Vector, vectorOf([]byte(file))) {
			t.Errorf("row of %s: file %q, there: %v", row.ImagePath, file, ok)
		}
	}
}

// TestWaitingForALockEnds: with the client's patience, and everybody else goes on.
func TestWaitingForALockEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l locks
		unlock, err := l.lock(t.Context(), "b", "a", "b")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := l.lock(ctx, "b", "0"); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		got := make(chan struct{})
		go func() {
			defer close(got)
			again, err := l.lock(t.Context(), "0", "b")
			if err != nil {
				t.Error(err)
				return
			}
			again()
		}()
		synctest.Wait()
		select {
		case <-got:
			t.Error("two have one lock")
		default:
		}
		unlock()
		<-got
		if len(l.turns) != 0 {
			t.Errorf("%d locks are left", len(l.turns))
		}
	})
}

// TestAnyOrder: random calls, some of which fail, against a map of what should be there.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(8) {
		w := newWorld(t)
		random := rand.New(rand.NewPCG(seed, 5))
		should := map[string]map[string]any{} // metadata by content
		everything := [][]byte{png("broken")}
		for i := range 6 {
			everything = append(everything, png(fmt.Sprint(i)))
		}
		idOf := func(file []byte) string {
			return hash([]byte(filepath.Join(w.kept.path, nameOf(hash(file), ".png"))))
		}
		for step := range 50 {
			w.memory.finding, w.memory.writing, w.memory.lost = nil, nil, false
			fault := random.IntN(6)
			switch fault {
			case 0:
				w.memory.finding = errMilvus
			case 1:
				w.memory.writing = errMilvus
			case 2:
				w.memory.writing, w.memory.lost = errMilvus, true
			}
			fails := fault < 2
			if random.IntN(3) == 0 {
				file := everything[random.IntN(len(everything))]
				_, there := should[string(file)]
				err := w.Delete(t.Context(), idOf(file))
				switch {
				case fault == 0 || fails && there:
					if !errors.Is(err, errMilvus) {
						t.Fatalf("seed %d, step %d: delete: %v", seed, step, err)
					}
				case !there:
					if !errors.Is(err, ErrNotFound) {
						t.Fatalf("seed %d, step %d: delete what is not there: %v", seed, step, err)
					}
				case err != nil:
					t.Fatalf("seed %d, step %d: delete: %v", seed, step, err)
				default:
					delete(should, string(file))
				}
			} else {
				news := make([]New, random.IntN(4))
				next := maps.Clone(should)
				existed := make([]bool, len(news))
				for i := range news {
					file := everything[random.IntN(len(everything))]
					news[i].Image = file
					if random.IntN(2) == 0 {
						news[i].Fields = map[string]any{"n": random.IntN(2)}
					}
					if string(file) == string(everything[0]) {
						continue
					}
					old, there := next[string(file)]
					existed[i] = there
					next[string(file)] = news[i].Fields
					if news[i].Fields == nil {
						next[string(file)] = old
					}
				}
				changes := !reflect.DeepEqual(should, next)
				added, err := w.Add(t.Context(), news)
				// With nothing to write a failing write is none.
				if wrong := err != nil; wrong != (fault == 0 || fails && changes) {
					t.Fatalf("seed %d, step %d: add: %v, fault %d, changes %v", seed, step, err, fault, changes)
				}
				if err == nil {
					should = next
					for i, a := range added {
						broken := string(news[i].Image) == string(everything[0])
						if broken != errors.Is(a.Err, pixels.ErrFormat) || !broken && (a.Err != nil || a.Existed != existed[i] || a.ID != idOf(news[i].Image)) {
							t.Fatalf("seed %d, step %d: %+v, existed %v", seed, step, a, existed[i])
						}
					}
				}
			}
			rows := w.memory.all()
			if len(rows) != len(should) {
				t.Fatalf("seed %d, step %d: %d rows, want %d", seed, step, len(rows), len(should))
			}
			for content, fields := range should {
				if row := rows[idOf([]byte(content))]; row.ContentHash != hash([]byte(content)) || !reflect.DeepEqual(row.Fields, fields) {
					t.Fatalf("seed %d, step %d: row %+v, want %v", seed, step, row, fields)
				}
			}
			expectSame(t, w)
		}
	}
}
