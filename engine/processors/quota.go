package processors

import (
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// quota returns how many processors' time this process's control groups leave it: +Inf without a limit. Each
// group is bound by those above it too. What is not there or cannot be read bounds nothing. Formats: cgroups(7),
// proc_pid_mountinfo(5), and the kernel's admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst.
func quota(root fs.FS) float64 {
	least := math.Inf(1)
	mounts := read(root, "proc/self/mountinfo")
	for line := range strings.Lines(read(root, "proc/self/cgroup")) {
		// 4:cpu,cpuacct:/docker/1234
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		for mount := range strings.Lines(mounts) {
			if h, ok := parseMount(mount); ok && h.holds(controllers) {
				least = min(least, h.quota(root, group))
			}
		}
	}
	return least
}

// hierarchy is control groups in the file system.
type hierarchy struct {
	v2         bool
	top, point string // the group that is mounted, and the folder where
}

// parseMount reads a line of mountinfo; ok is false if it mounts no hierarchy with a quota.
func parseMount(line string) (h hierarchy, ok bool) {
	// 36 35 98:0 /top /point rw,noatime master:1 - cgroup source rw,cpu,cpuacct
	before, after, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
	fields, of := strings.Split(before, " "), strings.Split(after, " ")
	if len(fields) < 5 || len(of) < 3 {
		return hierarchy{}, false
	}
	h = hierarchy{of[0] == "cgroup2", unescape.Replace(fields[3]), unescape.Replace(fields[4])}
	return h, h.v2 || of[0] == "cgroup" && lists(of[2], "cpu")
}

// unescape undoes what the kernel does to a path in mountinfo.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func lists(all, one string) bool { return slices.Contains(strings.Split(all, ","), one) }

// holds reports whether a line of /proc/self/cgroup with those controllers is about this hierarchy.
func (h hierarchy) holds(controllers string) bool {
	return h.v2 && controllers == "" || !h.v2 && lists(controllers, "cpu")
}

// quota returns the least of the group's and all those above it that can be seen here.
func (h hierarchy) quota(root fs.FS, group string) float64 {
	least := math.Inf(1)
	below, ok := strings.CutPrefix(group, strings.TrimSuffix(h.top, "/"))
	if !ok || below != "" && below[0] != '/' || strings.HasPrefix(below, "/..") { // elsewhere: nothing here is about it
		return least
	}
	for below = path.Clean("/" + below); ; below = path.Dir(below) {
		least = min(least, h.own(root, strings.TrimPrefix(path.Join(h.point, below), "/")))
		if below == "/" {
			return least
		}
	}
}

// own returns the quota of the group in a folder, for itself.
func (h hierarchy) own(root fs.FS, folder string) float64 {
	if h.v2 {
		microseconds, period, _ := strings.Cut(read(root, path.Join(folder, "cpu.max")), " ")
		return ratio(microseconds, period)
	}
	return ratio(read(root, path.Join(folder, "cpu.cfs_quota_us")), read(root, path.Join(folder, "cpu.cfs_period_us")))
}

// ratio of two numbers; +Inf unless both are positive: without a limit, version 2 says max and version 1 says -1.
func ratio(microseconds, period string) float64 {
	m, err1 := strconv.ParseUint(strings.TrimSpace(microseconds), 10, 63)
	p, err2 := strconv.ParseUint(strings.TrimSpace(period), 10, 63)
	if err1 != nil || err2 != nil || m == 0 || p == 0 {
		return math.Inf(1)
	}
	return float64(m) / float64(p)
}

// read returns a file's text, empty if there is none.
func read(root fs.FS, name string) string {
	text, _ := fs.ReadFile(root, name)
	return string(text)
}
