package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vbge/engine/pixels"
	"vbge/weights"
)

// do calls Do in a goroutine of its own.
func do(ctx context.Context, e *Engine, r Request) <-chan error {
	done := make(chan error, 1)
	go func() {
		results, err := e.Do(ctx, r)
		for _, r := range results {
			if err == nil {
				err = r.Err
			}
		}
		done <- err
	}()
	return done
}

func texts3() []Input { return []Input{{Text: "a"}, {Text: "red"}, {Text: "car"}} }

// TestPreparedWhileComputing: the inputs of the next batch are ready when a pass ends, however many calls they are of.
func TestPreparedWhileComputing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device := &fakeDevice{gate: make(chan struct{})}
		e := fakeEngine(t, Options{Threads: 2}, device)
		defer e.Close()
		first := do(t.Context(), e, Request{Inputs: []Input{{Text: "a"}}})
		synctest.Wait()
		a, b := do(t.Context(), e, Request{Inputs: []Input{{Image: pictureFile(t, 80)}}}), do(t.Context(), e, Request{Inputs: texts3()})
		synctest.Wait()
		if got := e.Stats().Waiting; got != [2]int{4, 0} {
			t.Errorf("%v wait", got)
		}
		for range 2 {
			device.gate <- struct{}{}
		}
		if err := errors.Join(<-first, <-a, <-b); err != nil {
			t.Error(err)
		}
		if inputs, passes := device.computed(); inputs != 5 || passes != 2 {
			t.Errorf("%d inputs in %d passes", inputs, passes)
		}
	})
}

// TestNeverComputed: inputs of calls that are given up in the queue, and of the queue's timeout, cost no pass.
func TestNeverComputed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device := &fakeDevice{gate: make(chan struct{})}
		e := fakeEngine(t, Options{MaxQueue: 4}, device)
		defer e.Close()
		first := do(t.Context(), e, Request{Inputs: []Input{{Text: "a"}}, NoWait: true})
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		gone := do(ctx, e, Request{Inputs: texts3(), Lane: Interactive, NoWait: true})
		synctest.Wait()
		full := do(t.Context(), e, Request{Inputs: texts3()[:2], NoWait: true})
		if err := <-full; !errors.Is(err, ErrQueueFull) || !strings.Contains(err.Error(), "--max-queue") {
			t.Errorf("a full queue: %v", err)
		}
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
		late := do(t.Context(), e, Request{Inputs: texts3(), QueueTimeout: time.Second})
		if err := <-late; !errors.Is(err, ErrQueueTimeout) {
			t.Errorf("late: %v", err)
		}
		device.gate <- struct{}{}
		if err := <-first; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if inputs, passes := device.computed(); inputs != 1 || passes != 1 {
			t.Errorf("%d inputs in %d passes", inputs, passes)
		}
		if got := e.Stats().Waiting; got != [2]int{} {
			t.Errorf("%v wait", got)
		}
	})
}

// TestTimes says where an input's time went, to the caller and to OnPass.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reports []PassReport
		device := &fakeDevice{run: func([]int32) error { time.Sleep(20 * time.Millisecond); return nil }}
		e := fakeEngine(t, Options{OnPass: func(r PassReport) { reports = append(reports, r) }}, device)
		defer e.Close()
		if !e.Stats().LastPass.IsZero() {
			t.Error("a pass has succeeded before any")
		}
		first := do(t.Context(), e, Request{Inputs: []Input{{Text: "a"}}})
		synctest.Wait()
		results, err := e.Do(t.Context(), Request{Inputs: []Input{{Text: "red car"}, {Image: pictureFile(t, 80), Text: "red"}}})
		if err := errors.Join(err, <-first); err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if want := (Times{Wait: 20 * time.Millisecond, Compute: 20 * time.Millisecond}); r.Times != want {
				t.Errorf("times %v, want %v", r.Times, want) // preparing takes no time in a bubble
			}
		}
		want := PassReport{Device: "fake", Inputs: 2, Tokens: results[0].Tokens + results[1].Tokens, Pictures: 1, Duration: 20 * time.Millisecond}
		if len(reports) != 2 || reports[1] != want {
			t.Errorf("reports %+v, want the second to be %+v", reports, want)
		}
		if got := e.Stats().LastPass; !got.Equal(time.Now()) {
			t.Errorf("the last pass was at %v", got)
		}
	})
}

