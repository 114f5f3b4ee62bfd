package wire

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vbge/server/fault"
)

// refusal is a request, or one item of it, that is refused with exactly these words.
type refusal struct {
	name    string
	got     *fault.Error
	status  int
	code    string
	param   string
	message string
}

func openAI(body string) *fault.Error {
	e, err := ParseOpenAI([]byte(body), limits)
	if err == nil {
		return e.Items[0].Err
	}
	return faultOf(err)
}

func tei(body string) *fault.Error {
	_, err := parseTEI([]byte(body), limits)
	return faultOf(err)
}

// itemOf returns the error of the second item of three, and that there is none for the others.
func itemOf(item string) *fault.Error {
	e, err := ParseOpenAI([]byte(`{"input":["a",`+item+`,"b"]}`), limits)
	if err != nil || len(e.Items) != 3 || e.Items[0].Err != nil || e.Items[2].Err != nil {
		return fault.New(0, "not_alone", "the item's fault is not its own", "").Because(err)
	}
	return e.Items[1].Err
}

func formItem(n int, parts ...string) *fault.Error {
	e, err := parseForm(formType, formOf(parts...), limits)
	if err != nil {
		return faultOf(err)
	}
	return e.Items[n].Err
}

func formWhole(contentType, body string) *fault.Error {
	_, err := parseForm(contentType, []byte(body), limits)
	return faultOf(err)
}

func searchFor(contentType, body string) *fault.Error {
	_, err := ParseSearch(contentType, []byte(body), nil, limits)
	return faultOf(err)
}

func newItem(n int, contentType, body string) *fault.Error {
	items, err := ParseItems(contentType, []byte(body), limits)
	if err != nil {
		return faultOf(err)
	}
	return items[n].Err
}

func accept(header string) *fault.Error {
	_, _, err := ParseAccept(header)
	return faultOf(err)
}

const (
	jsonType = "application/json"
	noURLs   = "this server fetches no URLs"
)

// refusals is a function so that each part stays short.
func refusals() []refusal {
	return slices.Concat(wholes(), members(), inputs(), pictures(), forms(), searches(), newItems(), replies())
}

func wholes() []refusal {
	return []refusal{
		{"empty", openAI(""), 400, "invalid_json", "", "the body is not JSON: it is empty"},
		{"blank", openAI(" \n"), 400, "invalid_json", "", "the body is not JSON: it is empty"},
		{"cut short", openAI(`{"input":["a"`), 400, "invalid_json", "/input", "the body is not JSON: it ends too soon, after 13 bytes"},
		{"cut in an item", openAI(`{"input":["a",{"text":"b`), 400, "invalid_json", "/input/1/text", "the body is not JSON: it ends too soon, after 24 bytes"},
		{"bad character", openAI(`{"input":["a";]}`), 400, "invalid_json", "/input", "the body is not JSON: invalid character ';' after array element (expecting ',' or ']'), at byte 13"},
		{"bad escape", openAI(`{"input":"\q"}`), 400, "invalid_json", "/input", "the body is not JSON: invalid escape sequence `\\q` in string, at byte 10"},
		{"lone surrogate", openAI(`{"input":"\ud800"}`), 400, "invalid_json", "/input", "the body is not JSON: invalid surrogate pair `\\ud800\"}` in string, at byte 10"},
		{"not UTF-8", openAI("{\"input\":\"\xff\"}"), 400, "invalid_json", "/input", "the body is not JSON: invalid UTF-8, at byte 10"},
		{"two values", openAI(`{"input":"a"} {}`), 400, "invalid_json", "", "the body is not JSON: more after the end of the object, at byte 15"},
		{"rest", openAI(`{"input":"a"}}`), 400, "invalid_json", "", "the body is not JSON: invalid character '}' at start of value, at byte 13"},
		{"name that is no string", openAI(`{1:2}`), 400, "invalid_json", "", "the body is not JSON: object member name must be a string, at byte 1"},
		{"too deep", openAI(`{"input":[` + strings.Repeat("[", 20000)), 400, "invalid_json", "/input" + strings.Repeat("/0", 61) + "…", "the body is not JSON: exceeded max depth, at byte 10008"},
		{"cut in a number", openAI(`{"input":"a","dimensions":7`), 400, "invalid_json", "", "the body is not JSON: it ends too soon, after 27 bytes"},
		{"cut after an item's fault", openAI(`{"input":["a",{"x":[{`), 400, "invalid_json", "/input/1/x/0", "the body is not JSON: it ends too soon, after 21 bytes"},
		{"cut after a long name", openAI(`{"` + strings.Repeat("x", 200) + `":1`), 400, "invalid_json", "", "the body is not JSON: it ends too soon, after 205 bytes"},
		{"cut after two pictures", openAI(`{"input":[{"content":[{"type":"image_url","image_url":"` + dataURL + `"},{"image_url":"x`), 400, "invalid_json",
			"/input/0/content/1/image_url", "the body is not JSON: it ends too soon, after 144 bytes"},
		{"array", openAI(`["a"]`), 400, "wrong_type", "", "the body: an array, where an object is wanted"},
		{"null", openAI(`null`), 400, "wrong_type", "", "the body: null, where an object is wanted"},
	}
}

