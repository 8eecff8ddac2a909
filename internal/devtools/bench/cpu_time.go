package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is processor time: of this process (the load, or a peer library that runs
// in it), of the service under test, of PostgreSQL with all its processes, of the mail
// sink, and of the brokers.
type usage struct{ self, server, database, sink, broker time.Duration }

func (u usage) minus(v usage) usage {
	return usage{u.self - v.self, u.server - v.server, u.database - v.database, u.sink - v.sink, u.broker - v.broker}
}

// ticks is how /proc counts: USER_HZ is 100 on Linux, whatever the kernel's own.
const ticks = time.Second / 100

// cpu gives what has been used so far; without /proc, only this process's own.
func (e *env) cpu() usage {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{}
	}
	u := usage{self: time.Duration(r.Utime.Nano() + r.Stime.Nano())}
	for _, s := range e.Services {
		u.server += processTime(strconv.Itoa(s.PID())) // nothing for one that has ended
	}
	if e.sink != nil {
		u.sink = processTime(strconv.Itoa(e.sink.cmd.Process.Pid))
	}
	u.broker = e.brokers.cpu()
	raw, err := os.ReadFile(e.PostmasterPID()) //nolint:gosec // our own folder
	if err != nil {
		return u
	}
	master, _, _ := strings.Cut(string(raw), "\n")
	u.database = processTime(master)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		if pid := filepath.Base(filepath.Dir(path)); parent(pid) == master {
			u.database += processTime(pid)
		}
	}
	return u
}

// stat gives the fields of /proc/PID/stat after the name (proc(5)): [0] is the
// state, [1] the parent, [11] to [14] user, system and the ended children's time.
func stat(pid string) []string {
	raw, err := os.ReadFile("/proc/" + pid + "/stat") //nolint:gosec // a number from /proc
	if err != nil {
		return nil
	}
	i := strings.LastIndexByte(string(raw), ')')
	return strings.Fields(string(raw[i+1:]))
}

func parent(pid string) string {
	if f := stat(pid); len(f) > 1 {
		return f[1]
	}
	return ""
}

func processTime(pid string) time.Duration {
	f := stat(pid)
	if len(f) < 15 {
		return 0
	}
	var sum int64
	for _, s := range f[11:15] {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0
		}
		sum += n
	}
	return time.Duration(sum) * ticks
}
