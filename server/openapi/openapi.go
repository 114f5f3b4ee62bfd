// Package openapi holds the OpenAPI document of the server's interface, and renders it as a page.
package openapi

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"vbge/server/transport"
)

//go:embed openapi.yaml
var document []byte

// Document returns the document, in YAML. It must not be changed.
func Document() []byte { return document }

// Differences says, as sentences, in what routes and the document differ: methods and paths that one of
// them has alone, and routes whose access is another than the document says.
func Differences(routes []transport.Route) ([]string, error) {
	s, err := parse()
	if err != nil {
		return nil, err
	}
	described := map[string]operation{}
	for _, path := range s.Paths {
		for _, o := range path.Value {
			described[strings.ToUpper(o.Name)+" "+path.Name] = o.Value
		}
	}
	var different []string
	for _, r := range routes {
		name := r.Method + " " + r.Path
		o, ok := described[name]
		delete(described, name)
		switch {
		case !ok:
			different = append(different, name+" is not in the document")
		case o.Open() != (r.Access == transport.Open):
			different = append(different, fmt.Sprintf("%s needs no key: the document says %t", name, o.Open()))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(described)) {
		different = append(different, name+" is in the document alone")
	}
	return different, nil
}
