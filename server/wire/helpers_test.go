package wire

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"vbge/server/fault"
)

var limits = Limits{MaxItems: 4, MaxImageBytes: 1000, MaxResults: 16384}

// file stands for a picture: nothing here looks into it.
var file = bytes.Repeat([]byte("\xff\xfepicture"), 4)

var (
	encoded = base64.StdEncoding.EncodeToString(file)
	dataURL = "data:image/jpeg;base64," + encoded
)

// faultOf returns err as what every error of this package is.
func faultOf(err error) *fault.Error {
	f, ok := errors.AsType[*fault.Error](err)
	if err != nil && !ok {
		panic(err)
	}
	return f
}

const formType = "multipart/form-data; boundary=edge"

// formOf writes a form as curl does. A part is its name, @ and a file name for a file, = and its content.
func formOf(parts ...string) []byte {
	var b strings.Builder
	for _, p := range parts {
		head, content, _ := strings.Cut(p, "=")
		name, fileName, isFile := strings.Cut(head, "@")
		fmt.Fprintf(&b, "--edge\r\nContent-Disposition: form-data; name=%q", name)
		if isFile {
			fmt.Fprintf(&b, "; filename=%q\r\nContent-Type: application/octet-stream", fileName)
		}
		fmt.Fprintf(&b, "\r\n\r\n%s\r\n", content)
	}
	b.WriteString("--edge--\r\n")
	return []byte(b.String())
}
