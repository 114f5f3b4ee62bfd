package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"vbge/server/fault"
)

// reader reads JSON in place: it copies of the body only what is kept. Its errors are a *fault.Error for
// a value that is not what is wanted, which an item can recover from, and any other for bytes that are no
// JSON, which nothing can.
type reader struct {
	*jsontext.Decoder
	limits Limits
}

// newReader's decoder lets duplicate names pass, object finds them: the decoder would remember every name
// that an object ever had, which takes ten times the memory of a body that has nothing else.
func newReader(body []byte, l Limits) reader {
	return reader{jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true)), l}
}

// document reads the object that is the whole body. Its error is a *fault.Error.
func (r reader) document(known []string, member func(name string) error) error {
	if err := r.object(known, member); err != nil {
		return notJSON(err)
	}
	switch _, err := r.ReadToken(); err {
	case io.EOF:
		return nil
	case nil:
		return invalidJSON(fmt.Sprintf("more after the end of the object, at byte %d", r.InputOffset()))
	default:
		return notJSON(err)
	}
}

// notJSON puts a decoder's error into a fault; a fault stays as it is.
func notJSON(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	syntactic, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case err == io.EOF:
		return invalidJSON("it is empty")
	case !ok:
		return invalidJSON(err.Error())
	case syntactic.Err == io.ErrUnexpectedEOF:
		err = fmt.Errorf("it ends too soon, after %d bytes", syntactic.ByteOffset)
	default:
		err = fmt.Errorf("%w, at byte %d", syntactic.Err, syntactic.ByteOffset)
	}
	return invalidJSON(err.Error()).At(clip(string(syntactic.JSONPointer)))
}

func invalidJSON(what string) *fault.Error {
	return fault.New(http.StatusBadRequest, "invalid_json", "the body is not JSON: "+what, "send one JSON object in UTF-8")
}

// object reads an object's members: each known one at most once, and no other. A member that is null is
// one that is not there.
func (r reader) object(known []string, member func(name string) error) error {
	depth := r.StackDepth()
	if err := r.open(jsontext.KindBeginObject, "an object"); err != nil {
		return err
	}
	seen := 0 // a bit for each known name
	for r.PeekKind() != jsontext.KindEndObject {
		quoted, err := r.ReadValue()
		if err != nil {
			return err
		}
		name := unquote(quoted)
		i := indexOf(known, name)
		switch {
		case i < 0:
			return r.unknownMember(name, known, depth)
		case seen&(1<<i) != 0:
			return r.here(fault.New(http.StatusBadRequest, "duplicate_member", "the member stands there twice", "keep one of them"))
		}
		seen |= 1 << i
		if r.PeekKind() == jsontext.KindNull {
			err = r.SkipValue()
		} else {
			err = member(known[i])
		}
		if err != nil {
			return err
		}
	}
	_, err := r.ReadToken()
	return err
}

// open reads the beginning of an object or array.
func (r reader) open(kind jsontext.Kind, want string) error {
	if r.PeekKind() != kind {
		return r.wrongType(want)
	}
	_, err := r.ReadToken()
	return err
}

// elements reads what an open array has yet, at most most elements (0 is no bound), and its end.
func (r reader) elements(most int, element func() error) error {
	for n := 0; r.PeekKind() != jsontext.KindEndArray; n++ {
		if most > 0 && n == most && r.PeekKind() != jsontext.KindInvalid {
			return at(clip(string(r.StackPointer().Parent())), tooManyItems(most))
		}
		if err := element(); err != nil {
			return err
		}
	}
	_, err := r.ReadToken()
	return err
}

func tooManyItems(most int) *fault.Error {
	return fault.New(http.StatusRequestEntityTooLarge, "too_many_items", fmt.Sprintf("more than %d items (set by --max-items)", most),
		"send them in several requests, or raise --max-items")
}

// recovered reads one of several values. A fault in it is its own, and the rest of it, which is all
// deeper than depth, is skipped.
func recovered[T any](r reader, depth int, read func() (T, error)) (T, *fault.Error, error) {
	value, err := read()
	if f, ok := errors.AsType[*fault.Error](err); ok {
		var none T
		return none, f, r.leave(depth)
	}
	return value, nil, err
}

