package items

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vbge/server/catalog"
	"vbge/server/index"
)

// gallery makes a working directory with pictures that may be shown, others that may not, and links.
func gallery(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, data := range map[string][]byte{
		"secret.png": png("secret"), "shop/secret.png": png("secret"), "shop/imagesx/secret.png": png("secret"), "shop/other/secret.png": png("secret"),
		"shop/images/a.png": png("a"), "shop/images/deep/b.png": png("b"), "shop/images/c": png("c"), "shop/images/ü 1.png": png("ü"),
		"shop/images/a\nb.png": png("newline"), "shop/images/shop/images/a.png": png("nested"),
		"shop/images/drawing.svg": []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "shop/images/page.png": []byte("<html><script>alert(1)</script>"),
		"shop/images/page2.png": []byte("  <!DOCTYPE HTML>"), "shop/images/text.png": []byte("words"), "shop/images/icon.png": []byte("\x00\x00\x01\x00"),
		"shop/images/empty.png": nil, "shop/images/large.png": png(strings.Repeat("x", 1<<10)), "shop/images/fits.png": png(strings.Repeat("x", 1<<10-8)),
		"items/x.png": png("kept"),
	} {
		write(t, filepath.Join(dir, name), data)
	}
	images := filepath.Join(dir, "shop", "images")
	for name, target := range map[string]string{
		"link.png": "a.png", "deeplink.png": "deep/../deep/b.png", "absolute.png": filepath.Join(images, "a.png"), "folder": "deep", "absolutefolder": filepath.Join(images, "deep"),
		"up.png":  "../images/a.png", // leaves and comes back: os.Root refuses it, its end is inside
		"out.png": "../secret.png", "outabsolute.png": filepath.Join(dir, "secret.png"), "outfolder": "..", "outother": "../other", "passwd": "/etc/passwd",
		"loop.png": "loop.png", "dangling.png": "absent.png", "chain.png": "out.png", "proc.png": "/proc/self/root" + dir + "/secret.png",
	} {
		if err := os.Symlink(target, filepath.Join(images, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(images, "folder.png"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(images, "pipe.png"), 0o644); err != nil {
		t.Fatal(err)
	}
	// Go's own sockets are unlinked when closed.
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(images, "s.png"), Net: "unix"})
	if err != nil {
		t.Log("no socket:", err) // the path is too long for one
	} else {
		t.Cleanup(func() { socket.Close() })
	}
	return dir
}

// TestPathsThatMayBeShown: what each path shows, with the folder given in several ways; "" is ErrNotFound.
func TestPathsThatMayBeShown(t *testing.T) {
	dir := gallery(t)
	t.Chdir(dir)
	images := filepath.Join(dir, "shop", "images")
	shown := map[string]string{
		// Relative to the folder, as index --relative writes it.
		"a.png": "a", "deep/b.png": "b", "c": "c", "ü 1.png": "ü", "a\nb.png": "newline", "./a.png": "a", "deep/../a.png": "a", "deep//b.png": "b",
		"link.png": "a", "deeplink.png": "b", "folder/b.png": "b", "absolute.png": "a", "absolutefolder/b.png": "b", "up.png": "a", "fits.png": strings.Repeat("x", 1<<10-8),
		// Joined with it, as index writes it.
		"shop/images/deep/b.png": "b", "shop/images/link.png": "a", "shop/images/absolute.png": "a", "./shop/images/c": "c", "shop/other/../images/c": "c",
		images + "/a.png": "a", images + "/deep/b.png": "b", images + "//deep/../a.png": "a", images + "/up.png": "a",
		"shop/images/a.png": "nested", // what is relative to the folder comes first
		// Of the server itself.
		dir + "/items/x.png": "kept", "items/x.png": "kept",
	}
	hidden := []string{
		"", ".", "/", "..", "absent.png", "deep", "folder.png", "pipe.png", "s.png", "loop.png", "dangling.png",
		"drawing.svg", "page.png", "page2.png", "text.png", "icon.png", "empty.png", "large.png",
		"secret.png", dir + "/secret.png", "../secret.png", "../images/../secret.png", "deep/../../secret.png", "../other/secret.png", "shop/secret.png", "shop/other/secret.png",
		"shop/imagesx/secret.png", images + "x/secret.png", images + "/../secret.png", "shop/images/../secret.png", "shop/images/../../secret.png",
		"out.png", "outabsolute.png", "outfolder/secret.png", "outother/secret.png", "chain.png", "proc.png", "passwd", "shop/images/out.png", images + "/outabsolute.png",
		"/etc/passwd", "/dev/zero", "/dev/null", "/proc/self/environ", "/proc/self/cwd/secret.png", "../../../../../../etc/passwd", "etc/passwd",
		"a.png\x00", "a.png\x00.svg", "\x00", "a.png/", "a.png/.", "a.png/..", "c/../a.png/x", "\\a.png", "..\\secret.png", "%2e%2e/secret.png", "file://" + images + "/a.png",
		"\xff.png", strings.Repeat("x", 300) + ".png", strings.Repeat("x/", 3000) + "a.png", strings.Repeat("../", 3000) + "etc/passwd",
		"items/../secret.png", dir + "/items/../secret.png", dir + "/items", dir + "/itemsx/secret.png", "~/a.png", "a.png ", " a.png", "A.PNG",
	}
	for _, given := range []string{"shop/images", "./shop//images/", images, images + "/", "shop/../shop/images", filepath.Join("..", filepath.Base(dir), "shop", "images")} {
		s := mustOpen(t, Options{Images: given, Dir: "items", MaxBytes: 1 << 10})
		for path, want := range shown {
			if file, err := s.OpenPath(path); err != nil || string(file) != string(png(want)) {
				t.Errorf("--images %s: %q shows %.40q, %v; want %.40q", given, path, file, err, want)
			}
		}
		for _, path := range hidden {
			if path == "a.png/" || path == "a.png/." || path == "a.png/.." {
				continue // see below
			}
			file, err := s.OpenPath(path)
			if file != nil || !errors.Is(err, ErrNotFound) {
				t.Errorf("--images %s: %.80q shows %.40q, %v", given, path, file, err)
			}
		}
		// Cleaned like any other path these may be a.png, and never anything else.
		for _, path := range []string{"a.png/", "a.png/.", "a.png/.."} {
			if file, err := s.OpenPath(path); err == nil && string(file) != string(png("a")) {
				t.Errorf("%q shows %.40q", path, file)
			}
		}
	}
	for path := range shown { // without --images nothing but the server's own
		s := mustOpen(t, Options{Dir: "items"})
		if file, err := s.OpenPath(path); (err == nil) != (shown[path] == "kept") {
			t.Errorf("without --images %q shows %.40q, %v", path, file, err)
		}
	}
}

func TestFolderThatIsALink(t *testing.T) {
	dir := gallery(t)
	link := filepath.Join(dir, "link")
	if err := os.Symlink("shop/images", link); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, Options{Images: link})
	for _, path := range []string{"a.png", link + "/a.png", "absolute.png"} {
		if file, err := s.OpenPath(path); err != nil || string(file) != string(png("a")) {
			t.Errorf("%s shows %q, %v", path, file, err)
		}
	}
	if file, err := s.OpenPath("outabsolute.png"); !errors.Is(err, ErrNotFound) {
		t.Errorf("shows %q, %v", file, err)
	}
	// Another folder comes in its place, as with a release.
	if err := errors.Join(os.Remove(link), os.Symlink("items", link)); err != nil {
		t.Fatal(err)
	}
	if file, err := s.OpenPath("x.png"); err != nil || string(file) != string(png("kept")) {
		t.Errorf("shows %q, %v", file, err)
	}
}

