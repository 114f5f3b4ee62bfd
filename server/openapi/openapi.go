// Package openapi holds the OpenAPI document of the server's interface, and renders it as a page.
package openapi

import _ "embed"

//go:embed openapi.yaml
var document []byte

// Document returns the document, in YAML. It must not be changed.
func Document() []byte { return document }
