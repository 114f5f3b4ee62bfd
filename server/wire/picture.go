package wire

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"vbge/server/fault"
)

// minImageBytes is less than any picture file has, and more than the paths have whose characters all
// happen to be base64's: /etc/passwd.
const minImageBytes = 20

const sendPicture = "send the picture's bytes as a data URL (data:image/jpeg;base64,...) or as plain base64; paths and URLs are never opened"

// decodePicture returns the file that a data URL or plain base64 holds. Both alphabets of RFC 4648 are
// read, padded or not, with or without line breaks. The media type of a data URL is not looked at: the
// bytes decide. The returned bytes are a copy, of exactly the file's length where there are no line breaks.
func decodePicture(encoded []byte, l Limits) ([]byte, *fault.Error) {
	if len(encoded) == 0 {
		return nil, emptyImage()
	}
	if isURL(encoded) {
		return nil, fault.New(http.StatusBadRequest, "image_url_not_fetched",
			"this server fetches no URLs", "send the picture's bytes as a data URL (data:image/jpeg;base64,...)")
	}
	if hasPrefixFold(encoded, "data:") {
		header, data, found := bytes.Cut(encoded, []byte(","))
		if !found || !hasSuffixFold(header, ";base64") {
			return nil, fault.New(http.StatusBadRequest, "invalid_data_url", "a data URL that is not base64",
				"write it as data:image/jpeg;base64, and the file's bytes in base64")
		}
		encoded = data
	}
	return decodeBase64(encoded, l)
}

// isURL reports whether a scheme other than file stands at the beginning: those are paths.
func isURL(s []byte) bool {
	scheme, _, found := strings.Cut(string(s[:min(len(s), 24)]), "://")
	return found && !strings.EqualFold(strings.TrimSpace(scheme), "file")
}

func hasPrefixFold(s []byte, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(string(s[:len(prefix)]), prefix)
}

func hasSuffixFold(s []byte, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(string(s[len(s)-len(suffix):]), suffix)
}

func decodeBase64(encoded []byte, l Limits) ([]byte, *fault.Error) {
	digits := bytes.TrimRight(encoded, "=\r\n")
	padding := bytes.Count(encoded[len(digits):], []byte("="))
	n := len(digits) - bytes.Count(digits, []byte("\n")) - bytes.Count(digits, []byte("\r"))
	if n == 0 && padding == 0 {
		return nil, emptyImage()
	}
	size := base64.RawStdEncoding.DecodedLen(n)
	if l.MaxImageBytes > 0 && int64(size) > l.MaxImageBytes {
		return nil, imageTooLarge(fmt.Sprintf("a file of %d bytes", size), l)
	}
	encoding := base64.RawStdEncoding
	if bytes.IndexByte(digits, '-') >= 0 || bytes.IndexByte(digits, '_') >= 0 {
		encoding = base64.RawURLEncoding
	}
	file := make([]byte, encoding.DecodedLen(len(digits)))
	size, err := encoding.Decode(file, digits)
	if offset, ok := errors.AsType[base64.CorruptInputError](err); ok {
		return nil, notBase64(fmt.Sprintf("not base64 at character %d", offset))
	}
	if padding != 0 && padding != (4-n%4)%4 {
		return nil, notBase64(fmt.Sprintf("%d characters of base64 do not end with %d of padding", n, padding))
	}
	if size < minImageBytes {
		return nil, fault.New(http.StatusBadRequest, "image_too_short", fmt.Sprintf("%d bytes are no picture", size), sendPicture)
	}
	return file[:size], nil
}

func notBase64(what string) *fault.Error {
	return fault.New(http.StatusBadRequest, "image_not_base64", what, sendPicture)
}

func emptyImage() *fault.Error {
	return fault.New(http.StatusBadRequest, "image_empty", "a picture without any bytes", "send the picture's bytes, or leave it out")
}

func imageTooLarge(what string, l Limits) *fault.Error {
	return fault.New(http.StatusRequestEntityTooLarge, "image_too_large", fmt.Sprintf("%s, limit %d (set by --max-image-bytes)", what, l.MaxImageBytes),
		"send a smaller picture, or raise --max-image-bytes")
}
