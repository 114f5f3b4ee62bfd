package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"vbge/engine"
	"vbge/engine/cpu"
	"vbge/engine/golden"
	"vbge/engine/gpu"
	"vbge/engine/pixels"
)

// TestGolden embeds pictures, texts and pairs in one call, files as they are, as the original did.
func TestGolden(t *testing.T) {
	all := readGolden(t).examples(t)
	dir := convertTiny(t)
	for _, device := range devices() {
		t.Run(device, func(t *testing.T) {
			examples := some(device, all)
			e := open(t, dir, on(device))
			if name, _, _ := strings.Cut(device, " "); e.Device() != name || e.Dimension() != 128 || len(e.ModelID()) != 64 {
				t.Errorf("device %s, dimension %d, model %q", e.Device(), e.Dimension(), e.ModelID())
			}
			bound := boundsOf(device)
			worst, least := 0.0, 1.0
			for i, got := range embed(t, e, inputs(examples)...) {
				d, c := golden.Distance(got, examples[i].want)
				worst, least = max(worst, d), min(least, c)
				if !(d <= bound.difference) || !(c >= bound.cosine) {
					t.Errorf("%s: largest difference %.2g, cosine %.9f", examples[i].name, d, c)
				}
			}
			t.Logf("%d inputs: largest difference %.2g of %.2g, smallest cosine 1 - %.1g", len(examples), worst, bound.difference, 1-least)
		})
	}
}

// TestBatchIndependence holds each input's vector alone against those it has among others, in any
// order, in large and small batches.
func TestBatchIndependence(t *testing.T) {
	all := readGolden(t).examples(t)
	dir := convertTiny(t)
	random := rand.New(rand.NewPCG(1, 2))
	for _, device := range devices() {
		t.Run(device, func(t *testing.T) {
			examples, bound, worst := some(device, all), boundsOf(device).batch, 0.0
			if device == "ref" {
				bound = 0 // bit for bit
			}
			e := open(t, dir, on(device))
			alone := make([][]float32, len(examples))
			for i, x := range examples {
				alone[i] = embed(t, e, x.input)[0]
			}
			// 64 tokens are the longest text: passes of one to four inputs.
			for _, budget := range []int{64, 300, on(device).MaxBatchTokens} {
				o := on(device)
				o.MaxBatchTokens = budget
				e := open(t, dir, o)
				order := append(random.Perm(len(examples)), random.Perm(len(examples))...) // more than a window
				shuffled := make([]engine.Input, len(order))
				for i, j := range order {
					shuffled[i] = examples[j].input
				}
				for i, got := range embed(t, e, shuffled...) {
					d, _ := golden.Distance(got, alone[order[i]])
					worst = max(worst, d)
					if !(d <= bound) {
						t.Errorf("budget %d, %s: %.2g off from alone, bound %.2g", budget, examples[order[i]].name, d, bound)
					}
				}
			}
			t.Logf("%d inputs alone and in batches: largest difference %.2g, bound %.2g", len(examples), worst, bound)
		})
	}
}

