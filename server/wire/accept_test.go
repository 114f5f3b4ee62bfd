package wire

import "testing"

func TestParseAccept(t *testing.T) {
	const j = DType("") // JSON
	for header, want := range map[string]DType{
		"":                                j,
		" ":                               j,
		"*/*":                             j,
		"application/*":                   j,
		"application/json":                j,
		"APPLICATION/JSON; charset=utf-8": j,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8":      j, // a browser
		"application/octet-stream":                                             Float32,
		"application/octet-stream;dtype=float32":                               Float32,
		"application/octet-stream; DType=Float16":                              Float16,
		`Application/Octet-Stream; dtype="int8"`:                               Int8,
		"application/octet-stream;dtype=float16, */*":                          Float16,
		"*/*, application/octet-stream;dtype=float16":                          Float16,
		"application/octet-stream;dtype=int8;q=0.5, application/json;q=0.9":    j,
		"application/octet-stream;dtype=int8;q=0.9, application/json;q=0.5":    Int8,
		"application/json, application/octet-stream":                           j,
		"application/octet-stream, application/json":                           Float32,
		"application/octet-stream;dtype=float64, application/json;q=0.1":       j,
		"application/octet-stream;dtype=int8, application/octet-stream":        Int8,
		"*/*, application/json;q=0":                                            Float32,
		"application/octet-stream, application/octet-stream;dtype=float32;q=0": Float16,
		"nonsense, application/octet-stream":                                   Float32,
		"application/octet-stream;q=2, application/json":                       j,
		"application/octet-stream;q=NaN, application/json":                     j,
	} {
		got, binary, err := ParseAccept(header)
		if err != nil || got != want || binary != (want != j) {
			t.Errorf("%q: %q, binary %v, %v; want %q", header, got, binary, err, want)
		}
	}
}

func TestAccept(t *testing.T) {
	for accept, want := range map[string]string{
		"":                                      "application/json",
		"*/*":                                   "application/json",
		"image/jpeg, application/json":          "image/jpeg", // equals: the first in the header
		"image/*":                               "image/jpeg",
		"image/jpeg;q=0.9, */*;q=0.1":           "image/jpeg",
		"image/jpeg;q=0, */*":                   "application/json",
		"application/*;q=0.2, image/jpeg;q=0.3": "image/jpeg",
		"application/json;q=0, */*;q=0.5":       "image/jpeg",
		"text/html":                             "",
		"image/jpeg;q=-1, text/html":            "",
		"image/jpeg;q=NaN":                      "",
		"image/jpeg;q=nonsense":                 "",
		"rubbish, ;;, image/jpeg":               "image/jpeg",
		"IMAGE/JPEG":                            "image/jpeg",
	} {
		if got := Accept(accept, "application/json", "image/jpeg"); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
}
