package wire

import (
	"bytes"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"vbge/engine"
)

// accepted is a request that is read as exactly this.
type accepted struct {
	body string
	want Embeddings
}

func items(inputs ...engine.Input) (items []Item) {
	for _, in := range inputs {
		items = append(items, Item{Input: in})
	}
	return items
}

func long(items []Item) []Item {
	for i := range items {
		items[i].Input.RefuseLong = true
	}
	return items
}

func (c accepted) check(t *testing.T, got *Embeddings, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*got, c.want) {
		t.Errorf("%+v\nwant %+v", *got, c.want)
	}
}

func TestParseOpenAI(t *testing.T) {
	words := engine.Input{Text: "words"}
	pair := engine.Input{Image: file, Text: "words"}
	for name, c := range map[string]accepted{
		"string": {`{"input":"words","model":"m"}`, Embeddings{Items: items(words), Single: true, Model: "m", Encoding: Float}},
		// What openai-python 1.x sends for client.embeddings.create(model="m", input=["words", "more"]).
		"client": {`{"input": ["words", "more"], "model": "m", "encoding_format": "base64"}`,
			Embeddings{Items: items(words, engine.Input{Text: "more"}), Model: "m", Encoding: Base64}},
		"all members": {`{"user":{"any":["thing"]},"dimensions":768,"encoding_format":"float","truncate":false,"input":["words"]}`,
			Embeddings{Items: long(items(words)), Dimensions: 768, Encoding: Float}},
		"members that are null": {`{"input":"words","model":null,"user":null,"dimensions":null,"encoding_format":null,"truncate":null}`,
			Embeddings{Items: items(words), Single: true, Encoding: Float}},
		"ids":                          {`{"input":[101,2829,102]}`, Embeddings{Items: items(engine.Input{IDs: []int32{101, 2829, 102}}), Single: true, Encoding: Float}},
		"arrays of ids":                {`{"input":[[0],[2147483647]]}`, Embeddings{Items: items(engine.Input{IDs: []int32{0}}, engine.Input{IDs: []int32{2147483647}}), Encoding: Float}},
		"object":                       {`{"input":{"text":"words","image":"` + encoded + `"}}`, Embeddings{Items: items(pair), Single: true, Encoding: Float}},
		"picture":                      {`{"input":[{"image":"` + dataURL + `"}]}`, Embeddings{Items: items(engine.Input{Image: file}), Encoding: Float}},
		"empty words beside a picture": {`{"input":[{"image":"` + dataURL + `","text":""}]}`, Embeddings{Items: items(engine.Input{Image: file}), Encoding: Float}},
		"blank":                        {`{"input":" "}`, Embeddings{Items: items(engine.Input{Text: " "}), Single: true, Encoding: Float}},
		"escapes":                      {`{"in\u0070ut":["w\u006frds","\ud83d\ude00\u0000\n"]}`, Embeddings{Items: items(words, engine.Input{Text: "😀\x00\n"}), Encoding: Float}},
		"parts": {`{"input":{"content":[{"type":"text","text":"one"},{"type":"image_url","image_url":{"url":"` + dataURL + `","detail":"low"}},{"text":"two","type":"input_text"}]}}`,
			Embeddings{Items: items(engine.Input{Image: file, Text: "one two"}), Single: true, Encoding: Float}},
		"parts of the responses API": {`{"input":[{"content":[{"type":"input_image","image_url":"` + dataURL + `","detail":"auto"}]}]}`,
			Embeddings{Items: items(engine.Input{Image: file}), Encoding: Float}},
		"mixed": {`{"input":["words",{"text":"words"},[1],{"image":"` + encoded + `","text":"words"}]}`,
			Embeddings{Items: items(words, words, engine.Input{IDs: []int32{1}}, pair), Encoding: Float}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseOpenAI([]byte(c.body), limits)
			c.check(t, got, err)
		})
	}
}

func TestParseTEI(t *testing.T) {
	for name, c := range map[string]accepted{
		// text-embeddings-inference's own example.
		"example": {`{"inputs":"What is Deep Learning?"}`, Embeddings{Items: long(items(engine.Input{Text: "What is Deep Learning?"})), Single: true, Encoding: Float}},
		"all members": {`{"inputs":["a",[7]],"truncate":true,"truncation_direction":"Right","normalize":true,"prompt_name":null,"dimensions":768}`,
			Embeddings{Items: items(engine.Input{Text: "a"}, engine.Input{IDs: []int32{7}}), Dimensions: 768, Encoding: Float}},
		"objects": {`{"inputs":[{"image":"` + encoded + `","text":"a"}],"truncation_direction":"right"}`,
			Embeddings{Items: long(items(engine.Input{Image: file, Text: "a"})), Encoding: Float}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseTEI([]byte(c.body), limits)
			c.check(t, got, err)
		})
	}
}

