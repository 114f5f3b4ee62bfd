package api

import (
	"context"
	"sync"

	"vbge/server/openapi"
	"vbge/server/transport"
)

func document(context.Context, *transport.Request) (*transport.Response, error) {
	return &transport.Response{ContentType: "application/yaml", Body: openapi.Document()}, nil
}

// docs returns a handler that renders the page once.
func docs() func(context.Context, *transport.Request) (*transport.Response, error) {
	render := sync.OnceValues(openapi.Page)
	return func(context.Context, *transport.Request) (*transport.Response, error) {
		page, err := render()
		if err != nil {
			return nil, err
		}
		return &transport.Response{
			ContentType: "text/html; charset=utf-8",
			Body:        page.Body,
			Header:      map[string]string{"Content-Security-Policy": page.Policy},
		}, nil
	}
}
