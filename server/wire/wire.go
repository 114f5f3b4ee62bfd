// Package wire turns the bodies of requests into what is to be embedded, searched or kept, and vectors
// into the bodies of replies. It knows neither HTTP connections nor engines: bytes come in, bytes go out.
//
// Whatever is wrong is a *fault.Error whose Param, and whose message's beginning, is the place: a JSON
// pointer such as /input/3/image, and the same for the parts of a form (/image/0 is the first part named
// image). What is wrong with one item is that item's error and costs no other; what is wrong with the
// whole (it is no JSON, a member unknown or of another type, too many items) is the request's. Messages
// never repeat more than a few characters of a body.
package wire

import (
	"cmp"
	"math"

	"vbge/engine"
	"vbge/server/fault"
)

// Item is one input of a request.
type Item struct {
	Input engine.Input
	Err   *fault.Error // why there is no Input
}

// Embeddings is a request to embed.
type Embeddings struct {
	Items      []Item // at least one
	Single     bool   // one item that did not stand in an array
	Model      string // as it was sent; "" if it was not
	Encoding   Encoding
	Dimensions int // 0 if none were asked for
}

// Encoding is how vectors stand in JSON.
type Encoding string

// Float is an array of numbers, Base64 the little-endian float32 values in one string.
const (
	Float  Encoding = "float"
	Base64 Encoding = "base64"
)

// Limits bounds what one request may have. A zero field is no bound but the body's.
type Limits struct {
	MaxItems      int   // set by --max-items
	MaxImageBytes int64 // of one decoded file; set by --max-image-bytes
	MaxResults    int   // of one search; the catalogue's
	one           bool  // MaxItems is 1 by what the request is, not by a flag
}

// results is the most that a search may ask for.
func (l Limits) results() int { return cmp.Or(l.MaxResults, math.MaxInt) }

// Vector is what became of one Item.
type Vector struct {
	Embedding []float32    // finite
	Err       *fault.Error // why there is no Embedding
	Tokens    int          // see engine.Result
}

// maxEcho bounds what a message or Param repeats of a request, in bytes.
const maxEcho = 128

// maxModel bounds the name of a model, which replies repeat, in bytes.
const maxModel = 256
