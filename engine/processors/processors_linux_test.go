package processors

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strings"
	"testing"
)

// TestMain prints what a process finds where TestInGroup starts this one for it.
func TestMain(m *testing.M) {
	if os.Getenv("VBGE_PRINT_PROCESSORS") != "" {
		fmt.Print(Find().Quota, " ", Find().Usable())
		return
	}
	os.Exit(m.Run())
}

// TestInGroup holds Find against the kernel: in a group with a quota, and in one below it without.
func TestInGroup(t *testing.T) {
	if own := Find().Quota; own < 1.7 {
		t.Skipf("the tests themselves have a quota of %.2f processors, 1.7 are needed", own)
	}
	top := group(t, 170_000)
	below := path.Join(top, "below")
	makeFolder(t, below)
	want := fmt.Sprint("1.7 ", min(2, runtime.NumCPU()))
	for _, folder := range []string{top, below} {
		// A shell enters the group: Go can start a process inside one of version 2 only.
		cmd := exec.CommandContext(t.Context(), "sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$1"`, folder, os.Args[0])
		cmd.Env = append(os.Environ(), "VBGE_PRINT_PROCESSORS=1", "GORACE=atexit_sleep_ms=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", folder, err, out)
		}
		if string(out) != want {
			t.Errorf("in %s: %s, want %s", folder, out, want)
		}
	}
}

// group makes a control group with a quota of so many microseconds in 100 ms, where that is allowed.
func group(t *testing.T, quota int) string {
	t.Helper()
	for line := range strings.Lines(read(os.DirFS("/"), "proc/self/mountinfo")) {
		h, ok := parseMount(line)
		if !ok {
			continue
		}
		name, text := "cpu.cfs_quota_us", fmt.Sprint(quota)
		if h.v2 {
			name, text = "cpu.max", fmt.Sprint(quota, " 100000")
		}
		folder := path.Join(h.point, fmt.Sprintf("vbge-%d-%d", os.Getpid(), quota))
		if os.Mkdir(folder, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(folder) })
		if f, err := os.OpenFile(path.Join(folder, name), os.O_WRONLY, 0); err == nil {
			_, err = f.WriteString(text)
			f.Close()
			if err == nil {
				return folder
			}
		}
	}
	t.Skip("no control group with a quota can be made here: that takes root, and a hierarchy that is not read-only")
	return ""
}

func makeFolder(t *testing.T, folder string) {
	t.Helper()
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(folder) })
}
