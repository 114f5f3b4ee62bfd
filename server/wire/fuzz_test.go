package wire

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"vbge/server/fault"
)

// checkFault holds every refusal to what this package promises of them.
func checkFault(t *testing.T, f *fault.Error, statuses ...int) {
	t.Helper()
	known := false
	for _, s := range statuses {
		known = known || f.Status == s
	}
	if !known || f.Code == "" || f.Message == "" || f.Change == "" {
		t.Errorf("%d %q %q %q", f.Status, f.Code, f.Message, f.Change)
	}
	if len(f.Message) > 512 || len(f.Param) > maxEcho+len("…") {
		t.Errorf("%d bytes of message, %d of param: %q", len(f.Message), len(f.Param), f.Message)
	}
	if !utf8.ValidString(f.Message) || !utf8.ValidString(f.Param) {
		t.Errorf("not UTF-8: %q at %q", f.Message, f.Param)
	}
}

// checkEmbeddings checks what was read of a body, or why it was not.
func checkEmbeddings(t *testing.T, body []byte, e *Embeddings, err error) {
	t.Helper()
	if (e == nil) != (err != nil) {
		t.Fatalf("%v with %v", e, err)
	}
	if err != nil {
		checkFault(t, faultOf(err), 400, 413)
		return
	}
	if len(e.Items) == 0 || len(e.Items) > limits.MaxItems || e.Single && len(e.Items) != 1 {
		t.Fatalf("%d items, single %v", len(e.Items), e.Single)
	}
	held := 0
	for _, i := range e.Items {
		in := i.Input
		if empty := in.Image == nil && in.Text == "" && in.IDs == nil; empty == (i.Err == nil) {
			t.Errorf("%+v with error %v", in, i.Err)
		}
		if i.Err != nil {
			checkFault(t, i.Err, 400, 413)
		}
		if len(in.Image) > int(limits.MaxImageBytes) || !utf8.ValidString(in.Text) {
			t.Errorf("a picture of %d bytes, text %q", len(in.Image), in.Text)
		}
		held += len(in.Image) + 4*len(in.IDs)
	}
	if held > 2*len(body) {
		t.Errorf("%d bytes of body became %d", len(body), held)
	}
}

// fuzzJSON runs a parser of JSON that begins with whatever seeds there are, and those of refusals.
func fuzzJSON(f *testing.F, parse func([]byte) (*Embeddings, error), member string) {
	for _, seed := range []string{`"a"`, `["a",[1,2],{"image":"` + dataURL + `","text":"b"},7]`, `[101,102]`, `[]`, `{"text":"\u0061\ud83d\ude00"}`,
		`{"content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"` + dataURL + `"}}]}`,
		`[{"image":"http://a"},{"text":1},{"x":[[{}]]},{"text":"a","text":"b"}]`, `["` + strings.Repeat(`","`, 9) + `"]`, "\"\xff\"", `[[[[`} {
		f.Add([]byte(`{"` + member + `":` + seed + `,"truncate":false,"dimensions":3}`))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		e, err := parse(body)
		checkEmbeddings(t, body, e, err)
		if err == nil && !json.Valid(body) {
			t.Errorf("accepted what encoding/json refuses")
		}
		if before != string(body) {
			t.Errorf("the body was written to")
		}
		again, err2 := parse(body)
		if !reflect.DeepEqual(e, again) || !reflect.DeepEqual(err, err2) {
			t.Errorf("read twice, %+v %v and %+v %v", e, err, again, err2)
		}
	})
}

func FuzzParseOpenAI(f *testing.F) {
	f.Add([]byte(`{"input":"a","model":"m","encoding_format":"base64","user":"u"}`))
	fuzzJSON(f, func(body []byte) (*Embeddings, error) { return ParseOpenAI(body, limits) }, "input")
}

func FuzzParseTEI(f *testing.F) {
	f.Add([]byte(`{"inputs":"a","normalize":true,"truncation_direction":"Right","prompt_name":null}`))
	fuzzJSON(f, func(body []byte) (*Embeddings, error) { return parseTEI(body, limits) }, "inputs")
}

func FuzzParseForm(f *testing.F) {
	f.Add(formType, formOf("image@a="+string(file), "text=a"))
	f.Add(formType, formOf("image@a=1", "image@b=", "image@=", "text=a", "truncate=true"))
	f.Add(formType, formOf("text=a", "text=b", "text=\xff", "text=", "text=c"))
	f.Add(formType, []byte("--edge\r\nContent-Disposition: form-data; name=image\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41=\r\n--edge--"))
	f.Add("multipart/form-data; boundary=\"a b\"", []byte("--a b\n\n--a b--"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		e, err := parseForm(contentType, body, limits)
		checkEmbeddings(t, body, e, err)
	})
}

func FuzzParseSearch(f *testing.F) {
	f.Add(jsonType, []byte(`{"image":"`+dataURL+`","text":"a","limit":3,"filter":"x>1","rerank":true,"panorama":false}`))
	f.Add(jsonType, []byte(`{"image":null,"text":"a","limit":1e1}`))
	f.Add(formType, formOf("image@a="+string(file), "text=a", "limit=3", "rerank=1", "filter=x"))
	f.Add("image/png", file)
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		s, err := ParseSearch(contentType, body, nil, limits)
		if err != nil {
			checkFault(t, faultOf(err), 400, 413, 415)
			return
		}
		if s.Image == nil && s.Text == "" || s.Limit < 1 || s.Limit > 16384 || !utf8.ValidString(s.Text) || !utf8.ValidString(s.Filter) || len(s.Image) > len(body) {
			t.Errorf("%+v", s)
		}
	})
}

func FuzzParseItems(f *testing.F) {
	f.Add(jsonType, []byte(`{"items":[{"image":"`+dataURL+`","fields":{"a":{"b":[1e400,null,"c"]}}},{"fields":{"a":1,"a":2}},{},5]}`))
	f.Add(formType, formOf("image@a="+string(file), "image@b=1", "fields={\"a\":1}"))
	f.Add(formType, formOf("image@a=1", "image@b=1", "fields={}", "fields=[]"))
	f.Add("image/png", file)
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		items, err := ParseItems(contentType, body, limits)
		if err != nil {
			checkFault(t, faultOf(err), 400, 413, 415)
			return
		}
		if len(items) == 0 || len(items) > limits.MaxItems {
			t.Fatalf("%d items", len(items))
		}
		for _, i := range items {
			if (i.Image == nil) != (i.Err != nil) {
				t.Errorf("%+v", i)
			}
			if i.Err != nil {
				checkFault(t, i.Err, 400, 413)
			}
			if _, err := json.Marshal(i.Fields); err != nil { // as a catalogue does
				t.Error(err)
			}
		}
	})
}

func FuzzParseAccept(f *testing.F) {
	for _, seed := range []string{"*/*", "application/octet-stream;dtype=float16", "application/json;q=0.5, application/octet-stream; q=1", "a/b;c=\"d,e\",,;", "application/*;q=0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		dtype, binary, err := ParseAccept(header)
		if err != nil {
			checkFault(t, faultOf(err), 406)
		}
		if binary != (dtype != "") || binary && err != nil {
			t.Errorf("%q, binary %v, %v", dtype, binary, err)
		}
		lower, same, err2 := ParseAccept(strings.ToUpper(header))
		if isASCII(header) && (lower != dtype || same != binary || (err == nil) != (err2 == nil)) {
			t.Errorf("%q is %q, %v; in capitals %q, %v", header, dtype, err, lower, err2)
		}
	})
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
