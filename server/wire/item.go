package wire

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"vbge/engine"
	"vbge/server/fault"
)

// maxIDs is how many token ids of one item are kept: more than any position table has, so that the
// engine cuts or refuses what is longer just as it would all of it.
const maxIDs = 1 << 13

var (
	itemMembers = []string{"image", "text", "content"}
	partMembers = []string{"type", "text", "image_url", "detail"}
	urlMembers  = []string{"url", "detail"}
)

// items reads what is to be embedded: one item, an array of token ids, which is one too, or an array of
// items.
func (r reader) items() (items []Item, single bool, err error) {
	switch r.PeekKind() {
	case jsontext.KindString, jsontext.KindBeginObject:
		items, err = r.item(nil, r.StackDepth(), r.input)
		return items, true, err
	}
	depth := r.StackDepth()
	if err := r.open(jsontext.KindBeginArray, "a string, an array or an object"); err != nil {
		return nil, false, err
	}
	if r.PeekKind() == jsontext.KindNumber {
		items, err = r.item(nil, depth, r.ids)
		return items, true, err
	}
	err = r.elements(r.limits.MaxItems, func() (err error) {
		items, err = r.item(items, r.StackDepth(), r.input)
		return err
	})
	if err == nil && len(items) == 0 {
		err = r.here(fault.New(http.StatusBadRequest, "no_items", "an empty array", "send at least one item"))
	}
	return items, false, err
}

// item appends what read finds to items, or the fault in it.
func (r reader) item(items []Item, depth int, read func() (engine.Input, error)) ([]Item, error) {
	in, f, err := recovered(r, depth, read)
	if err == nil && f == nil && in.Image == nil && in.Text == "" && in.IDs == nil {
		f = r.here(emptyItem())
	}
	if f != nil {
		in = engine.Input{}
	}
	return append(items, Item{Input: in, Err: f}), err
}

func emptyItem() *fault.Error {
	return fault.New(http.StatusBadRequest, "empty_item", "neither a picture nor words", "send a picture, words, or both")
}

// input reads one item: words, token ids, or an object.
func (r reader) input() (in engine.Input, err error) {
	switch r.PeekKind() {
	case jsontext.KindString:
		in.Text, err = r.text()
		return in, err
	case jsontext.KindBeginArray:
		if _, err := r.ReadToken(); err != nil {
			return in, err
		}
		return r.ids()
	case jsontext.KindBeginObject:
		return r.mixed()
	}
	return in, r.wrongType("a string, an array of token ids or an object")
}

// ids reads the token ids that an open array has yet.
func (r reader) ids() (in engine.Input, err error) {
	err = r.elements(0, func() error {
		digits, err := r.ReadValue()
		if err != nil {
			return err
		}
		id, err := strconv.ParseUint(string(digits[:min(len(digits), 16)]), 10, 31)
		if err != nil {
			return r.here(fault.New(http.StatusBadRequest, "invalid_token_id", fmt.Sprintf("no whole number from 0 to %d", math.MaxInt32),
				"send ids of the model's own vocabulary, or words as a string"))
		}
		if in.IDs == nil {
			in.IDs = make([]int32, 0, 32) // a sentence
		}
		if len(in.IDs) < maxIDs {
			in.IDs = append(in.IDs, int32(id))
		}
		return nil
	})
	return in, err
}

// mixed reads {"image": ..., "text": ...} or {"content": [parts]}.
func (r reader) mixed() (in engine.Input, err error) {
	plain, parts := false, false
	err = r.object(itemMembers, func(name string) (err error) {
		switch name {
		case "image":
			plain = true
			in.Image, err = r.picture("a data URL or base64 in a string")
		case "text":
			plain = true
			in.Text, err = r.text()
		case "content":
			parts = true
			in, err = r.content()
		}
		return err
	})
	if err == nil && plain && parts {
		err = r.here(fault.New(http.StatusBadRequest, "ambiguous_item", "content beside image or text", "use either content, or image and text"))
	}
	return in, err
}

// content reads parts as OpenAI's chat has them. Words of several parts are joined by a space.
func (r reader) content() (in engine.Input, err error) {
	if err := r.open(jsontext.KindBeginArray, "an array of parts"); err != nil {
		return in, err
	}
	var words strings.Builder
	err = r.elements(0, func() error {
		p, err := r.part(in.Image != nil)
		if p.image != nil {
			in.Image = p.image
		}
		if words.Len() > 0 && p.text != "" {
			words.WriteByte(' ')
		}
		words.WriteString(p.text)
		return err
	})
	in.Text = words.String()
	return in, err
}

type part struct {
	kind, text string
	image      []byte
}

func (r reader) part(pictured bool) (p part, err error) {
	worded := false
	err = r.object(partMembers, func(name string) (err error) {
		switch name {
		case "type":
			p.kind, err = r.text()
		case "text":
			worded = true
			p.text, err = r.text()
		case "image_url":
			if pictured {
				return r.secondPicture()
			}
			p.image, err = r.imageURL()
		case "detail": // how finely OpenAI's models look: this one looks at all pictures alike
			err = r.SkipValue()
		}
		return err
	})
	if err != nil {
		return p, err
	}
	switch p.kind {
	case "text", "input_text":
		if !worded || p.image != nil {
			err = r.invalidPart(`a part of words has text, and no image_url`)
		}
	case "image_url", "input_image":
		if worded || p.image == nil {
			err = r.invalidPart(`a part with a picture has image_url, and no text`)
		}
	default:
		err = r.invalidPart(fmt.Sprintf("no part has the type %.32q", p.kind))
	}
	return p, err
}

func (r reader) invalidPart(what string) error {
	return r.here(fault.New(http.StatusBadRequest, "invalid_part", what,
		`send {"type":"text","text":...} or {"type":"image_url","image_url":{"url":"data:..."}}`))
}

func (r reader) secondPicture() error {
	if err := r.SkipValue(); err != nil {
		return err
	}
	return r.here(fault.New(http.StatusBadRequest, "too_many_images", "a second picture in one item", "send one picture an item: each has its own vector"))
}

// imageURL reads a picture that is a string, or the url of an object.
func (r reader) imageURL() (file []byte, err error) {
	if r.PeekKind() != jsontext.KindBeginObject {
		return r.picture("a data URL in a string or an object with url")
	}
	err = r.object(urlMembers, func(name string) (err error) {
		if name == "detail" {
			return r.SkipValue()
		}
		file, err = r.picture("a data URL in a string")
		return err
	})
	return file, err
}

// picture reads a string that holds a picture's file.
func (r reader) picture(want string) ([]byte, error) {
	encoded, err := r.quoted(want)
	if err != nil {
		return nil, err
	}
	file, f := decodePicture(encoded, r.limits)
	if f != nil {
		return nil, r.here(f)
	}
	return file, nil
}
