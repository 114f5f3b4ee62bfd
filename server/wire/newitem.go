package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"vbge/server/fault"
)

// maxFields is Milvus's limit for a JSON value, in bytes.
const maxFields = 65536

var (
	newItemsMembers = []string{"items"}
	newItemMembers  = []string{"image", "fields"}
)

// NewItem is a picture to add to a catalogue.
type NewItem struct {
	Image  []byte
	Fields map[string]any // metadata; numbers are json.Number, which keeps large ones as they are
	Err    *fault.Error   // why it cannot be added
}

// ParseItems reads the body of POST /v1/items by its media type: JSON, {"items": [{"image": ...,
// "fields": {...}}]}; a form with files named image and, for each or for all, fields named fields that
// hold JSON objects; or a picture's file.
func ParseItems(contentType string, body []byte, l Limits) ([]NewItem, error) {
	switch mediaOf(contentType) {
	case jsonBody:
		return parseItemsJSON(body, l)
	case formBody:
		return parseItemsForm(contentType, body, l)
	case otherBody:
		return nil, unsupported(contentType, bodies)
	}
	if len(body) == 0 {
		return nil, at("", emptyImage())
	}
	return []NewItem{{Image: body}}, nil
}

func parseItemsJSON(body []byte, l Limits) (items []NewItem, err error) {
	r := newReader(body, l)
	err = r.document(newItemsMembers, func(string) error {
		if err := r.open(jsontext.KindBeginArray, "an array of objects"); err != nil {
			return err
		}
		return r.elements(l.MaxItems, func() error {
			item, f, err := recovered(r, r.StackDepth(), r.newItem)
			item.Err = f
			items = append(items, item)
			return err
		})
	})
	if err == nil && items == nil {
		err = at("", noItems("there are none in items"))
	}
	return items, err
}

func noItems(what string) *fault.Error {
	return fault.New(http.StatusBadRequest, "no_items", what, "send at least one item")
}

func (r reader) newItem() (item NewItem, err error) {
	err = r.object(newItemMembers, func(name string) (err error) {
		if name == "image" {
			item.Image, err = r.picture("a data URL or base64 in a string")
		} else {
			item.Fields, err = r.fields()
		}
		return err
	})
	if err == nil && item.Image == nil {
		err = r.here(missingImage())
	}
	return item, err
}

func missingImage() *fault.Error {
	return fault.New(http.StatusBadRequest, "missing_image", "no image", "send the picture that is to be added")
}

func (r reader) fields() (map[string]any, error) {
	if r.PeekKind() != jsontext.KindBeginObject {
		return nil, r.wrongType("an object")
	}
	text, err := r.ReadValue()
	if err != nil {
		return nil, err
	}
	fields, f := fieldsOf(text)
	if f != nil {
		return nil, r.here(f)
	}
	return fields, nil
}

// fieldsOf reads an object of metadata.
func fieldsOf(text []byte) (fields map[string]any, _ *fault.Error) {
	if len(text) > maxFields {
		return nil, fault.New(http.StatusRequestEntityTooLarge, "fields_too_large", fmt.Sprintf("%d bytes of metadata, limit %d", len(text), maxFields),
			"send less: the limit is the catalogue's")
	}
	const wanted = "send an object in UTF-8 whose names differ"
	if value := jsontext.Value(text); !value.IsValid() || value.Kind() != jsontext.KindBeginObject {
		return nil, fault.New(http.StatusBadRequest, "invalid_fields", "no JSON object, or a name that stands in it twice", wanted)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil {
		return nil, fault.New(http.StatusBadRequest, "invalid_fields", "no JSON object that can be kept", wanted).Because(err)
	}
	return fields, nil
}

func parseItemsForm(contentType string, body []byte, l Limits) ([]NewItem, error) {
	f, err := readForm(contentType, body, l, "fields")
	if err != nil {
		return nil, err
	}
	texts := f.values["fields"]
	n, err := pair(len(f.images), len(texts), "fields")
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, at("", noItems("no part named image"))
	}
	items := make([]NewItem, n)
	for i := range items {
		items[i] = f.newItem(i, texts)
	}
	return items, nil
}

func (f *form) newItem(i int, texts []string) (item NewItem) {
	if i >= len(f.images) {
		return NewItem{Err: at(fmt.Sprintf("/fields/%d", i), missingImage())}
	}
	if f.images[i].err != nil {
		return NewItem{Err: f.images[i].err}
	}
	item.Image = f.images[i].file
	if len(texts) > 0 {
		t := min(i, len(texts)-1)
		fields, bad := fieldsOf([]byte(texts[t]))
		if bad != nil {
			return NewItem{Err: at(fmt.Sprintf("/fields/%d", t), bad)}
		}
		item.Fields = fields
	}
	return item
}
