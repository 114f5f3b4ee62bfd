package page

import (
	"bytes"
	"crypto/sha256"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"vbge/server/fault"
	"vbge/server/page/pagetest"
	"vbge/server/search"
)

const leopard = "phone case with this image theme"

// TestBehaviour is what the page makes of answers that a well server rarely gives.
func TestBehaviour(t *testing.T) {
	b := pagetest.Open(t)
	for name, run := range map[string]func(*testing.T, *pagetest.Browser){
		"newer words":      newerWords,
		"key":              keyAsked,
		"busy":             busyForAMoment,
		"busy for long":    busyForLong,
		"empty":            emptyCatalogue,
		"no catalogue":     noCatalogue,
		"nobody to choose": nobodyToChoose,
		"words alone":      wordsAlone,
		"nothing to add":   nothingToAdd,
		"failed choice":    failedChoice,
		"hostile names":    hostileNames,
		"too large":        tooLarge,
		"12 megapixels":    twelveMegapixels,
	} {
		t.Run(name, func(t *testing.T) { run(t, b) })
	}
}

// newerWords end the search for older ones, whose answer never comes up.
func newerWords(t *testing.T, b *pagetest.Browser) {
	arrived, left := make(chan struct{}), make(chan struct{})
	f := newFake()
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if q, _, err := read(r); err != nil || q.Get("text") != "slow" {
			return false
		}
		close(arrived)
		<-r.Context().Done()
		close(left)
		return true
	}
	p := b.Tab(t, f.serve(t))
	p.Words("slow")
	wait(t, arrived, "the slow request")
	p.Words("quick")
	wait(t, left, "its end")
	p.Until("nine results", pagetest.Shown.Nine)
}

func wait[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case value := <-c:
		return value
	case <-time.After(30 * time.Second):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// keyAsked asks for a key once, and again if it is wrong; pictures come with it too.
func keyAsked(t *testing.T, b *pagetest.Browser) {
	f := newFake()
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") == "Bearer right" {
			return false
		}
		refuse(w, fault.New(http.StatusUnauthorized, "no_key", "this server asks for a key", "Send Authorization: Bearer and the key."))
		return true
	}
	p := b.Tab(t, f.serve(t))
	p.Allow("401")
	for _, key := range []string{"wrong", "right"} {
		p.Until("the question for a key", func(s pagetest.Shown) bool { return s.Dialog })
		p.Fits()
		p.Do(chromedp.KeyEvent(key + kb.Enter))
	}
	p.Until("no question", func(s pagetest.Shown) bool { return !s.Dialog && s.CanRerank })
	p.Example(leopard)
	p.Until("nine results", pagetest.Shown.Nine)
	kept := pagetest.Eval[[]string](p, `[...Object.values(sessionStorage), ...Object.values(localStorage), document.cookie]`)
	if !slices.Equal(kept, []string{"right", ""}) {
		t.Errorf("the browser keeps %q, want the key for this session alone", kept)
	}
}

// busyForAMoment is waited for.
func busyForAMoment(t *testing.T, b *pagetest.Browser) {
	f, refused := newFake(), atomic.Int32{}
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || refused.Add(1) > 1 {
			return false
		}
		refuse(w, fault.New(http.StatusTooManyRequests, "queue_full", "the queue is full", "Try again.").After(time.Second))
		return true
	}
	p := b.Tab(t, f.serve(t))
	p.Allow("429")
	p.Example(leopard)
	p.Until("nine results of the second try", pagetest.Shown.Nine)
}

// busyForLong is said, and left to the user.
func busyForLong(t *testing.T, b *pagetest.Browser) {
	f, requests := newFake(), atomic.Int32{}
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		requests.Add(1)
		refuse(w, fault.New(http.StatusServiceUnavailable, "not_ready", "the catalogue does not answer", "See to Milvus.").After(30*time.Second))
		return true
	}
	p := b.Tab(t, f.serve(t))
	p.Allow("503")
	p.Example(leopard)
	s := p.Until("a problem", func(s pagetest.Shown) bool { return s.Problem != "" })
	for _, part := range []string{"catalogue does not answer", "See to Milvus.", "Try again in 30 s."} {
		if !strings.Contains(s.Problem, part) {
			t.Errorf("it says %q, without %q", s.Problem, part)
		}
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests, want one", n)
	}
}