func TestParseForm(t *testing.T) {
	one, two := engine.Input{Image: []byte("1")}, engine.Input{Image: []byte("2")}
	with := func(in engine.Input, text string) engine.Input { in.Text = text; return in }
	for name, c := range map[string]struct {
		parts []string
		want  Embeddings
	}{
		"pictures":              {[]string{"image@a=1", "image@b=2"}, Embeddings{Items: long(items(one, two)), Encoding: Float}},
		"one text for all":      {[]string{"text=t", "image@a=1", "image@b=2"}, Embeddings{Items: long(items(with(one, "t"), with(two, "t"))), Encoding: Float}},
		"pairs":                 {[]string{"image@a=1", "text=s", "text=t", "image@b=2"}, Embeddings{Items: long(items(with(one, "s"), with(two, "t"))), Encoding: Float}},
		"texts":                 {[]string{"text=s", "text=t"}, Embeddings{Items: long(items(engine.Input{Text: "s"}, engine.Input{Text: "t"})), Encoding: Float}},
		"fields":                {[]string{"text=s", "truncate=true"}, Embeddings{Items: items(engine.Input{Text: "s"}), Single: true, Encoding: Float}},
		"no file chosen":        {[]string{"image@=", "text=s"}, Embeddings{Items: long(items(engine.Input{Text: "s"})), Single: true, Encoding: Float}},
		"picture without words": {[]string{"image@a=1", "text="}, Embeddings{Items: long(items(one)), Single: true, Encoding: Float}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseForm(formType, formOf(c.parts...), limits)
			accepted{want: c.want}.check(t, got, err)
		})
	}
}

// The body is what curl 7.88 sends for -F image=@a.png -F 'text=make it blue', but for the picture.
func TestParseFormOfCurl(t *testing.T) {
	const boundary = "------------------------d74496d66958873e"
	body := "--" + boundary + "\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n" +
		"\x89PNG\r\n\x1a\n--" + boundary[:30] + "\r\n--" + boundary + "\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nmake it blue\r\n--" + boundary + "--\r\n"
	got, err := parseForm("multipart/form-data; boundary="+boundary, []byte(body), limits)
	accepted{want: Embeddings{Single: true, Encoding: Float,
		Items: long(items(engine.Input{Image: []byte("\x89PNG\r\n\x1a\n--" + boundary[:30]), Text: "make it blue"}))}}.check(t, got, err)
}

func TestParsePicture(t *testing.T) {
	for name, c := range map[string]struct {
		query url.Values
		want  engine.Input
	}{
		"alone":     {nil, engine.Input{Image: file, RefuseLong: true}},
		"words":     {url.Values{"text": {"words"}}, engine.Input{Image: file, Text: "words", RefuseLong: true}},
		"truncated": {url.Values{"text": {"words"}, "truncate": {"true"}}, engine.Input{Image: file, Text: "words"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parsePicture(file, c.query)
			accepted{want: Embeddings{Items: items(c.want), Single: true, Encoding: Float}}.check(t, got, err)
		})
	}
}

// Ids beyond what any model takes are counted as words too long, but not all kept.
func TestManyIDs(t *testing.T) {
	e, err := ParseOpenAI([]byte(`{"input":[7`+strings.Repeat(",7", 2*maxIDs)+`]}`), limits)
	if err != nil || len(e.Items) != 1 || len(e.Items[0].Input.IDs) != maxIDs {
		t.Errorf("%v, want one item of %d ids", err, maxIDs)
	}
}

// Who parses may keep the body: what is parsed is no piece of it but where that is said.
func TestNothingAliasesTheBody(t *testing.T) {
	body := []byte(`{"input":["words",{"image":"` + encoded + `"}],"model":"m"}`)
	e, err := ParseOpenAI(body, limits)
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = 'x'
	}
	if e.Model != "m" || e.Items[0].Input.Text != "words" || !bytes.Equal(e.Items[1].Input.Image, file) {
		t.Errorf("%+v changed with the body", e)
	}
}