// TestFileThatChangesWhileItIsOpened: a link that is swapped for a file and back leads nowhere else.
func TestFileThatChangesWhileItIsOpened(t *testing.T) {
	dir := gallery(t)
	images := filepath.Join(dir, "shop", "images")
	s := mustOpen(t, Options{Images: images})
	target := filepath.Join(images, "swapped")
	spare := target + ".new"
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			switch i % 3 {
			case 0:
				_ = os.Symlink(filepath.Join(dir, "secret.png"), spare)
			case 1:
				_ = os.Symlink(filepath.Join(images, "a.png"), spare)
			default:
				_ = os.WriteFile(spare, png("a"), 0o644)
			}
			_ = os.Rename(spare, target)
		}
	}()
	shown := 0
	for range 1000 {
		file, err := s.OpenPath("swapped")
		switch {
		case err != nil && !errors.Is(err, ErrNotFound):
			t.Fatal(err)
		case err == nil && string(file) != string(png("a")):
			t.Fatalf("shows %q", file)
		case err == nil:
			shown++
		}
	}
	close(stop)
	<-stopped
	t.Logf("shown %d times of 1000", shown)
}

// TestPictureOfARow: what index wrote, in both ways, is shown with --images.
func TestPictureOfARow(t *testing.T) {
	t.Parallel()
	c := openLite(t)
	dir := gallery(t)
	images := filepath.Join(dir, "shop", "images")
	for _, relative := range []bool{false, true} {
		if _, err := index.Run(t.Context(), index.Options{Dir: images, Catalog: c, Embedder: embedder{}, Relative: relative}); err != nil {
			t.Fatal(err)
		}
	}
	s := mustOpen(t, Options{Images: images, Catalog: c})
	shown := 0
	for entry, err := range c.Entries(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		file, mediaType, err := s.Picture(t.Context(), entry.ID)
		base := filepath.Base(entry.ImagePath)
		switch wanted := base == "a.png" || base == "b.png" || base == "link.png"; {
		case wanted && (err != nil || mediaType != "image/png" || hash(file) != entry.ContentHash):
			t.Errorf("%s shows %.20q of type %s, %v", entry.ImagePath, file, mediaType, err)
		case wanted:
			shown++
		case strings.HasPrefix(base, "out") && !errors.Is(err, ErrNotFound):
			t.Errorf("%s shows %.20q, %v", entry.ImagePath, file, err)
		}
	}
	if shown != 8 {
		t.Errorf("%d pictures shown, want 8", shown)
	}
}