func TestBadInputs(t *testing.T) {
	dir := convertTiny(t)
	picture := readImage(t, "rgb.png")
	good := []engine.Input{{Image: picture}, {Text: "a red car"}, {Image: picture, Text: "a red car"}}
	bad := []struct {
		in   engine.Input
		want error
	}{
		{engine.Input{Image: []byte{}}, pixels.ErrFormat},
		{engine.Input{Image: []byte("no picture"), Text: "a red car"}, pixels.ErrFormat},
		{engine.Input{Image: picture[:len(picture)/2]}, pixels.ErrFormat},
		{engine.Input{Image: readImage(t, "wide_1000x37.png")}, pixels.ErrTooLarge},
	}
	for _, device := range devices() {
		t.Run(device, func(t *testing.T) {
			o := on(device)
			o.Limits.MaxPixels = 30_000
			e := open(t, dir, o)
			want := embed(t, e, good...)
			var mixed []engine.Input
			for i, b := range bad {
				mixed = append(mixed, b.in, good[i%len(good)])
			}
			results, err := e.Embed(t.Context(), mixed)
			if err != nil {
				t.Fatal(err)
			}
			for i, b := range bad {
				if r := results[2*i]; !errors.Is(r.Err, b.want) || r.Embedding != nil || r.Tokens != 0 {
					t.Errorf("bad input %d: error %v, want %v; embedding %v of %d tokens", i, r.Err, b.want, r.Embedding, r.Tokens)
				}
				r := results[2*i+1]
				if r.Err != nil {
					t.Fatalf("good input %d: %v", i, r.Err)
				}
				if d, _ := golden.Distance(r.Embedding, want[i%len(good)]); !(d <= boundsOf(device).batch) {
					t.Errorf("good input %d is %.2g off from what it is without bad ones", i, d)
				}
			}
			all, err := e.Embed(t.Context(), []engine.Input{bad[0].in, bad[1].in})
			if err != nil || all[0].Err == nil || all[1].Err == nil {
				t.Errorf("bad inputs alone: %+v, %v", all, err)
			}
			if none, err := e.Embed(t.Context(), nil); err != nil || len(none) != 0 {
				t.Errorf("no inputs: %v, %v", none, err)
			}
		})
	}
}

// TestTruncation compares over-long texts with texts cut by hand at the limits of MODEL.md section
// 8: tiny has 64 positions, 16 of which are a picture's, and [CLS] and [SEP] take two.
func TestTruncation(t *testing.T) {
	dir := convertTiny(t)
	words := func(n int) string { return strings.TrimSpace(strings.Repeat("a ", n)) } // one token each
	picture := readImage(t, "rgb.png")
	tests := []struct {
		name  string
		image []byte
		limit int
	}{{"text", nil, 64 - 2}, {"pair", picture, 64 - 16 - 2}}
	for _, device := range devices() {
		e := open(t, dir, on(device))
		for _, test := range tests {
			t.Run(device+" "+test.name, func(t *testing.T) {
				input := func(n int) engine.Input { return engine.Input{Image: test.image, Text: words(n)} }
				results, err := e.Embed(t.Context(), []engine.Input{input(test.limit - 1), input(test.limit), input(test.limit + 1), input(5000)})
				if err != nil {
					t.Fatal(err)
				}
				for i, tokens := range []int{63, 64, 64, 64} {
					if results[i].Err != nil || results[i].Tokens != tokens {
						t.Errorf("input %d: %d tokens, want %d (%v)", i, results[i].Tokens, tokens, results[i].Err)
					}
				}
				// Each alone, so that sums are in one order and equal inputs are equal bit for bit.
				want := embed(t, e, input(test.limit))[0]
				for _, n := range []int{test.limit + 1, 5000} {
					if got := embed(t, e, input(n))[0]; !slices.Equal(got, want) {
						t.Errorf("%d words are not as the first %d", n, test.limit)
					}
				}
				if slices.Equal(embed(t, e, input(test.limit-1))[0], want) {
					t.Errorf("word %d makes no difference: this test sees nothing", test.limit)
				}
			})
		}
	}
}

// TestPictureWithoutWords: an empty text beside a picture is the picture alone, bit for bit.
func TestPictureWithoutWords(t *testing.T) {
	dir := convertTiny(t)
	picture := readImage(t, "rgba.png")
	for _, device := range devices() {
		e := open(t, dir, on(device))
		alone := embed(t, e, engine.Input{Image: picture})[0]
		for _, blank := range []string{"", " \t\n"} {
			if got := embed(t, e, engine.Input{Image: picture, Text: blank})[0]; !slices.Equal(got, alone) {
				t.Errorf("%s: with %q it is not the picture alone", device, blank)
			}
		}
		if got := embed(t, e, engine.Input{Image: picture, Text: "a"})[0]; slices.Equal(got, alone) {
			t.Errorf("%s: a word makes no difference", device)
		}
	}
}

