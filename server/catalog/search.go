package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

// MaxLimit is Milvus's for one search or query.
const MaxLimit = 16384

// Search implements Catalog.
func (m *milvus) Search(ctx context.Context, vector []float32, limit int, filter string) ([]Hit, error) {
	what := "search " + m.info.Collection
	if err := CheckVector(vector, m.info.Dimension); err != nil {
		return nil, fmt.Errorf("catalog: %s: %w", what, err)
	}
	if limit < 1 || limit > MaxLimit {
		return nil, fmt.Errorf("catalog: %s: %w: limit %d: want 1 to %d", what, ErrInvalid, limit, MaxLimit)
	}
	parameters, err := entity.NewIndexFlatSearchParam() // none: every index has defaults
	if err != nil {
		return nil, fmt.Errorf("catalog: %s: %w", what, err)
	}
	var hits []Hit
	err = m.call(ctx, what, func(ctx context.Context) error {
		results, err := m.client.Search(ctx, m.info.Collection, nil, filter, m.output,
			[]entity.Vector{entity.FloatVector(vector)}, fieldVector, metric, limit, parameters)
		if err != nil {
			return blameFilter(filter, err)
		}
		if len(results) == 0 || results[0].ResultCount == 0 { // then Err is a complaint about absent fields
			return nil
		}
		if results[0].ResultCount > limit {
			return fmt.Errorf("%w: %d results of at most %d", errReply, results[0].ResultCount, limit)
		}
		hits, err = readHits(results[0])
		return err
	})
	return hits, err
}

// blameFilter marks the refusal of a search that has a filter.
func blameFilter(filter string, err error) error {
	var server *ServerError
	if filter != "" && errors.As(err, &server) && slices.Contains(filterCodes, server.Code) && !isNotLoaded(server) {
		return fmt.Errorf("%w %s: want an expression such as kind == \"shoe\" (%w)", ErrFilter, filter, err)
	}
	return err
}

// filterCodes are what servers say to a filter, none of them only to that: 2000
// (segcore) milvus-lite 2.5.1, 1100 (invalid parameter) Milvus 2.4 and later,
// 65535 (unexpected) 2.3, 6 (illegal argument) milvus-lite 3.2.2, 1 (legacy) before.
var filterCodes = []int32{2000, 1100, 65535, 6, 1}

func readHits(result client.SearchResult) ([]Hit, error) {
	if result.Err != nil {
		return nil, result.Err
	}
	hits := make([]Hit, result.ResultCount)
	for i := range hits {
		id, err := result.IDs.Get(i)
		if err != nil {
			return nil, fmt.Errorf("id of result %d: %w", i, err)
		}
		hits[i].ID = fmt.Sprint(id) // int64 in a collection of the tutorial
		hits[i].Score = result.Scores[i]
		for _, column := range result.Fields {
			if err := readField(&hits[i], column, i); err != nil {
				return nil, fmt.Errorf("field %s of result %d: %w", column.Name(), i, err)
			}
		}
	}
	return hits, nil
}

func readField(hit *Hit, column entity.Column, i int) (err error) {
	var text []byte
	switch column := column.(type) {
	case *entity.ColumnJSONBytes:
		text, err = column.ValueByIdx(i)
	case *entity.ColumnDynamic:
		text, err = column.ValueByIdx(i)
	default:
		if column.Name() == fieldPath {
			hit.ImagePath, err = column.GetAsString(i)
		}
		return err
	}
	if err != nil || len(text) == 0 {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&hit.Fields); err != nil {
		return err
	}
	if path, ok := hit.Fields[fieldPath].(string); ok { // dynamic in a collection of the tutorial
		hit.ImagePath = path
		delete(hit.Fields, fieldPath)
	}
	return nil
}