func members() []refusal {
	long := strings.Repeat("ü", 100)
	return []refusal{
		{"no input", openAI(`{"model":"m"}`), 400, "missing_input", "", "the body: no input"},
		{"input is null", openAI(`{"input":null}`), 400, "missing_input", "", "the body: no input"},
		{"no inputs", tei(`{}`), 400, "missing_input", "", "the body: no inputs"},
		{"unknown", openAI(`{"input":"a","messages":[]}`), 400, "unknown_member", "/messages", `/messages: unknown member "messages"`},
		{"unknown and null", openAI(`{"input":"a","inputs":null}`), 400, "unknown_member", "/inputs", `/inputs: unknown member "inputs"`},
		{"unknown and long", openAI(`{"` + long + `":1}`), 400, "unknown_member", "", "the body: unknown member \"" + long[:64] + `"`},
		{"unknown and long in a value", openAI(`{"input":{"` + long + `":[{}],"x":1}}`), 400, "unknown_member", "/input", "/input: unknown member \"" + long[:64] + `"`},
		{"twice", openAI(`{"input":"a","input":"b"}`), 400, "duplicate_member", "/input", "/input: the member stands there twice"},
		{"twice, escaped", openAI(`{"input":"a","inp\u0075t":"b"}`), 400, "duplicate_member", "/input", "/input: the member stands there twice"},
		{"input of another type", openAI(`{"input":5}`), 400, "wrong_type", "/input", "/input: a number, where a string, an array or an object is wanted"},
		{"no items", openAI(`{"input":[]}`), 400, "no_items", "/input", "/input: an empty array"},
		{"too many items", openAI(`{"input":["a","b","c","d","e"`), 413, "too_many_items", "/input", "/input: more than 4 items (set by --max-items)"},
		{"model of another type", openAI(`{"input":"a","model":["m"]}`), 400, "wrong_type", "/model", "/model: an array, where a string is wanted"},
		{"long model", openAI(`{"input":"a","model":"` + strings.Repeat("m", 257) + `"}`), 400, "invalid_value", "/model", "/model: a name of 257 bytes, limit 256"},
		{"encoding", openAI(`{"input":"a","encoding_format":"int8"}`), 400, "invalid_value", "/encoding_format", `/encoding_format: unknown encoding "int8"`},
		{"encoding of another type", openAI(`{"input":"a","encoding_format":true}`), 400, "wrong_type", "/encoding_format", "/encoding_format: a boolean, where a string is wanted"},
		{"dimensions 0", openAI(`{"input":"a","dimensions":0}`), 400, "invalid_value", "/dimensions", `/dimensions: "0" is no whole number from 1 to 2147483647`},
		{"dimensions -1", openAI(`{"input":"a","dimensions":-1}`), 400, "invalid_value", "/dimensions", `/dimensions: "-1" is no whole number from 1 to 2147483647`},
		{"dimensions 7.5", openAI(`{"input":"a","dimensions":7.5}`), 400, "invalid_value", "/dimensions", `/dimensions: "7.5" is no whole number from 1 to 2147483647`},
		{"dimensions in words", openAI(`{"input":"a","dimensions":"768"}`), 400, "wrong_type", "/dimensions", "/dimensions: a string, where a whole number is wanted"},
		{"truncate", openAI(`{"input":"a","truncate":"yes"}`), 400, "wrong_type", "/truncate", "/truncate: a string, where true or false is wanted"},
		{"normalize", tei(`{"inputs":"a","normalize":false}`), 400, "invalid_value", "/normalize", "/normalize: embeddings are always unit vectors"},
		{"direction", tei(`{"inputs":"a","truncation_direction":"Left"}`), 400, "invalid_value", "/truncation_direction", `/truncation_direction: unknown direction "Left"`},
		{"prompt of another type", tei(`{"inputs":"a","prompt_name":{}}`), 400, "wrong_type", "/prompt_name", "/prompt_name: an object, where a string is wanted"},
		{"prompt", tei(`{"inputs":"a","prompt_name":"query"}`), 400, "prompt_not_supported", "/prompt_name", "/prompt_name: the model has no prompts"},
	}
}

