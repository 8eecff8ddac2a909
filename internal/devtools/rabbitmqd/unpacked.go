package rabbitmqd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// unpacked is where the parts of the package are that make has unpacked.
type unpacked struct {
	scripts   string // rabbitmq-server, rabbitmqctl
	erlang    string // what Erlang calls its root
	erts      string // programs of the virtual machine
	libraries []string
}

// find looks for the package from the folder of the test upwards.
func find() (unpacked, error) {
	dir, err := os.Getwd()
	if err != nil {
		return unpacked{}, err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return unpacked{}, errors.New("rabbitmqd: no go.mod above the test's folder")
		}
	}
	root := filepath.Join(dir, ".cache", "rabbitmq")
	if _, err := os.Stat(filepath.Join(root, ".ready")); err != nil {
		return unpacked{}, fmt.Errorf("rabbitmqd: RabbitMQ is not in %s: run make .cache/rabbitmq/.ready", root)
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return unpacked{}, err
	}
	u := unpacked{erlang: filepath.Join(root, "usr/lib/erlang")}
	for pattern, into := range map[string]*string{
		filepath.Join(root, "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin"): &u.scripts,
		filepath.Join(u.erlang, "erts-*/bin"):                              &u.erts,
	} {
		found, _ := filepath.Glob(pattern)
		if len(found) != 1 {
			return unpacked{}, fmt.Errorf("rabbitmqd: %d of %s: remove %s and run make .cache/rabbitmq/.ready", len(found), pattern, root)
		}
		*into = found[0]
	}
	for _, pattern := range []string{"usr/lib/*-linux-gnu", "lib/*-linux-gnu"} {
		found, _ := filepath.Glob(filepath.Join(root, pattern))
		u.libraries = append(u.libraries, found...)
	}
	if runtime.GOOS != "linux" {
		return unpacked{}, errors.New("rabbitmqd: the unpacked package is of Debian's, for Linux")
	}
	return u, nil
}
