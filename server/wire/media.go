package wire

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"vbge/server/fault"
)

type media int

const (
	otherBody media = iota
	jsonBody
	formBody
	pictureBody
)

const bodies = "application/json, multipart/form-data, or a picture's file as image/jpeg"

// mediaOf returns what a body is. What a browser may send to another site without asking first, such as
// text/plain, is never JSON.
func mediaOf(contentType string) media {
	switch name := mediaName(contentType); {
	case name == "application/json":
		return jsonBody
	case name == "multipart/form-data":
		return formBody
	case strings.HasPrefix(name, "image/"), name == octets: // which kind of picture, its bytes say
		return pictureBody
	}
	return otherBody
}

// mediaName returns a media type without its parameters, in lower case.
func mediaName(contentType string) string {
	name, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(name))
}

func unsupported(contentType, wanted string) error {
	return at("Content-Type", fault.New(http.StatusUnsupportedMediaType, "unsupported_media_type",
		fmt.Sprintf("this route reads no bodies of type %.48q", mediaName(contentType)), "send "+wanted))
}

// CheckJSON refuses a body for ParseOpenAI whose media type is not JSON's.
func CheckJSON(contentType string) error {
	if mediaOf(contentType) != jsonBody {
		return unsupported(contentType, "application/json")
	}
	return nil
}

// noQuery refuses a query beside a body that has all of its members itself: nobody would read it.
func noQuery(query url.Values) error {
	if len(query) == 0 {
		return nil
	}
	return fault.New(http.StatusBadRequest, "unknown_field", "the query is read only beside a body that is a picture's file",
		"put into the body what it says").At("/query")
}
