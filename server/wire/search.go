package wire

import (
	"net/url"
	"unicode/utf8"

	"vbge/server/fault"
)

// defaultLimit is how many results a panorama shows.
const defaultLimit = 9

var searchMembers = []string{"image", "text", "limit", "filter", "rerank", "panorama"}

// Search is a request to search: see search.Query.
type Search struct {
	Image            []byte
	Text             string
	Limit            int // 1 to Limits.MaxResults
	Filter           string
	Rerank, Panorama bool
}

// ParseSearch reads a request of POST /v1/search by its body's media type: JSON; a form whose fields are
// named as JSON's members; or a picture's file, with those members in the URL's query. Limit is 9 if it is
// not said. The file is kept, not copied.
func ParseSearch(contentType string, body []byte, query url.Values, l Limits) (*Search, error) {
	kind := mediaOf(contentType)
	if kind == pictureBody {
		if err := checkPicture(body, query, searchMembers[1:]...); err != nil {
			return nil, err
		}
		return (&Search{Image: body}).options(query, l)
	}
	if err := noQuery(query); err != nil {
		return nil, err
	}
	switch kind {
	case jsonBody:
		return parseSearchJSON(body, l)
	case formBody:
		return parseSearchForm(contentType, body, l)
	}
	return nil, unsupported(contentType, bodies)
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
			s.Limit, err = r.integer(1, l.results())
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
	return s.options(f.values, l)
}

// options reads what is not the picture from a form's fields or a URL's query.
func (s *Search) options(values url.Values, l Limits) (_ *Search, err error) {
	s.Text, s.Filter, s.Limit = values.Get("text"), values.Get("filter"), defaultLimit
	if limit := values.Get("limit"); limit != "" {
		var f *fault.Error
		if s.Limit, f = integerOf(limit, 1, l.results()); f != nil {
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
