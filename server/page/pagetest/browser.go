// Package pagetest drives the page in a headless Chromium, as people use it: with keys, clicks, files
// and a phone. It is for tests alone.
package pagetest

import (
	"bytes"
	"context"
	"image"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// A browser that hangs ends its test.
const (
	startWait = 30 * time.Second
	stepWait  = 30 * time.Second
	look      = 20 * time.Millisecond // between two looks at a page that is expected to change
)

// Browser is a Chromium of one test.
type Browser struct{ ctx context.Context }

// Open starts $VBGE_CHROMIUM, or the chromium of the PATH, until the test ends. The test is skipped
// where there is none.
func Open(t *testing.T) *Browser {
	t.Helper()
	path := os.Getenv("VBGE_CHROMIUM")
	if path == "" {
		var err error
		if path, err = exec.LookPath("chromium"); err != nil {
			t.Skip("no chromium in the PATH and no VBGE_CHROMIUM: run make setup as root, or install Debian's package chromium")
		}
	}
	// Chromium has no sandbox for root and in most containers, and needs none for a page of ours.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.NoSandbox,
		chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(startWait))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &Browser{ctx}
}

// Tab is a page under test. Whatever goes wrong in it fails the test.
type Tab struct {
	t     *testing.T
	ctx   context.Context
	allow []string // parts of what the console may say
}

// Tab opens a tab with storage of its own, prepared by the actions, at a URL. When the test ends, the
// console has to be empty: no error, no warning, no violation of the Content-Security-Policy.
func (b *Browser) Tab(t *testing.T, url string, prepare ...chromedp.Action[chromedp.Void]) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &Tab{t: t, ctx: ctx}
	messages := chromedp.Console(ctx)
	t.Cleanup(func() {
		const end = "the test has ended"
		p.Do(chromedp.Evaluate[chromedp.Void](`console.debug("` + end + `")`))
		for m, err := range messages {
			if err != nil {
				t.Fatalf("read the console: %v", err)
			}
			if m.Text == end {
				break
			}
			if !p.allowed(m) {
				t.Errorf("the console says: %s %s (%s)", m.Source, m, m.URL)
			}
		}
	})
	p.Do(append([]chromedp.Action[chromedp.Void]{chromedp.EmulateViewport(1200, 840)}, prepare...)...)
	p.Do(chromedp.Navigate(url))
	return p
}

// Allow lets the console report failed requests that hold one of the parts, such as "404", which
// Chromium does whatever a page makes of them.
func (p *Tab) Allow(parts ...string) { p.allow = append(p.allow, parts...) }

func (p *Tab) allowed(m chromedp.ConsoleMessage) bool {
	if m.Type == chromedp.ConsoleDebug {
		return true
	}
	for _, part := range p.allow {
		failed := m.Source == "network" || strings.Contains(m.Text, "CORS policy")
		if failed && strings.Contains(m.Text, part) {
			return true
		}
	}
	return false
}

// Do runs the actions within a step's time.
func (p *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepWait)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// Eval is the value of an expression in the page.
func Eval[T any](p *Tab, expression string) T {
	p.t.Helper()
	return get(p, chromedp.Evaluate[T](expression))
}

// Await is the value of an expression that is a promise.
func Await[T any](p *Tab, expression string) T {
	p.t.Helper()
	return get(p, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

func get[T any](p *Tab, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepWait)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatal(err)
	}
	return value
}

// Screenshot keeps what the tab shows as a PNG: with VBGE_README set, as one for a README.
func (p *Tab) Screenshot(folder, name string) {
	p.t.Helper()
	shot := get(p, chromedp.CaptureScreenshot())
	if os.Getenv("VBGE_README") != "" {
		shot = p.small(shot)
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), shot, 0o666); err != nil {
		p.t.Fatal(err)
	}
}

// small leaves a PNG 32 shades of each colour. That halves the place that photographs take in it, and
// takes seconds under the race detector.
func (p *Tab) small(shot []byte) []byte {
	p.t.Helper()
	all, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		p.t.Fatal(err)
	}
	few := image.NewNRGBA(all.Bounds())
	draw.Draw(few, few.Rect, all, all.Bounds().Min, draw.Src)
	for i, v := range few.Pix {
		few.Pix[i] = v&0xf8 | v>>5
	}
	var file bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&file, few); err != nil {
		p.t.Fatal(err)
	}
	return file.Bytes()
}

// Dark is a preparation: the user prefers dark colours, and that nothing moves.
func Dark() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: "dark"}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	})
}

// Phone is a preparation: a touch screen of so many CSS pixels.
func Phone(width, height int64) chromedp.Action[chromedp.Void] {
	return chromedp.EmulateViewport(width, height, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulateScale(1.5), chromedp.EmulatePortrait)
}
