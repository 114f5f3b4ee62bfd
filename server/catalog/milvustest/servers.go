package milvustest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// variable is one of the template's, such as {{ proxy_port(int): 19530 }}.
var variable = regexp.MustCompile(`\{\{ *(\w+)(?:\(\w+\))?(?:: *(.*?))? *\}\}`)

// full prepares Milvus 2.3.5: what its wheel's Python does, without the Python, whose end leaves the server behind,
// and with etcd on free ports too.
func full(folder string) (*Server, error) {
	program, err := Fetched("milvus")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(12)
	if err != nil {
		return nil, err
	}
	configs := filepath.Join(folder, "configs")
	etcd, client, peer := filepath.Join(configs, "etcd.yaml"), ports[0], ports[1]
	values := map[string]string{
		"etcd_port": strconv.Itoa(client), "etcd_data_dir": filepath.Join(folder, "etcd"), "etcd_log_path": filepath.Join(folder, "etcd.log"),
		"local_storage_dir": filepath.Join(folder, "data"), "rocksmq_data_dir": filepath.Join(folder, "rocksmq"),
		"system_log_path": filepath.Join(folder, "logs"),
	}
	for i, name := range []string{"proxy_port", "proxy_internal_port", "root_coord_port", "query_coord_port", "query_node_port", "index_coord_port", "index_node_port", "data_coord_port", "data_node_port"} {
		values[name] = strconv.Itoa(ports[2+i])
	}
	if err := configure(program, configs, etcd, values); err != nil {
		return nil, err
	}
	text := fmt.Appendf(nil, "name: default\ndata-dir: %s\nlisten-client-urls: http://127.0.0.1:%[2]d\nadvertise-client-urls: http://127.0.0.1:%[2]d\n"+
		"listen-peer-urls: http://127.0.0.1:%[3]d\ninitial-advertise-peer-urls: http://127.0.0.1:%[3]d\ninitial-cluster: default=http://127.0.0.1:%[3]d\n",
		values["etcd_data_dir"], client, peer)
	if err := os.WriteFile(etcd, text, 0o644); err != nil {
		return nil, err
	}
	health := ports[11]
	return &Server{
		URI: "http://127.0.0.1:" + values["proxy_port"], folder: folder, ready: healthy(fmt.Sprintf("http://127.0.0.1:%d/healthz", health)),
		command: func() *exec.Cmd {
			cmd := exec.Command(filepath.Join(program, "bin", "milvus"), "run", "standalone")
			cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(program, "bin"), "MILVUSCONF="+configs, "DEPLOY_MODE=STANDALONE",
				fmt.Sprintf("METRICS_PORT=%d", health), "MILVUS_RUN_DIR="+filepath.Join(folder, "run"))
			return cmd
		},
	}, nil
}

// configure fills in the template of milvus.yaml, which refers to etcd's own file, and copies the rest.
func configure(program, configs, etcd string, values map[string]string) error {
	template, err := os.ReadFile(filepath.Join(program, "config.yaml.template"))
	if err != nil {
		return err
	}
	logging, err := os.ReadFile(filepath.Join(program, "glog.conf"))
	if err != nil {
		return err
	}
	config := variable.ReplaceAllFunc(template, func(match []byte) []byte {
		groups := variable.FindSubmatch(match)
		if value, ok := values[string(groups[1])]; ok {
			return []byte(value)
		}
		return groups[2]
	})
	config = bytes.Replace(config, []byte("\netcd:\n"), []byte("\netcd:\n  config:\n    path: "+etcd+"\n"), 1)
	if err := os.MkdirAll(configs, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(configs, "milvus.yaml"), config, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(configs, "glog.conf"), logging, 0o644)
}

// lite prepares milvus-lite 3.2.2, which is Python.
func lite(folder string) (*Server, error) {
	return single("milvus-lite-3", folder, func(packages, port string) *exec.Cmd {
		cmd := exec.Command("python3", "-c", "from milvus_lite.cmdline import main; main()", "server",
			"--data-dir", filepath.Join(folder, "data"), "--host", "127.0.0.1", "--port", port)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+packages, "PYTHONDONTWRITEBYTECODE=1")
		return cmd
	})
}

// embedded prepares milvus-lite 2.5.1.
func embedded(folder string) (*Server, error) {
	return single("milvus-lite", folder, func(program, port string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(program, "milvus"), filepath.Join(folder, "data.db"), "127.0.0.1:"+port, "ERROR")
		// It empties $HOME/.cache/milvus at its start.
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+program, "HOME="+folder, "TMPDIR="+folder)
		return cmd
	})
}

// single prepares a server with one port of 127.0.0.1, which is ready when it listens. The command is given
// the folder of third_party/native that is named.
func single(name, folder string, command func(native, port string) *exec.Cmd) (*Server, error) {
	native, err := Fetched(name)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	port := strconv.Itoa(ports[0])
	address := "127.0.0.1:" + port
	return &Server{URI: "http://" + address, folder: folder, ready: answers(address), command: func() *exec.Cmd { return command(native, port) }}, nil
}
