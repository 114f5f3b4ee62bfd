package engine

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"vbge/engine/cpu"
	"vbge/engine/gpu"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/engine/pixels"
	"vbge/engine/processors"
	"vbge/engine/ref"
)

// Options choose the device and bound the memory. The zero value of each field is its default.
type Options struct {
	Device         string // auto (the fastest there is), cpu, ref, cuda, cuda:N, or several of the last, with commas between
	Precision      string // of Precisions; "" is float32 on a CPU, bfloat16 on a GPU
	Threads        int    // that decode, and compute on cpu; the processors this process may use
	MaxBatchTokens int    // token budget of one pass; DefaultMaxBatchTokens or DefaultGPUBatchTokens
	// WarmUp prepares a GPU for batches of every size before the first, which takes seconds. Without it
	// the first two batches of each size are slower. Memory is taken beforehand in any case.
	WarmUp bool
	Limits pixels.Limits
	EXIF   bool // turn pictures as their EXIF orientation says; the original does not
	// FastJPEG decodes large JPEGs at a fraction of their size, which is nearly what the original makes of them.
	FastJPEG bool

	MaxQueue          int              // inputs that may wait, of requests that do not wait for room; DefaultMaxQueue
	MaxDecodeBytes    int64            // of pictures being decoded, from what headers say; a larger picture is decoded alone; DefaultMaxDecodeBytes
	PictureCacheBytes int64            // of patch tokens kept by content, so that a picture's new instruction costs the text tower alone; 0 is none
	Linger            time.Duration    // that an idle device waits for a fuller batch; 0 is not at all
	OnPass            func(PassReport) // called after each pass, from several goroutines, before its results are returned; nil for none
}

// DefaultMaxQueue is two batches of short texts on a GPU.
const DefaultMaxQueue = 2048

// DefaultMaxDecodeBytes is three of the largest JPEGs that pixels.DefaultLimits lets through, one if it is progressive.
const DefaultMaxDecodeBytes = 1 << 30

// MaxLinger is as long as anybody can want a device to wait for every batch.
const MaxLinger = 10 * time.Second

// DefaultMaxBatchTokens is ten pictures of the full-size model: 80 MB of activations, and enough
// rows that matrix products run at their full rate.
const DefaultMaxBatchTokens = 2048

// DefaultGPUBatchTokens is eighty pictures of the full-size model: enough rows to fill the
// multiprocessors of the largest devices several times.
const DefaultGPUBatchTokens = 16384

// Devices are what Options.Device takes; cuda:N stands for every number of a device.
var Devices = []string{"auto", "cpu", "ref", "cuda", "cuda:N"}

// ErrDevice is wrapped by errors about a device or a precision that there is not, or not here.
var ErrDevice = errors.New("device not available")

// ErrOptions is wrapped where Options say what no build and machine could do.
var ErrOptions = errors.New("impossible options")

// ErrTokenBudget is wrapped where MaxBatchTokens has no room for the longest input.
var ErrTokenBudget = errors.New("token budget too small")

// Check returns an error that wraps ErrOptions unless the options make sense on some machine.
func (o Options) Check() error {
	if _, err := o.targets(); err != nil {
		return err
	}
	if err := o.checkPrecision(); err != nil {
		return err
	}
	if o.Threads < 0 || o.MaxBatchTokens < 0 || o.Limits.MaxBytes < 0 || o.Limits.MaxPixels < 0 {
		return fmt.Errorf("%w: --threads, --max-batch-tokens, --max-image-bytes and --max-pixels are positive numbers, or 0 for the default", ErrOptions)
	}
	if o.MaxQueue < 0 || o.MaxDecodeBytes < 0 {
		return fmt.Errorf("%w: --max-queue %d and --max-decode-bytes %d: give positive numbers, or 0 for the default", ErrOptions, o.MaxQueue, o.MaxDecodeBytes)
	}
	if o.PictureCacheBytes < 0 {
		return fmt.Errorf("%w: --picture-cache-bytes %d: give a positive number, or 0 for no cache", ErrOptions, o.PictureCacheBytes)
	}
	if o.Linger < 0 || o.Linger > MaxLinger {
		return fmt.Errorf("%w: --linger %v: every batch would wait as long; give 0 to %v", ErrOptions, o.Linger, MaxLinger)
	}
	return nil
}

// withDefaults fills in what does not depend on the device.
func (o Options) withDefaults() Options {
	if o.Threads <= 0 {
		o.Threads = processors.Find().Usable()
	}
	o.MaxQueue = cmp.Or(o.MaxQueue, DefaultMaxQueue)
	o.MaxDecodeBytes = cmp.Or(o.MaxDecodeBytes, DefaultMaxDecodeBytes)
	return o
}

