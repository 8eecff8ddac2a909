package testbed

import (
	"context"
	_ "embed"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"sespan/internal/devtools/devdb"
)

//go:embed machine.sql
var machineSQL string

// Describe prints what measured figures depend on.
func (e *Env) Describe(ctx context.Context) error {
	var version, durability string
	err := e.Admin.QueryRow(ctx, machineSQL).Scan(&version, &durability)
	if err != nil {
		return err
	}
	where := "on disk, in " + e.Dir
	if strings.HasPrefix(e.Dir, devdb.MemoryDir) {
		where = "in memory (" + devdb.MemoryDir + "), for all sides alike"
	}
	e.Printf("Machine     %s, %d cores, %s %s, %s\n", processor(), runtime.NumCPU(), runtime.GOOS, kernel(), Load()+" before the start")
	e.Printf("PostgreSQL  %s; %s (the defaults); its data is %s\n", version, durability, where)
	e.Printf("Go          %s; %s\n", runtime.Version(), filepath.Base(e.Binary)+" serve is a process of its own, the load is another")
	return nil
}

func processor() string {
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	raw, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

// Load says how busy the machine is, with whatever: the average of the last minute.
func Load() string {
	raw, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(raw))
	if err != nil || len(fields) == 0 {
		return "load unknown"
	}
	return "load " + fields[0]
}
