package catalog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vbge/server/catalog/milvustest"
)

// TestMain plays another process when one of the tests starts itself as such.
func TestMain(m *testing.M) {
	db := os.Getenv("VBGE_TEST_DB")
	if db == "" {
		if err := trust(); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(milvustest.Main(m.Run))
	}
	play := map[string]func(string) error{"open": playOpen, "lock": playLock, "reach": playReach}[os.Getenv("VBGE_TEST_PLAY")]
	if err := play(db); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// playOpen holds a catalogue open, with the pid of its server on standard
// output, until standard input is closed.
func playOpen(db string) error {
	c, err := Open(context.Background(), Options{URI: db, Model: "test model", Dimension: testDimension, Write: true})
	if err != nil {
		return err
	}
	// Threads come and go; the server must not go with them.
	for range 20 {
		go runtime.LockOSThread()
	}
	if err := c.Upsert(context.Background(), testRows(50)); err != nil {
		return err
	}
	fmt.Println(c.(*milvus).lite.process.Pid)
	io.Copy(io.Discard, os.Stdin)
	return c.Close()
}

// playLock holds the lock as pymilvus does: a POSIX lock, no pid in the file.
func playLock(db string) error {
	file, err := os.OpenFile(filepath.Join(filepath.Dir(db), "."+filepath.Base(db)+".lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err := unix.FcntlFlock(file.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		return err
	}
	fmt.Println(os.Getpid())
	io.Copy(io.Discard, os.Stdin)
	return file.Close()
}

// process is another process that plays a part, and the number it printed.
type process struct {
	*exec.Cmd
	stdin   io.WriteCloser
	printed int
}

func startProcess(t *testing.T, play, db, binary string) process {
	t.Helper()
	p := process{Cmd: exec.Command(os.Args[0])}
	p.Env = append(os.Environ(), "VBGE_TEST_DB="+db, "VBGE_TEST_PLAY="+play, "TMPDIR="+t.TempDir(), BinaryVariable+"="+binary)
	p.Stderr = os.Stderr
	var err error
	if p.stdin, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill(); p.Wait() })
	line, _ := bufio.NewReader(out).ReadString('\n')
	if p.printed, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatalf("the other process said %q", line)
	}
	return p
}

// alive says whether a process runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}

func waitDead(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); alive(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d still runs", pid)
		}
	}
}

func TestServerDiesWithItsParent(t *testing.T) {
	t.Parallel()
	binary := testBinary(t)
	// The kernel's signal must be enough, without the lock that the server also watches.
	unwatched := filepath.Join(t.TempDir(), "milvus")
	script := fmt.Sprintf("#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s \"$1\" \"$2\" \"$3\"\n", filepath.Dir(binary), binary)
	if err := os.WriteFile(unwatched, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, binary := range []string{binary, unwatched} {
		o := liteWriter(t)
		parent := startProcess(t, "open", o.URI, binary)
		if !alive(parent.printed) {
			t.Fatal("the server does not run")
		}
		if err := parent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		parent.Wait()
		waitDead(t, parent.printed)
		c := mustOpen(t, o) // and its lock is free, and its rows are there
		mustCount(t, c, 50)
	}
}

// The second tie, for where the signal does not come.
func TestServerDiesWithTheLock(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, liteWriter(t))
	l := c.(*milvus).lite
	if err := l.lock.file.Close(); err != nil {
		t.Fatal(err)
	}
	waitDead(t, l.process.Pid)
	l.lock.file, _ = os.Open(os.DevNull) // for Close
}

func TestServerHasItsOwnProcessGroup(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, liteWriter(t))
	pid := c.(*milvus).lite.process.Pid
	group, err := syscall.Getpgid(pid)
	if err != nil || group == syscall.Getpgrp() {
		t.Errorf("process group %d (%v): the terminal's Ctrl-C would reach the server", group, err)
	}
}

// A shared cache folder made about one in fifty concurrent starts fail.
func TestServersShareNoFolder(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, liteWriter(t))
	for _, name := range []string{".cache/milvus", "milvus.INFO"} {
		if _, err := os.Stat(filepath.Join(c.(*milvus).lite.folder, name)); err != nil {
			t.Errorf("%s is not in the server's own folder: %v", name, err)
		}
	}
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, liteWriter(t))
	l := c.(*milvus).lite
	begin := time.Now()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > liteStopTimeout {
		t.Errorf("close took %v: the server did not end on SIGTERM", took)
	}
	if alive(l.process.Pid) {
		t.Error("the server still runs")
	}
	if _, err := os.Stat(l.folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's folder: %v", err)
	}
}

