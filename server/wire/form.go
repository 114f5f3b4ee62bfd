package wire

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"vbge/engine"
	"vbge/server/fault"
)

// maxBoundary is RFC 2046's, in characters.
const maxBoundary = 70

// form is a multipart/form-data body: any number of pictures, texts by their names.
type form struct {
	images []upload
	values url.Values
}

type upload struct {
	file []byte
	err  *fault.Error
}

// readForm reads a form's parts: files named image and fields named repeated, as many of each as there may
// be items, and the fields named once. A picture over the limit is that picture's error.
func readForm(contentType string, body []byte, l Limits, repeated string, once ...string) (*form, error) {
	_, parameters, err := mime.ParseMediaType(contentType)
	boundary := parameters["boundary"]
	if err != nil || boundary == "" || len(boundary) > maxBoundary {
		return nil, invalidForm("its Content-Type has no boundary of 1 to 70 characters")
	}
	if most := int64(len(body)); l.MaxImageBytes <= 0 || l.MaxImageBytes > most {
		l.MaxImageBytes = most
	}
	f := &form{values: url.Values{}}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for n := 0; ; n++ {
		if l.MaxItems > 0 && n > 2*l.MaxItems+len(once) { // some are empty: others have bounds of their own
			return nil, at("", l.tooMany())
		}
		// What the reader's errors say of a bad header is the header itself: it stays out of messages and logs.
		p, err := parts.NextPart()
		if err == io.EOF && bytes.LastIndex(body, []byte("--"+boundary+"--")) >= 0 { // a cut header is io.EOF too
			return f, nil
		}
		if err != nil {
			return nil, invalidForm("a part is malformed, or the body ends before the last boundary")
		}
		switch name := p.FormName(); {
		case name == "image":
			err = f.readImage(p, l)
		case name == repeated || slices.Contains(once, name):
			err = f.readField(p, name, name == repeated, l)
		default:
			known := append([]string{"image", repeated}, once...)
			err = at("", fault.New(http.StatusBadRequest, "unknown_field", fmt.Sprintf("a part with the unknown name %.32q", name),
				"remove it; known are "+strings.Join(known, ", ")))
		}
		if err != nil {
			return nil, err
		}
	}
}

func invalidForm(what string) *fault.Error {
	return at("", fault.New(http.StatusBadRequest, "invalid_form", "not multipart/form-data: "+what,
		"let the client's library write both the body and its Content-Type"))
}

func (f *form) readImage(p *multipart.Part, l Limits) error {
	place := fmt.Sprintf("/image/%d", len(f.images))
	if l.MaxItems > 0 && len(f.images) == l.MaxItems {
		return at("/image", l.tooMany())
	}
	file, err := io.ReadAll(io.LimitReader(p, l.MaxImageBytes+1))
	if err != nil {
		return invalidForm("the body ends within " + place)
	}
	switch {
	case int64(len(file)) > l.MaxImageBytes:
		f.images = append(f.images, upload{err: at(place, imageTooLarge("a larger file", l))})
	case len(file) > 0:
		f.images = append(f.images, upload{file: file})
	case p.FileName() != "": // a browser sends an empty part without a name where no file was chosen
		f.images = append(f.images, upload{err: at(place, emptyImage())})
	}
	return nil
}

func (f *form) readField(p *multipart.Part, name string, repeated bool, l Limits) error {
	n := len(f.values[name])
	if repeated && l.MaxItems > 0 && n == l.MaxItems {
		return at("/"+name, l.tooMany())
	}
	if !repeated && n > 0 {
		return at("/"+name, duplicateField())
	}
	value, err := io.ReadAll(p)
	if err != nil {
		return invalidForm("the body ends within /" + name)
	}
	f.values[name] = append(f.values[name], string(value))
	return nil
}

func duplicateField() *fault.Error {
	return fault.New(http.StatusBadRequest, "duplicate_field", "the field stands there twice", "keep one of them")
}