func emptyCatalogue(t *testing.T, b *pagetest.Browser) {
	f := newFake()
	f.after = func(a *search.Answer) { a.Results = []search.Result{} }
	p := b.Tab(t, f.serve(t))
	p.Example(leopard)
	p.Until("that there is nothing", func(s pagetest.Shown) bool { return strings.Contains(s.Status, "No pictures") })
	if said := pagetest.Eval[string](p, `document.getElementById("blank").innerText`); !strings.Contains(said, "vbge index") {
		t.Errorf("it says %q, and not how to add pictures", said)
	}
	p.Fits()
}

// nothingToAdd is an empty catalogue before a model that cannot fill it.
func nothingToAdd(t *testing.T, b *pagetest.Browser) {
	f := newFake()
	f.images = map[string]any{"available": false, "reason": "this model has no vision tower"}
	f.search["pictures"] = 0
	p := b.Tab(t, f.serve(t))
	p.Until("that there is nothing", func(s pagetest.Shown) bool { return strings.Contains(s.Status, "No pictures") })
	if said := pagetest.Eval[string](p, `document.getElementById("blank").innerText`); !strings.Contains(said, "cannot") {
		t.Errorf("it says %q, and not that this model cannot add pictures", said)
	}
}

func noCatalogue(t *testing.T, b *pagetest.Browser) {
	f := newFake()
	f.search = map[string]any{"available": false, "reason": "Start it with --uri.", "rerank": false}
	p := b.Tab(t, f.serve(t))
	p.Until("why there is none", func(s pagetest.Shown) bool { return strings.Contains(s.Problem, "Start it with --uri.") })
}

func nobodyToChoose(t *testing.T, b *pagetest.Browser) {
	f := newFake()
	f.search = map[string]any{"available": true, "rerank": false, "rerank_reason": "no key for reranking"}
	p := b.Tab(t, f.serve(t))
	s := p.Until("why nobody chooses", func(s pagetest.Shown) bool { return s.Note != "" })
	if s.CanRerank || s.Note != "no key for reranking" {
		t.Errorf("offered %v, note %q", s.CanRerank, s.Note)
	}
	p.Fits()
}

// wordsAlone are asked for where the model takes no pictures; one that is dropped stays where it is, and so does the page.
func wordsAlone(t *testing.T, b *pagetest.Browser) {
	f, sent := newFake(), make(chan bool, 9)
	f.images = map[string]any{"available": false, "reason": "this model has no vision tower"}
	f.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			_, picture, err := read(r)
			sent <- err == nil && picture != nil
		}
		return false
	}
	p := b.Tab(t, f.serve(t))
	p.Until("what the server can do", func(s pagetest.Shown) bool { return s.CanRerank })
	if shown := pagetest.Eval[bool](p, `["zone", "file"].some((id) => document.getElementById(id).checkVisibility())`); shown {
		t.Error("a picture is asked for")
	}
	if opened := pagetest.Eval[bool](p, `(() => {
		const data = new DataTransfer();
		data.items.add(new File([new Uint8Array(9)], "a.jpg", { type: "image/jpeg" }));
		const send = (name) => document.dispatchEvent(new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true }));
		const left = send("dragover"); // to the browser, which opens what is dropped
		send("drop");
		return left;
	})()`); opened {
		t.Error("a picture that is dropped takes the page's place")
	}
	p.Words("a red car")
	p.Until("nine results", pagetest.Shown.Nine)
	if wait(t, sent, "the search") {
		t.Error("a picture was sent")
	}
	p.Fits()
}

