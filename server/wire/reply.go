package wire

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"vbge/server/fault"
)

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
		if x.Err != nil {
			dst = append(dst, `null,"error":`...)
			dst = appendFault(dst, x.Err)
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
		if x.Err != nil {
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