func TestOnlyOneProcessOpensAFile(t *testing.T) {
	t.Parallel()
	o := liteWriter(t)
	refuse := func(holder string, pid int, command string) {
		t.Helper()
		c, err := Open(t.Context(), o)
		if err == nil {
			c.Close()
		}
		if want := fmt.Sprintf("(it is process %d, %s)", pid, command); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want ErrLocked with %s", holder, err, want)
		}
	}
	for _, play := range []string{"open", "lock"} {
		other := startProcess(t, play, o.URI, o.Binary)
		refuse(play, other.Process.Pid, filepath.Base(os.Args[0])[:min(15, len(filepath.Base(os.Args[0])))]) // the kernel keeps 15 bytes
		other.stdin.Close()
		if err := other.Wait(); err != nil {
			t.Errorf("%s: %v", play, err)
		}
	}
	bare := startBare(t, o)
	refuse("bare milvus-lite", bare.Pid, "milvus")
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(o.URI, link); err != nil {
		t.Fatal(err)
	}
	if pid := writerOf(link); pid != bare.Pid {
		t.Errorf("by a link: process %d, want %d", pid, bare.Pid)
	}
	bare.Kill()
	waitDead(t, bare.Pid)

	mustOpen(t, o)
	if _, err := Open(t.Context(), o); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "it is this process") {
		t.Errorf("second open in one process: %v, want ErrLocked", err)
	}
}

// startBare starts a milvus-lite as its users do, which takes no lock.
func startBare(t *testing.T, o Options) *os.Process {
	t.Helper()
	bare := exec.Command(o.Binary, o.URI, "unix:"+filepath.Join(t.TempDir(), "s"), "ERROR")
	bare.Dir = t.TempDir()
	bare.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Dir(o.Binary), "HOME="+bare.Dir)
	if err := bare.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bare.Process.Kill(); bare.Wait() })
	for end := time.Now().Add(20 * time.Second); writerOf(o.URI) != bare.Process.Pid; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the bare server does not open its file")
		}
	}
	return bare.Process
}

// TestHolderThatIsGone: a pid in the file that is of nobody who has it open is not told.
func TestHolderThatIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	for _, text := range []string{"", "1", "-1", "99999999999999999999", strconv.Itoa(os.Getppid()), "no pid"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if pid := holder(file); pid != 0 {
			t.Errorf("%q: process %d", text, pid)
		}
		file.Close()
	}
}

// pymilvus removes its lock file when it ends; a lock on that file is worth nothing.
func TestLockOnARemovedFileIsNotTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	lock, err := tryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.release()
	if replaced(lock.file, path) {
		t.Error("the file is there")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if !replaced(lock.file, path) {
		t.Error("the file is gone")
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if !replaced(lock.file, path) {
		t.Error("it is another file")
	}
}

func TestDeadServerIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, liteWriter(t))
	l := c.(*milvus).lite
	syscall.Kill(l.process.Pid, syscall.SIGKILL)
	begin := time.Now()
	_, err := c.Count(t.Context())
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("count: %v", err)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the error came after %v", took)
	}
}

func TestFilesThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	binary := testBinary(t)
	folder := t.TempDir()
	os.Mkdir(filepath.Join(folder, "three.db"), 0o755)
	os.WriteFile(filepath.Join(folder, "text.db"), []byte(strings.Repeat("this is no database\n", 300)), 0o644)
	script := filepath.Join(folder, "server")
	os.WriteFile(script, []byte("#!/bin/sh\necho something is wrong >&2\nexit 7\n"), 0o755)
	for name, test := range map[string]struct{ db, binary, want string }{
		"folder of 3.x":     {"three.db", binary, "milvus-lite 3.x"},
		"space in the name": {"my catalogue.db", binary, "choose another name"},
		"long name":         {strings.Repeat("x", 34) + ".db", binary, "at most 36"},
		"no folder":         {"absent/x.db", binary, "does not exist"},
		"no database":       {"text.db", binary, "text.db"},
		"no executable":     {"a.db", filepath.Join(folder, "absent"), "no such file"},
		"server that fails": {"a.db", script, "exit status 7, its last words: something is wrong"},
	} {
		begin := time.Now()
		c, err := Open(t.Context(), Options{URI: filepath.Join(folder, test.db), Binary: test.binary, Model: "m", Dimension: 4, Write: true})
		if err == nil {
			c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: the error came after %v", name, took)
		}
		t.Log(name, err)
	}
}

func TestSocketPathFits(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 100))
	if err := os.Mkdir(long, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", long)
	folder, err := socketFolder()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	if len(folder)+len("/milvus.sock") > maxSocketPath {
		t.Errorf("%s is too long for a socket", folder)
	}
}

func TestSocketFolderIsMissing(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	if _, err := socketFolder(); err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("%v, want what to change", err)
	}
}

// TestLockCannotBeWritten has a folder where the lock goes: root may write into any other.
func TestLockCannotBeWritten(t *testing.T) {
	db := filepath.Join(t.TempDir(), "catalog.db")
	if err := os.Mkdir(filepath.Join(filepath.Dir(db), ".catalog.db.lock"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{URI: db, Binary: "/bin/true", Model: "m", Dimension: 4, Write: true})
	if err == nil || !strings.Contains(err.Error(), "has to be writable") {
		t.Errorf("%v, want what to change", err)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	kept := &tail{limit: 10}
	for i := range 100 {
		fmt.Fprintf(kept, "line %d\n", i)
	}
	if got := kept.String(); got != "8\nline 99" {
		t.Errorf("kept %q", got)
	}
}
