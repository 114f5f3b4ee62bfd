// Package health says whether the server should get requests, and whether it should be started again.
package health

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"vbge/engine"
	"vbge/engine/golden"
	"vbge/engine/selftest"
)

// Options say what is checked. The zero value of each duration is its default.
type Options struct {
	Engine  Engine
	Kept    *selftest.Kept // of the model folder; nil: the first answer is taken for right
	Catalog Catalog        // nil for none
	Log     *slog.Logger   // of what changes; nil is slog's default

	Every          time.Duration // without a pass that has succeeded, after which the engine is tested: 10 s
	TestTimeout    time.Duration // of one test of the engine: 5 s
	CatalogEvery   time.Duration // that an answer about the catalogue serves: 2 s
	CatalogTimeout time.Duration // of one question to the catalogue: 2 s
}

// Engine is the part of engine.Engine that is checked.
type Engine interface {
	selftest.Engine
	Precision() string
	Ready() error
	Stats() engine.Stats
}

// Catalog is the part of a catalogue that is asked.
type Catalog interface {
	Count(ctx context.Context) (int, error)
}

// retry is for how long a failed test of the engine stands before it is made again.
const retry = time.Second

// Checker checks when it is asked, and no more than it has to. Its methods may be called from several
// goroutines.
type Checker struct {
	Options  // Kept is used by one self-test at a time
	selfTest probe
	counting probe

	stop   context.CancelFunc
	mu     sync.Mutex // guards what follows
	closed bool
	wrong  error // of the last test of the engine that had an answer: it was not the one that was kept
	known  bool  // whether somebody has asked
	ready  bool  // the last answer
	tests  sync.WaitGroup
}

// New returns a Checker, which has checked nothing yet. The caller closes it.
func New(o Options) *Checker {
	o.Every, o.TestTimeout = cmp.Or(o.Every, 10*time.Second), cmp.Or(o.TestTimeout, 5*time.Second)
	o.CatalogEvery, o.CatalogTimeout = cmp.Or(o.CatalogEvery, 2*time.Second), cmp.Or(o.CatalogTimeout, 2*time.Second)
	o.Log = cmp.Or(o.Log, slog.Default())
	ctx, stop := context.WithCancel(context.Background())
	c := &Checker{Options: o, stop: stop}
	c.selfTest = probe{ctx: ctx, start: c.start, limit: o.TestTimeout, run: c.test, stands: c.testStands}
	c.counting = probe{ctx: ctx, start: c.start, limit: o.CatalogTimeout, run: c.askCatalog,
		stands: func(a answer) bool { return time.Since(a.at) < c.CatalogEvery }}
	return c
}

// Close ends the checks under way and waits for them. A check of an engine that is stuck ends when the
// engine gives it up.
func (c *Checker) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.tests.Wait()
}

// start runs f on a goroutine that Close waits for, unless it is too late.
func (c *Checker) start(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.tests.Go(f)
	}
	return !c.closed
}

// Live returns why the server should be started again, or nil: its engine cannot recover.
func (c *Checker) Live() error { return c.Engine.Ready() }

// Wrong returns why no vector of the engine's is to be used, or nil: the last test found the known input's
// wrong. It takes no time unless that is so; then the test is made again when it is due, as Ready's is.
func (c *Checker) Wrong(ctx context.Context) error {
	if c.verdict() == nil {
		return nil
	}
	_ = c.selfTest.ask().wait(ctx) // no answer changes nothing
	return c.verdict()
}

func (c *Checker) verdict() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wrong
}

// Ready makes the checks that are due and returns why the server should get no requests, or nil: an error
// that names and wraps each check that failed. It takes no longer than Options.TestTimeout and
// Options.CatalogTimeout, nor than ctx.
func (c *Checker) Ready(ctx context.Context) error {
	err := c.check(ctx)
	if ctx.Err() == nil { // else it may be that nobody has waited
		c.tell(err)
	}
	return err
}

func (c *Checker) check(ctx context.Context) error {
	if err := c.Engine.Ready(); err != nil {
		return fmt.Errorf("device: %w", err)
	}
	test := c.selfTest.ask()
	var catalog error
	if c.Catalog != nil { // asked beside the engine
		catalog = c.counting.ask().wait(ctx)
	}
	self := test.wait(ctx)
	switch {
	case self != nil && catalog != nil:
		return fmt.Errorf("self_test: %w; catalog: %w", self, catalog)
	case self != nil:
		return fmt.Errorf("self_test: %w", self)
	case catalog != nil:
		return fmt.Errorf("catalog: %w", catalog)
	}
	return nil
}

// tell logs what has changed.
func (c *Checker) tell(err error) {
	c.mu.Lock()
	changed := !c.known || c.ready != (err == nil)
	c.known, c.ready = true, err == nil
	c.mu.Unlock()
	switch {
	case changed && err == nil:
		c.Log.Info("ready")
	case changed:
		c.Log.Warn("not ready", "error", err)
	}
}

// test embeds the known input.
func (c *Checker) test(ctx context.Context) error {
	if c.Kept == nil {
		kept, err := selftest.Make(ctx, c.Engine)
		if err != nil {
			return err
		}
		c.Kept = kept
		c.Log.Warn("no embedding of the known input was kept at conversion: this device's first one is taken for right",
			"input", kept.String(), "change", "make the model folder anew with vbge convert")
		return nil
	}
	got, err := selftest.Embed(ctx, c.Engine, c.Kept.Picture)
	if err != nil {
		return err
	}
	err = c.Kept.Check(got, golden.BoundOn(c.Engine.Device(), c.Engine.Precision()))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = err
	return err
}

// testStands reports whether the engine need not be tested again: after a success, as long as it goes on
// computing.
func (c *Checker) testStands(a answer) bool {
	if a.err != nil {
		return time.Since(a.at) < retry
	}
	if pass := c.Engine.Stats().LastPass; pass.After(a.at) {
		return time.Since(pass) < c.Every
	}
	return time.Since(a.at) < c.Every
}

func (c *Checker) askCatalog(ctx context.Context) error {
	if _, err := c.Catalog.Count(ctx); err != nil {
		return fmt.Errorf("ask the catalogue: %w", err)
	}
	return nil
}
