// Package catalog keeps pictures as rows of a Milvus collection and finds the
// nearest to a vector.
//
// The collection lives where Options.URI says: in a local .db file, served by
// the milvus-lite 2.5.1 executable as a child process, or on a Milvus server or
// Zilliz Cloud. pymilvus users read the same rows: fields id, image_path and
// vector, metric COSINE, metadata as dynamic fields.
//
// Behind the Catalog interface is github.com/milvus-io/milvus-sdk-go/v2 v2.4.2,
// which this package alone imports: its README calls it deprecated in favour of
// github.com/milvus-io/milvus/client/v2, which links three times as many
// packages. Four of its faults are repaired here: silent.go, lists.go,
// keepalive.go and wellformed.go.
package catalog

import (
	"context"
	"iter"
)

// Catalog is one collection of pictures. Its methods are safe for concurrent
// use, have a deadline of their own (Options.Timeout) and return an error that
// wraps ErrUnreachable when Milvus does not answer.
type Catalog interface {
	// Info describes the collection as it was when it was opened.
	Info() Info
	// Upsert writes rows, replacing those of the same id, in batches of at most
	// 1000. All rows are checked before the first is sent.
	Upsert(ctx context.Context, rows []Row) error
	// Search returns the rows nearest to a vector, best first: at most limit
	// (1..16384) of those that match the filter, a Milvus boolean expression
	// such as `kind == "shoe"`, or "" for all.
	Search(ctx context.Context, vector []float32, limit int, filter string) ([]Hit, error)
	// Entries yields what indexing needs to know of every row, in the order of
	// the ids, and ends at the first error.
	Entries(ctx context.Context) iter.Seq2[Entry, error]
	// Find returns the rows with these ids; ids without a row, and what no row can
	// have for an id, are left out. It takes ids from outside, and also finds rows
	// of collections that something else made: these have an ID and an ImagePath.
	Find(ctx context.Context, ids []string) (map[string]Entry, error)
	// Vectors returns the vectors of the rows with these ids; ids without a row
	// are left out.
	Vectors(ctx context.Context, ids []string) (map[string][]float32, error)
	// Delete removes the rows with these ids; ids without a row are no error.
	Delete(ctx context.Context, ids []string) error
	// Count returns the number of rows.
	Count(ctx context.Context) (int, error)
	// Close ends the connection and, for a local .db, the process behind it.
	Close() error
}

// Info is what is known of a collection.
type Info struct {
	Collection string
	Model      string // id of the model that made the vectors; "" where something else than vbge made the collection
	Dimension  int    // of the vectors
}

// Row is one picture to be kept.
type Row struct {
	ID          string         // 1 to 64 letters, digits, '-' and '_'
	ImagePath   string         // at most 4096 bytes
	Vector      []float32      // Info.Dimension finite values
	ContentHash string         // of the picture file, at most 64 bytes
	Source      string         // whose row it is (package index: the folder), at most 64 bytes
	Fields      map[string]any // metadata, at most 65536 bytes as JSON; no name of the catalogue's own fields
}

// Entry is a row without vector and metadata.
type Entry struct {
	ID          string
	ImagePath   string
	ContentHash string
	FieldsHash  string // FieldsHash of the row's Fields
	Source      string
}

// Hit is one row found.
type Hit struct {
	ID        string
	ImagePath string
	Score     float32        // cosine, 1 is the same direction
	Fields    map[string]any // metadata; numbers are json.Number
}
