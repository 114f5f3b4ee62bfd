package tutorial

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type entry struct {
	header  *tar.Header
	content string
}

func file(name, content string) entry {
	return entry{&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(content))}, content}
}

func pack(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	w := tar.NewWriter(zipped)
	for _, e := range entries {
		if err := w.WriteHeader(e.header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// pictureArchive has the layout of the tutorial's, as macOS packs it.
func pictureArchive(t testing.TB) []byte {
	return pack(t,
		entry{header: &tar.Header{Name: "images_folder/", Typeflag: tar.TypeDir, Mode: 0o755}},
		file("./._images_folder", "attributes"),
		file("images_folder/leopard.jpg", "a leopard"),
		file("images_folder/images/B01.jpg", "a phone"),
		file("images_folder/images/._B01.jpg", "attributes"),
	)
}

func save(t *testing.T, data []byte) string {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "a.tar.gz")
	if err := os.WriteFile(archive, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return archive
}

func TestUnpackPictures(t *testing.T) {
	for name, archive := range map[string][]byte{
		"the tutorial's layout": pictureArchive(t),
		"without its folder":    pack(t, file("leopard.jpg", "a leopard"), file("images/B01.jpg", "a phone")),
		"in another folder":     pack(t, file("./x/y/leopard.jpg", "a leopard"), file("./x/y/images/B01.jpg", "a phone")),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			root := filepath.Join(dir, "images_folder")
			for range 2 { // the second run finds it there
				if err := unpackPictures(t.Context(), save(t, archive), root, io.Discard); err != nil {
					t.Fatal(err)
				}
			}
			expectFile(t, filepath.Join(root, "leopard.jpg"), []byte("a leopard"))
			if all, _ := filepath.Glob(filepath.Join(root, "images", "*")); len(all) != 1 {
				t.Errorf("images holds %v, want B01.jpg only", all)
			}
			if all, _ := os.ReadDir(dir); len(all) != 1 {
				t.Errorf("beside images_folder: %v", all)
			}
		})
	}
}

func TestUnpackRefuses(t *testing.T) {
	whole := pictureArchive(t)
	link := func(kind byte, target string) entry {
		return entry{header: &tar.Header{Name: "images_folder/link", Typeflag: kind, Linkname: target}}
	}
	for name, test := range map[string]struct {
		archive []byte
		says    string
	}{
		"parent":           {pack(t, file("../evil.jpg", "x")), "outside"},
		"parent inside":    {pack(t, file("images_folder/../../evil.jpg", "x")), "outside"},
		"absolute":         {pack(t, file("/tmp/evil.jpg", "x")), "outside"},
		"symbolic link":    {pack(t, link(tar.TypeSymlink, "..")), "neither"},
		"hard link":        {pack(t, link(tar.TypeLink, "/etc/passwd")), "neither"},
		"named pipe":       {pack(t, link(tar.TypeFifo, "")), "neither"},
		"other content":    {pack(t, file("README", "x")), "leopard.jpg"},
		"no images":        {pack(t, file("leopard.jpg", "x")), "images"},
		"truncated":        {whole[:len(whole)/2], "unexpected EOF"},
		"not gzip":         {[]byte("<html>not found</html>"), "gzip"},
		"empty":            {nil, "EOF"},
		"file as a folder": {pack(t, file("a", "x"), file("a/b.jpg", "x")), "a"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			err := unpackPictures(t.Context(), save(t, test.archive), filepath.Join(dir, "deep", "images_folder"), io.Discard)
			if err == nil { // the parent folder is missing
				t.Fatal("unpacked into nowhere")
			}
			root := filepath.Join(dir, "images_folder")
			err = unpackPictures(t.Context(), save(t, test.archive), root, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.says) || (name != "file as a folder" && !errors.Is(err, ErrArchive)) {
				t.Errorf("error %v, want ErrArchive saying %q", err, test.says)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestUnpackBounds(t *testing.T) {
	archive := save(t, pack(t, file("a.jpg", strings.Repeat("x", 600)), file("b.jpg", strings.Repeat("x", 600))))
	for _, test := range []struct {
		most limits
		says string
	}{
		{limits{bytes: 1200, entries: 2}, ""},
		{limits{bytes: 1199, entries: 2}, "1199 bytes"},
		{limits{bytes: 1200, entries: 1}, "1 entries"},
	} {
		files, err := unpack(t.Context(), archive, t.TempDir(), test.most)
		if test.says == "" && (err != nil || files != 2) {
			t.Errorf("%+v: %d files, error %v", test.most, files, err)
		}
		if test.says != "" && (!errors.Is(err, ErrArchive) || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%+v: error %v, want %q", test.most, err, test.says)
		}
	}
}

func TestUnpackStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	err := unpackPictures(ctx, save(t, pictureArchive(t)), filepath.Join(dir, "images_folder"), io.Discard)
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrArchive) {
		t.Errorf("error %v, want an interruption alone", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// FuzzUnpack: whatever the archive, nothing appears outside the folder, and inside only folders and files within the limits.
func FuzzUnpack(f *testing.F) {
	for _, entries := range [][]entry{
		{{header: &tar.Header{Name: "images/", Typeflag: tar.TypeDir, Mode: 0o755}}, file("images/a.jpg", "a"), file("./._images", "b")},
		{file("../../a.jpg", "a")},
		{file("/a.jpg", "a"), file("a/./b/../..//c.jpg", "b"), file("a.jpg", "c"), file("a.jpg/b.jpg", "d")},
		{{header: &tar.Header{Name: "a", Linkname: "..", Typeflag: tar.TypeSymlink}}, file("a/b.jpg", "b")},
		{{header: &tar.Header{Name: "a.jpg", Linkname: "../in/b", Typeflag: tar.TypeLink}}},
		{file("long.jpg", strings.Repeat("x", 3000)), file("longer.jpg", strings.Repeat("y", 3000))},
	} {
		unzipped, err := gzip.NewReader(bytes.NewReader(pack(f, entries...)))
		if err != nil {
			f.Fatal(err)
		}
		archive, err := io.ReadAll(unzipped)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive)
	}
	most := limits{bytes: 4096, entries: 4}
	f.Fuzz(func(t *testing.T, archive []byte) {
		var out bytes.Buffer
		zipped, _ := gzip.NewWriterLevel(&out, gzip.NoCompression)
		if _, err := zipped.Write(archive); err != nil {
			t.Fatal(err)
		}
		if err := zipped.Close(); err != nil {
			t.Fatal(err)
		}
		outside := t.TempDir()
		dir := filepath.Join(outside, "in", "side")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		said, _ := unpack(t.Context(), save(t, out.Bytes()), dir, most)
		for _, parent := range []string{outside, filepath.Dir(dir)} {
			if all, _ := os.ReadDir(parent); len(all) != 1 {
				t.Errorf("wrote outside: %v", all)
			}
		}
		files, bytes := 0, int64(0)
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil && !info.Mode().IsRegular() {
				t.Errorf("%s is a %s", path, info.Mode())
			}
			files, bytes = files+1, bytes+info.Size()
			return err
		})
		if err != nil || files > most.entries || bytes > most.bytes || files == 0 && said > 0 {
			t.Errorf("%d files of %d bytes, %d said (%v)", files, bytes, said, err)
		}
	})
}
