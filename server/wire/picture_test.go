package wire

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
)

// Files of every length modulo 3, in all four forms that encoding/base64 writes, plain, with line breaks
// as MIME has them, and with JSON's escaped slashes, come back byte for byte.
func TestBase64AgreesWithEncodingBase64(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 1))
	lines := func(s, end string) string {
		var b strings.Builder
		for len(s) > 76 {
			b.WriteString(s[:76] + end)
			s = s[76:]
		}
		return b.String() + s + end
	}
	for _, n := range []int{20, 21, 22, 100, 4097, 70000, 70001, 70002} {
		file := make([]byte, n)
		for i := range file {
			file[i] = byte(random.Uint32())
		}
		for name, encoding := range map[string]*base64.Encoding{"std": base64.StdEncoding, "raw std": base64.RawStdEncoding,
			"URL": base64.URLEncoding, "raw URL": base64.RawURLEncoding} {
			text := encoding.EncodeToString(file)
			for form, content := range map[string]string{"plain": text, `\n`: lines(text, `\n`), `\r\n`: lines(text, `\r\n`), `\/`: strings.ReplaceAll(text, "/", `\/`),
				"data URL": "data:image/jpeg;base64," + text, "any type": "DATA:text/html;charset=x;BASE64," + text} {
				s, err := ParseSearch(jsonType, []byte(`{"image":"`+content+`"}`), nil, Limits{MaxImageBytes: int64(n)})
				if err != nil || !bytes.Equal(s.Image, file) {
					t.Errorf("%d bytes, %s, %s: %v", n, name, form, err)
				}
				if _, err := ParseSearch(jsonType, []byte(`{"image":"`+content+`"}`), nil, Limits{MaxImageBytes: int64(n - 1)}); err == nil || faultOf(err).Code != "image_too_large" {
					t.Errorf("%d bytes, %s, %s, one over the limit: %v", n, name, form, err)
				}
			}
		}
	}
}

// One changed character is found, wherever it stands and whatever it is.
func TestBase64RefusesEveryOtherByte(t *testing.T) {
	for c := range 256 {
		b := byte(c)
		if b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || bytes.IndexByte([]byte("+/-_\r\n"), b) >= 0 {
			continue
		}
		for _, at := range []int{0, 5, len(encoded) / 2} {
			text := []byte(encoded)
			text[at] = b
			if _, f := decodePicture(text, Limits{}); f == nil {
				t.Errorf("byte %#x at %d passed", b, at)
			}
		}
	}
}
