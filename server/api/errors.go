package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"

	"vbge/engine"
	"vbge/engine/pixels"
	"vbge/server/catalog"
	"vbge/server/fault"
	"vbge/server/items"
	"vbge/server/search"
)

// answers say how a client hears of another package's errors: the first line whose error is wrapped
// counts, so catalog.ErrUnreachable stands after the reasons that a lasting catalogue wraps with it. A
// message of "" is the error's own text, which is about the request alone; the texts of other errors name
// addresses and devices, and are for the log.
var answers = []struct {
	err   error
	fault *fault.Error
	retry bool // after the time that a queue takes
}{
	{context.Canceled, fault.New(499, "client_gone", "the client closed the connection", "nothing: nobody reads this"), false},
	{context.DeadlineExceeded, fault.New(http.StatusGatewayTimeout, "request_timeout",
		"the answer was not ready in the time that the request has",
		"ask for less at once, allow more time in the header X-Request-Timeout, or raise --request-timeout, which bounds it"), false},

	{engine.ErrQueueFull, fault.New(http.StatusTooManyRequests, "queue_full",
		"as many inputs are waiting as --max-queue allows",
		"send the request again after Retry-After seconds; more servers or a larger --max-queue take more"), true},
	{engine.ErrQueueTimeout, fault.New(http.StatusServiceUnavailable, "queue_timeout",
		"the input waited for longer than --queue-timeout allows",
		"send the request again after Retry-After seconds; more servers or a longer --queue-timeout take more"), true},
	{engine.ErrPanic, errInternal, false},
	{engine.ErrClosed, errStopping, true},
	{engine.ErrMemory, errDevice, true},
	{engine.ErrNotFinite, errNotFinite, false},

	{pixels.ErrTooLarge, fault.New(http.StatusRequestEntityTooLarge, "image_too_large", "",
		"send a smaller picture: the model sees 224 pixels a side; --max-image-bytes and --max-pixels set the limits"), false},
	{items.ErrKind, fault.New(http.StatusBadRequest, "image_unreadable", "",
		"send a whole JPEG, PNG, WebP, GIF or BMP file: items are shown, and browsers show no TIFF"), false},
	{pixels.ErrFormat, fault.New(http.StatusBadRequest, "image_unreadable", "",
		"send a whole JPEG, PNG, WebP, GIF, BMP or TIFF file"), false},
	{engine.ErrTooLong, fault.New(http.StatusRequestEntityTooLarge, "input_too_long", "",
		"shorten the text, or let it be cut off with \"truncate\": true"), false},
	{engine.ErrNoVision, fault.New(http.StatusBadRequest, "no_vision", "",
		"send texts alone, or start the server with a model that has a vision tower"), false},
	{engine.ErrInput, fault.New(http.StatusBadRequest, "invalid_input", "",
		"send a picture, a text, or both; token ids have to be the vocabulary's"), false},

	{catalog.ErrFilter, fault.New(http.StatusBadRequest, "invalid_filter", "",
		"write the filter as a Milvus expression over metadata, such as kind == \"shoe\""), false},
	{catalog.ErrInvalid, fault.New(http.StatusBadRequest, "invalid_value", "", "send a value within the bounds that the message names"), false},
	{catalog.ErrForeign, fault.New(http.StatusConflict, "read_only_collection", "the collection was made by something else than vbge: it can only be searched",
		"start the server with another --collection to add and delete pictures"), false},
	{catalog.ErrNoCollection, fault.New(http.StatusServiceUnavailable, "no_collection", "there is no such collection in Milvus",
		"run `vbge index`, or start the server with another --collection or --uri"), true},
	{catalog.ErrNotLoaded, fault.New(http.StatusServiceUnavailable, "collection_not_loaded", "another client has released the collection in Milvus",
		"start the server again, which loads it"), true},
	{catalog.ErrDenied, fault.New(http.StatusServiceUnavailable, "milvus_denied", "Milvus refuses the server's token",
		"start the server with another MILVUS_TOKEN or --token-file"), true},
	{catalog.ErrOtherModel, errOtherModel, false},
	{catalog.ErrDimension, errOtherModel, false},
	{catalog.ErrUnreachable, fault.New(http.StatusServiceUnavailable, "milvus_unreachable", "Milvus cannot be reached",
		"send the request again after Retry-After seconds; if that does not help, see whether Milvus runs at --uri"), true},

	{items.ErrNotFound, fault.New(http.StatusNotFound, "no_such_item", "there is no such item, or no picture of it that may be shown",
		"send an id that a search has answered; pictures are shown from --items-dir and --images alone"), false},
	{items.ErrReadOnly, fault.New(http.StatusForbidden, "items_read_only", "",
		"start the server with --items-dir, a folder for the pictures that are added"), false},

	{syscall.ENOSPC, fault.New(http.StatusInsufficientStorage, "storage_full", "there is no room for another picture under --items-dir",
		"send it again when the operator has made room"), false},

	{search.ErrQuery, fault.New(http.StatusBadRequest, "invalid_query", "", "send a picture, a text, or both, and a limit of at least 1"), false},
}

var (
	errStopping = fault.New(http.StatusServiceUnavailable, "stopping", "the server is being stopped",
		"send the request to another server, or again after Retry-After seconds")
	errOtherModel = fault.New(http.StatusConflict, "other_model", "the collection has vectors of another model",
		"start the server with the model that made the collection, or with another --collection")
	errDevice = fault.New(http.StatusServiceUnavailable, "device_failed", "the device that computes has failed",
		"start the server again; its log has the cause")
	errWrong = fault.New(http.StatusServiceUnavailable, "not_ready", "the device has failed its test: its vectors are wrong",
		"send the request to another server, or again after Retry-After seconds; the log has the cause")
	errNotFinite = fault.New(http.StatusInternalServerError, "embedding_not_finite", "the model computed a value that is no number",
		"report it with the input: a picture or text must not do that")
	errInternal = fault.New(http.StatusInternalServerError, "internal", "the server failed at this",
		"report it; the server's log has the cause")
)

// refuse returns what a handler answers to an error. Why a request's context has ended, package
// transport knows.
func (e *Embedder) refuse(ctx context.Context, err error, lane engine.Lane) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return e.explain(err, lane)
}

// explain returns the fault that a client gets for an error.
func (e *Embedder) explain(err error, lane engine.Lane) *fault.Error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	for _, answer := range answers {
		if !errors.Is(err, answer.err) {
			continue
		}
		f := answer.fault.Because(withStack(err))
		if f.Message == "" { // nothing of a request is in the log: Milvus repeats a filter
			f.Message, f.Cause = err.Error(), nil
		}
		if answer.retry {
			f = f.After(e.wait.retryAfter(lane))
		}
		return f
	}
	if failed := e.Engine.Ready(); failed != nil {
		return errDevice.Because(errors.Join(err, failed)).After(e.wait.retryAfter(lane))
	}
	return errInternal.Because(err)
}

// withStack adds the stack of a panic for the log.
func withStack(err error) error {
	if p, ok := errors.AsType[*engine.PanicError](err); ok {
		return fmt.Errorf("%w\n%s", err, p.Stack)
	}
	return err
}
