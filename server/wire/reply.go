package wire

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"vbge/server/fault"
)

// CheckFinite makes an error of every vector with a value that is NaN or infinite. The Append functions
// do as much for themselves; who counts errors before calls it first.
func CheckFinite(v []Vector) {
	for i := range v {
		if v[i].Err == nil && !finite(v[i].Embedding) {
			v[i] = Vector{Err: notFinite()}
		}
	}
}

func finite(values []float32) bool {
	const exponent = 0x7f800000 // all ones in NaN and infinities alone
	for _, x := range values {
		if math.Float32bits(x)&exponent == exponent {
			return false
		}
	}
	return true
}

func notFinite() *fault.Error {
	return fault.New(http.StatusInternalServerError, "embedding_not_finite", "the model computed a value that is no number",
		"report it with the input: a picture or text must not do that")
}

// failure returns why v has no embedding that may leave, or nil.
func (v Vector) failure() *fault.Error {
	if v.Err == nil && !finite(v.Embedding) {
		return notFinite()
	}
	return v.Err
}

// AppendOpenAI appends the reply of /v1/embeddings to dst. One that failed has "embedding": null and an
// "error". The usage counts what went through the text tower, patches of pictures included, of those that
// did not fail.
func AppendOpenAI(dst []byte, model string, e Encoding, v []Vector) []byte {
	dst = slices.Grow(dst, sizeOf(e, v))
	dst = append(dst, `{"object":"list","data":[`...)
	tokens := 0
	for i, x := range v {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"object":"embedding","index":`...)
		dst = strconv.AppendInt(dst, int64(i), 10)
		dst = append(dst, `,"embedding":`...)
		if f := x.failure(); f != nil {
			dst = append(dst, `null,"error":`...)
			dst = appendFault(dst, f)
		} else {
			tokens += x.Tokens
			dst = appendEmbedding(dst, e, x.Embedding)
		}
		dst = append(dst, '}')
	}
	dst = append(dst, `],"model":`...)
	dst, _ = jsontext.AppendQuote(dst, model) // what is not UTF-8 is replaced
	dst = append(dst, `,"usage":{"prompt_tokens":`...)
	dst = strconv.AppendInt(dst, int64(tokens), 10)
	dst = append(dst, `,"total_tokens":`...)
	dst = strconv.AppendInt(dst, int64(tokens), 10)
	return append(dst, "}}"...)
}

// AppendTEI appends the reply of /embed to dst: an array of arrays of numbers, null for one that failed.
func AppendTEI(dst []byte, v []Vector) []byte {
	dst = slices.Grow(dst, sizeOf(Float, v))
	dst = append(dst, '[')
	for i, x := range v {
		if i > 0 {
			dst = append(dst, ',')
		}
		if x.failure() != nil {
			dst = append(dst, "null"...)
		} else {
			dst = appendFloats(dst, x.Embedding)
		}
	}
	return append(dst, ']')
}

// sizeOf returns about what a reply takes.
func sizeOf(e Encoding, v []Vector) int {
	const frame, number = 64, 14 // {"object":"embedding","index":1,"embedding":} and -0.012345678,
	size := 2 * frame
	for _, x := range v {
		if e == Base64 {
			size += frame + base64.StdEncoding.EncodedLen(4*len(x.Embedding))
		} else {
			size += frame + number*len(x.Embedding)
		}
	}
	return size
}

func appendEmbedding(dst []byte, e Encoding, values []float32) []byte {
	if e == Base64 {
		return appendBase64(dst, values)
	}
	return appendFloats(dst, values)
}

// appendFloats writes each value with the fewest digits that read back as the same float32.
func appendFloats(dst []byte, values []float32) []byte {
	dst = append(dst, '[')
	for i, x := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendFloat(dst, float64(x), 'g', -1, 32)
	}
	return append(dst, ']')
}

func appendBase64(dst []byte, values []float32) []byte {
	dst = append(dst, '"')
	var buffer [4 * 192]byte // a multiple of 3: only the last piece is padded
	for piece := range slices.Chunk(values, len(buffer)/4) {
		for i, x := range piece {
			binary.LittleEndian.PutUint32(buffer[4*i:], math.Float32bits(x))
		}
		dst = base64.StdEncoding.AppendEncode(dst, buffer[:4*len(piece)])
	}
	return append(dst, '"')
}

func appendFault(dst []byte, f *fault.Error) []byte {
	text, err := json.Marshal(f, jsontext.AllowInvalidUTF8(true))
	if err != nil { // its fields are strings: there is nothing to go wrong
		return append(dst, "{}"...)
	}
	return append(dst, text...)
}
