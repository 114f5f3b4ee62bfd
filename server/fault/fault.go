// Package fault is the one form in which the server says what went wrong: a code for programs, a
// message for people, and what to change.
package fault

import (
	"fmt"
	"net/http"
	"time"
)

// Error is an answer other than success. As JSON it is {"error": {...}}, which OpenAI's clients read.
type Error struct {
	Status     int           `json:"-"`
	Code       string        `json:"code"`            // for programs: lower case words with underscores
	Message    string        `json:"message"`         // what is wrong, with its place in the request
	Change     string        `json:"change"`          // what the client or the operator can do
	Type       string        `json:"type"`            // OpenAI's kind of error, from Status: see New
	Param      string        `json:"param,omitempty"` // JSON pointer or name of the part at fault
	RetryAfter time.Duration `json:"-"`               // of the Retry-After header, in whole seconds; 0 is no header
	Cause      error         `json:"-"`               // for the log alone
}

// New returns an Error with the Type that OpenAI's API has for the status.
func New(status int, code, message, change string) *Error {
	return &Error{Status: status, Code: code, Message: message, Change: change, Type: typeOf(status)}
}

func typeOf(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "authentication_error"
	case status == http.StatusForbidden:
		return "permission_error"
	case status == http.StatusNotFound:
		return "not_found_error"
	case status == http.StatusTooManyRequests:
		return "rate_limit_error"
	case status >= 500:
		return "server_error"
	}
	return "invalid_request_error"
}

// At names the part of the request at fault.
func (e *Error) At(param string) *Error {
	at := *e
	at.Param = param
	return &at
}

// Because keeps the cause for the log.
func (e *Error) Because(cause error) *Error {
	with := *e
	with.Cause = cause
	return &with
}

// After sets RetryAfter.
func (e *Error) After(d time.Duration) *Error {
	later := *e
	later.RetryAfter = d
	return &later
}

func (e *Error) Error() string {
	if e.Param != "" {
		return fmt.Sprintf("%s: %s (%s)", e.Param, e.Message, e.Code)
	}
	return fmt.Sprintf("%s (%s)", e.Message, e.Code)
}

func (e *Error) Unwrap() error { return e.Cause }