// unknownMember refuses a member of an object that stands in depth others. A long name makes a longer
// pointer: the object's says enough.
func (r reader) unknownMember(name []byte, known []string, depth int) error {
	if len(name) > maxEcho {
		name = name[:maxEcho]
		if err := r.leave(depth); err != nil {
			return err
		}
	}
	return r.here(fault.New(http.StatusBadRequest, "unknown_member", fmt.Sprintf("unknown member %.32q", name),
		"remove it; known are "+strings.Join(known, ", ")))
}

func indexOf(known []string, name []byte) int {
	for i, k := range known {
		if k == string(name) {
			return i
		}
	}
	return -1
}

// leave reads on to the end of everything deeper than depth.
func (r reader) leave(depth int) error {
	for r.StackDepth() > depth {
		var err error
		switch r.PeekKind() {
		case jsontext.KindEndObject, jsontext.KindEndArray:
			_, err = r.ReadToken()
		default:
			err = r.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// here puts the place of the value that was read last before a fault's message.
func (r reader) here(f *fault.Error) *fault.Error {
	return at(clip(string(r.StackPointer())), f)
}

// at puts a place before a fault's message; "" is the body.
func at(place string, f *fault.Error) *fault.Error {
	f = f.At(place)
	if place == "" {
		place = "the body"
	}
	f.Message = place + ": " + f.Message
	return f
}

// clip cuts s at maxEcho bytes, between characters.
func clip(s string) string {
	if len(s) <= maxEcho {
		return s
	}
	end := maxEcho
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// wrongType skips the next value, which is not what is wanted.
func (r reader) wrongType(want string) error {
	kind := r.PeekKind()
	if err := r.SkipValue(); err != nil {
		return err
	}
	return r.here(fault.New(http.StatusBadRequest, "wrong_type", nameOf(kind)+", where "+want+" is wanted", "send "+want))
}

func nameOf(kind jsontext.Kind) string {
	switch kind {
	case jsontext.KindNull:
		return "null"
	case jsontext.KindTrue, jsontext.KindFalse:
		return "a boolean"
	case jsontext.KindNumber:
		return "a number"
	case jsontext.KindString:
		return "a string"
	case jsontext.KindBeginArray:
		return "an array"
	}
	return "an object"
}

// quoted reads a string and returns what it holds, which may be a piece of the body.
func (r reader) quoted(want string) ([]byte, error) {
	if r.PeekKind() != jsontext.KindString {
		return nil, r.wrongType(want)
	}
	quoted, err := r.ReadValue()
	if err != nil {
		return nil, err
	}
	return unquote(quoted), nil
}

func (r reader) text() (string, error) {
	content, err := r.quoted("a string")
	return string(content), err
}

// unquote returns what a valid JSON string holds: a piece of it, unless there are escapes.
func unquote(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	content, _ := jsontext.AppendUnquote(nil, quoted) // the decoder has found it valid
	return content
}

func (r reader) boolean() (bool, error) {
	kind := r.PeekKind()
	if kind != jsontext.KindTrue && kind != jsontext.KindFalse {
		return false, r.wrongType("true or false")
	}
	return kind == jsontext.KindTrue, r.SkipValue()
}

// integer reads a whole number from least to most.
func (r reader) integer(least, most int) (int, error) {
	if r.PeekKind() != jsontext.KindNumber {
		return 0, r.wrongType("a whole number")
	}
	digits, err := r.ReadValue()
	if err != nil {
		return 0, err
	}
	n, f := integerOf(string(digits), least, most)
	if f != nil {
		return 0, r.here(f)
	}
	return n, nil
}

func integerOf(digits string, least, most int) (int, *fault.Error) {
	n, err := strconv.Atoi(digits)
	if err != nil || n < least || n > most {
		return 0, fault.New(http.StatusBadRequest, "invalid_value", fmt.Sprintf("%.24q is no whole number from %d to %d", digits, least, most),
			fmt.Sprintf("send a whole number from %d to %d", least, most))
	}
	return n, nil
}
