package pagetest

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Options are what a server under test can do. It has at least nine pictures.
type Options struct {
	Example     string // words of one of its examples, which has a picture
	Edit        string // other words beside that picture, which bring other results
	Picture     string // absolute path of a picture to search with
	Explanation string // what its language model will say of its choice for Example; "" if it has none
	Hostile     string // and of that for Edit: words that look like HTML
	Screenshots string // folder for page-search.png and page-phone.png, see Screenshot; "" for none
}

// Drive checks the page at a URL on a server, step by step, each in a tab of its own.
func Drive(t *testing.T, url string, o Options) {
	b := Open(t)
	for _, step := range []struct {
		name string
		run  func(*testing.T, *Browser, string, Options)
	}{
		{"example", example},
		{"explanation", explanation},
		{"panorama", panorama},
		{"chosen file", chosenFile},
		{"dropped file", droppedFile},
		{"pasted file", pastedFile},
		{"not a picture", notAPicture},
		{"server down", serverDown},
		{"keyboard", keyboard},
		{"phone", phone},
	} {
		t.Run(step.name, func(t *testing.T) { step.run(t, b, url, o) })
	}
}

// example chooses an example, and edits its words.
func example(t *testing.T, b *Browser, url string, o Options) {
	p := b.Tab(t, url)
	p.Until("the examples' pictures", func(Shown) bool {
		return Eval[bool](p, `document.querySelector("#examples img:not([hidden])") !== null &&
			[...document.querySelectorAll("#examples img:not([hidden])")].every((i) => i.naturalWidth > 0)`)
	})
	p.Fits()
	p.Example(o.Example)
	first := p.Until("nine results of the example", Shown.Nine)
	if !strings.HasPrefix(first.Status, "9 pictures found") || !strings.Contains(first.Timing, "ms") {
		t.Errorf("status %q, timing %q", first.Status, first.Timing)
	}
	if first.Problem != "" || first.Choice != "" {
		t.Errorf("nothing was asked for or went wrong, but it says %q %q", first.Problem, first.Choice)
	}
	p.Fits()
	picture := Eval[string](p, `document.querySelector("#grid img").src`)
	p.Words(o.Edit)
	p.Until("other results for other words", func(s Shown) bool { return s.Nine() && !slices.Equal(s.Paths(), first.Paths()) })
	p.Words("")
	p.Do(chromedp.Click(chromedp.CSS("#remove")))
	p.Until("nothing, as nothing is asked", func(s Shown) bool { return len(s.Results) == 0 && s.Problem == "" })
	p.Allow("net::ERR_FILE_NOT_FOUND")
	if get(p, chromedp.Evaluate[bool](fmt.Sprintf(`{ const i = new Image(); i.src = %q; i.decode().then(() => true, () => false) }`, picture), chromedp.EvalAwaitPromise)) {
		t.Error("a picture that is no longer shown is still kept")
	}
}

// explanation lets the language model choose. What it says is shown letter by letter, never as HTML.
func explanation(t *testing.T, b *Browser, url string, o Options) {
	p := b.Tab(t, url)
	info := p.Until("the server's abilities", func(s Shown) bool { return s.CanRerank || s.Note != "" })
	if info.CanRerank != (o.Explanation != "") {
		t.Fatalf("the choice is offered: %v (%s)", info.CanRerank, info.Note)
	}
	if !info.CanRerank {
		return
	}
	p.Do(chromedp.Click(chromedp.CSS("#rerank")))
	p.Example(o.Example)
	s := p.Until("a choice", func(s Shown) bool { return s.Nine() && s.Choice != "" })
	if !strings.Contains(s.Choice, o.Explanation) {
		t.Errorf("it explains %q, want %q", s.Choice, o.Explanation)
	}
	if best := slices.IndexFunc(s.Results, func(r Result) bool { return r.Best }); best < 0 ||
		s.Results[best].Place != "1st" || !strings.Contains(s.Choice, "number "+s.Results[best].Rank) {
		t.Errorf("result %d is marked as the best, the choice says %q, and the results are %+v", best, s.Choice, s.Results)
	}
	p.Fits()
	if o.Screenshots != "" {
		p.Screenshot(o.Screenshots, "page-search.png")
	}
	p.Words(o.Edit)
	p.Until("a choice for other words, as they were said", func(s Shown) bool { return s.Nine() && strings.Contains(s.Choice, o.Hostile) })
	if made := Eval[int](p, `document.querySelector("#choice").querySelectorAll("p *").length`); made != 0 {
		t.Errorf("%d elements were made of the explanation", made)
	}
	p.Do(chromedp.Click(chromedp.CSS("#rerank")))
	p.Until("no choice any more", func(s Shown) bool { return s.Nine() && s.Choice == "" })
}