func TestUnitLength(t *testing.T) {
	dir := convertTiny(t)
	for _, device := range devices() {
		e := open(t, dir, on(device))
		for _, v := range embed(t, e, engine.Input{Text: "a red car"}, engine.Input{Image: readImage(t, "rgb.png")}) {
			var sum float64
			for _, x := range v {
				sum += float64(x) * float64(x)
			}
			if math.Abs(math.Sqrt(sum)-1) > 1e-6 {
				t.Errorf("%s: length %v", device, math.Sqrt(sum))
			}
		}
	}
}

func TestCancelled(t *testing.T) {
	dir := convertTiny(t)
	for _, device := range devices() {
		e := open(t, dir, on(device))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		results, err := e.Embed(ctx, []engine.Input{{Text: "a"}, {Image: readImage(t, "rgb.png")}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", device, err)
		}
		for i, r := range results {
			if r.Embedding != nil || !errors.Is(r.Err, context.Canceled) {
				t.Errorf("%s: input %d has embedding %v and error %v", device, i, r.Embedding, r.Err)
			}
		}
		embed(t, e, engine.Input{Text: "a"}) // the next call is not disturbed
	}
}

// nosy is a context that counts how often it is asked whether it is cancelled, and is from the
// question numbered last on.
type nosy struct {
	context.Context
	asked, last int
	cancel      context.CancelFunc
}

func (c *nosy) Err() error {
	if c.asked++; c.asked == c.last {
		c.cancel()
	}
	return c.Context.Err()
}

// TestCancelledMidway: what was computed before the cancellation is still there.
func TestCancelledMidway(t *testing.T) {
	e := open(t, convertTiny(t), engine.Options{Device: "ref", MaxBatchTokens: 64, Threads: 1})
	texts := []engine.Input{{Text: strings.Repeat("a ", 50)}, {Text: strings.Repeat("red ", 50)}}
	inner, cancel := context.WithCancel(t.Context())
	defer cancel()
	ctx := &nosy{Context: inner, cancel: cancel}
	if _, err := e.Embed(ctx, texts); err != nil {
		t.Fatal(err)
	}
	// It is asked between operations, the last time within the second text's pass.
	ctx = &nosy{Context: inner, last: ctx.asked - 1, cancel: cancel}
	results, err := e.Embed(ctx, texts)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if results[0].Embedding == nil || results[0].Err != nil {
		t.Errorf("the first input was computed and is lost: %v", results[0].Err)
	}
	if results[1].Embedding != nil || results[1].Tokens != 0 || !errors.Is(results[1].Err, context.Canceled) {
		t.Errorf("the second input: %v, %d tokens computed", results[1].Err, results[1].Tokens)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := convertTiny(t)
	tests := []struct {
		name    string
		dir     string
		options engine.Options
		want    error
	}{
		{"unknown device", dir, engine.Options{Device: "abacus"}, engine.ErrOptions},
		{"unknown precision", dir, engine.Options{Precision: "float8"}, engine.ErrOptions},
		{"budget", dir, engine.Options{MaxBatchTokens: 63}, engine.ErrTokenBudget},
		{"no folder", filepath.Join(dir, "none"), engine.Options{}, fs.ErrNotExist},
	}
	if !cpu.Built {
		tests = append(tests, struct {
			name    string
			dir     string
			options engine.Options
			want    error
		}{"not built", dir, engine.Options{Device: "cpu"}, engine.ErrDevice})
	}
	for _, test := range tests {
		e, err := engine.Open(test.dir, test.options)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if err == nil {
			e.Close()
		}
	}
}

// TestConcurrent calls one engine from several goroutines, mostly for the race detector.
func TestConcurrent(t *testing.T) {
	all := readGolden(t).examples(t)
	dir := convertTiny(t)
	for _, device := range devices() {
		t.Run(device, func(t *testing.T) {
			examples := some(device, all)
			e := open(t, dir, on(device))
			want := embed(t, e, inputs(examples)...)
			var callers errgroup.Group
			for caller := range 4 {
				callers.Go(func() error {
					first := caller
					results, err := e.Embed(t.Context(), inputs(examples[first:]))
					if err != nil {
						return err
					}
					for i, r := range results {
						if r.Err != nil {
							return r.Err
						}
						if d, _ := golden.Distance(r.Embedding, want[first+i]); !(d <= boundsOf(device).batch) {
							return fmt.Errorf("%s is %.2g off in call %d", examples[first+i].name, d, caller)
						}
					}
					return nil
				})
			}
			if err := callers.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDevices: what the commands offer as --device and --precision opens, or says why it cannot.
func TestDevices(t *testing.T) {
	onGPU := len(gpu.Find().Usable()) > 0
	for _, device := range engine.Devices {
		for _, precision := range engine.Precisions {
			o := engine.Options{Device: strings.Replace(device, "N", "0", 1), Precision: precision}
			backend, _, err := engine.OpenDevice(o)
			name := o.Device
			if name == "auto" {
				name = engine.AutomaticDevice()
			}
			onCPU := name == "ref" || name == "cpu" && cpu.Built
			exists := onCPU && (precision == "auto" || precision == "float32") || strings.HasPrefix(name, "cuda") && onGPU && precision != "int8" ||
				name == "cpu" && (precision == "bfloat16" || precision == "int8") && cpu.Supports(cpu.Precision(precision)) == nil
			if !exists {
				if !errors.Is(err, engine.ErrDevice) {
					t.Errorf("%s %s: %v, want ErrDevice", o.Device, precision, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s %s: %v", o.Device, precision, err)
				continue
			}
			if !strings.HasPrefix(backend.Name(), name) {
				t.Errorf("asked for %s, got %s", name, backend.Name())
			}
			backend.Close()
		}
	}
	if complete := cpu.Built && pixels.Exact() && gpu.Built == onGPU; (len(engine.Caveats("auto")) == 0) != complete {
		t.Errorf("caveats %q", engine.Caveats("auto"))
	}
}

func TestImpossibleOptions(t *testing.T) {
	for _, o := range []engine.Options{{Device: "abacus"}, {Device: "cuda:"}, {Device: "cuda:-1"}, {Device: "cuda:x"}, {Device: "cpu,cuda"},
		{Device: "cpu,cpu"}, {Device: "cuda:1,cuda:1"}, {Device: "cuda,cuda:0"}, {Precision: "float8"}, {Threads: -1}, {MaxBatchTokens: -1}} {
		if err := o.Check(); !errors.Is(err, engine.ErrOptions) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for flag, o := range map[string]engine.Options{"--max-queue": {MaxQueue: -1}, "--max-decode-bytes": {MaxDecodeBytes: -1},
		"--picture-cache-bytes": {PictureCacheBytes: -1}, "--linger -1ns": {Linger: -1}, "--linger 11s": {Linger: 11 * time.Second}} {
		if err := o.Check(); !errors.Is(err, engine.ErrOptions) || !strings.Contains(err.Error(), flag) {
			t.Errorf("%+v: %v, want %s", o, err, flag)
		}
	}
	if err := (engine.Options{MaxQueue: 1, MaxDecodeBytes: 1, PictureCacheBytes: 1, Linger: engine.MaxLinger}).Check(); err != nil {
		t.Error(err)
	}
	for _, device := range []string{"", "auto", "cpu", "cuda", "cuda:0", "cuda:0,cuda:1", "cuda:3,cuda:0,cuda:11"} {
		if err := (engine.Options{Device: device}).Check(); err != nil {
			t.Errorf("--device %s: %v", device, err)
		}
	}
	if _, _, err := engine.OpenDevice(engine.Options{Device: "cuda:0,cuda:1"}); !errors.Is(err, engine.ErrOptions) {
		t.Errorf("two devices as one: %v", err)
	}
}
