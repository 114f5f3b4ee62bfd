package catalog

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

const (
	maxBatchRows  = 1000
	maxBatchBytes = 16 << 20 // servers take messages of 64 MiB
)

// Upsert implements Catalog. The SDK may send a call twice; writing by id makes
// that harmless.
func (m *milvus) Upsert(ctx context.Context, rows []Row) error {
	if m.info.Model == "" {
		return fmt.Errorf("catalog: write to %s: %w", m.info.Collection, ErrForeign)
	}
	metadata, err := checkRows(rows, m.info.Dimension)
	if err != nil {
		return fmt.Errorf("catalog: write to %s: %w", m.info.Collection, err)
	}
	write := m.client.Upsert
	if m.merges {
		write = m.client.Insert
	}
	for done := 0; done < len(rows); {
		n := batch(rows[done:], metadata[done:])
		err := m.call(ctx, fmt.Sprintf("write rows %d to %d of %d to %s", done+1, done+n, len(rows), m.info.Collection), func(ctx context.Context) error {
			written, err := write(ctx, m.info.Collection, "", columns(rows[done:done+n], metadata[done:done+n], m.info.Dimension)...)
			if err == nil && written.Len() != n { // milvus-lite stops at a row it cannot take and reports success
				err = fmt.Errorf("Milvus took %d of %d rows", written.Len(), n)
			}
			return err
		})
		if err != nil {
			return err
		}
		done += n
	}
	return nil
}

// batch says how many of the rows to send together, at least one.
func batch(rows []Row, metadata [][]byte) int {
	size := 0
	for i := range rows {
		size += 4*len(rows[i].Vector) + len(metadata[i]) + len(rows[i].ImagePath) + 4*maxHash
		if i == maxBatchRows || i > 0 && size > maxBatchBytes {
			return i
		}
	}
	return len(rows)
}

func columns(rows []Row, metadata [][]byte, dimension int) []entity.Column {
	text := func(name string, of func(int) string) entity.Column {
		values := make([]string, len(rows))
		for i := range rows {
			values[i] = of(i)
		}
		return entity.NewColumnVarChar(name, values)
	}
	vectors := make([][]float32, len(rows))
	for i := range rows {
		vectors[i] = rows[i].Vector
	}
	return []entity.Column{
		text(fieldID, func(i int) string { return rows[i].ID }),
		text(fieldPath, func(i int) string { return rows[i].ImagePath }),
		entity.NewColumnFloatVector(fieldVector, dimension, vectors),
		text(fieldContentHash, func(i int) string { return rows[i].ContentHash }),
		text(fieldFieldsHash, func(i int) string { return hashJSON(metadata[i]) }),
		text(fieldSource, func(i int) string { return rows[i].Source }),
		entity.NewColumnJSONBytes("", metadata).WithIsDynamic(true),
	}
}

// Delete implements Catalog.
func (m *milvus) Delete(ctx context.Context, ids []string) error {
	if m.info.Model == "" {
		return fmt.Errorf("catalog: delete from %s: %w", m.info.Collection, ErrForeign)
	}
	return m.byID(ctx, "delete from", ids, func(ctx context.Context, expression string, _ int) error {
		return m.client.Delete(ctx, m.info.Collection, "", expression)
	})
}

// byID makes a call for every thousand ids, with the expression that selects them.
func (m *milvus) byID(ctx context.Context, what string, ids []string, do func(ctx context.Context, expression string, n int) error) error {
	for _, id := range ids {
		if err := checkID(id); err != nil {
			return fmt.Errorf("catalog: %s %s: %w", what, m.info.Collection, err)
		}
	}
	for len(ids) > 0 {
		n := min(len(ids), maxBatchRows)
		list, err := json.Marshal(ids[:n])
		if err != nil {
			return fmt.Errorf("catalog: %s %s: %w", what, m.info.Collection, err)
		}
		err = m.call(ctx, fmt.Sprintf("%s %s", what, m.info.Collection), func(ctx context.Context) error {
			return do(ctx, fieldID+" in "+string(list), n)
		})
		if err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}