func inputs() []refusal {
	return []refusal{
		{"number", itemOf(`5`), 400, "wrong_type", "/input/1", "/input/1: a number, where a string, an array of token ids or an object is wanted"},
		{"null", itemOf(`null`), 400, "wrong_type", "/input/1", "/input/1: null, where a string, an array of token ids or an object is wanted"},
		{"no words", itemOf(`""`), 400, "empty_item", "/input/1", "/input/1: neither a picture nor words"},
		{"no ids", itemOf(`[]`), 400, "empty_item", "/input/1", "/input/1: neither a picture nor words"},
		{"no members", itemOf(`{}`), 400, "empty_item", "/input/1", "/input/1: neither a picture nor words"},
		{"no parts", itemOf(`{"content":[]}`), 400, "empty_item", "/input/1", "/input/1: neither a picture nor words"},
		{"no picture", itemOf(`{"image":null,"text":""}`), 400, "empty_item", "/input/1", "/input/1: neither a picture nor words"},
		{"negative id", itemOf(`[101,-1,[[{"a":1}]]]`), 400, "invalid_token_id", "/input/1/1", "/input/1/1: no whole number from 0 to 2147483647"},
		{"id too large", itemOf(`[2147483648]`), 400, "invalid_token_id", "/input/1/0", "/input/1/0: no whole number from 0 to 2147483647"},
		{"id with a fraction", itemOf(`[1.0]`), 400, "invalid_token_id", "/input/1/0", "/input/1/0: no whole number from 0 to 2147483647"},
		{"arrays in arrays", itemOf(`[["a"]]`), 400, "invalid_token_id", "/input/1/0", "/input/1/0: no whole number from 0 to 2147483647"},
		{"unknown member", itemOf(`{"url":{"deep":[{}]},"text":"a"}`), 400, "unknown_member", "/input/1/url", `/input/1/url: unknown member "url"`},
		{"duplicate member", itemOf(`{"text":"a","text":"b"}`), 400, "duplicate_member", "/input/1/text", "/input/1/text: the member stands there twice"},
		{"text of another type", itemOf(`{"text":["a"]}`), 400, "wrong_type", "/input/1/text", "/input/1/text: an array, where a string is wanted"},
		{"image of another type", itemOf(`{"image":{"url":"x"}}`), 400, "wrong_type", "/input/1/image", "/input/1/image: an object, where a data URL or base64 in a string is wanted"},
		{"both forms", itemOf(`{"text":"a","content":[]}`), 400, "ambiguous_item", "/input/1", "/input/1: content beside image or text"},
		{"content in words", itemOf(`{"content":"a"}`), 400, "wrong_type", "/input/1/content", "/input/1/content: a string, where an array of parts is wanted"},
		{"part in words", itemOf(`{"content":["a"]}`), 400, "wrong_type", "/input/1/content/0", "/input/1/content/0: a string, where an object is wanted"},
		{"part of no type", itemOf(`{"content":[{"text":"a"}]}`), 400, "invalid_part", "/input/1/content/0", `/input/1/content/0: no part has the type ""`},
		{"part of another type", itemOf(`{"content":[{"type":"input_audio"}]}`), 400, "invalid_part", "/input/1/content/0", `/input/1/content/0: no part has the type "input_audio"`},
		{"words without text", itemOf(`{"content":[{"type":"text"}]}`), 400, "invalid_part", "/input/1/content/0", "/input/1/content/0: a part of words has text, and no image_url"},
		{"picture without url", itemOf(`{"content":[{"type":"image_url","image_url":{}}]}`), 400, "invalid_part", "/input/1/content/0", "/input/1/content/0: a part with a picture has image_url, and no text"},
		{"two pictures", itemOf(`{"content":[{"type":"image_url","image_url":"` + dataURL + `"},{"type":"image_url","image_url":"` + dataURL + `"}]}`), 400, "too_many_images",
			"/input/1/content/1/image_url", "/input/1/content/1/image_url: a second picture in one item"},
	}
}