// withBudget fills in the token budget of the devices.
func (o Options) withBudget(targets []target) Options {
	if o.MaxBatchTokens > 0 {
		return o
	}
	o.MaxBatchTokens = DefaultMaxBatchTokens
	if targets[0].kind == "cuda" {
		o.MaxBatchTokens = DefaultGPUBatchTokens
	}
	return o
}

// MaxBatchTokens returns the token budget of one pass: that of Options, or the devices' default.
func (e *Engine) MaxBatchTokens() int { return e.options.MaxBatchTokens }

// target is one device to compute on.
type target struct {
	kind  string // cpu, ref, cuda
	index int    // of a GPU
}

// targets reads Device. It does not look whether the devices are there, but for auto.
func (o Options) targets() ([]target, error) {
	var all []target
	for name := range strings.SplitSeq(o.Device, ",") {
		if name == "" || name == "auto" {
			name = AutomaticDevice()
		}
		t := target{kind: name}
		switch number, isGPU := strings.CutPrefix(name, "cuda:"); {
		case isGPU:
			n, err := strconv.Atoi(number)
			if err != nil || n < 0 {
				return nil, fmt.Errorf("%w: --device %s: %q is no number of a device", ErrOptions, o.Device, number)
			}
			t = target{"cuda", n}
		case name != "cpu" && name != "ref" && name != "cuda": // plain cuda is the first
			return nil, fmt.Errorf("%w: --device %s: choose one of %s", ErrOptions, o.Device, strings.Join(Devices, ", "))
		}
		all = append(all, t)
	}
	for i, t := range all {
		for _, other := range all[:i] {
			if t.kind != "cuda" || other.kind != "cuda" || other == t {
				return nil, fmt.Errorf("%w: --device %s: only different GPUs can work side by side", ErrOptions, o.Device)
			}
		}
	}
	return all, nil
}

// AutomaticDevice returns what --device auto is in this build, on this machine.
func AutomaticDevice() string {
	if usable := gpu.Find().Usable(); len(usable) > 0 {
		return fmt.Sprintf("cuda:%d", usable[0].Index)
	}
	if cpu.Built {
		return "cpu"
	}
	return "ref"
}

// OpenDevice starts the device that o names and says what a model on it should compute. The caller
// closes the backend. A list of devices is refused: see openReplicas. Precision auto is the fastest on
// a CPU: without a model there is nothing to judge.
func OpenDevice(o Options) (op.Backend, model.Options, error) {
	o = o.withDefaults()
	targets, err := o.targets()
	if err != nil {
		return nil, model.Options{}, err
	}
	if len(targets) > 1 {
		return nil, model.Options{}, fmt.Errorf("%w: --device %s: one device alone is possible here", ErrOptions, o.Device)
	}
	if o.Precision, err = o.on(targets[0].kind); err != nil {
		return nil, model.Options{}, err
	}
	return o.open(targets[0])
}

// open is the one place that starts devices. o.Precision is what o.on returned.
func (o Options) open(t target) (b op.Backend, _ model.Options, err error) {
	switch t.kind {
	case "cuda":
		storage, _ := o.onGPU()
		b, err = gpu.New(gpu.Options{Device: t.index, Type: storage})
	case "cpu":
		b, err = cpu.New(cpu.Options{Threads: o.Threads, Precision: cpu.Precision(o.Precision)})
	default:
		return ref.New(), model.Options{}, nil
	}
	if err != nil {
		return nil, model.Options{}, fmt.Errorf("%w: %w", ErrDevice, err)
	}
	return b, model.Options{PooledRowOnly: true}, nil
}

// Caveats returns, as sentences for a user, in what this build and machine fall short of the fast,
// exact ones on a device: auto, or what was asked for.
func Caveats(device string) []string {
	var c []string
	if gpu.Built && (device == "" || device == "auto") {
		if found := gpu.Find(); len(found.Usable()) == 0 {
			c = append(c, "No GPU is used, --device auto is the CPU: "+strings.Join(found.Reasons, "; ")+".")
		}
	}
	if !cpu.Built {
		c = append(c, "This build has no native CPU engine and computes in plain Go (device ref), which is far slower: `make build` builds the fast one.")
	}
	if !pixels.Exact() {
		c = append(c, "This build decodes JPEG with Go's library, a little differently from the original (docs/exactness.md says how much): `make build` builds the exact one.")
	}
	return c
}
