package load

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"vbge/engine"
)

// Encoding is the form of vectors in replies.
type Encoding string

// Encodings are JSON's numbers, base64 of float32 in JSON, and bytes.
var Encodings = []Encoding{"float", "base64", "float32", "float16", "int8"}

func (e Encoding) binary() bool { return e != "float" && e != "base64" }

// Requests says what shots look like.
type Requests struct {
	Pictures *Pictures
	Encoding Encoding
	Raw      bool   // pictures are the body as they are, not base64 in JSON
	Inputs   int    // of a request to embed
	Repeat   bool   // pictures come again and again, only words are new
	Priority string // interactive, bulk, or "": as the server chooses
	Fixed    Fixed  // of shots of kind Body
}

// Fixed is a request that is sent as it is.
type Fixed struct {
	Path string
	JSON []byte
}

// Check refuses what cannot be sent.
func (q *Requests) Check() error {
	if q.Inputs < 1 {
		return fmt.Errorf("%d inputs a request: at least 1", q.Inputs)
	}
	if !slices.Contains(Encodings, q.Encoding) {
		return fmt.Errorf("encoding %q: choose of %v", q.Encoding, Encodings)
	}
	if q.Raw && (q.Inputs > 1 || !q.Encoding.binary()) {
		return fmt.Errorf("a raw body is one picture, and its vector comes in float32, float16 or int8")
	}
	if !slices.Contains([]string{"", "interactive", "bulk"}, q.Priority) {
		return fmt.Errorf("priority %q: choose of interactive, bulk", q.Priority)
	}
	return nil
}

// inputs is how many s has.
func (q *Requests) inputs(s Shot) int {
	if s.Kind.search() || s.Kind == Body {
		return 1
	}
	return q.Inputs
}

// numbers are those of the picture and of the words of s's i-th input.
func (q *Requests) numbers(s Shot, i int) (picture, words uint64) {
	words = s.Number*uint64(q.inputs(s)) + uint64(i)
	if q.Repeat {
		return words % uint64(q.Pictures.Count()), words
	}
	return words, words
}

// engineInputs are those of s as an engine takes them: files and words in memory.
func (q *Requests) engineInputs(s Shot) []engine.Input {
	inputs := make([]engine.Input, q.inputs(s))
	for i := range inputs {
		picture, words := q.numbers(s, i)
		if s.Kind.picture() {
			inputs[i].Image = q.Pictures.AppendFile(nil, picture)
		}
		if s.Kind.words() {
			inputs[i].Text = string(appendWords(nil, words))
		}
	}
	return inputs
}

// head is the part of a request before its body.
type head struct {
	path, contentType, accept string
}

func (q *Requests) head(s Shot) head {
	h := head{path: "/v1/embeddings", contentType: "application/json", accept: "application/json"}
	switch {
	case s.Kind == Body:
		h.path = q.Fixed.Path
	case s.Kind.search():
		h.path = "/v1/search"
	case q.Encoding.binary():
		h.path, h.accept = "/embed", "application/octet-stream;dtype="+string(q.Encoding)
		if q.Raw && s.Kind.picture() {
			h.contentType = "image/jpeg"
			h.path += "?truncate=true"
			if s.Kind.words() {
				_, words := q.numbers(s, 0)
				h.path += "&text=" + url.QueryEscape(string(appendWords(nil, words)))
			}
		}
	}
	return h
}

// appendBody appends the body of s to dst.
func (q *Requests) appendBody(dst []byte, s Shot) []byte {
	switch {
	case s.Kind == Body:
		return append(dst, q.Fixed.JSON...)
	case s.Kind.search():
		dst = q.appendMembers(append(dst, `{"limit":9`...), s, 0, true)
		return append(dst, '}')
	case q.Raw && s.Kind.picture():
		picture, _ := q.numbers(s, 0)
		return q.Pictures.AppendFile(dst, picture)
	case q.Encoding.binary():
		dst = append(dst, `{"truncate":true,"inputs":`...)
	default:
		dst = append(dst, `{"model":"vbge","encoding_format":`...)
		dst = strconv.AppendQuote(dst, string(q.Encoding))
		dst = append(dst, `,"input":`...)
	}
	return append(q.appendInputs(dst, s), '}')
}

// appendInputs appends an array, or a single text as it is.
func (q *Requests) appendInputs(dst []byte, s Shot) []byte {
	if s.Kind == Text && q.Inputs == 1 {
		return q.appendText(dst, s, 0)
	}
	dst = append(dst, '[')
	for i := range q.Inputs {
		if i > 0 {
			dst = append(dst, ',')
		}
		if s.Kind == Text {
			dst = q.appendText(dst, s, i)
			continue
		}
		dst = append(q.appendMembers(append(dst, '{'), s, i, false), '}')
	}
	return append(dst, ']')
}

// appendMembers appends the picture and the words of an input; others says that members precede.
func (q *Requests) appendMembers(dst []byte, s Shot, i int, others bool) []byte {
	member := func(name string) {
		if others {
			dst = append(dst, ',')
		}
		others = true
		dst = append(strconv.AppendQuote(dst, name), ':')
	}
	if s.Kind.picture() {
		picture, _ := q.numbers(s, i)
		member("image")
		dst = append(q.Pictures.AppendBase64(append(dst, '"'), picture), '"')
	}
	if s.Kind.words() {
		member("text")
		dst = q.appendText(dst, s, i)
	}
	return dst
}

// appendText appends the words of an input as JSON: they have no character to be escaped.
func (q *Requests) appendText(dst []byte, s Shot, i int) []byte {
	_, words := q.numbers(s, i)
	return append(appendWords(append(dst, '"'), words), '"')
}
