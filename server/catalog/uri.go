package catalog

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const probeTimeout = 5 * time.Second

// target is a parsed URI: a local file or a server.
type target struct {
	file   string   // path of a .db, or ""
	server *url.URL // scheme http or https, host with port
}

// parseURI takes the three forms of the tutorial.
func parseURI(uri string) (target, error) {
	scheme, _, isURL := strings.Cut(uri, "://")
	if !isURL && strings.HasSuffix(uri, ".db") {
		return target{file: uri}, nil
	}
	ports := map[string]string{"http": "19530", "https": "443"} // Milvus's and Zilliz Cloud's
	if ports[scheme] == "" {
		return target{}, fmt.Errorf("catalog: %w: uri %q: want a local file ending in .db, http://host:19530, or https://host with a token", ErrInvalid, uri)
	}
	u, err := url.Parse(uri)
	if err != nil {
		return target{}, fmt.Errorf("catalog: %w: uri: %w", ErrInvalid, err)
	}
	if u.User != nil { // the address is not repeated: it holds a secret
		return target{}, fmt.Errorf("catalog: %w: uri: user and password do not belong in the address: pass user:password as the token", ErrInvalid)
	}
	if u.Hostname() == "" {
		return target{}, fmt.Errorf("catalog: %w: uri %q has no host", ErrInvalid, uri)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), ports[scheme])
	}
	return target{server: u}, nil
}

// probe connects once without gRPC, whose own error is a late "context deadline
// exceeded" for a closed port, an unknown host and a bad certificate alike.
func probe(ctx context.Context, server *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	// gRPC goes through the proxy of the environment, which it asks for as https.
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: server.Host}}); err == nil && proxy != nil {
		return nil
	}
	var conn net.Conn
	var err error
	if server.Scheme == "https" {
		conn, err = (&tls.Dialer{Config: &tls.Config{NextProtos: []string{"h2"}}}).DialContext(ctx, "tcp", server.Host)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", server.Host)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return conn.Close()
}
