package load

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"slices"
)

// Payload is how large the pictures of requests are.
type Payload string

// Payloads are the sizes: a thumbnail as the model takes it, the picture of a web page, a camera's.
var Payloads = []Payload{"224", "500", "12mp"}

// size returns width and height, and how many different pictures are made.
func (p Payload) size() (width, height, count int, err error) {
	switch p {
	case "224":
		return 224, 224, 8, nil
	case "500":
		return 500, 500, 4, nil
	case "12mp":
		return 4000, 3000, 1, nil
	}
	return 0, 0, 0, fmt.Errorf("payload %q: choose of %v", p, Payloads)
}

// Pictures are JPEG files like photographs. Each has a comment that can be numbered: files that a
// server has not seen yet, though they cost their sender a copy alone.
type Pictures struct {
	files   [][]byte
	encoded [][]byte // the same in base64
}

// The comment segment stands right after the file's first marker, so that its text begins and ends
// at a multiple of 3 bytes: base64's digits of it are its own.
const (
	commentAt     = 2
	commentTextAt = commentAt + 4
	commentText   = 12
)

// NewPictures draws the pictures of a payload, the same ones each time.
func NewPictures(p Payload) (*Pictures, error) {
	width, height, count, err := p.size()
	if err != nil {
		return nil, err
	}
	all := &Pictures{}
	for i := range count {
		file, err := photo(width, height, uint64(i))
		if err != nil {
			return nil, fmt.Errorf("draw picture %d of payload %s: %w", i, p, err)
		}
		all.files = append(all.files, file)
		all.encoded = append(all.encoded, base64.StdEncoding.AppendEncode(nil, file))
	}
	return all, nil
}

// photo draws a JPEG (4:2:0) with slopes, edges and grain, and an empty comment.
func photo(width, height int, seed uint64) ([]byte, error) {
	random := rand.New(rand.NewPCG(3, seed))
	phase := float64(seed)
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			wave := 90 * math.Sin(phase+float64(x*x+y*y)/float64(40*width))
			grain := 10 * random.NormFloat64()
			m.SetRGBA(x, y, color.RGBA{sample(128 + wave + grain), sample(float64(x*255/width) + grain), sample(float64(y*255/height) + grain), 255})
		}
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, m, &jpeg.Options{Quality: 85}); err != nil {
		return nil, err
	}
	comment := append([]byte{0xff, 0xfe, 0, 2 + commentText}, make([]byte, commentText)...)
	return slices.Insert(file.Bytes(), commentAt, comment...), nil
}

func sample(v float64) uint8 { return uint8(min(max(v, 0), 255)) }

// AppendFile appends the file with a number.
func (p *Pictures) AppendFile(dst []byte, number uint64) []byte {
	begin := len(dst)
	dst = append(dst, p.files[number%uint64(len(p.files))]...)
	binary.BigEndian.PutUint64(dst[begin+commentTextAt:], number)
	return dst
}

// AppendBase64 appends the same in base64.
func (p *Pictures) AppendBase64(dst []byte, number uint64) []byte {
	begin := len(dst)
	dst = append(dst, p.encoded[number%uint64(len(p.encoded))]...)
	var text [commentText]byte
	binary.BigEndian.PutUint64(text[:], number)
	base64.StdEncoding.Encode(dst[begin+commentTextAt/3*4:], text[:])
	return dst
}

// Count returns how many pictures differ in more than their comment.
func (p *Pictures) Count() int { return len(p.files) }
