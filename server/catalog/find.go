package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

// maxForeignID bounds ids of collections that something else made, in bytes: Milvus lets them have
// 65535, of which a thousand would be more than a message holds.
const maxForeignID = 1024

// key is the primary key of a collection: VARCHAR, or int64 where Milvus gives the ids.
type key struct {
	name    string
	integer bool
	foreign bool // of a collection that something else made
}

func keyOf(schema *entity.Schema, foreign bool) key {
	for _, field := range schema.Fields {
		if field.PrimaryKey {
			return key{name: field.Name, integer: field.DataType == entity.FieldTypeInt64, foreign: foreign}
		}
	}
	return key{name: fieldID, foreign: foreign}
}

// literal writes an id for an expression, or says that no row can have it. Ids come from outside:
// nothing but digits, or text between quotes that it cannot end, gets into an expression.
func (k key) literal(id string) (string, bool) {
	switch {
	case k.integer:
		n, err := strconv.ParseInt(id, 10, 64)
		return id, err == nil && strconv.FormatInt(n, 10) == id
	case !k.foreign:
		return `"` + id + `"`, idForm.MatchString(id)
	}
	// How a server reads an escape differs between them, so what would need one is not asked for.
	bad := func(r rune) bool { return r == '"' || r == '\\' || !unicode.IsPrint(r) }
	return `"` + id + `"`, id != "" && len(id) <= maxForeignID && utf8.ValidString(id) && !strings.ContainsFunc(id, bad)
}

// Find implements Catalog.
func (m *milvus) Find(ctx context.Context, ids []string) (map[string]Entry, error) {
	what := "find rows of " + m.info.Collection
	var wanted []string
	for _, id := range ids {
		if literal, possible := m.key.literal(id); possible {
			wanted = append(wanted, literal)
		}
	}
	found, asked := make(map[string]Entry, len(wanted)), setOf(ids)
	for len(wanted) > 0 {
		n := min(len(wanted), maxBatchRows)
		expression := m.key.name + " in [" + strings.Join(wanted[:n], ", ") + "]"
		err := m.call(ctx, what, func(ctx context.Context) error {
			// Rows that were not upserted can share an id: the limit is not the number of ids.
			page, err := m.client.Query(ctx, m.info.Collection, nil, expression, m.entryFields(), strong, client.WithLimit(MaxLimit))
			if err != nil {
				return err
			}
			return m.readFound(page, found)
		})
		if err != nil {
			return nil, err
		}
		wanted = wanted[n:]
	}
	for id := range found {
		if !asked[id] {
			return nil, fmt.Errorf("catalog: %s: %w: a row with id %q", what, errReply, id)
		}
	}
	return found, nil
}

func (m *milvus) entryFields() []string {
	if m.key.foreign {
		return append([]string{m.key.name}, m.output...)
	}
	return []string{fieldID, fieldPath, fieldContentHash, fieldFieldsHash, fieldSource}
}

// readFound adds the rows of a page. Those of a foreign collection have an id and a path, which may
// be a dynamic field.
func (m *milvus) readFound(page client.ResultSet, found map[string]Entry) error {
	if page.Len() == 0 {
		return nil
	}
	if !m.key.foreign {
		entries, err := readEntries(page)
		for _, entry := range entries {
			found[entry.ID] = entry
		}
		return err
	}
	ids := page.GetColumn(m.key.name)
	if ids == nil {
		return fmt.Errorf("the answer has no %s", m.key.name)
	}
	for i := range ids.Len() {
		id, err := ids.Get(i)
		if err != nil {
			return fmt.Errorf("%s of row %d: %w", m.key.name, i, err)
		}
		hit := Hit{ID: fmt.Sprint(id)}
		for _, column := range page {
			if err := readField(&hit, column, i); err != nil {
				return fmt.Errorf("field %s of row %d: %w", column.Name(), i, err)
			}
		}
		found[hit.ID] = Entry{ID: hit.ID, ImagePath: hit.ImagePath}
	}
	return nil
}
