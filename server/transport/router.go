package transport

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// router finds a request's route. Paths match as they are sent, segment by segment: an escaped slash
// is part of a parameter, and nothing is cleaned or redirected.
type router struct {
	fixed  map[string]*paths // by path
	params []*paths          // with parameters
}

// paths is one path with its routes by method.
type paths struct {
	segments []string
	routes   map[string]*Route
	allow    string // for the Allow header
}

func newRouter(routes []Route) (*router, error) {
	r := &router{fixed: map[string]*paths{}}
	all := map[string]*paths{}
	for i := range routes {
		route := &routes[i]
		if !strings.HasPrefix(route.Path, "/") || route.Handle == nil {
			return nil, fmt.Errorf("route %s %q: a path begins with / and needs a handler", route.Method, route.Path)
		}
		p := all[route.Path]
		if p == nil {
			p = &paths{segments: strings.Split(route.Path, "/"), routes: map[string]*Route{}}
			all[route.Path] = p
			if strings.Contains(route.Path, "{") {
				r.params = append(r.params, p)
			} else {
				r.fixed[route.Path] = p
			}
		}
		if p.routes[route.Method] != nil {
			return nil, fmt.Errorf("route %s %s is there twice", route.Method, route.Path)
		}
		p.routes[route.Method] = route
	}
	for _, p := range all {
		if get := p.routes[http.MethodGet]; get != nil && p.routes[http.MethodHead] == nil {
			p.routes[http.MethodHead] = get
		}
		methods := []string{http.MethodOptions}
		for method := range p.routes {
			methods = append(methods, method)
		}
		slices.Sort(methods)
		p.allow = strings.Join(methods, ", ")
	}
	return r, nil
}

// find returns the routes of a path, as sent, and its parameters; nil where there is none.
func (r *router) find(path string) (*paths, map[string]string) {
	if p := r.fixed[path]; p != nil {
		return p, nil
	}
	segments := strings.Split(path, "/")
	for _, p := range r.params {
		if params, ok := p.match(segments); ok {
			return p, params
		}
	}
	return nil, nil
}

func (p *paths) match(segments []string) (map[string]string, bool) {
	if len(segments) != len(p.segments) {
		return nil, false
	}
	params := map[string]string{}
	for i, want := range p.segments {
		name, isParam := strings.CutPrefix(want, "{")
		if !isParam {
			if segments[i] != want {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil || value == "" {
			return nil, false
		}
		params[strings.TrimSuffix(name, "}")] = value
	}
	return params, true
}
