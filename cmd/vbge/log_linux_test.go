package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// word is what the log must not have: in requests it stands everywhere.
const word = "Zitronenfalter"

var wordCoded = base64.StdEncoding.EncodeToString([]byte(strings.Repeat(word+" ", 5)))

// TestServeLog sends words in every part of requests, good and bad: the log has a line for each, as JSON, and no word.
func TestServeLog(t *testing.T) {
	shop := newShop(t)
	shop.on(t, "index", shop.images).want(t, 0)
	keys := filepath.Join(shop.dir, "keys")
	writeFile(t, keys, fmt.Appendf(nil, "somebody:%x\n", sha256.Sum256([]byte(key))))
	p := start(t, "serve", "--listen", "127.0.0.1:0", "--model", shop.model, "--uri", shop.uri, "--images", shop.images,
		"--items-dir", filepath.Join(shop.dir, "items"), "--keys", keys, "--log-format", "json")
	logged := func(message string) (all []map[string]any) {
		for text := range strings.Lines(p.log.String()) {
			var fields map[string]any
			if json.Unmarshal([]byte(text), &fields) == nil && fields["msg"] == message {
				all = append(all, fields)
			}
		}
		return all
	}
	await(t, "for the server", func() bool { return logged("serving") != nil })
	s := server{p, logged("serving")[0]["address"].(string)}

	statuses := map[int]int{}
	sent := slices.Concat(wordyJSON(), wordyForms(), wordyHeaders())
	for _, r := range sent {
		statuses[s.send(t, r)]++
	}
	for _, head := range []string{word, "GET / HTTP/1.1\r\n" + word, "POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + word + "\r\nAuthorization: " + word,
		"POST /embed HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key + "\r\nTransfer-Encoding: chunked\r\n\r\n" + word} {
		statuses[s.say(t, head+"\r\n\r\n")]++
	}
	s.stop(t)
	for text := range strings.Lines(p.log.String()) {
		if !json.Valid([]byte(text)) {
			t.Errorf("no JSON: %s", text)
		}
		for _, secret := range []string{word, strings.ToLower(word), wordCoded[:20], hex.EncodeToString([]byte(word))[:12], key} {
			if strings.Contains(text, secret) {
				t.Errorf("the log has %s: %s", secret, text)
			}
		}
	}
	t.Logf("%d requests by status: %v", len(sent)+4, statuses)
	if lines := len(logged("request")); lines != len(sent)+4 || statuses[200] < 20 || statuses[400] < 100 {
		t.Errorf("%d lines in the log", lines)
	}
}

// wordy is a request with the word in it.
type wordy struct {
	path, body string
	header     map[string]string
}

func (s server) send(t *testing.T, r wordy) (status int) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.url+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+key)
	for name, value := range r.header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s: %v", r.path, err)
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// say sends bytes on a connection of their own.
func (s server) say(t *testing.T, text string) (status int) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, text)
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// wordyJSON has the word for W, and its base64 for C.
func wordyJSON() (all []wordy) {
	add := func(path, body string, header map[string]string) {
		all = append(all, wordy{path, strings.NewReplacer("W", word, "C", wordCoded).Replace(body), header})
	}
	for path, member := range map[string]string{"/v1/embeddings": "input", "/embed": "inputs"} {
		for _, value := range []string{`"W"`, `["W", {"image": "W"}]`, `{"image": "C"}`, `{"image": "C", "text": "W"}`, `{"image": "https://W/a.jpg"}`, `{"W": 1}`,
			`{"content": [{"type": "W", "text": "W"}]}`, `[1, "W"]`, `["W", 1]`, "W", `"W`, `"\W"`, `"` + strings.Repeat("W ", 1000) + `"`} {
			for _, more := range []string{"", `, "truncate": false`, `, "model": "W"`, `, "encoding_format": "W"`, `, "dimensions": "W"`, `, "W": "W"`, `, "truncation_direction": "W"`} {
				body := `{"` + member + `": ` + value + more + `}`
				add(path, body, nil)
				add(path, body, map[string]string{"Accept": "application/octet-stream"})
			}
		}
	}
	for _, body := range []string{`{"text": "W", "filter": "W =="}`, `{"text": "W", "filter": "kind == \"W\""}`, `{"text": "W", "limit": "W"}`, `{"image": "C"}`, `{"text": "W", "rerank": true}`} {
		add("/v1/search", body, nil)
	}
	for _, body := range []string{`{"items": [{"image": "C", "fields": {"W": "W"}}]}`, `{"items": [{"image": "C", "fields": {"W": "W", "W": 1}}]}`, `{"items": "W"}`} {
		add("/v1/items", body, nil)
	}
	return all
}

func wordyForms() (all []wordy) {
	form := func(parts ...string) string { // name, value
		var b strings.Builder
		for i := 0; i < len(parts); i += 2 {
			fmt.Fprintf(&b, "--edge\r\nContent-Disposition: form-data; name=%q; filename=%q\r\n\r\n%s\r\n", parts[i], word, parts[i+1])
		}
		return b.String() + "--edge--\r\n"
	}
	add := func(path, contentType, body string) {
		all = append(all, wordy{path, body, map[string]string{"Content-Type": contentType}})
	}
	const multipart = "multipart/form-data; boundary=edge"
	for _, path := range []string{"/embed", "/v1/search", "/v1/items"} {
		for _, name := range []string{"text", "truncate", "limit", "filter", "rerank", "fields", word} {
			add(path+"?"+url.Values{name: {word + "(("}}.Encode(), "image/png", strings.Repeat(word, 5))
			add(path, multipart, form(name, word+"(("))
			add(path, multipart, form("image", word, name, word))
			add(path, multipart, form("text", word, name, word+"(("))
		}
		add(path, multipart, "--edge\r\n"+word)
		add(path, "text/"+word, word)
		add(path+"?a=%zz"+word, "application/json", word)
	}
	return all
}

func wordyHeaders() (all []wordy) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, word)
	z.Close()
	all = append(all, wordy{"/embed", word, map[string]string{"Content-Encoding": "zstd"}}, wordy{"/embed", packed.String(), map[string]string{"Content-Encoding": "gzip"}})
	for _, name := range []string{"Accept", "Authorization", "X-Api-Key", "X-Priority", "X-Request-Timeout", "Origin", "Cookie", "Referer", "User-Agent", "Content-Encoding"} {
		for _, value := range []string{word, "Bearer " + word} {
			all = append(all, wordy{"/embed", `{"inputs": "a"}`, map[string]string{name: value}})
		}
	}
	return all
}