func pictures() []refusal {
	image := func(s string) *fault.Error { return itemOf(`{"image":"` + s + `"}`) }
	part := `{"content":[{"type":"image_url","image_url":{"url":"http://169.254.169.254/latest","detail":"high"}}]}`
	const place = "/input/1/image"
	return []refusal{
		{"https", image("https://example.com/cat.jpg"), 400, "image_url_not_fetched", place, place + ": " + noURLs},
		{"HTTP", image(`HTTP:\/\/127.0.0.1:22\/`), 400, "image_url_not_fetched", place, place + ": " + noURLs},
		{"gopher", image("gopher://127.0.0.1/"), 400, "image_url_not_fetched", place, place + ": " + noURLs},
		{"URL in a part", itemOf(part), 400, "image_url_not_fetched", "/input/1/content/0/image_url/url", "/input/1/content/0/image_url/url: " + noURLs},
		{"file URL", image("file:///etc/passwd"), 400, "image_not_base64", place, place + ": not base64 at character 4"},
		{"absolute path", image("/etc/passwd"), 400, "image_too_short", place, place + ": 8 bytes are no picture"},
		{"relative path", image("images/a.jpg"), 400, "image_not_base64", place, place + ": not base64 at character 8"},
		{"empty", image(""), 400, "image_empty", place, place + ": a picture without any bytes"},
		{"empty data URL", image("data:image/png;base64,"), 400, "image_empty", place, place + ": a picture without any bytes"},
		{"data URL in percents", image("data:image/png,%89PNG"), 400, "invalid_data_url", place, place + ": a data URL that is not base64"},
		{"data URL without a comma", image("data:image/png;base64"), 400, "invalid_data_url", place, place + ": a data URL that is not base64"},
		{"both alphabets", image(strings.Repeat("+_", 20)), 400, "image_not_base64", place, place + ": not base64 at character 0"},
		{"space", image("AAAA AAAA" + encoded), 400, "image_not_base64", place, place + ": not base64 at character 4"},
		{"impossible length", image("AAAAA"), 400, "image_not_base64", place, place + ": not base64 at character 4"},
		{"padding of another length", image("AAA=="), 400, "image_not_base64", place, place + ": 3 characters of base64 do not end with 2 of padding"},
		{"padding alone", image("===="), 400, "image_not_base64", place, place + ": 0 characters of base64 do not end with 4 of padding"},
		{"padding within", image("AA==" + encoded), 400, "image_not_base64", place, place + ": not base64 at character 2"},
		{"too large", image(strings.Repeat("A", 1336)), 413, "image_too_large", place, place + ": a file of 1002 bytes, limit 1000 (set by --max-image-bytes)"},
	}
}

