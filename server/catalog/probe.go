package catalog

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

const probeTimeout = 5 * time.Second

// greeting is what a client of HTTP/2 says first, with empty settings (RFC 9113, 3.4). A server answers with its
// settings before it knows what is wanted.
const greeting = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// probe connects once without gRPC, whose own error is a late "context deadline
// exceeded" for a closed port, an unknown host and a bad certificate alike.
func probe(parent context.Context, server *url.URL) error {
	ctx, cancel := context.WithTimeout(parent, probeTimeout)
	defer cancel()
	err := reach(ctx, server)
	if err != nil && errors.Is(parent.Err(), context.Canceled) { // not for the server to answer
		return parent.Err()
	}
	return err
}

// reach says what is wrong with the way to the server, or nothing.
func reach(ctx context.Context, server *url.URL) error {
	// gRPC goes through the proxy of the environment, which it asks for as https.
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: server.Host}}); err == nil && proxy != nil {
		return nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", server.Host)
	if err != nil {
		return fmt.Errorf("%w: %w%s", ErrUnreachable, err, dialAdvice(err))
	}
	defer conn.Close()
	bare := conn
	defer context.AfterFunc(ctx, func() { _ = bare.SetDeadline(time.Unix(1, 0)) })() // ends what waits below
	if server.Scheme == "https" {
		secure := tls.Client(conn, &tls.Config{ServerName: server.Hostname(), NextProtos: []string{"h2"}})
		if err := secure.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("%w: %w%s", ErrUnreachable, err, tlsAdvice(server, err))
		}
		if secure.ConnectionState().NegotiatedProtocol != "h2" { // gRPC insists on it
			return fmt.Errorf("%w: it offers no HTTP/2 (ALPN h2) over TLS: check the port of --uri, or what ends TLS before Milvus", ErrUnreachable)
		}
		conn = secure
	}
	if fault := greet(conn, server); fault != "" {
		return fmt.Errorf("%w: %s", ErrUnreachable, fault)
	}
	return nil
}

// dialAdvice says what to change after a connection that was not made.
func dialAdvice(err error) string {
	var unknown *net.DNSError
	switch {
	case errors.As(err, &unknown):
		return ": check the host of --uri"
	case errors.Is(err, syscall.ECONNREFUSED):
		return ": check host and port of --uri, and that Milvus runs there"
	case isTimeout(err):
		return ": check host and port of --uri, and the firewalls between"
	}
	return ""
}

// tlsAdvice says what to change after a TLS handshake that failed.
func tlsAdvice(server *url.URL, err error) string {
	var plain tls.RecordHeaderError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &plain):
		return fmt.Sprintf(": it does not speak TLS: use --uri http://%s", server.Host)
	case errors.As(err, &unknown):
		return ": for an authority of your own set SSL_CERT_FILE to its certificate (PEM)"
	case errors.As(err, &name):
		return ": use a name in --uri that the certificate is for"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ": the server needs a new certificate, or this machine the right time"
	case isTimeout(err):
		return fmt.Sprintf(": it takes connections and does not answer TLS: check the port of --uri, or use http://%s", server.Host)
	}
	return ": it does not take part in TLS and HTTP/2: check host and port of --uri"
}

// greet says what is wrong with a server that does not greet as one of HTTP/2 does, or nothing.
func greet(conn net.Conn, server *url.URL) string {
	answer := make([]byte, 9) // a frame's header
	_, err := io.WriteString(conn, greeting)
	n := 0
	if err == nil {
		n, err = io.ReadFull(conn, answer)
	}
	answer = answer[:n]
	const handshake, alert = 0x16, 0x15
	switch {
	case bytes.HasPrefix(answer, []byte("HTTP/1")):
		return "a web server answers there, not Milvus: check the port of --uri"
	case n > 1 && (answer[0] == alert || answer[0] == handshake) && answer[1] == 3 && server.Scheme == "http":
		return fmt.Sprintf("it speaks TLS: use --uri https://%s", server.Host)
	case n > 0:
		return "" // whatever it is, gRPC tells
	case isTimeout(err):
		return fmt.Sprintf("it takes connections and says nothing: check the port of --uri%s", otherScheme(server))
	}
	return fmt.Sprintf("it takes connections and ends them (%v): check the port of --uri%s", err, otherScheme(server))
}

// otherScheme reminds of TLS: some servers of it wait in silence for a client that does not begin with it.
func otherScheme(server *url.URL) string {
	if server.Scheme == "https" {
		return ""
	}
	return fmt.Sprintf(", or use https://%s if it speaks TLS", strings.TrimSuffix(server.Host, ":19530"))
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}
