package catalog

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// patientKeepalive replaces the SDK's ping every 5 s. gRPC C-core servers (both
// milvus-lites) end a connection after three such pings ("too many pings"),
// and the SDK then sends the unfinished call again.
func patientKeepalive() grpc.DialOption {
	return grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Minute, Timeout: 20 * time.Second})
}