func forms() []refusal {
	large := strings.Repeat("x", 1001)
	return []refusal{
		{"no boundary", formWhole("multipart/form-data", ""), 400, "invalid_form", "", "the body: not multipart/form-data: its Content-Type has no boundary of 1 to 70 characters"},
		{"long boundary", formWhole("multipart/form-data; boundary="+strings.Repeat("b", 71), ""), 400, "invalid_form", "",
			"the body: not multipart/form-data: its Content-Type has no boundary of 1 to 70 characters"},
		{"empty body", formWhole(formType, ""), 400, "invalid_form", "", "the body: not multipart/form-data: a part is malformed, or the body ends before the last boundary"},
		{"header without a colon", formWhole(formType, "--edge\r\nsecret\r\n\r\nx\r\n--edge--\r\n"), 400, "invalid_form", "",
			"the body: not multipart/form-data: a part is malformed, or the body ends before the last boundary"},
		{"cut in the second header", formWhole(formType, string(formOf("image@a=1", "image@b=2")[:160])), 400, "invalid_form", "",
			"the body: not multipart/form-data: a part is malformed, or the body ends before the last boundary"},
		{"cut in a file", formWhole(formType, "--edge\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\nxx"), 400, "invalid_form", "",
			"the body: not multipart/form-data: the body ends within /image/0"},
		{"cut in a field", formWhole(formType, "--edge\r\nContent-Disposition: form-data; name=text\r\n\r\nxx"), 400, "invalid_form", "",
			"the body: not multipart/form-data: the body ends within /text"},
		{"no parts", formWhole(formType, "--edge--\r\n"), 400, "missing_input", "", "the body: no image or text"},
		{"unknown field", formItem(0, "text=a", "txet=b"), 400, "unknown_field", "", `the body: a part with the unknown name "txet"`},
		{"field twice", formItem(0, "text=a", "truncate=true", "truncate=true"), 400, "duplicate_field", "/truncate", "/truncate: the field stands there twice"},
		{"two texts for one picture", formItem(0, "image@a=abc", "text=a", "text=b"), 400, "unpaired_parts", "", "the body: 1 parts named image and 2 named text"},
		{"two texts for three pictures", formItem(0, "image@a=abc", "image@b=abc", "image@c=abc", "text=a", "text=b"), 400, "unpaired_parts", "",
			"the body: 3 parts named image and 2 named text"},
		{"too many pictures", formItem(0, "image@a=1", "image@b=2", "image@c=3", "image@d=4", "image@e=5"), 413, "too_many_items", "/image", "/image: more than 4 items (set by --max-items)"},
		{"too many texts", formItem(0, "text=1", "text=2", "text=3", "text=4", "text=5"), 413, "too_many_items", "/text", "/text: more than 4 items (set by --max-items)"},
		{"too many empty files", formWhole(formType, strings.Repeat("--edge\r\nContent-Disposition: form-data; name=image; filename=\"\"\r\n\r\n\r\n", 11)), 413, "too_many_items", "",
			"the body: more than 4 items (set by --max-items)"},
		{"large picture", formItem(1, "image@a=1", "image@b="+large), 413, "image_too_large", "/image/1", "/image/1: a larger file, limit 1000 (set by --max-image-bytes)"},
		{"empty picture", formItem(1, "image@a=1", "image@b="), 400, "image_empty", "/image/1", "/image/1: a picture without any bytes"},
		{"empty text", formItem(1, "text=a", "text="), 400, "empty_item", "/text/1", "/text/1: neither a picture nor words"},
		{"text in another charset", formItem(1, "image@a=1", "image@b=1", "text=\xe4"), 400, "invalid_utf8", "/text/0", "/text/0: not UTF-8"},
		{"truncate", formItem(0, "text=a", "truncate=maybe"), 400, "invalid_value", "/truncate", `/truncate: "maybe", where true or false is wanted`},
		{"another media type", faultOf(second(ParseEmbed("text/plain; a", nil, nil, limits))), 415, "unsupported_media_type", "Content-Type",
			`Content-Type: this route reads no bodies of type "text/plain"`},
		{"no JSON by its media type", faultOf(CheckJSON(formType)), 415, "unsupported_media_type", "Content-Type",
			`Content-Type: this route reads no bodies of type "multipart/form-data"`},
		{"a query beside a form", faultOf(second(ParseEmbed(formType, nil, url.Values{"text": {"a"}}, limits))), 400, "unknown_field", "/query",
			"the query is read only beside a body that is a picture's file"},
		{"raw picture without bytes", faultOf(second(parsePicture(nil, nil))), 400, "image_empty", "", "the body: a picture without any bytes"},
		{"raw picture with truncate", faultOf(second(parsePicture(file, url.Values{"truncate": {"yes"}}))), 400, "invalid_value", "/truncate", `/truncate: "yes", where true or false is wanted`},
		{"raw picture with another parameter", faultOf(second(parsePicture(file, url.Values{"image": {"x"}}))), 400, "unknown_field", "/query", `/query: a parameter with the unknown name "image"`},
		{"raw picture with a text that is not UTF-8", faultOf(second(parsePicture(file, url.Values{"text": {"\xff"}}))), 400, "invalid_utf8", "/text", "/text: not UTF-8"},
	}
}

