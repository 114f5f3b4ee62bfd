package catalog

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

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