// TestDecodeBytes: a picture waits for its share of the memory for decoding, a text goes past it; a picture larger than
// all of it is decoded alone.
func TestDecodeBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device := &fakeDevice{}
		e := fakeEngine(t, Options{Threads: 2, MaxDecodeBytes: 1000}, device)
		defer e.Close()
		if err := e.decoding.Acquire(t.Context(), 1); err != nil { // something decodes
			t.Fatal(err)
		}
		large := do(t.Context(), e, Request{Inputs: []Input{{Image: pictureFile(t, 100)}}})
		ctx, cancel := context.WithCancel(t.Context())
		gone := do(ctx, e, Request{Inputs: []Input{{Image: pictureFile(t, 100)}}})
		synctest.Wait()
		if err := <-do(t.Context(), e, Request{Inputs: []Input{{Text: "a"}}, Lane: Interactive}); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("given up while it waited to be decoded: %v", err)
		}
		if inputs, _ := device.computed(); inputs != 1 {
			t.Errorf("%d inputs computed", inputs)
		}
		e.decoding.Release(1)
		if err := <-large; err != nil {
			t.Error(err)
		}
		if !e.decoding.TryAcquire(1000) {
			t.Error("memory is not given back")
		}
	})
}

// TestPanics: what panics while one input is prepared is that input's error, and in a pass its inputs'. The engine goes on.
func TestPanics(t *testing.T) {
	device := &fakeDevice{}
	e := fakeEngine(t, Options{}, device)
	defer e.Close()
	device.run = func(ids []int32) error {
		if len(ids) > 10 {
			panic("too many ids for me")
		}
		return nil
	}
	e.config.Text.MaxPositions = 15 // fewer than a picture's patches: memory for -1 ids
	results, err := e.Embed(t.Context(), []Input{{Image: pictureFile(t, 80)}, {Text: "a"}})
	if err != nil || results[1].Err != nil {
		t.Errorf("another input has suffered: %v, %v", err, results[1].Err)
	}
	var p *PanicError
	if err := results[0].Err; !errors.Is(err, ErrPanic) || !errors.As(err, &p) || !strings.Contains(string(p.Stack), "prepare") || strings.Contains(err.Error(), ".go:") {
		t.Errorf("panic while preparing: %v, stack %s", results[0].Err, p.Stack)
	}
	results, err = e.Embed(t.Context(), []Input{{Text: strings.Repeat("a ", 20)}})
	if !errors.Is(err, ErrPanic) || !errors.Is(results[0].Err, ErrPanic) {
		t.Errorf("panic in a pass: %v, %v", err, results[0].Err)
	}
	if _, err := e.Embed(t.Context(), []Input{{Text: "a"}}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestTextsAlone: a picture for a model of texts alone is its own error, and costs no other input's pass; there is
// no cache for it to be kept in.
func TestTextsAlone(t *testing.T) {
	w, words := tinyWeights(t)
	texts := weights.Shapes(weights.Config{Text: w.Config().Text, Pooling: weights.PoolMean})
	e := fakeEngineOf(t, texts, words, Options{PictureCacheBytes: 1 << 20}, &fakeDevice{})
	defer e.Close()
	for name, file := range map[string][]byte{"a picture": pictureFile(t, 80), "no picture at all": []byte("GIF"), "an empty file": {}} {
		for _, text := range []string{"", "a", strings.Repeat("a ", 1000)} {
			results, err := e.Do(t.Context(), Request{Lane: Interactive, Inputs: []Input{{Text: "a"}, {Image: file, Text: text, RefuseLong: true}}})
			if err != nil || results[0].Err != nil || !errors.Is(results[1].Err, ErrNoVision) {
				t.Errorf("%s: %v, %+v", name, err, results)
			}
		}
	}
	if e.cache != nil {
		t.Error("there is a cache of pictures")
	}
	if s := e.Stats(); s.Waiting != [2]int{} {
		t.Errorf("%+v", s)
	}
	c := texts.Config()
	if r := rehearsals(c, Options{MaxBatchTokens: 256, PictureCacheBytes: 1}); len(r) != 1 || len(r[0]) == 0 || len(r[0][0].Pixels)+len(r[0][0].Patches) != 0 {
		t.Errorf("rehearsed with pictures: %+v", r)
	}
}

// TestBrokenDevice: inputs of the pass fail with the device; what waits is not decoded for it, and later calls hear at once.
func TestBrokenDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("fell off the bus")
		device := &fakeDevice{gate: make(chan struct{})}
		passes := 0
		e := fakeEngine(t, Options{Threads: 1, OnPass: func(PassReport) { passes++ }}, device)
		defer e.Close()
		device.run = func([]int32) error { device.fail(broken); return broken }
		many := make([]Input, 1000)
		for i := range many {
			many[i] = Input{Image: pictureFile(t, 80)}
		}
		call := do(t.Context(), e, Request{Inputs: many})
		synctest.Wait()
		device.gate <- struct{}{}
		if err := <-call; !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
		if err := e.Ready(); !errors.Is(err, broken) || passes != 1 {
			t.Errorf("ready: %v, after %d passes", err, passes)
		}
		results, err := e.Do(t.Context(), Request{Inputs: texts3(), NoWait: true})
		if !errors.Is(err, broken) || !errors.Is(results[2].Err, broken) {
			t.Errorf("the next call: %v", err)
		}
	})
}

