package api

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"vbge/server/fault"
	"vbge/server/transport"
)

// mediaType returns the Content-Type without its parameters, in lower case, or "".
func mediaType(r *transport.Request) string {
	header := r.Header.Get("Content-Type")
	if t, _, err := mime.ParseMediaType(header); err == nil {
		return t
	}
	t, _, _ := strings.Cut(header, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// isPicture reports whether a body of that type is a picture's file; which, its bytes decide.
func isPicture(mediaType string) bool {
	return strings.HasPrefix(mediaType, "image/") || mediaType == "application/octet-stream"
}

func unsupported(mediaType, wanted string) error {
	return fault.New(http.StatusUnsupportedMediaType, "unsupported_media_type",
		fmt.Sprintf("this route reads no bodies of type %.48q", mediaType),
		"send "+wanted+", and say so in Content-Type").At("Content-Type")
}

// noQuery refuses a query beside a body that has all of its members itself: nobody would read it.
func noQuery(r *transport.Request) error {
	if len(r.Query) == 0 {
		return nil
	}
	return fault.New(http.StatusBadRequest, "unknown_field", "the query is read only beside a body that is a picture's file",
		"put into the body what it says").At("/query")
}
