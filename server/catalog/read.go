package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

// pageRows is how many rows Entries fetches at a time, below MaxLimit.
const pageRows = 4096

var strong = client.WithSearchQueryConsistencyLevel(entity.ClStrong)

// Count implements Catalog.
func (m *milvus) Count(ctx context.Context) (int, error) {
	var count int64
	err := m.call(ctx, "count the rows of "+m.info.Collection, func(ctx context.Context) error {
		result, err := m.client.Query(ctx, m.info.Collection, nil, "", []string{"count(*)"}, strong)
		if err != nil {
			return err
		}
		column := result.GetColumn("count(*)")
		if column == nil {
			return errors.New("the answer has no count(*)")
		}
		if count, err = column.GetAsInt64(0); err == nil && count < 0 {
			err = fmt.Errorf("%w: %d rows", errReply, count)
		}
		return err
	})
	return int(count), err
}

// Entries implements Catalog.
func (m *milvus) Entries(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if m.info.Model == "" {
			yield(Entry{}, fmt.Errorf("catalog: list %s: %w", m.info.Collection, ErrForeign))
			return
		}
		var pages *client.QueryIterator
		next := func(ctx context.Context) (page client.ResultSet, err error) {
			if pages == nil {
				pages, err = m.client.QueryIterator(ctx, client.NewQueryIteratorOption(m.info.Collection).WithBatchSize(pageRows).
					WithOutputFields(fieldID, fieldPath, fieldContentHash, fieldFieldsHash, fieldSource))
				if err != nil {
					return nil, err
				}
			}
			return pages.Next(ctx)
		}
		for last := ""; ; {
			var entries []Entry
			err := m.call(ctx, "list "+m.info.Collection, func(ctx context.Context) error {
				page, err := next(ctx)
				if err == io.EOF {
					return nil
				}
				if err == nil {
					entries, err = readEntries(page)
				}
				return err
			})
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if len(entries) == 0 {
				return
			}
			for _, entry := range entries {
				if entry.ID <= last { // else a server that ignores where a page begins would never end
					yield(Entry{}, fmt.Errorf("catalog: list %s: %w: id %q after %q", m.info.Collection, errReply, entry.ID, last))
					return
				}
				if last = entry.ID; !yield(entry, nil) {
					return
				}
			}
		}
	}
}

func readEntries(page client.ResultSet) ([]Entry, error) {
	entries := make([]Entry, page.Len())
	for _, field := range []struct {
		name string
		of   func(*Entry) *string
	}{
		{fieldID, func(e *Entry) *string { return &e.ID }},
		{fieldPath, func(e *Entry) *string { return &e.ImagePath }},
		{fieldContentHash, func(e *Entry) *string { return &e.ContentHash }},
		{fieldFieldsHash, func(e *Entry) *string { return &e.FieldsHash }},
		{fieldSource, func(e *Entry) *string { return &e.Source }},
	} {
		values, err := texts(page, field.name, len(entries))
		if err != nil {
			return nil, err
		}
		for i := range entries {
			*field.of(&entries[i]) = values[i]
		}
	}
	return entries, nil
}

// texts returns the n values of a VARCHAR column.
func texts(page client.ResultSet, name string, n int) ([]string, error) {
	column, ok := page.GetColumn(name).(*entity.ColumnVarChar)
	if !ok || column.Len() != n {
		return nil, fmt.Errorf("the answer has no %d values of %s", n, name)
	}
	return column.Data(), nil
}

// Vectors implements Catalog.
func (m *milvus) Vectors(ctx context.Context, ids []string) (map[string][]float32, error) {
	if m.info.Model == "" {
		return nil, fmt.Errorf("catalog: read vectors of %s: %w", m.info.Collection, ErrForeign)
	}
	vectors, wanted := make(map[string][]float32, len(ids)), setOf(ids)
	err := m.byID(ctx, "read vectors of", ids, func(ctx context.Context, expression string, n int) error {
		page, err := m.client.Query(ctx, m.info.Collection, nil, expression, []string{fieldID, fieldVector}, strong, client.WithLimit(int64(n)))
		if err != nil || page.Len() == 0 {
			return err
		}
		found, err := texts(page, fieldID, page.Len())
		if err != nil {
			return err
		}
		column, ok := page.GetColumn(fieldVector).(*entity.ColumnFloatVector)
		if !ok || column.Len() != len(found) {
			return fmt.Errorf("the answer has no %d values of %s", len(found), fieldVector)
		}
		for i, vector := range column.Data() {
			if len(vector) != m.info.Dimension || !wanted[found[i]] {
				return fmt.Errorf("%w: a vector of %d values with id %q", errReply, len(vector), found[i])
			}
			vectors[found[i]] = vector
		}
		return nil
	})
	return vectors, err
}

func setOf(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}
