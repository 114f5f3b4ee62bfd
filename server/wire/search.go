package wire

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"vbge/server/catalog"
	"vbge/server/fault"
)

// defaultLimit is how many results a panorama shows.
const defaultLimit = 9

var searchMembers = []string{"image", "text", "limit", "filter", "rerank", "panorama"}

// Search is a request to search: see search.Query.
type Search struct {
	Image            []byte
	Text             string
	Limit            int // 1 to catalog.MaxLimit
	Filter           string
	Rerank, Panorama bool
}

// ParseSearch reads the body of POST /v1/search by its media type: JSON, a form whose fields are named as
// JSON's members, or a picture's file. Limit is 9 if it is not said.
func ParseSearch(contentType string, body []byte, l Limits) (*Search, error) {
	switch media, err := mediaOf(contentType); {
	case err != nil:
		return nil, err
	case media == jsonBody:
		return parseSearchJSON(body, l)
	case media == formBody:
		return parseSearchForm(contentType, body, l)
	}
	return ParseSearchPicture(body, nil)
}

// ParseSearchPicture reads a body that is a picture's file, with what JSON's other members say in the
// URL's query. The file is kept, not copied.
func ParseSearchPicture(body []byte, query url.Values) (*Search, error) {
	if err := checkPicture(body, query, searchMembers[1:]...); err != nil {
		return nil, err
	}
	s := &Search{Image: body}
	return s.options(query)
}

func parseSearchJSON(body []byte, l Limits) (*Search, error) {
	r, s := newReader(body, l), Search{Limit: defaultLimit}
	err := r.document(searchMembers, func(name string) (err error) {
		switch name {
		case "image":
			s.Image, err = r.picture("a data URL or base64 in a string")
		case "text":
			s.Text, err = r.text()
		case "limit":
			s.Limit, err = r.integer(1, catalog.MaxLimit)
		case "filter":
			s.Filter, err = r.text()
		case "rerank":
			s.Rerank, err = r.boolean()
		case "panorama":
			s.Panorama, err = r.boolean()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.finish()
}

func parseSearchForm(contentType string, body []byte, l Limits) (*Search, error) {
	l.MaxItems, l.one = 1, true
	f, err := readForm(contentType, body, l, "text", searchMembers[2:]...)
	if err != nil {
		return nil, err
	}
	s := &Search{}
	if len(f.images) > 0 {
		if f.images[0].err != nil {
			return nil, f.images[0].err
		}
		s.Image = f.images[0].file
	}
	return s.options(f.values)
}

// options reads what is not the picture from a form's fields or a URL's query.
func (s *Search) options(values url.Values) (_ *Search, err error) {
	s.Text, s.Filter, s.Limit = values.Get("text"), values.Get("filter"), defaultLimit
	if limit := values.Get("limit"); limit != "" {
		var f *fault.Error
		if s.Limit, f = integerOf(limit, 1, catalog.MaxLimit); f != nil {
			return nil, at("/limit", f)
		}
	}
	if s.Rerank, err = booleanOf("rerank", values.Get("rerank")); err != nil {
		return nil, err
	}
	if s.Panorama, err = booleanOf("panorama", values.Get("panorama")); err != nil {
		return nil, err
	}
	if !utf8.ValidString(s.Text) {
		return nil, at("/text", notUTF8())
	}
	if !utf8.ValidString(s.Filter) {
		return nil, at("/filter", notUTF8())
	}
	return s.finish()
}

func (s *Search) finish() (*Search, error) {
	if s.Image == nil && s.Text == "" {
		return nil, at("", emptyItem())
	}
	return s, nil
}

type media int

const (
	jsonBody media = iota
	formBody
	pictureBody
)

// mediaOf takes no media type but those: what a browser may send to another site without asking first,
// such as text/plain, is never JSON.
func mediaOf(contentType string) (media, error) {
	name, _, err := mime.ParseMediaType(contentType)
	switch {
	case name == "application/json":
		return jsonBody, nil
	case name == "multipart/form-data":
		return formBody, nil
	case strings.HasPrefix(name, "image/"), name == "application/octet-stream":
		return pictureBody, nil
	}
	what := fmt.Sprintf("a body of type %.48q", name)
	if name == "" || err != nil {
		what = "a body without a usable Content-Type"
	}
	return 0, at("", fault.New(http.StatusUnsupportedMediaType, "unsupported_media_type", what,
		"send application/json, multipart/form-data, or a picture's file as image/jpeg"))
}
