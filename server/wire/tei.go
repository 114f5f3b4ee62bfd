package wire

import (
	"fmt"
	"math"
	"net/http"
	"net/url"

	"vbge/server/fault"
)

var teiMembers = []string{"inputs", "truncate", "truncation_direction", "normalize", "prompt_name", "dimensions"}

// ParseEmbed reads a request of POST /embed by its body's media type: see parseTEI, parseForm and
// parsePicture, which alone reads the URL's query.
func ParseEmbed(contentType string, body []byte, query url.Values, l Limits) (*Embeddings, error) {
	kind := mediaOf(contentType)
	if kind == pictureBody {
		return parsePicture(body, query)
	}
	if err := noQuery(query); err != nil {
		return nil, err
	}
	switch kind {
	case jsonBody:
		return parseTEI(body, l)
	case formBody:
		return parseForm(contentType, body, l)
	}
	return nil, unsupported(contentType, bodies)
}

// parseTEI reads the JSON of POST /embed, which is text-embeddings-inference's: inputs has what
// ParseOpenAI's input has. As there, words too long for the model are an error unless truncate is true,
// and only their end can be cut off. Embeddings are always of unit length, so normalize may only be true.
func parseTEI(body []byte, l Limits) (*Embeddings, error) {
	r, e := newReader(body, l), Embeddings{Encoding: Float}
	truncate := false
	err := r.document(teiMembers, func(name string) (err error) {
		switch name {
		case "inputs":
			e.Items, e.Single, err = r.items()
		case "truncate":
			truncate, err = r.boolean()
		case "truncation_direction":
			err = r.truncationDirection()
		case "normalize":
			err = r.normalize()
		case "prompt_name":
			err = r.promptName()
		case "dimensions":
			e.Dimensions, err = r.integer(1, math.MaxInt32)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return e.finish(truncate, "inputs")
}

func (r reader) truncationDirection() error {
	direction, err := r.text()
	if err != nil || direction == "Right" || direction == "right" {
		return err
	}
	return r.here(fault.New(http.StatusBadRequest, "invalid_value", fmt.Sprintf("unknown direction %.32q", direction), "send Right: long words lose their end"))
}

func (r reader) normalize() error {
	normalize, err := r.boolean()
	if err != nil || normalize {
		return err
	}
	return r.here(fault.New(http.StatusBadRequest, "invalid_value", "embeddings are always unit vectors", "leave normalize out, or send true"))
}

func (r reader) promptName() error {
	if _, err := r.quoted("a string"); err != nil {
		return err
	}
	return r.here(fault.New(http.StatusBadRequest, "prompt_not_supported", "the model has no prompts", "leave prompt_name out, and write instructions into the text"))
}
