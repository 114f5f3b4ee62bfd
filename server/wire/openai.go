package wire

import (
	"fmt"
	"math"
	"net/http"

	"vbge/server/fault"
)

var openAIMembers = []string{"input", "model", "encoding_format", "dimensions", "user", "truncate"}

// ParseOpenAI reads the body of POST /v1/embeddings. input is one item or an array of them:
//
//	"words"
//	[101, 2829, 102]                                            token ids of the model's vocabulary
//	{"image": "data:image/jpeg;base64,...", "text": "words"}    either may be missing
//	{"content": [{"type": "text", "text": "words"}, {"type": "image_url", "image_url": {"url": "data:..."}}]}
//
// An item has at most one picture. Words that are empty are refused where there is no picture; blanks are
// not. Of OpenAI's members user is ignored; truncate is an addition: words too long for the model are cut,
// as the original does, unless it is false.
func ParseOpenAI(body []byte, l Limits) (*Embeddings, error) {
	r, e := newReader(body, l), Embeddings{Encoding: Float}
	truncate := true
	err := r.document(openAIMembers, func(name string) (err error) {
		switch name {
		case "input":
			e.Items, e.Single, err = r.items()
		case "model":
			e.Model, err = r.model()
		case "encoding_format":
			e.Encoding, err = r.encoding()
		case "dimensions":
			e.Dimensions, err = r.integer(1, math.MaxInt32)
		case "truncate":
			truncate, err = r.boolean()
		case "user":
			err = r.SkipValue()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return e.finish(truncate, "input")
}

// finish checks that there are items, in the member that has them, and tells them about long words.
func (e *Embeddings) finish(truncate bool, member string) (*Embeddings, error) {
	if e.Items == nil {
		return nil, at("", fault.New(http.StatusBadRequest, "missing_input", "no "+member, "send "+member+": what is to be embedded"))
	}
	for i := range e.Items {
		e.Items[i].Input.RefuseLong = !truncate
	}
	return e, nil
}

func (r reader) model() (string, error) {
	name, err := r.text()
	if err == nil && len(name) > maxModel {
		err = r.here(longModel(name))
	}
	return name, err
}

func longModel(name string) *fault.Error {
	return fault.New(http.StatusBadRequest, "invalid_value", fmt.Sprintf("a name of %d bytes, limit %d", len(name), maxModel), "send a shorter name: it is only repeated")
}

func (r reader) encoding() (Encoding, error) {
	name, err := r.text()
	if err != nil {
		return "", err
	}
	e, f := encodingOf(name)
	if f != nil {
		return "", r.here(f)
	}
	return e, nil
}

func encodingOf(name string) (Encoding, *fault.Error) {
	switch e := Encoding(name); e {
	case Float, Base64:
		return e, nil
	}
	return "", fault.New(http.StatusBadRequest, "invalid_value", fmt.Sprintf("unknown encoding %.32q", name), "send float or base64; /embed has binary replies")
}
