package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What callers tell apart. Messages say what to change.
var (
	ErrUnreachable  = errors.New("Milvus cannot be reached")
	ErrDenied       = errors.New("Milvus refused access: check the token in MILVUS_TOKEN or --token-file")
	ErrLocked       = errors.New("another process has this .db open: end it, or serve the catalogue from a Milvus server")
	ErrNoCollection = errors.New("no such collection: run `vbge index` first, or check --collection and --uri")
	ErrNotLoaded    = errors.New("the collection is not loaded in Milvus")
	ErrOtherModel   = errors.New("the collection was made by another model: use that model, or another --collection")
	ErrDimension    = errors.New("the dimensions differ")
	ErrMetric       = errors.New("the collection's metric is not " + string(metric))
	ErrForeign      = errors.New("the collection was made by something else than vbge and can only be searched: index into another --collection")
	ErrFilter       = errors.New("Milvus does not understand the filter")
	ErrInvalid      = errors.New("invalid input")
)

// Codes of Milvus 2.3 and later.
const (
	codeNoCollection = 100
	codeNotLoaded    = 101
	codeNoIndex      = 700
)

// explain adds to the error of a call under ctx what callers and users can act on.
func explain(parent, ctx context.Context, err error) error {
	var server *ServerError
	switch {
	case parent.Err() != nil: // gRPC's own error does not wrap it
		return fmt.Errorf("%w (%v)", parent.Err(), err)
	case ctx.Err() != nil && strings.Contains(err.Error(), "connection error"): // such as a proxy's refusal
		return fmt.Errorf("%w (%v)", context.Cause(ctx), err)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &server):
		if server.Code == codeNoCollection {
			return fmt.Errorf("%w (%w)", ErrNoCollection, err)
		}
		if isNotLoaded(server) {
			return fmt.Errorf("%w, another client released it: run the command again, which loads it (%w)", ErrNotLoaded, err)
		}
		return err
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded: // a deadline can be noticed by the server first
		return fmt.Errorf("%w (%v)", ErrUnreachable, err)
	case codes.Unauthenticated, codes.PermissionDenied:
		return fmt.Errorf("%w (%v)", ErrDenied, err)
	}
	return err
}

func isNotLoaded(err *ServerError) bool {
	return err.Code == codeNotLoaded || strings.Contains(err.Reason, "not loaded") || strings.Contains(err.Reason, "released")
}

func isNoIndex(err error) bool {
	var server *ServerError
	return errors.As(err, &server) && (server.Code == codeNoIndex || strings.Contains(server.Reason, "index not found"))
}
