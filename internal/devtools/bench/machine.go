package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

const (
	memory = "/dev/shm"
	// A default max_wal_size of WAL, the data and some room.
	memoryWanted = 4 << 30
)

// defaultDir is a folder in memory where there is enough of it: the disk of a
// shared machine is the largest noise of all.
func defaultDir() string {
	var s syscall.Statfs_t
	if err := syscall.Statfs(memory, &s); err == nil && s.Bavail*uint64(s.Bsize) >= memoryWanted { //nolint:gosec // positive; its type differs between systems
		return memory
	}
	return os.TempDir()
}

// describe prints what the figures depend on.
func (e *env) describe(ctx context.Context) error {
	var version, durability string
	err := e.admin.QueryRow(ctx, machineSQL).Scan(&version, &durability)
	if err != nil {
		return err
	}
	where := "on disk, in " + e.options.dir
	if strings.HasPrefix(e.options.dir, memory) {
		where = "in memory (" + memory + "), for all sides alike"
	}
	e.printf("Machine     %s, %d cores, %s %s, %s\n", processor(), runtime.NumCPU(), runtime.GOOS, kernel(), load())
	e.printf("PostgreSQL  %s; %s (the defaults); its data is %s\n", version, durability, where)
	e.printf("Go          %s; %s\n", runtime.Version(), filepath.Base(e.binary)+" serve is a process of its own, the load is another")
	e.printf("Rounds      %d of %s a side after one to warm up; the sides take turns, medians are quoted\n", e.rounds, e.length)
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

// load says how busy the machine is with other things.
func load() string {
	raw, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(raw))
	if err != nil || len(fields) == 0 {
		return "load unknown"
	}
	return "load " + fields[0] + " before the start"
}
