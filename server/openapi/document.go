package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// spec is the part of an OpenAPI document that the page shows, in the document's order.
type spec struct {
	Info struct {
		Title, Version, Summary, Description string
	}
	Tags       []tag
	Paths      ordered[ordered[operation]]
	Components struct {
		SecuritySchemes ordered[struct{ Description string }] `yaml:"securitySchemes"`
		Parameters      ordered[parameter]
		Headers         ordered[header]
		Responses       ordered[response]
		Schemas         ordered[schema]
	}
}

type tag struct{ Name, Description string }

type operation struct {
	ID          string `yaml:"operationId"`
	Tags        []string
	Summary     string
	Description string
	Security    *[]any // nil is the document's: a key
	Parameters  []parameter
	RequestBody body `yaml:"requestBody"`
	Responses   ordered[response]
}

type parameter struct {
	Ref         string `yaml:"$ref"`
	Name, In    string
	Description string
	Required    bool
	Schema      schema
	Example     yaml.Node
}

type header struct {
	Ref         string `yaml:"$ref"`
	Description string
	Schema      schema
	Example     yaml.Node
}

type body struct{ Content ordered[media] }

type media struct {
	Schema   schema
	Example  yaml.Node
	Examples ordered[example]
}

type example struct {
	Summary string
	Value   yaml.Node
}

type response struct {
	Ref         string `yaml:"$ref"`
	Description string
	Headers     ordered[header]
	Content     ordered[media]
}

type schema struct {
	Ref         string `yaml:"$ref"`
	Type        words
	Format      string
	Description string
	Enum        []yaml.Node
	Default     yaml.Node
	Minimum     *int
	Maximum     *int
	MaxLength   *int `yaml:"maxLength"`
	Required    []string
	Properties  ordered[schema]
	Items       *schema
	OneOf       []schema           `yaml:"oneOf"`
	Codes       ordered[faultCode] `yaml:"x-codes"`
}

// faultCode says when a fault has a code.
type faultCode struct {
	Status int
	When   string
}

// ordered is a mapping in the order in which it is written.
type ordered[T any] []named[T]

type named[T any] struct {
	Name  string
	Value T
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (o *ordered[T]) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: no mapping", node.Line)
	}
	for i := 0; i < len(node.Content); i += 2 {
		n := named[T]{Name: node.Content[i].Value}
		if err := node.Content[i+1].Decode(&n.Value); err != nil {
			return err
		}
		*o = append(*o, n)
	}
	return nil
}

func (o ordered[T]) get(name string) (value T, err error) {
	for _, n := range o {
		if n.Name == name {
			return n.Value, nil
		}
	}
	return value, fmt.Errorf("the document has no component %s", name)
}

// words are one word or several.
type words []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (w *words) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*w = words{node.Value}
		return nil
	}
	return node.Decode((*[]string)(w))
}

func parse() (*spec, error) {
	var s spec
	if err := yaml.Unmarshal(document, &s); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	return &s, nil
}

// lastOf returns a reference's component.
func lastOf(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// compact writes a YAML value as JSON, members in their order; "" if there is none.
func compact(node yaml.Node) (string, error) {
	if node.IsZero() {
		return "", nil
	}
	var b bytes.Buffer
	err := writeJSON(&b, &node)
	return b.String(), err
}

func writeJSON(b *bytes.Buffer, node *yaml.Node) error {
	switch node.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i < len(node.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeScalar(b, node.Content[i].Value); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := writeJSON(b, node.Content[i+1]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, element := range node.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, element); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	default:
		var value any
		if err := node.Decode(&value); err != nil {
			return err
		}
		return writeScalar(b, value)
	}
	return nil
}

func writeScalar(b *bytes.Buffer, value any) error {
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the newline
	return nil
}
