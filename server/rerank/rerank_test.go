package rerank

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const testKey = "sk-test-0123456789abcdef"

// serve answers every request with one status and body.
func serve(t *testing.T, status int, body string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server
}

func completion(content string) string {
	text, _ := json.Marshal(content)
	return fmt.Sprintf(`{"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": %s}}]}`, text)
}

func newReranker(t *testing.T, baseURL string) *Reranker {
	t.Helper()
	r, err := New(Options{BaseURL: baseURL, APIKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func testRequest(t *testing.T) Request {
	t.Helper()
	data, err := EncodeJPEG(uniform(red, 8, 8)) // stands in for a panorama, which takes longer
	if err != nil {
		t.Fatal(err)
	}
	return Request{Instruction: "phone case with this\nimage theme", Panorama: data, Count: 9}
}

// TestWholeRequest pins every byte of the request that the tutorial's contract speaks of.
func TestWholeRequest(t *testing.T) {
	request := testRequest(t)
	var err error
	if request.Panorama, err = EncodeJPEG(Panorama(nil, ninePictures())); err != nil {
		t.Fatal(err)
	}
	request.Items = []string{"kind: phone case,\n0: colour: green", "", "title: shoe"}
	type received struct {
		method, path, auth, contentType string
		body                            map[string]any
	}
	requests := make(chan received, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := received{r.Method, r.URL.String(), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), nil}
		if err := json.NewDecoder(r.Body).Decode(&got.body); err != nil {
			t.Errorf("the body is not JSON: %v", err)
		}
		requests <- got
		io.WriteString(w, completion("Ranked list: [6, 2, 0, 1, 3, 4, 5, 7, 8]\nReasons: It has a leopard's spots."))
	}))
	defer server.Close()

	ranking, err := newReranker(t, server.URL+"/v1/").Rerank(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	want := Ranking{[]int{6, 2, 0, 1, 3, 4, 5, 7, 8}, 6, "It has a leopard's spots."}
	if !reflect.DeepEqual(ranking, want) {
		t.Errorf("ranking %+v, want %+v", ranking, want)
	}
	if len(requests) != 1 {
		t.Fatalf("%d requests, want 1", len(requests))
	}
	got := <-requests
	if got.method != "POST" || got.path != "/v1/chat/completions" || got.auth != "Bearer "+testKey || got.contentType != "application/json" {
		t.Errorf("request %s %s, authorization %q, content type %q", got.method, got.path, got.auth, got.contentType)
	}
	text := `You put the results of a composed image search in order. A user searches with a query picture, with an instruction about what to find, or with both: with a picture of a red car and the words "change this car to blue", a similar car that is blue belongs first.

In the attached picture the query, if there is one, is at the bottom left inside the blue border. To its right are the results, in the order in which they were found, each with its index, 0 to 8, in red at its top left corner.

The user's instruction: phone case with this image theme

What the catalogue says about the results, by index:
0: kind: phone case, 0: colour: green
2: title: shoe

Rank all the indices from 0 to 8, the best match first, and explain your choice of the first one only. Answer in exactly this form, with the indices as integers between the brackets, separated by commas:
Ranked list: []
Reasons:`
	body := map[string]any{
		"model": "gpt-4o", "max_tokens": 300.0, "stream": false,
		"messages": []any{map[string]any{"role": "user", "content": []any{
			map[string]any{"type": "text", "text": text},
			map[string]any{"type": "image_url", "image_url": map[string]any{
				"url": "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(request.Panorama)}},
		}}},
	}
	if !reflect.DeepEqual(got.body, body) {
		a, _ := json.MarshalIndent(got.body, "", " ")
		b, _ := json.MarshalIndent(body, "", " ")
		t.Errorf("body\n%.3000s\nwant\n%.3000s", a, b)
	}
}

func TestPromptWithoutInstruction(t *testing.T) {
	got := prompt(Request{Count: 4, Items: []string{strings.Repeat("é", 1000), "\t"}})
	for _, want := range []string{"instruction: (none", "0 to 3", "\n0: " + strings.Repeat("é", informationRunes-3) + "...\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if strings.Contains(got, "\n1: ") {
		t.Errorf("an empty line of product information is in %q", got)
	}
}

func TestDescribe(t *testing.T) {
	got := Describe(map[string]any{"title": "green\nshoe", "kind": "shoe", "price": 12.5, "none": nil, "image_path": "x.jpg"}, "image_path")
	if want := "kind: shoe, price: 12.5, title: green shoe"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFailures(t *testing.T) {
	apiError := func(code, message string) string {
		return fmt.Sprintf(`{"error": {"message": %q, "type": "t", "code": %q}}`, message, code)
	}
	tests := map[string]struct {
		status int
		body   string
		want   error
		says   string
	}{
		"401":               {401, apiError("invalid_api_key", "Incorrect API key provided: "+testKey), ErrServer, "OPENAI_API_KEY"},
		"403":               {403, `forbidden`, ErrServer, "OPENAI_API_KEY"},
		"404":               {404, apiError("model_not_found", "no such model"), ErrServer, "gpt-4o"},
		"429":               {429, apiError("insufficient_quota", "You exceeded your quota, "+testKey), ErrServer, "quota"},
		"500":               {500, apiError("", "internal"), ErrServer, "status 500"},
		"502 in HTML":       {502, "<html>" + testKey, ErrServer, "status 502"},
		"filtered prompt":   {400, apiError("content_filter", "The prompt was filtered"), ErrRefused, "filtered"},
		"bad request":       {400, apiError("invalid_image", "no vision"), ErrServer, "takes pictures"},
		"refusal":           {200, `{"choices": [{"message": {"role": "assistant", "content": null, "refusal": "I can't \nhelp, ` + testKey + `"}}]}`, ErrRefused, `"I can't help, [key]"`},
		"content filter":    {200, `{"choices": [{"finish_reason": "content_filter", "message": {"content": ""}}]}`, ErrRefused, "content filter"},
		"apology":           {200, completion("I'm sorry, but I can't assist with that."), ErrAnswer, "I'm sorry"},
		"rubbish":           {200, "<html>hello " + testKey, ErrAnswer, "not a chat completion"},
		"wrong kind":        {200, `{"choices": 7}`, ErrAnswer, "not a chat completion"},
		"nothing":           {200, "", ErrAnswer, "not a chat completion"},
		"truncated":         {200, `{"choices": [`, ErrAnswer, "not a chat completion"},
		"error with 200":    {200, apiError("", "internal"), ErrAnswer, "no answer"},
		"empty choices":     {200, `{"choices": []}`, ErrAnswer, "no answer"},
		"empty text":        {200, completion(""), ErrAnswer, "empty"},
		"key in the answer": {200, completion("my key is " + testKey), ErrAnswer, "[key]"},
		"too large":         {200, completion(strings.Repeat("x", maxResponseBytes)), ErrAnswer, "larger than"},
		"too large error":   {500, strings.Repeat("x", maxResponseBytes+1), ErrAnswer, "larger than"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ranking, err := newReranker(t, serve(t, test.status, test.body).URL).Rerank(t.Context(), testRequest(t))
			if !errors.Is(err, test.want) || !strings.Contains(fmt.Sprint(err), test.says) {
				t.Fatalf("ranking %v, error %v; want %q, saying %q", ranking, err, test.want, test.says)
			}
			expectSentence(t, err)
		})
	}
}

// expectSentence is what every reason has to be: short, on one line, and without the key.
func expectSentence(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		if text := e.Error(); strings.Contains(text, testKey) || strings.ContainsAny(text, "\n\r\x1b") || len(text) > 600 {
			t.Errorf("%q holds the key or is no sentence", text)
		}
	}
}

func TestAnswersInParts(t *testing.T) {
	body := `{"choices": [{"message": {"role": "assistant", "content": [{"type": "text", "text": "Ranked list: [1, 0]\n"}, {"type": "text", "text": "Reasons: x"}]}}]}`
	got, err := newReranker(t, serve(t, 200, body).URL).Rerank(t.Context(), testRequest(t))
	if err != nil || got.Best != 1 || got.Explanation != "x" || !slices.Equal(got.Ranked, complete([]int{1, 0}, 9)) {
		t.Errorf("ranking %+v, error %v", got, err)
	}
}

func TestTimeoutAndInterruption(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush() // the headers in time, the answer never
		<-release
	}))
	defer server.Close()
	defer close(release)
	r, err := New(Options{BaseURL: server.URL, APIKey: testKey, Timeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	_, err = r.Rerank(t.Context(), testRequest(t))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "100ms") {
		t.Errorf("error %v, want a timeout", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the timeout took %v", took)
	}
	expectSentence(t, err)

	hurried, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = newReranker(t, server.URL).Rerank(hurried, testRequest(t))
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "1m0s") || !strings.Contains(err.Error(), "the request's own time") {
		t.Errorf("error %v, want the caller's deadline, not Options.Timeout", err)
	}
	expectSentence(t, err)

	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = newReranker(t, server.URL).Rerank(interrupted, testRequest(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want an interruption", err)
	}
}

func TestUnreachableAndRedirectingServers(t *testing.T) {
	var reached bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer elsewhere.Close()
	redirecting := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer redirecting.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	for url, says := range map[string]string{redirecting.URL: "redirects", closed.URL: "refused"} {
		_, err := newReranker(t, url).Rerank(t.Context(), testRequest(t))
		if !errors.Is(err, ErrServer) || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want ErrServer saying %q", err, says)
		}
		expectSentence(t, err)
	}
	if reached {
		t.Error("the request went to another server than the named one")
	}
}