func TestPictureErrors(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"", "absent", `"] or true`, strings.Repeat("x", 1<<20)} {
		if _, _, err := w.Picture(t.Context(), id); !errors.Is(err, ErrNotFound) || len(err.Error()) > 1000 {
			t.Errorf("%.20q: %.1000v", id, err)
		}
	}
	if err := w.memory.Upsert(t.Context(), []catalog.Row{{ID: "passwd", ImagePath: "/etc/passwd"}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Picture(t.Context(), "passwd"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "--images") {
		t.Errorf("%v, want ErrNotFound with the reason", err)
	}
	w.memory.finding = errMilvus
	if _, _, err := w.Picture(t.Context(), "passwd"); !errors.Is(err, catalog.ErrUnreachable) || errors.Is(err, ErrNotFound) {
		t.Errorf("%v, want ErrUnreachable", err)
	}
}

// FuzzOpenPath: no path shows what is outside.
func FuzzOpenPath(f *testing.F) {
	for _, path := range []string{"a.png", "out.png", "outfolder/secret.png", "../secret.png", "shop/images/../../secret.png", "/etc/passwd", "a.png\x00", "up.png", "items/x.png"} {
		f.Add(path)
	}
	dir := gallery(f)
	s := mustOpen(f, Options{Images: filepath.Join(dir, "shop", "images"), Dir: filepath.Join(dir, "items")})
	f.Fuzz(func(t *testing.T, path string) {
		for _, path := range []string{path, filepath.Join(dir, path), filepath.Join(dir, "shop/images", path), dir + "/shop/images/" + path} {
			if file, err := s.OpenPath(path); err == nil && (strings.Contains(string(file), "secret") || !strings.HasPrefix(string(file), "\x89PNG")) {
				t.Errorf("%q shows %q", path, file)
			}
		}
	})
}