// panorama opens, can be downloaded, and closes with Escape.
func panorama(t *testing.T, b *Browser, url string, o Options) {
	p := b.Tab(t, url)
	p.Example(o.Example)
	p.Until("nine results", Shown.Nine)
	p.Do(chromedp.Click(chromedp.CSS("#panorama")))
	p.Until("the panorama", func(s Shown) bool {
		return s.Dialog && Eval[int](p, `document.querySelector("#panorama-dialog img").naturalWidth`) == 1200
	})
	type link struct{ Download, Href string }
	if got := Eval[link](p, `(({download: Download, href: Href}) => ({Download, Href}))(document.querySelector("#panorama-dialog a"))`); got.Download != "panorama.jpg" || !strings.HasPrefix(got.Href, "blob:") {
		t.Errorf("the link to download it is %+v", got)
	}
	p.Fits()
	p.Do(chromedp.KeyEvent(kb.Escape))
	p.Until("no panorama", func(s Shown) bool { return !s.Dialog })
}

func chosenFile(t *testing.T, b *Browser, url string, o Options) {
	p := b.Tab(t, url)
	p.Do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{o.Picture}))
	p.searchedWith(o.Picture)
}

// droppedFile lets a file go over the results: the whole page takes it.
func droppedFile(t *testing.T, b *Browser, url string, o Options) {
	p := b.Tab(t, url)
	for _, kind := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
		p.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: 800, Y: 500,
				Data: &input.DragData{Items: []*input.DragDataItem{}, Files: []string{o.Picture}, DragOperationsMask: 1}})
			return err
		}))
	}
	p.searchedWith(o.Picture)
}