// TestBrokenUnseen: a device that has failed since its last pass is given none.
func TestBrokenUnseen(t *testing.T) {
	broken, device := errors.New("fell off the bus"), &fakeDevice{}
	e := fakeEngine(t, Options{}, device)
	defer e.Close()
	device.fail(broken)
	if results, err := e.Embed(t.Context(), texts3()); !errors.Is(err, broken) || !errors.Is(results[0].Err, broken) {
		t.Errorf("%v, %v", err, results[0].Err)
	}
}

// TestCloseWhileBusy: the pass under way is computed, everything else ends with ErrClosed, and so do later calls.
func TestCloseWhileBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device := &fakeDevice{gate: make(chan struct{})}
		e := fakeEngine(t, Options{}, device)
		first := do(t.Context(), e, Request{Inputs: []Input{{Text: "a"}}})
		synctest.Wait()
		second := do(t.Context(), e, Request{Inputs: texts3()})
		synctest.Wait()
		closed := make(chan error)
		go func() { closed <- e.Close() }()
		if err := <-second; !errors.Is(err, ErrClosed) {
			t.Errorf("what waited: %v", err)
		}
		device.gate <- struct{}{}
		if err := errors.Join(<-first, <-closed); err != nil {
			t.Error(err)
		}
		if err := <-do(t.Context(), e, Request{Inputs: texts3()}); !errors.Is(err, ErrClosed) {
			t.Errorf("a later call: %v", err)
		}
		if err := e.Close(); err != nil {
			t.Errorf("closed twice: %v", err)
		}
	})
}

// TestEveryOutcome sends random requests, good and bad inputs mixed, some given up, to a device some of whose passes fail.
// Every input has an embedding that is its own, or an error; each computed input was asked for.
func TestEveryOutcome(t *testing.T) {
	picture, broken := read(t, "rgb.png"), read(t, "baseline_420.jpg")[:300]
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) { everyOutcome(t, rand.New(rand.NewPCG(seed, 9)), picture, broken) })
	}
}

