package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

// metric is the only one used: Lite searches with a wrong one without a word.
const metric = entity.COSINE

// Fields of a collection that vbge makes.
const (
	fieldID          = "id"
	fieldPath        = "image_path"
	fieldVector      = "vector"
	fieldContentHash = "content_hash"
	fieldFieldsHash  = "fields_hash"
	fieldSource      = "source"
	fieldDynamic     = "$meta" // Milvus's name for all dynamic fields together
)

const (
	maxHash = 64   // bytes: SHA-256 in hex
	maxPath = 4096 // bytes: PATH_MAX of Linux
)

// stamp tells whose vectors these are. It is the collection's description, which
// milvus-lite 3.2.2 does not keep, and a property, which 2.5.1 forgets at its end.
type stamp struct {
	Vbge      int    `json:"vbge"` // layout of the collection
	Model     string `json:"model"`
	Dimension int    `json:"dimension"`
}

const (
	layout        = 1
	stampProperty = "vbge"
)

// openCollection checks the collection, or makes it for writing, and loads it.
// Every step is repeatable, so one that was interrupted is completed next time.
func (m *milvus) openCollection(ctx context.Context, o Options) error {
	var exists bool
	err := m.call(ctx, "look for collection "+o.Collection, func(ctx context.Context) (err error) {
		exists, err = m.client.HasCollection(ctx, o.Collection)
		return err
	})
	if err != nil {
		return err
	}
	if !exists {
		if !o.Write {
			return fmt.Errorf("catalog: collection %s in %s: %w", o.Collection, o.URI, ErrNoCollection)
		}
		if err := m.create(ctx, o); err != nil {
			return err
		}
	}
	var found *entity.Collection
	err = m.call(ctx, "describe collection "+o.Collection, func(ctx context.Context) (err error) {
		found, err = m.client.DescribeCollection(ctx, o.Collection)
		return err
	})
	if err != nil {
		return err
	}
	if err := m.accept(found, o); err != nil {
		return fmt.Errorf("catalog: collection %s in %s: %w", o.Collection, o.URI, err)
	}
	if err := m.openIndex(ctx); err != nil {
		return err
	}
	if o.Write && m.lite == nil {
		if err := m.learnMerging(ctx); err != nil {
			return err
		}
	}
	return m.load(ctx)
}

func (m *milvus) create(ctx context.Context, o Options) error {
	description, err := json.Marshal(stamp{Vbge: layout, Model: o.Model, Dimension: o.Dimension})
	if err != nil {
		return fmt.Errorf("catalog: describe collection %s: %w", o.Collection, err)
	}
	text := func(name string, bytes int64) *entity.Field {
		return entity.NewField().WithName(name).WithDataType(entity.FieldTypeVarChar).WithMaxLength(bytes)
	}
	schema := entity.NewSchema().WithName(o.Collection).WithDescription(string(description)).WithDynamicFieldEnabled(true).
		WithField(text(fieldID, maxHash).WithIsPrimaryKey(true)).
		WithField(text(fieldPath, maxPath)).
		WithField(entity.NewField().WithName(fieldVector).WithDataType(entity.FieldTypeFloatVector).WithDim(int64(o.Dimension))).
		WithField(text(fieldContentHash, maxHash)).
		WithField(text(fieldFieldsHash, maxHash)).
		WithField(text(fieldSource, maxHash))
	return m.call(ctx, "create collection "+o.Collection, func(ctx context.Context) error {
		// Strong: what one command has written, the next one finds.
		return m.client.CreateCollection(ctx, schema, 1, client.WithConsistencyLevel(entity.ClStrong),
			client.WithCollectionProperty(stampProperty, string(description)))
	})
}