func second[T any](_ T, err error) error { return err }

func searches() []refusal {
	form := func(parts ...string) *fault.Error { return searchFor(formType, string(formOf(parts...))) }
	query := func(q url.Values) *fault.Error { return faultOf(second(ParseSearch("image/jpeg", file, q, limits))) }
	return []refusal{
		{"nothing", searchFor(jsonType, `{"limit":3}`), 400, "empty_item", "", "the body: neither a picture nor words"},
		{"nothing in a form", form("limit=3"), 400, "empty_item", "", "the body: neither a picture nor words"},
		{"URL", searchFor(jsonType, `{"image":"http://a/b"}`), 400, "image_url_not_fetched", "/image", "/image: " + noURLs},
		{"limit 0", searchFor(jsonType, `{"text":"a","limit":0}`), 400, "invalid_value", "/limit", `/limit: "0" is no whole number from 1 to 16384`},
		{"limit beyond Milvus's", form("text=a", "limit=16385"), 400, "invalid_value", "/limit", `/limit: "16385" is no whole number from 1 to 16384`},
		{"limit in words", form("text=a", "limit=nine"), 400, "invalid_value", "/limit", `/limit: "nine" is no whole number from 1 to 16384`},
		{"rerank", form("text=a", "rerank=on"), 400, "invalid_value", "/rerank", `/rerank: "on", where true or false is wanted`},
		{"panorama", query(url.Values{"panorama": {"x"}}), 400, "invalid_value", "/panorama", `/panorama: "x", where true or false is wanted`},
		{"text", query(url.Values{"text": {"\xff"}}), 400, "invalid_utf8", "/text", "/text: not UTF-8"},
		{"unknown parameter", query(url.Values{"text": {"a"}, "limt": {"3"}}), 400, "unknown_field", "/query", `/query: a parameter with the unknown name "limt"`},
		{"filter", query(url.Values{"filter": {"\xff"}}), 400, "invalid_utf8", "/filter", "/filter: not UTF-8"},
		{"two pictures", form("image@a=1", "image@b=2"), 400, "duplicate_field", "/image", "/image: the field stands there twice"},
		{"two texts", form("text=a", "text=b"), 400, "duplicate_field", "/text", "/text: the field stands there twice"},
		{"eight empty files", form(slices.Repeat([]string{"image@="}, 8)...), 400, "duplicate_field", "", "the body: the field stands there twice"},
		{"empty picture", form("image@a=", "text=a"), 400, "image_empty", "/image/0", "/image/0: a picture without any bytes"},
		{"no media type", searchFor("", `{"text":"a"}`), 415, "unsupported_media_type", "Content-Type", `Content-Type: this route reads no bodies of type ""`},
		{"curl's media type", searchFor("application/x-www-form-urlencoded", `{"text":"a"}`), 415, "unsupported_media_type", "Content-Type",
			`Content-Type: this route reads no bodies of type "application/x-www-form-urlencoded"`},
		{"a query beside JSON", faultOf(second(ParseSearch(jsonType, []byte(`{"text":"a"}`), url.Values{"limit": {"3"}}, limits))), 400, "unknown_field", "/query",
			"the query is read only beside a body that is a picture's file"},
		{"raw without bytes", searchFor("image/png", ""), 400, "image_empty", "", "the body: a picture without any bytes"},
	}
}

