package transport

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
)

// BenchmarkExchange is one client's request after the other: what the transport adds to an embedding.
// The reply is as large as one with a vector as JSON.
func BenchmarkExchange(b *testing.B) {
	for _, size := range []int{50, 30_000, 7 << 20} { // words; a picture of 224 px, and of 12 megapixels
		for _, accept := range []string{"identity", "gzip", "zstd"} {
			b.Run(fmt.Sprintf("%d bytes, %s", size, accept), func(b *testing.B) {
				vector := fmt.Appendf(nil, "%v", noise(2500))
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					b.Fatal(err)
				}
				s, err := New(DefaultOptions(), []Route{post(func(context.Context, *Request) (*Response, error) {
					return &Response{ContentType: "application/json", Body: vector}, nil
				})})
				if err != nil {
					b.Fatal(err)
				}
				ctx, cancel := context.WithCancel(context.Background())
				served := make(chan error, 1)
				go func() { served <- s.Serve(ctx, ln) }()
				defer func() { cancel(); <-served }()
				c, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					b.Fatal(err)
				}
				defer c.Close()
				request := fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", accept, size, noise(size))
				r := bufio.NewReader(c)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.Write(request); err != nil {
						b.Fatal(err)
					}
					reply, err := http.ReadResponse(r, nil)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, reply.Body); err != nil || reply.StatusCode != 200 {
						b.Fatal(reply.Status, err)
					}
				}
			})
		}
	}
}