// accept takes over an existing collection, or says why not.
func (m *milvus) accept(found *entity.Collection, o Options) error {
	schema := found.Schema
	field := func(name string) *entity.Field {
		if at := slices.IndexFunc(schema.Fields, func(f *entity.Field) bool { return f.Name == name }); at >= 0 {
			return schema.Fields[at]
		}
		return nil
	}
	vector := field(fieldVector)
	if vector == nil || vector.DataType != entity.FieldTypeFloatVector {
		return fmt.Errorf("%w: it has no field %s of float vectors", ErrForeign, fieldVector)
	}
	dimension, err := strconv.Atoi(vector.TypeParams[entity.TypeParamDim])
	if err != nil {
		return fmt.Errorf("dimension of field %s: %w", fieldVector, err)
	}
	made := stampOf(found)
	switch {
	case made.Vbge > layout:
		return fmt.Errorf("it was made by a newer vbge (layout %d, this one knows %d): update vbge", made.Vbge, layout)
	case made.Vbge == 0 && o.Write && !o.lasting:
		return ErrForeign
	case made.Vbge != 0 && o.Model != "" && o.Model != made.Model:
		return fmt.Errorf("%w (it holds vectors of model %s, not %s)", ErrOtherModel, made.Model, o.Model)
	case o.Dimension != 0 && o.Dimension != dimension:
		return fmt.Errorf("%w: it holds vectors of %d values, the model gives %d", ErrDimension, dimension, o.Dimension)
	}
	m.info = Info{Collection: o.Collection, Model: made.Model, Dimension: dimension}
	m.key = keyOf(schema, made.Vbge == 0)
	if field(fieldPath) != nil {
		m.output = append(m.output, fieldPath)
	}
	if schema.EnableDynamicField {
		m.output = append(m.output, fieldDynamic)
	}
	return nil
}

// stampOf returns a stamp with Vbge 0 for a collection that something else made.
func stampOf(found *entity.Collection) stamp {
	for _, text := range []string{found.Schema.Description, found.Properties[stampProperty]} {
		var made stamp
		if json.Unmarshal([]byte(text), &made) == nil && made.Vbge != 0 {
			return made
		}
	}
	return stamp{}
}

// openIndex checks the index of the vectors, or makes it in a collection of ours.
func (m *milvus) openIndex(ctx context.Context) error {
	var indexes []entity.Index
	err := m.call(ctx, "describe the index of "+m.info.Collection, func(ctx context.Context) (err error) {
		indexes, err = m.client.DescribeIndex(ctx, m.info.Collection, fieldVector)
		return err
	})
	if err != nil && !isNoIndex(err) {
		return err
	}
	for _, index := range indexes {
		if used := index.Params()["metric_type"]; used != "" && used != string(metric) {
			return fmt.Errorf("catalog: collection %s: %w but %s: make it again, or use another --collection", m.info.Collection, ErrMetric, used)
		}
	}
	if len(indexes) > 0 || m.info.Model == "" {
		return nil
	}
	// AUTOINDEX is the server's own choice; on milvus-lite 2.5.1 a flat, exact search.
	index, err := entity.NewIndexAUTOINDEX(metric)
	if err != nil {
		return fmt.Errorf("catalog: index of %s: %w", m.info.Collection, err)
	}
	return m.call(ctx, "create the index of "+m.info.Collection, func(ctx context.Context) error {
		return m.client.CreateIndex(ctx, m.info.Collection, fieldVector, index, false)
	})
}

// load brings the collection into memory unless it is there: all but milvus-lite
// 2.5.1 refuse to search before.
func (m *milvus) load(ctx context.Context) error {
	name := m.info.Collection
	err := m.call(ctx, "load collection "+name, func(ctx context.Context) error {
		state, err := m.client.GetLoadState(ctx, name, nil)
		if err != nil || state == entity.LoadStateLoaded {
			return err
		}
		// The SDK's own waiting looks only every 200 ms.
		if err := m.client.LoadCollection(ctx, name, true); err != nil {
			return err
		}
		for wait := 2 * time.Millisecond; ; wait = min(2*wait, time.Second) {
			state, err := m.client.GetLoadState(ctx, name, nil)
			if err != nil || state == entity.LoadStateLoaded {
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(wait):
			}
		}
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotLoaded, err)
	}
	return nil
}