func newItems() []refusal {
	item := func(s string) *fault.Error { return newItem(0, jsonType, `{"items":[`+s+`]}`) }
	form := func(n int, parts ...string) *fault.Error { return newItem(n, formType, string(formOf(parts...))) }
	large := `{"a":"` + strings.Repeat("x", maxFields) + `"}`
	return []refusal{
		{"none", newItem(0, jsonType, `{}`), 400, "no_items", "", "the body: there are none in items"},
		{"none in the array", newItem(0, jsonType, `{"items":[]}`), 400, "no_items", "", "the body: there are none in items"},
		{"none in a form", form(0), 400, "no_items", "", "the body: no part named image"},
		{"no array", newItem(0, jsonType, `{"items":{}}`), 400, "wrong_type", "/items", "/items: an object, where an array of objects is wanted"},
		{"too many", newItem(0, jsonType, `{"items":[1,2,3,4,5]}`), 413, "too_many_items", "/items", "/items: more than 4 items (set by --max-items)"},
		{"no object", item(`1`), 400, "wrong_type", "/items/0", "/items/0: a number, where an object is wanted"},
		{"no image", item(`{"fields":{}}`), 400, "missing_image", "/items/0", "/items/0: no image"},
		{"path", item(`{"image":"a.jpg"}`), 400, "image_not_base64", "/items/0/image", "/items/0/image: not base64 at character 1"},
		{"fields in an array", item(`{"fields":[]}`), 400, "wrong_type", "/items/0/fields", "/items/0/fields: an array, where an object is wanted"},
		{"fields that are cut", item(`{"fields":{`), 400, "invalid_json", "/items/0/fields", "the body is not JSON: invalid character ']' at start of string (expecting '\"'), at byte 21"},
		{"fields twice", item(`{"fields":{"a":1,"a":2}}`), 400, "invalid_fields", "/items/0/fields", "/items/0/fields: no JSON object, or a name that stands in it twice"},
		{"large fields", item(`{"fields":` + large + `}`), 413, "fields_too_large", "/items/0/fields", "/items/0/fields: 65544 bytes of metadata, limit 65536"},
		{"fields without a picture", form(0, `fields={"a":1}`), 400, "missing_image", "/fields/0", "/fields/0: no image"},
		{"fields that are no JSON", form(1, "image@a=1", "image@b=2", "fields={}", "fields=x"), 400, "invalid_fields", "/fields/1", "/fields/1: no JSON object, or a name that stands in it twice"},
		{"cut in a header", newItem(0, formType, string(formOf("image@a=1"))[:40]), 400, "invalid_form", "", "the body: not multipart/form-data: a part is malformed, or the body ends before the last boundary"},
		{"unpaired", form(0, "image@a=1", "fields={}", "fields={}"), 400, "unpaired_parts", "", "the body: 1 parts named image and 2 named fields"},
		{"large picture", form(0, "image@a="+large), 413, "image_too_large", "/image/0", "/image/0: a larger file, limit 1000 (set by --max-image-bytes)"},
		{"raw without bytes", newItem(0, "image/jpeg", ""), 400, "image_empty", "", "the body: a picture without any bytes"},
		{"media type", newItem(0, "text/plain", "{}"), 415, "unsupported_media_type", "Content-Type", `Content-Type: this route reads no bodies of type "text/plain"`},
	}
}

func replies() []refusal {
	return []refusal{
		{"dtype", accept("application/octet-stream;dtype=float64"), 406, "unknown_dtype", "Accept", `Accept: no dtype is called "float64"`},
		{"media type", accept("text/html, application/json;q=0"), 406, "not_acceptable", "Accept", "Accept: neither JSON nor application/octet-stream"},
	}
}

func TestRefusals(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range refusals() {
		t.Run(r.name, func(t *testing.T) {
			if r.got == nil {
				t.Fatalf("accepted, want %s", r.code)
			}
			seen[r.got.Code] = true
			if r.got.Status != r.status || r.got.Code != r.code || r.got.Param != r.param || r.got.Message != r.message {
				t.Errorf("%d %s at %q: %q\nwant %d %s at %q: %q", r.got.Status, r.got.Code, r.got.Param, r.got.Message, r.status, r.code, r.param, r.message)
			}
			if r.got.Change == "" || r.got.Type == "" {
				t.Errorf("%s: does not say what to change, or has no type", r.code)
			}
		})
	}
	for _, code := range codes(t) {
		if !seen[code] {
			t.Errorf("no test refuses with %s", code)
		}
	}
}

// codes returns those that the package's sources have.
func codes(t *testing.T) (codes []string) {
	t.Helper()
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`fault\.New\([\w.]+, "(\w+)"`).FindAllSubmatch(text, -1) {
			codes = append(codes, string(found[1]))
		}
	}
	if len(codes) < 20 {
		t.Fatalf("%d codes in the sources: is fault.New written otherwise?", len(codes))
	}
	return codes
}
