package wire

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// hostile returns bodies of about a megabyte that make parsers allocate many times as much.
func hostile() map[string]string {
	const size = 1 << 20
	many := func(piece string) string { return strings.Repeat(piece, size/len(piece)) }
	var names strings.Builder
	for i := 0; names.Len() < size; i++ {
		fmt.Fprintf(&names, `"%x":0,`, i)
	}
	object := "{" + names.String() + `"":0}`
	return map[string]string{
		"members of the body":   object,
		"members of an item":    `{"input":["a",` + object + `]}`,
		"members of a value":    `{"input":[{"text":` + object + `}]}`,
		"members of user":       `{"user":` + object + `}`,
		"one name":              `{"` + many("x") + `":0}`,
		"one escaped name":      `{"` + many(`\u0061`) + `":0}`,
		"one escaped text":      `{"input":"` + many(`\/`) + `"}`,
		"ids":                   `{"input":[` + many("1,") + `1]}`,
		"one id":                `{"input":[` + many("1") + `]}`,
		"an id in quotes":       `{"input":[0,"` + many("1") + `"]}`,
		"words of parts":        `{"input":{"content":[` + many(`{"type":"text","text":""},`) + `{}]}}`,
		"wrong parts":           `{"input":{"content":[` + many(`{},`) + `{}]}}`,
		"items":                 `{"input":[` + many(`"",`) + `""]}`,
		"wrong items":           `{"input":[` + many(`0,`) + `0]}`,
		"brackets":              `{"input":[` + many("["),
		"brackets and braces":   `{"input":[` + many(`{"":[`),
		"an item of brackets":   `{"input":[{"text":` + strings.Repeat("[", 9990) + strings.Repeat("]", 9990) + `}]}`,
		"base64 of line breaks": `{"input":{"image":"` + many("\\n") + `AAAA"}}`,
		"padding":               `{"input":{"image":"` + many("=") + `"}}`,
		"a data URL of commas":  `{"input":{"image":"data:` + many(",") + `"}}`,
		"a large picture":       `{"input":{"image":"` + many("A") + `"}}`,
		"spaces":                many(" "),
	}
}

// allocated returns the bytes that f allocates in all, given back or not.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

func TestHostileBodies(t *testing.T) {
	l := Limits{MaxItems: 1024, MaxImageBytes: 64 << 20}
	for name, text := range hostile() {
		body := []byte(text)
		var err error
		n := allocated(func() { _, err = ParseOpenAI(body, l) })
		t.Logf("%-22s %.2f bytes a byte, %v", name, float64(n)/float64(len(body)), err)
		if n > 3*len(body)+1<<19 {
			t.Errorf("%s: %d bytes allocated for %d", name, n, len(body))
		}
	}
}

func TestHostileForms(t *testing.T) {
	const disposition = "--edge\r\nContent-Disposition: form-data; name=text\r\n"
	for name, body := range map[string]string{
		"empty files":    strings.Repeat("--edge\r\nContent-Disposition: form-data; name=image; filename=\"\"\r\n\r\n\r\n", 1<<14) + "--edge--",
		"headers":        disposition + strings.Repeat("a:\r\n", 1<<18) + "\r\n\r\n--edge--",
		"one header":     disposition + "a:" + strings.Repeat("x", 1<<20) + "\r\n\r\n\r\n--edge--",
		"preamble":       strings.Repeat("--edg\r\n", 1<<17),
		"long name":      "--edge\r\nContent-Disposition: form-data; name=\"" + strings.Repeat("\\\"", 1<<19) + "\"\r\n\r\n\r\n--edge--",
		"false boundary": disposition + "\r\n" + strings.Repeat("\r\n--edg", 1<<17) + "\r\n--edge--",
	} {
		var err error
		n := allocated(func() { _, err = parseForm(formType, []byte(body), Limits{MaxItems: 1024, MaxImageBytes: 64 << 20}) })
		t.Logf("%-14s %d bytes, %.2f a byte, %v", name, len(body), float64(n)/float64(len(body)), err)
		if n > 16*len(body) {
			t.Errorf("%s: %d bytes allocated for %d", name, n, len(body))
		}
	}
}
