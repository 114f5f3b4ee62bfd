package items

import (
	"context"
	"fmt"
	"time"

	"vbge/server/catalog"
)

// settleTimeout is how long it may take to learn what became of a write that failed.
const settleTimeout = 5 * time.Second

// Delete removes a row, and its file if the server keeps it under Dir: never any other file. The
// error wraps ErrNotFound if there is no such row.
func (s *Store) Delete(ctx context.Context, id string) error {
	unlock, err := s.locks.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	found, err := s.options.Catalog.Find(ctx, []string{id})
	if err != nil {
		return err
	}
	row, ok := found[id]
	if !ok {
		return fmt.Errorf("%w: there is no row with the id %.80q", ErrNotFound, id)
	}
	if err := s.options.Catalog.Delete(ctx, []string{id}); err != nil {
		if left, unknown := s.look(ctx, id); unknown != nil || len(left) > 0 {
			return err
		}
	}
	if name, own := s.ownFile(row); own {
		return s.discard(name)
	}
	return nil
}

// look returns the rows that are there after a write whose answer was lost, or whose client has left.
func (s *Store) look(ctx context.Context, ids ...string) (map[string]catalog.Entry, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return s.options.Catalog.Find(ctx, ids)
}
