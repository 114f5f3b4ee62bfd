package catalog

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// authority signs the certificates of the tests' servers.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

// trusted is the authority that this process trusts, by SSL_CERT_FILE, as a user would.
var trusted authority

// trust makes trusted. Go reads the file once a process, so it is gone before the tests, however they end.
func trust() error {
	folder, err := os.MkdirTemp("", "vbge-ca-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	trusted = newAuthority()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: trusted.certificate.Raw})
	file := filepath.Join(folder, "ca.pem")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	os.Setenv("SSL_CERT_FILE", file)
	defer os.Unsetenv("SSL_CERT_FILE")
	_, err = x509.SystemCertPool()
	return err
}

func newAuthority() authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return authority{key, certificate}
}

// issue makes a server's certificate for a name or an address.
func (a authority) issue(t *testing.T, host string, until time.Time) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, NotAfter: until}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}

// secured makes the fake a server with this certificate that wants a token, as Zilliz Cloud does: in base64.
func (f *fake) secured(certificate tls.Certificate, token string) *fake {
	want := base64.StdEncoding.EncodeToString([]byte(token))
	f.with = append(f.with, grpc.Creds(credentials.NewServerTLSFromCert(&certificate)),
		grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			headers, _ := metadata.FromIncomingContext(ctx)
			if got := headers.Get("authorization"); len(got) != 1 || got[0] != want {
				return nil, status.Error(codes.Unauthenticated, "auth check failure, please check api key is correct")
			}
			return handle(ctx, request)
		}))
	return f
}

func TestTokensOverTLS(t *testing.T) {
	t.Parallel()
	good := trusted.issue(t, "127.0.0.1", time.Now().Add(time.Hour))
	for name, test := range map[string]struct{ wanted, sent string }{
		"API key":           {"0123456789abcdef", "0123456789abcdef"},
		"user and password": {"db_admin:p:a?s#s wörd", "db_admin:p:a?s#s wörd"},
		"wrong":             {"right", "secret-wrong"},
		"none":              {"right", ""},
	} {
		f := (&fake{loaded: true}).secured(good, test.wanted)
		uri := "https://" + f.serve(t, nil)
		c, err := Open(t.Context(), Options{URI: uri, Token: test.sent, Model: "m", Dimension: 2})
		if test.wanted != test.sent {
			if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "MILVUS_TOKEN") || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v, want ErrDenied", name, err)
			}
			t.Log(name, err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if hits, err := c.Search(t.Context(), []float32{1, 0}, 9, ""); err != nil {
			t.Errorf("%s: %d hits, %v", name, len(hits), err)
		}
		c.Close()
	}
}

