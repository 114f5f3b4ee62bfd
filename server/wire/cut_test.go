package wire

import "testing"

// No body that was cut short is taken for a whole one, wherever it was cut.
func TestEveryCutIsFound(t *testing.T) {
	json := []byte(`{"model":"m","input":["a",[1,2],{"image":"` + dataURL + `","text":"b"},{"content":[{"type":"text","text":"c"}]}]}`)
	for n := range json {
		if _, err := ParseOpenAI(json[:n], limits); err == nil || faultOf(err).Code != "invalid_json" {
			t.Errorf("JSON of %d bytes cut after %d: %v", len(json), n, err)
		}
	}
	form := formOf("image@a=1", "text=a", "image@b="+string(file), "text=b")
	for n := range len(form) - len("\r\n") { // the last line's end may be missing
		if _, err := parseForm(formType, form[:n], limits); err == nil || faultOf(err).Code != "invalid_form" {
			t.Errorf("a form of %d bytes cut after %d: %v", len(form), n, err)
		}
	}
	if _, err := parseForm(formType, form[:len(form)-len("\r\n")], limits); err != nil {
		t.Errorf("a form without its last line's end: %v", err)
	}
}