func everyOutcome(t *testing.T, r *rand.Rand, picture, broken []byte) {
	errPass := errors.New("not finite")
	device := &fakeDevice{run: func(ids []int32) error {
		time.Sleep(time.Duration(len(ids)) * 100 * time.Microsecond)
		if len(ids)%7 == 0 {
			return errPass
		}
		return nil
	}}
	e := fakeEngine(t, Options{Threads: 2, MaxQueue: 100, PictureCacheBytes: 20_000, MaxDecodeBytes: 100_000, MaxBatchTokens: 64 + r.IntN(200)}, device)
	defer e.Close()
	kinds := []struct {
		in   func(id int32) Input
		want error // nil where it is computed
	}{
		{func(id int32) Input { return Input{IDs: []int32{id}} }, nil},
		{func(id int32) Input { return Input{Image: picture, IDs: []int32{id}} }, nil},
		{func(id int32) Input { return Input{Image: broken, IDs: []int32{id}} }, pixels.ErrFormat},
		{func(id int32) Input { return Input{IDs: []int32{id, 480}} }, ErrInput},
		{func(id int32) Input { return Input{Text: strings.Repeat("a ", 100), RefuseLong: true} }, ErrTooLong},
	}
	type outcome struct {
		kinds   []int
		ids     []int32
		results []Result
		err     error
	}
	outcomes := make(chan outcome)
	const calls = 30
	for range calls {
		o := outcome{}
		q := Request{Lane: Lane(r.IntN(2)), NoWait: r.IntN(2) == 0}
		if r.IntN(3) == 0 {
			q.QueueTimeout = time.Duration(1+r.IntN(40)) * time.Millisecond
		}
		for range r.IntN(20) {
			kind, id := min(r.IntN(10), 9)/2, int32(200+r.IntN(200))
			o.kinds, o.ids = append(o.kinds, kind), append(o.ids, id)
			q.Inputs = append(q.Inputs, kinds[kind].in(id))
		}
		ctx, cancel := t.Context(), context.CancelFunc(func() {})
		if r.IntN(3) == 0 {
			ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(40))*time.Millisecond)
		}
		go func() {
			defer cancel()
			o.results, o.err = e.Do(ctx, q)
			outcomes <- o
		}()
		time.Sleep(time.Duration(r.IntN(2000)) * time.Microsecond)
	}
	embedded, failed := 0, 0
	for range calls {
		o := <-outcomes
		for i, got := range o.results {
			own := kinds[o.kinds[i]].want
			late := errors.Is(got.Err, ErrQueueTimeout)
			whole := o.err != nil && (errors.Is(got.Err, errPass) || errors.Is(got.Err, context.DeadlineExceeded) || errors.Is(got.Err, ErrQueueFull))
			switch {
			case got.Embedding != nil:
				embedded++
				if got.Err != nil || own != nil || got.Embedding[0] != float32(o.ids[i]) || got.Tokens == 0 {
					t.Errorf("input of kind %d has the embedding of %v, its own is %d, and the error %v", o.kinds[i], got.Embedding[0], o.ids[i], got.Err)
				}
			case got.Err == nil || !late && !whole && !errors.Is(got.Err, own):
				t.Errorf("input of kind %d: error %v, call %v", o.kinds[i], got.Err, o.err)
			case errors.Is(got.Err, errPass):
				failed++
			}
		}
	}
	inputs, passes := device.computed()
	t.Logf("%d inputs embedded in %d passes, %d in passes that failed; cache %+v", embedded, passes, failed, e.Stats())
	if embedded != inputs || embedded == 0 {
		t.Errorf("%d inputs computed, %d embeddings returned", inputs, embedded)
	}
	if s := e.Stats(); s.Waiting != [2]int{} || s.CacheBytes > 20_000 {
		t.Errorf("left: %+v", s)
	}
}
