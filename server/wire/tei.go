package wire

import (
	"fmt"
	"math"
	"net/http"

	"vbge/server/fault"
)

var teiMembers = []string{"inputs", "truncate", "truncation_direction", "normalize", "prompt_name", "dimensions"}

// ParseTEI reads the body of POST /embed, which is text-embeddings-inference's: inputs has what
// ParseOpenAI's input has. As there, words too long for the model are an error unless truncate is true,
// and only their end can be cut off. Embeddings are always of unit length, so normalize may only be true.
func ParseTEI(body []byte, l Limits) (*Embeddings, error) {
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
