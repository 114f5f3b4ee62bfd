package processors

import (
	"math"
	"testing"
	"testing/fstest"
)

func TestUsable(t *testing.T) {
	none := math.Inf(1)
	for _, c := range []struct {
		limits Limits
		usable int
		pin    bool // that many threads
		text   string
	}{
		{Limits{8, 8, none}, 8, true, "8 usable"},
		{Limits{8, 8, 8}, 8, true, "8 usable, the control group's quota is 8.00"},
		{Limits{8, 8, 7.99}, 8, false, "8 usable, the control group's quota is 7.99"},
		{Limits{8, 8, 6.01}, 7, false, "7 usable of 8, the control group's quota is 6.01"},
		{Limits{8, 2, 0.5}, 1, false, "1 usable of 8, GOMAXPROCS is 2, the control group's quota is 0.50"},
		{Limits{8, 3, none}, 3, false, "3 usable of 8, GOMAXPROCS is 3"},
		{Limits{2, 9, none}, 2, true, "2 usable"},
		{Limits{1, 1, 0.1}, 1, false, "1 usable, the control group's quota is 0.10"},
	} {
		if n := c.limits.Usable(); n != c.usable || c.limits.Pin(n) != c.pin || c.limits.String() != c.text {
			t.Errorf("%+v: %d, pin %t, %q; want %d, %t, %q", c.limits, n, c.limits.Pin(n), c.limits.String(), c.usable, c.pin, c.text)
		}
		for _, n := range []int{1, 3, 16} {
			if n != c.usable && c.limits.Pin(n) {
				t.Errorf("%+v: %d threads are pinned", c.limits, n)
			}
		}
	}
}

const (
	v1Mount = "33 24 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
	v2Mount = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	others  = "23 1 0:21 / /proc rw - proc proc rw\n34 24 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
)

var cases = map[string]struct {
	cgroup, mounts string
	files          map[string]string // below sys/fs/cgroup
	want           float64
}{
	"nothing": {"", "", nil, math.Inf(1)},
	"version 2": {"0::/a.slice/b\n", others + v2Mount, map[string]string{
		"a.slice/cpu.max": "max 100000\n", "a.slice/b/cpu.max": "150000 100000\n"}, 1.5},
	"a group above has less": {"0::/a/b\n", v2Mount, map[string]string{
		"a/cpu.max": "50000 200000\n", "a/b/cpu.max": "150000 100000\n"}, 0.25},
	"no limit":                              {"0::/a\n", v2Mount, map[string]string{"a/cpu.max": "max 100000\n"}, math.Inf(1)},
	"a container sees its group as the top": {"0::/\n", v2Mount, map[string]string{"cpu.max": "300000 100000\n"}, 3},
	"a container with the host's names": {"0::/docker/12\n",
		"30 23 0:26 /docker/12 /sys/fs/cgroup ro - cgroup2 cgroup rw\n", map[string]string{"cpu.max": "200000 100000\n"}, 2},
	"another group's folder": {"0::/docker/123\n",
		"30 23 0:26 /docker/12 /sys/fs/cgroup ro - cgroup2 cgroup rw\n", map[string]string{"cpu.max": "200000 100000\n"}, math.Inf(1)},
	"outside of what is mounted": {"0::/../init\n", v2Mount, map[string]string{"cpu.max": "200000 100000\n"}, math.Inf(1)},
	"version 1": {"5:cpuset:/z\n4:cpuacct,cpu:/a\n0::/z\n", others + v1Mount, map[string]string{
		"cpu,cpuacct/a/cpu.cfs_quota_us": "250000\n", "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
		"cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
		"cpuset/z/cpu.cfs_quota_us": "1\n", "cpuset/z/cpu.cfs_period_us": "100000\n"}, 2.5},
	"version 1 beside version 2": {"4:cpu:/a\n0::/b\n",
		v1Mount + "35 24 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", map[string]string{
			"cpu,cpuacct/a/cpu.cfs_quota_us": "100000", "cpu,cpuacct/a/cpu.cfs_period_us": "50000"}, 2},
	"a space in a path": {"0::/a\n", "30 23 0:26 / /sys/fs/cgroup/my\\040groups rw - cgroup2 cgroup2 rw\n",
		map[string]string{"my groups/a/cpu.max": "1000 2000\n"}, 0.5},
	"broken files": {"0::/a\n0\n\n:::\n", v2Mount + "1 2 3\n - \n", map[string]string{
		"a/cpu.max": "100000\n", "cpu.max": "100000 0\n"}, math.Inf(1)},
}

// machine returns the root of a file system with those control groups.
func machine(cgroup, mounts string, files map[string]string) fstest.MapFS {
	root := fstest.MapFS{"proc/self/cgroup": {Data: []byte(cgroup)}, "proc/self/mountinfo": {Data: []byte(mounts)}}
	for name, text := range files {
		root["sys/fs/cgroup/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

func TestQuota(t *testing.T) {
	for name, c := range cases {
		if got := quota(machine(c.cgroup, c.mounts, c.files)); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// FuzzQuota: whatever the files hold, there is a quota, and one more group at the top cannot raise it.
func FuzzQuota(f *testing.F) {
	for _, c := range cases {
		f.Add(c.cgroup, c.mounts, c.files["a/cpu.max"])
	}
	f.Fuzz(func(t *testing.T, cgroup, mounts, limit string) {
		files := map[string]string{"a/cpu.max": limit}
		got := quota(machine(cgroup, mounts, files))
		if !(got > 0) {
			t.Fatalf("quota %v", got)
		}
		files["cpu.max"] = "123 456\n"
		if less := quota(machine(cgroup, mounts, files)); !(less <= got) {
			t.Fatalf("quota %v, without the highest group's %v", less, got)
		}
	})
}
