package catalog

import (
	"context"

	grpc_retry "github.com/grpc-ecosystem/go-grpc-middleware/retry"
	"google.golang.org/grpc"
)

// tryOnce makes calls to a Milvus that is gone fail at once. The SDK tries them seven times in 22 s,
// which helps a command and keeps a server's clients waiting; connecting goes on meanwhile.
func tryOnce(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return invoke(ctx, method, req, reply, conn, append(opts, grpc_retry.Disable())...)
}
