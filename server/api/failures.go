package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"vbge/server/fault"
	"vbge/server/transport"
)

// failures are the faults of a request's items, in their order; nil is none.
type failures []*fault.Error

// indices are of the items that failed.
func (f failures) indices() []int {
	var failed []int
	for i, item := range f {
		if item != nil {
			failed = append(failed, i)
		}
	}
	return failed
}

// all returns the one fault of a request whose items have all failed: of their own kind where they
// agree on its status.
func (f failures) all() error {
	if len(f) == 0 || len(f.indices()) < len(f) {
		return nil
	}
	if len(f) == 1 {
		return f[0]
	}
	message := fmt.Sprintf("all %d items failed; the first: %s", len(f), f[0].Message)
	for _, item := range f {
		if item.Status != f[0].Status {
			return fault.New(http.StatusUnprocessableEntity, "all_failed", message,
				"send them one by one to learn what each of them lacks; the first: "+f[0].Change).Because(causeOf(f[0]))
		}
	}
	same := *f[0]
	same.Message = message
	return &same
}

// partial is the answer to inputs some of which failed where a reply has no place for errors.
func (f failures) partial() error {
	failed := f.indices()
	if len(failed) == 0 {
		return nil
	}
	first := f[failed[0]]
	return fault.New(http.StatusUnprocessableEntity, "partial_failure",
		fmt.Sprintf("%d of %d items failed, and a binary reply has no place for that: numbers %s; the first: %s",
			len(failed), len(f), list(failed), first.Message),
		"leave them out, or ask for JSON, which has null in their place; the first: "+first.Change).Because(causeOf(first))
}

// causeOf is what the log says of an item's fault: never the message, which may repeat a piece of the item.
func causeOf(item *fault.Error) error {
	if item.Cause != nil {
		return item.Cause
	}
	return errors.New(item.Code)
}

// report says in a reply's headers, and in the log, which items failed.
func (f failures) report(r *transport.Response) {
	failed := f.indices()
	r.Log = append(r.Log, slog.Int("items", len(f)), slog.Int("failed", len(failed)))
	if len(failed) == 0 {
		return
	}
	if r.Header == nil {
		r.Header = map[string]string{}
	}
	r.Header["X-Failed-Items"] = list(failed)
	r.Header["X-Failed-Count"] = strconv.Itoa(len(failed))
	for _, i := range failed { // the first by the server's fault
		if item := f[i]; item.Status >= http.StatusInternalServerError && item.Cause != nil {
			r.Log = append(r.Log, slog.Int("failed_item", i), slog.String("cause", item.Cause.Error()))
			return
		}
	}
}

// maxListed bounds the indices in one header or message: 100 stay under 600 bytes, where clients and
// proxies have 4 kB for all headers.
const maxListed = 100

// list writes indices with commas between; "..." stands for those beyond maxListed.
func list(indices []int) string {
	words := make([]string, 0, maxListed+1)
	for _, i := range indices[:min(len(indices), maxListed)] {
		words = append(words, strconv.Itoa(i))
	}
	if len(indices) > maxListed {
		words = append(words, "...")
	}
	return strings.Join(words, ",")
}