func TestReasoningModel(t *testing.T) {
	r, err := New(Options{APIKey: testKey, Model: "o3-mini", BaseURL: serve(t, 200, completion("[0]")).URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = r.Rerank(t.Context(), testRequest(t)); !errors.Is(err, ErrServer) || !strings.Contains(err.Error(), "max_tokens") {
		t.Errorf("error %v, want one about max_tokens", err)
	}
}

func TestBadRequests(t *testing.T) {
	r := newReranker(t, serve(t, 200, completion("Ranked list: [0]")).URL)
	good := testRequest(t)
	for name, change := range map[string]func(*Request){
		"no results":       func(q *Request) { q.Count = 0 },
		"ten results":      func(q *Request) { q.Count = 10 },
		"surplus items":    func(q *Request) { q.Items = make([]string, 10) },
		"no panorama":      func(q *Request) { q.Panorama = nil },
		"not a JPEG":       func(q *Request) { q.Panorama = []byte("\x89PNG\r\n\x1a\n") },
		"negative results": func(q *Request) { q.Count = -1 },
	} {
		request := good
		change(&request)
		if _, err := r.Rerank(t.Context(), request); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := r.Rerank(t.Context(), good); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	for name, test := range map[string]struct {
		options Options
		want    error
	}{
		"no key":           {Options{}, ErrNoKey},
		"blank key":        {Options{APIKey: " \n"}, ErrNoKey},
		"a file's content": {Options{APIKey: "OPENAI_API_KEY=x\nOTHER=" + testKey}, ErrNoKey},
		"no scheme":        {Options{APIKey: testKey, BaseURL: "localhost:8000/v1"}, nil},
		"no host":          {Options{APIKey: testKey, BaseURL: "http:///v1"}, nil},
		"not a URL":        {Options{APIKey: testKey, BaseURL: "http://" + testKey + "@ho st"}, nil},
		"negative timeout": {Options{APIKey: testKey, Timeout: -time.Second}, nil},
	} {
		r, err := New(test.options)
		if err == nil || r != nil || (test.want != nil && !errors.Is(err, test.want)) {
			t.Errorf("%s: error %v, want %v", name, err, test.want)
			continue
		}
		expectSentence(t, err)
	}
}

func TestOptionsFromEnvironment(t *testing.T) {
	write := func(content string) string {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	environment := map[string]string{"OPENAI_API_KEY": "from-environment", "OPENAI_BASE_URL": "http://localhost:8000/v1"}
	for name, test := range map[string]struct {
		env  map[string]string
		file string
		want Options
		err  error
	}{
		"environment":    {environment, "", Options{APIKey: "from-environment", BaseURL: "http://localhost:8000/v1"}, nil},
		"named file":     {environment, write("from-file\n"), Options{APIKey: "from-file", BaseURL: "http://localhost:8000/v1"}, nil},
		"nothing set":    {nil, "", Options{}, nil},
		"empty file":     {environment, write("\n"), Options{}, ErrNoKey},
		"missing file":   {environment, filepath.Join(t.TempDir(), "none"), Options{}, ErrNoKey},
		"a large file":   {environment, write(strings.Repeat("x", maxKeyBytes+1)), Options{}, ErrNoKey},
		"not a file":     {environment, t.TempDir(), Options{}, ErrNoKey},
		"space in value": {map[string]string{"OPENAI_API_KEY": " k "}, "", Options{APIKey: "k"}, nil},
	} {
		got, err := OptionsFromEnvironment(func(name string) string { return test.env[name] }, test.file)
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: %+v, %v; want %+v, %v", name, got, err, test.want, test.err)
		}
	}
}
