package catalog

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// learnMerging finds out whether the server's Upsert merges a row's dynamic fields into the old row's instead of
// replacing them. milvus-lite 3.x does: metadata that was removed would stay. Its Insert replaces rows by id,
// which that of other servers does not.
func (m *milvus) learnMerging(ctx context.Context) error {
	return m.call(ctx, "ask for the version of Milvus", func(ctx context.Context) error {
		version, err := m.client.GetVersion(ctx)
		if code := status.Code(err); code == codes.Unavailable || code == codes.DeadlineExceeded || code == codes.Canceled {
			return err
		}
		// Others, milvus-lite 2.5.1 among them, may not tell their version.
		m.merges = err == nil && strings.HasPrefix(version, "milvus_lite-")
		return nil
	})
}