// TestConnectionsThatFail: each message says what to change.
func TestConnectionsThatFail(t *testing.T) {
	t.Parallel()
	later := time.Now().Add(time.Hour)
	serve := func(certificate tls.Certificate) string { return (&fake{}).secured(certificate, "t").serve(t, nil) }
	good := serve(trusted.issue(t, "127.0.0.1", later))
	plain := (&fake{}).serve(t, nil)
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	old, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{trusted.issue(t, "127.0.0.1", later)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(serveConns(old, func(c net.Conn) { io.Copy(io.Discard, c) }))
	mute, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{trusted.issue(t, "127.0.0.1", later)}, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(serveConns(mute, func(c net.Conn) { io.Copy(io.Discard, c) }))
	closed := listen(t, "127.0.0.1:0")
	closed.Close()
	for name, test := range map[string]struct{ uri, say string }{
		"unknown authority": {"https://" + serve(newAuthority().issue(t, "127.0.0.1", later)), "SSL_CERT_FILE"},
		"expired":           {"https://" + serve(trusted.issue(t, "127.0.0.1", time.Now().Add(-time.Hour))), "needs a new certificate"},
		"other host":        {"https://" + serve(trusted.issue(t, "milvus.example", later)), "use a name in --uri that the certificate is for"},
		"TLS at a plain":    {"https://" + plain, "use --uri http://" + plain},
		"TLS at the web":    {"https://" + web.Listener.Addr().String(), "does not speak TLS"},
		"TLS without ALPN":  {"https://" + old.Addr().String(), "no HTTP/2"},
		"TLS at silence":    {"https://" + silent(t), "does not answer TLS"},
		"TLS, then silence": {"https://" + mute.Addr().String(), "says nothing: check the port"},
		"TLS at an end":     {"https://" + hangingUp(t), "does not take part in TLS and HTTP/2"},
		"TLS refused":       {"https://" + closed.Addr().String(), "check host and port of --uri, and that Milvus runs there"},
		"plain at TLS":      {"http://" + good, "use https://" + good},
		"plain at an alert": {"http://" + saying(t, "\x15\x03\x01\x00\x02\x02\x46"), "it speaks TLS: use --uri https://127.0.0.1:"},
		"plain at the web":  {"http://" + web.Listener.Addr().String(), "a web server answers there"},
		"plain at silence":  {"http://" + silent(t), "says nothing: check the port"},
		"plain at an end":   {"http://" + hangingUp(t), "ends them"},
		"plain refused":     {"http://" + closed.Addr().String(), "check host and port of --uri, and that Milvus runs there"},
		"unknown host":      {"http://milvus.invalid", "check the host of --uri"},
		"no host":           {"https://:443", "has no host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			if strings.Contains(name, "silence") { // sooner than probeTimeout
				short, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				ctx = short
			}
			c, err := Open(ctx, Options{URI: test.uri, Token: "secret-token"})
			if err == nil {
				c.Close()
				t.Fatal("it opens")
			}
			if !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), test.say) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v, want %q", err, test.say)
			}
			t.Log(err)
		})
	}
}

// TestInterruptedProbe: who ends the program does not hear that the server is at fault.
func TestInterruptedProbe(t *testing.T) {
	t.Parallel()
	for scheme, said := range map[string]string{"http": greeting, "https": "\x16\x03\x01"} {
		ctx, cancel := context.WithCancel(t.Context())
		address := answering(t, func(c net.Conn) {
			io.ReadFull(c, make([]byte, len(said))) // it waits for an answer now
			cancel()
			io.Copy(io.Discard, c)
		})
		_, err := Open(ctx, Options{URI: scheme + "://" + address})
		if !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v, want %v", scheme, err, context.Canceled)
		}
	}
}

// A user's own authority, in SSL_CERT_FILE, is trusted by what probes and by gRPC.
func TestOwnAuthority(t *testing.T) {
	t.Parallel()
	f := (&fake{loaded: true}).secured(trusted.issue(t, "localhost", time.Now().Add(time.Hour)), "t")
	_, port, err := net.SplitHostPort(f.serve(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	mustOpen(t, Options{URI: "https://localhost:" + port, Token: "t", Model: "m", Dimension: 2})
}

// silent takes connections and never says a word.
func silent(t *testing.T) string { return answering(t, func(c net.Conn) { io.Copy(io.Discard, c) }) }

// hangingUp takes connections and ends them.
func hangingUp(t *testing.T) string { return answering(t, func(net.Conn) {}) }

// saying answers whatever it hears with a text, and hangs up.
func saying(t *testing.T, text string) string {
	return answering(t, func(c net.Conn) {
		c.Read(make([]byte, 1024))
		io.WriteString(c, text)
	})
}

// answering serves connections one by one until the end of the test.
func answering(t *testing.T, answer func(net.Conn)) string {
	listener := listen(t, "127.0.0.1:0")
	t.Cleanup(serveConns(listener, answer))
	return listener.Addr().String()
}

// serveConns serves connections one by one until what it returns is called.
func serveConns(listener net.Listener, answer func(net.Conn)) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			answer(conn)
			conn.Close()
		}
	}()
	return func() { listener.Close(); <-done }
}
