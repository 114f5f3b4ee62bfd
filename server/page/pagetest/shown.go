package pagetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// Shown is what the page shows.
type Shown struct {
	Status, Timing, Problem, Choice, Note string
	Busy, CanRerank, Dialog               bool
	Results                               []Result
}

// Result is one card.
type Result struct {
	Rank, Score, Path, Place, Missing string
	Best, Loaded                      bool
}

const shown = `(() => {
  const text = (e) => !e || e.hidden || !e.checkVisibility() ? "" : e.innerText.trim();
  const $ = (id) => document.getElementById(id);
  return {
    Status: text($("status")), Timing: text($("timing")), Problem: text($("problem")), Choice: text($("choice")), Note: text($("rerank-note")),
    Busy: $("results").hasAttribute("aria-busy"), CanRerank: !$("rerank").disabled, Dialog: !!document.querySelector("dialog[open]"),
    Results: [...document.querySelectorAll("#grid .card")].map((card) => ({
      Rank: text(card.querySelector(".rank")), Score: text(card.querySelector(".score")), Path: text(card.querySelector(".path")),
      Place: text(card.querySelector(".place")), Missing: text(card.querySelector(".missing")),
      Best: card.classList.contains("best"), Loaded: card.querySelector("img").naturalWidth > 0 && card.querySelector("img").checkVisibility(),
    })),
  };
})()`

// Until waits until the page shows what it should and nothing is under way.
func (p *Tab) Until(what string, is func(Shown) bool) Shown {
	p.t.Helper()
	for end := time.Now().Add(stepWait); ; time.Sleep(look) {
		s := Eval[Shown](p, shown)
		if !s.Busy && is(s) {
			return s
		}
		if time.Now().After(end) {
			p.t.Fatalf("waited in vain for %s; the page shows %+v", what, s)
		}
	}
}

// Paths are those of the results, in the order shown.
func (s Shown) Paths() []string {
	paths := make([]string, len(s.Results))
	for i, r := range s.Results {
		paths[i] = r.Path
	}
	return paths
}

// Nine says whether there are nine results, numbered in order, whose pictures have been loaded.
func (s Shown) Nine() bool {
	for i, r := range s.Results {
		if r.Rank != fmt.Sprint(i) || r.Score == "" || r.Path == "" || !r.Loaded {
			return false
		}
	}
	return len(s.Results) == 9
}

// Fits checks that nothing has to be scrolled sideways, that all words have the contrast that WCAG
// 2.2 asks for at level AA, and that whatever can be used has a name.
func (p *Tab) Fits() {
	p.t.Helper()
	if over := Eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		p.t.Errorf("the page is %d px wider than the screen", over)
	}
	for _, fault := range Eval[[]string](p, contrast) {
		p.t.Errorf("contrast: %s", fault)
	}
	for _, fault := range get(p, chromedp.Action[[]string](nameless)) {
		p.t.Errorf("without a name: %s", fault)
	}
}

// contrast lists words whose contrast is below 4.5, computed as WCAG 2.2 defines it. Controls that
// are switched off are exempt there.
const contrast = `(() => {
  const parse = (c) => { const v = c.match(/[\d.]+/g).map(Number); return v.length < 4 ? [...v, 1] : v; };
  const over = (top, below) => top.slice(0, 3).map((v, i) => v * top[3] + below[i] * (1 - top[3])).concat(1);
  const ground = (e) => e ? over(parse(getComputedStyle(e).backgroundColor), ground(e.parentElement)) : [255, 255, 255, 1];
  const luminance = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const faults = [];
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = words.nextNode());) {
    const e = node.parentElement;
    if (!node.data.trim() || !e.checkVisibility() || e.closest(":disabled, label:has(:disabled), noscript, .unseen")) continue;
    const below = ground(e);
    const [a, b] = [luminance(over(parse(getComputedStyle(e).color), below)), luminance(below)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faults.push(ratio.toFixed(2) + ": " + node.data.trim().slice(0, 40));
  }
  return faults;
})()`

// nameless lists what the accessibility tree holds for use, or as a picture, without a name.
func nameless(ctx context.Context, t *chromedp.Target) ([]string, error) {
	tree, err := cdp.Call(ctx, t, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		return nil, fmt.Errorf("read the accessibility tree: %w", err)
	}
	var faults []string
	for _, n := range tree.Nodes {
		role := text(n.Role)
		if !n.Ignored && slices.Contains([]string{"button", "link", "checkbox", "textbox", "searchbox", "image", "dialog", "form", "search"}, role) && text(n.Name) == "" {
			faults = append(faults, fmt.Sprintf("%s (node %d)", role, n.BackendDOMNodeID))
		}
	}
	return faults, nil
}

// text is a value of the accessibility tree without its quotes.
func text(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	return strings.Trim(string(v.Value), `"`)
}