func pastedFile(t *testing.T, b *Browser, url string, o Options) {
	p := b.Tab(t, url)
	file, err := os.ReadFile(o.Picture)
	if err != nil {
		t.Fatal(err)
	}
	p.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
		const data = new DataTransfer();
		data.items.add(new File([Uint8Array.from(atob(%q), (c) => c.charCodeAt(0))], %q, {type: "image/jpeg"}));
		document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
	}`, base64.StdEncoding.EncodeToString(file), filepath.Base(o.Picture))))
	p.searchedWith(o.Picture)
}

// searchedWith checks that a picture is shown as the query, and that there are results of it.
func (p *Tab) searchedWith(path string) {
	p.t.Helper()
	p.Until("nine results of a picture", Shown.Nine)
	if name := Eval[string](p, `document.getElementById("name").innerText`); name != filepath.Base(path) {
		p.t.Errorf("the picture is called %q, want %q", name, filepath.Base(path))
	}
	if width := Eval[int](p, `document.getElementById("preview").naturalWidth`); width == 0 {
		p.t.Error("there is no preview of the picture")
	}
	p.Fits()
}

// notAPicture shows what the server says, and recovers.
func notAPicture(t *testing.T, b *Browser, url string, o Options) {
	words := filepath.Join(t.TempDir(), "words.jpg")
	if err := os.WriteFile(words, []byte("these are words, whatever the name says"), 0o666); err != nil {
		t.Fatal(err)
	}
	p := b.Tab(t, url)
	p.Allow("status of 4")
	p.Do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{words}))
	s := p.Until("a problem", func(s Shown) bool { return s.Problem != "" })
	if len(s.Results) != 0 || len(strings.Fields(s.Problem)) < 5 {
		t.Errorf("%d results, and it says %q", len(s.Results), s.Problem)
	}
	p.Fits()
	p.Do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{o.Picture}))
	if s := p.Until("nine results", Shown.Nine); s.Problem != "" {
		t.Errorf("it still says %q", s.Problem)
	}
}

// serverDown says so, and tries again when it is told to.
func serverDown(t *testing.T, b *Browser, url string, o Options) {
	p := b.Tab(t, url)
	p.Example(o.Example)
	p.Until("nine results", Shown.Nine)
	p.Allow("net::ERR_INTERNET_DISCONNECTED")
	p.offline(true)
	p.Words(o.Edit)
	s := p.Until("a problem", func(s Shown) bool { return s.Problem != "" })
	if !strings.Contains(s.Problem, "The server does not answer.") {
		t.Errorf("it says %q", s.Problem)
	}
	p.Fits()
	p.offline(false)
	p.Do(chromedp.Click(chromedp.CSS("#problem button")))
	p.Until("nine results after the second try", func(s Shown) bool { return s.Nine() && s.Problem == "" })
}

func (p *Tab) offline(on bool) {
	p.t.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Offline: on, DownloadThroughput: -1, UploadThroughput: -1}}})
		return err
	}))
}

// keyboard does everything without a mouse: Tab reaches what can be used, in the order that it is
// seen, and always shows where it is.
func keyboard(t *testing.T, b *Browser, url string, o Options) {
	p := b.Tab(t, url)
	p.Until("the examples", func(Shown) bool { return Eval[int](p, `document.querySelectorAll("#examples button").length`) > 0 })
	p.tabTo("file")
	p.tabTo("words")
	p.Do(chromedp.KeyEvent("a brown backpack" + kb.Enter))
	p.Until("nine results of words", Shown.Nine)
	if o.Explanation != "" {
		p.tabTo("rerank")
		p.Do(chromedp.KeyEvent(" "))
		p.Until("a choice", func(s Shown) bool { return s.Choice != "" })
	}
	p.tabTo("go")
	p.tabTo("panorama")
	p.Do(chromedp.KeyEvent(kb.Enter))
	p.Until("the panorama", func(s Shown) bool { return s.Dialog })
	p.Do(chromedp.KeyEvent(kb.Escape))
	p.Until("no panorama", func(s Shown) bool { return !s.Dialog })
	if id := Eval[string](p, `document.activeElement.id`); id != "panorama" {
		t.Errorf("the panorama is closed, and %q has the focus", id)
	}
}

// tabTo presses Tab until an element has the focus, at most as often as there are elements before it.
func (p *Tab) tabTo(id string) {
	p.t.Helper()
	var passed []string
	for range 20 {
		p.Do(chromedp.KeyEvent(kb.Tab))
		if !Eval[bool](p, `(() => {
			const e = document.activeElement, s = getComputedStyle(e.id === "file" ? document.getElementById("zone") : e);
			return e === document.body || s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2;
		})()`) {
			p.t.Errorf("%s does not show that it has the focus", Eval[string](p, `document.activeElement.outerHTML`))
		}
		at := Eval[string](p, `document.activeElement.id`)
		if at == id {
			return
		}
		passed = append(passed, at)
	}
	p.t.Fatalf("Tab does not come to %s, but to %q", id, passed)
}

// phone is narrow and dark, and its user wants nothing to move.
func phone(t *testing.T, b *Browser, url string, o Options) {
	narrow := b.Tab(t, url, Phone(320, 640), Dark())
	narrow.Fits()
	narrow.Example(o.Example)
	narrow.Until("nine results", Shown.Nine)
	narrow.Fits()
	if top := Eval[float64](narrow, `document.getElementById("results").getBoundingClientRect().top`); top < 0 || top > 40 {
		t.Errorf("the results begin %.0f px below the screen's upper edge: it has not turned to them", top)
	}

	p := b.Tab(t, url, Phone(390, 844), Dark())
	if o.Explanation != "" {
		p.Until("the server's abilities", func(s Shown) bool { return s.CanRerank })
		p.Do(chromedp.Click(chromedp.CSS("#rerank")))
	}
	p.Example(o.Example)
	p.Until("nine results", func(s Shown) bool { return s.Nine() && (s.Choice != "") == (o.Explanation != "") })
	if sheet := Eval[string](p, `getComputedStyle(document.body).backgroundColor`); sheet != "rgb(18, 19, 22)" {
		t.Errorf("the page's colour in the dark is %s", sheet)
	}
	if moves := Eval[string](p, `getComputedStyle(document.getElementById("grid")).transitionDuration`); moves != "0s" {
		t.Errorf("results change in %s, though nothing should move", moves)
	}
	p.Fits()
	if o.Screenshots != "" {
		p.Screenshot(o.Screenshots, "page-phone.png")
	}
}

// Example presses the example with these words.
func (p *Tab) Example(words string) {
	p.t.Helper()
	quoted, err := json.Marshal(words)
	if err != nil {
		p.t.Fatal(err)
	}
	find := fmt.Sprintf(`[...document.querySelectorAll("#examples button")].findIndex((b) => b.innerText.trim() === %s)`, quoted)
	p.Until("the examples", func(Shown) bool { return Eval[int](p, find) >= 0 })
	p.Do(chromedp.Click(chromedp.CSS(fmt.Sprintf("#examples li:nth-child(%d) button", Eval[int](p, find)+1))))
}

// Words replaces the words as a user does: everything is marked, and typed over.
func (p *Tab) Words(words string) {
	p.t.Helper()
	p.Do(chromedp.Focus(chromedp.CSS("#words")), chromedp.Evaluate[chromedp.Void](`document.getElementById("words").select()`),
		chromedp.KeyEvent(cmp.Or(words, kb.Backspace)))
}