// failedChoice loses nothing of what was found.
func failedChoice(t *testing.T, b *pagetest.Browser) {
	f := newFake()
	f.after = func(a *search.Answer) {
		if a.Reranked {
			a.Reranked, a.Ranked, a.Best, a.Explanation, a.Reason = false, []int{}, nil, "", "the model refused to rerank: <b>no</b>"
		}
	}
	p := b.Tab(t, f.serve(t))
	p.Until("the choice", func(s pagetest.Shown) bool { return s.CanRerank })
	p.Do(chromedp.Click(chromedp.CSS("#rerank")))
	p.Example(leopard)
	s := p.Until("why there is no choice", func(s pagetest.Shown) bool { return s.Nine() && s.Choice != "" })
	if want := "the model refused to rerank: <b>no</b>"; !strings.Contains(s.Choice, want) {
		t.Errorf("it says %q, want %q", s.Choice, want)
	}
	if i := slices.IndexFunc(s.Results, func(r pagetest.Result) bool { return r.Best || r.Place != "" }); i >= 0 {
		t.Errorf("result %d has a place in a ranking that there is not", i)
	}
	p.Fits()
}

// hostileNames of pictures are shown letter by letter, and their ids arrive as they are.
func hostileNames(t *testing.T, b *pagetest.Browser) {
	const id, path = `../a b?c#d%2F"é/<img>`, "images/<img src=x onerror=alert(1)>\u202egpj.exe"
	f, asked := newFake(), make(chan string, 9)
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.PathValue("id") != "" {
			asked <- r.PathValue("id")
		}
		return false
	}
	f.after = func(a *search.Answer) {
		a.Results = []search.Result{{ID: id, ImagePath: path, Score: -0.25}}
	}
	p := b.Tab(t, f.serve(t))
	p.Allow("404")
	p.Words("anything")
	s := p.Until("a result without its picture", func(s pagetest.Shown) bool { return len(s.Results) == 1 && s.Results[0].Missing != "" })
	if r := s.Results[0]; r.Path != path || r.Score != "-0.2500" || r.Missing != "there is no picture with this id" {
		t.Errorf("it shows %+v", r)
	}
	if got := wait(t, asked, "the request for the picture"); got != id {
		t.Errorf("the server was asked for %q, want %q", got, id)
	}
	p.Fits()
}

// tooLarge a picture is not sent.
func tooLarge(t *testing.T, b *pagetest.Browser) {
	f, sent := newFake(), atomic.Bool{}
	f.limit = 1000
	f.before = func(_ http.ResponseWriter, r *http.Request) bool {
		sent.Store(sent.Load() || r.Method == http.MethodPost)
		return false
	}
	p := b.Tab(t, f.serve(t))
	p.Until("the server's limits", func(s pagetest.Shown) bool { return s.CanRerank })
	p.Example(leopard)
	p.Until("a problem", func(s pagetest.Shown) bool { return strings.Contains(s.Problem, "--max-body-bytes") })
	if sent.Load() {
		t.Error("it was sent all the same")
	}
}

// twelveMegapixels arrive as they left: nothing is encoded again on the way.
func twelveMegapixels(t *testing.T, b *pagetest.Browser) {
	photo := image.NewGray(image.Rect(0, 0, 4000, 3000))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range photo.Pix {
		photo.Pix[i] = byte(i>>8) ^ byte(random.Uint32()&15)
	}
	photo.SetGray(0, 0, color.Gray{Y: 255})
	var file bytes.Buffer
	if err := jpeg.Encode(&file, photo, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "photo.jpg")
	if err := os.WriteFile(path, file.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	f, received := newFake(), make(chan [32]byte, 9)
	f.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			_, picture, err := read(r)
			if err != nil {
				t.Error(err)
			}
			received <- sha256.Sum256(picture)
		}
		return false
	}
	p := b.Tab(t, f.serve(t))
	p.Do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{path}))
	p.Until("nine results", pagetest.Shown.Nine)
	if wait(t, received, "the picture") != sha256.Sum256(file.Bytes()) {
		t.Error("the server has got other bytes than the file's")
	}
}
