package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vbge/server/catalog"
)

// process is a vbge of its own: this test binary, told to be one.
type process struct {
	*exec.Cmd
	log lockedBuffer
}

// lockedBuffer is a bytes.Buffer that can be read while a process still writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(self, args...)}
	p.Env = append(os.Environ(), asMain+"=1")
	p.Stdout, p.Stderr = &p.log, &p.log
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C is for the whole group
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(-p.Process.Pid, syscall.SIGKILL) })
	return p
}

// status waits for the end; a signal's is -1.
func (p *process) status(t *testing.T) int {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		p.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatalf("it does not end:\n%s", p.log.String())
	}
	return p.ProcessState.ExitCode()
}

// await returns once done is true.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 30 s: %s", what)
		}
	}
}

// serving returns the processes other than vbge itself that have a file's name in their command line.
func serving(db string, self int) (pids []int) {
	entries, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, entry := range entries {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(entry)))
		if line, err := os.ReadFile(entry); err == nil && pid != self && bytes.Contains(line, []byte(db)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// slowIndex starts an index run of one picture a batch and waits until it has written some.
func slowIndex(t *testing.T, s shop) *process {
	t.Helper()
	p := start(t, "index", s.images, "--model", s.model, "--uri", s.uri, "--batch", "1")
	await(t, "for the first picture", func() bool { return strings.Contains(p.log.String(), "indexing") })
	if len(serving(s.uri, p.Process.Pid)) == 0 {
		t.Errorf("no process serves %s", s.uri)
	}
	return p
}

func count(t *testing.T, s shop) int {
	t.Helper()
	c, err := catalog.Open(t.Context(), catalog.Options{URI: s.uri})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n, err := c.Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// enlarge copies the shop's pictures, each changed a little, so that an index run takes its time.
func (s shop) enlarge(t *testing.T, times int) (total int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.images, "*.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range times {
		for _, file := range files {
			data := append(readFile(t, file), byte(i)) // after the JPEG's end
			writeFile(t, filepath.Join(s.images, strconv.Itoa(i), filepath.Base(file)), data)
		}
	}
	return len(files) * (times + 1)
}

// TestInterrupt: Ctrl-C finishes the batch in hand, says what was done, exits 130 and takes the
// embedded Milvus along.
func TestInterrupt(t *testing.T) {
	s := newShop(t)
	total := s.enlarge(t, 4)
	p := slowIndex(t, s)
	syscall.Kill(-p.Process.Pid, syscall.SIGINT)
	if status := p.status(t); status != 130 {
		t.Fatalf("exit status %d:\n%s", status, p.log.String())
	}
	stopped := regexp.MustCompile(`stopped after (\d+) of (\d+) pictures`).FindStringSubmatch(p.log.String())
	if stopped == nil || stopped[2] != strconv.Itoa(total) {
		t.Fatalf("it said\n%s", p.log.String())
	}
	done, _ := strconv.Atoi(stopped[1])
	if done < 1 || done >= total {
		t.Errorf("stopped after %d of %d: too early or too late to show anything", done, total)
	}
	if left := serving(s.uri, p.Process.Pid); len(left) > 0 {
		t.Errorf("processes %v still serve %s", left, s.uri)
	}
	if rows := count(t, s); rows != done {
		t.Errorf("%d rows, it said %d", rows, done)
	}
	t.Logf("stopped after %d of %d pictures", done, total)
}

// TestKill: SIGKILL leaves no Milvus behind, and the next run continues.
func TestKill(t *testing.T) {
	s := newShop(t)
	total := s.enlarge(t, 4)
	p := slowIndex(t, s)
	p.Process.Kill()
	if status := p.status(t); status != -1 {
		t.Fatalf("exit status %d:\n%s", status, p.log.String())
	}
	await(t, "for Milvus to end", func() bool { return len(serving(s.uri, p.Process.Pid)) == 0 })
	done := count(t, s)
	if done < 1 || done >= total {
		t.Errorf("killed after %d of %d: too early or too late to show anything", done, total)
	}
	s.on(t, "index", s.images).want(t, 0, report(total, total-done, total-done, done, 0, 0))
}

// TestStatuses are those of the process, from end to end.
func TestStatuses(t *testing.T) {
	model := tinyModel(t)
	tests := []struct {
		in   string
		args []string
		want int
		out  string
	}{
		{`{"text":"a"}`, []string{"embed", "--model", model}, 0, `{"embedding":[`},
		{`{}`, []string{"embed", "--model", model}, 1, `{"error":"give`},
		{``, []string{"embed", "--model", model, "--colour"}, 2, "vbge: wrong use: unknown flag: --colour"},
		{``, []string{"embed", "--model", model + ".none"}, 3, "vbge: open model folder"},
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		c := exec.Command(self, test.args...)
		c.Env = append(os.Environ(), asMain+"=1")
		c.Stdin = strings.NewReader(test.in)
		out, _ := c.CombinedOutput()
		if got := c.ProcessState.ExitCode(); got != test.want || !strings.Contains(string(out), test.out) {
			t.Errorf("%v: status %d, want %d, it said %.200s", test.args, got, test.want, out)
		}
	}
}