// tooMany refuses a form of more parts than there may be items.
func (l Limits) tooMany() *fault.Error {
	if l.one {
		return duplicateField()
	}
	return tooManyItems(l.MaxItems)
}

// pair returns how many items images and others make: as many as there are of one kind alone, pairs of
// as many of both, or one of the other kind for all images.
func pair(images, others int, names string) (int, error) {
	if images == 0 || others <= 1 || images == others {
		return max(images, others), nil
	}
	return 0, at("", fault.New(http.StatusBadRequest, "unpaired_parts", fmt.Sprintf("%d parts named image and %d named %s", images, others, names),
		fmt.Sprintf("send as many parts named %[1]s as images, one %[1]s for all of them, or none", names)))
}

// parseForm reads a multipart/form-data body of POST /embed: files named image and fields named text,
// paired in their order; one text is every image's; and a field truncate, as in JSON.
func parseForm(contentType string, body []byte, l Limits) (*Embeddings, error) {
	f, err := readForm(contentType, body, l, "text", "truncate")
	if err != nil {
		return nil, err
	}
	truncate, err := booleanOf("truncate", f.values.Get("truncate"))
	if err != nil {
		return nil, err
	}
	texts := f.values["text"]
	n, err := pair(len(f.images), len(texts), "text")
	if err != nil {
		return nil, err
	}
	e := &Embeddings{Single: n == 1, Encoding: Float}
	for i := range n {
		e.Items = append(e.Items, f.item(i, texts))
	}
	return e.finish(truncate, "image or text")
}

func (f *form) item(i int, texts []string) Item {
	in := engine.Input{}
	if i < len(f.images) {
		if f.images[i].err != nil {
			return Item{Err: f.images[i].err}
		}
		in.Image = f.images[i].file
	}
	if len(texts) > 0 {
		t := min(i, len(texts)-1)
		in.Text = texts[t]
		switch place := fmt.Sprintf("/text/%d", t); {
		case !utf8.ValidString(in.Text):
			return Item{Err: at(place, notUTF8())}
		case in.Text == "" && in.Image == nil:
			return Item{Err: at(place, emptyItem())}
		}
	}
	return Item{Input: in}
}

func notUTF8() *fault.Error {
	return fault.New(http.StatusBadRequest, "invalid_utf8", "not UTF-8", "send texts in UTF-8")
}

// booleanOf reads a form's field or a URL's parameter, which is false if it is not there.
func booleanOf(name, value string) (bool, error) {
	switch value {
	case "true", "1":
		return true, nil
	case "false", "0", "":
		return false, nil
	}
	return false, at("/"+name, fault.New(http.StatusBadRequest, "invalid_value", fmt.Sprintf("%.16q, where true or false is wanted", value), "send true or false"))
}

// parsePicture reads a body that is a picture's file, with text and truncate, as in JSON, in the URL's
// query. The file is kept, not copied.
func parsePicture(body []byte, query url.Values) (*Embeddings, error) {
	if err := checkPicture(body, query, "text", "truncate"); err != nil {
		return nil, err
	}
	truncate, err := booleanOf("truncate", query.Get("truncate"))
	if err != nil {
		return nil, err
	}
	in := engine.Input{Image: body, Text: query.Get("text"), RefuseLong: !truncate}
	if !utf8.ValidString(in.Text) {
		return nil, at("/text", notUTF8())
	}
	return &Embeddings{Items: []Item{{Input: in}}, Single: true, Encoding: Float}, nil
}

// checkPicture refuses a body without bytes, and a query that has other names than those known.
func checkPicture(body []byte, query url.Values, known ...string) error {
	if len(body) == 0 {
		return at("", emptyImage())
	}
	for name := range query {
		if !slices.Contains(known, name) {
			return at("/query", fault.New(http.StatusBadRequest, "unknown_field", fmt.Sprintf("a parameter with the unknown name %.32q", name),
				"remove it; known are "+strings.Join(known, ", ")))
		}
	}
	return nil
}
