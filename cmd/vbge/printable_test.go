package main

import "testing"

func TestPrintable(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := printable(text); got != want {
			t.Errorf("%q prints as %s, want %s", text, got, want)
		}
	}
	f("images/leopard 2.jpg", "images/leopard 2.jpg")
	f("фото/豹.jpg", "фото/豹.jpg")
	f("a\x1b[2Jb.jpg", `"a\x1b[2Jb.jpg"`)
	f("a\nb.jpg", `"a\nb.jpg"`)
	f("a\xffb.jpg", `"a\xffb.jpg"`)
	if got, want := printableLines("unknown command\n\tindex\n\na\x1b[2Jb"), "unknown command\n\tindex\n\n\"a\\x1b[2Jb\""; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
