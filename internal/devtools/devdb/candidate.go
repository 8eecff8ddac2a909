package devdb

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The embedded servers that are known to exist for a major version.
const (
	version18 = "18.6.0"
	version15 = "15.18.0"
)

// candidate is a server that may be started.
type candidate struct {
	version  string // "18.6.0", or "15" for an installed one
	binaries string // holds bin/pg_ctl; filled by the download when embedded
}

func (c candidate) major() string {
	major, _, _ := strings.Cut(c.version, ".")
	return major
}

// candidates lists what to try: the wanted server first, then installed ones
// of a supported major (the same major, when one was asked for).
func candidates(opts Options) []candidate {
	version := opts.Version
	if filepath.IsAbs(version) {
		return []candidate{{version: installedMajor(version), binaries: version}}
	}
	switch version {
	case "", "18":
		version = version18
	case "15":
		version = version15
	}
	list := []candidate{{version: version, binaries: filepath.Join(opts.Cache, version)}}
	for _, c := range installed() {
		if opts.Version == "" || c.major() == list[0].major() {
			list = append(list, c)
		}
	}
	return list
}

// installed lists the servers of the machine's packages, newest first.
func installed() []candidate {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	more, _ := filepath.Glob("/usr/pgsql-*/bin/initdb")
	found = append(found, more...)
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			found = append(found, path)
		}
	}
	var list []candidate
	for _, initdb := range found {
		home := filepath.Dir(filepath.Dir(initdb))
		if major := installedMajor(home); atoi(major) >= 15 {
			list = append(list, candidate{version: major, binaries: home})
		}
	}
	slices.SortFunc(list, func(a, b candidate) int { return atoi(b.version) - atoi(a.version) })
	return slices.Compact(list)
}

// installedMajor asks a server for its major version, "" when it cannot tell.
func installedMajor(home string) string {
	// "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)"
	out, err := exec.CommandContext(context.Background(), filepath.Join(home, "bin", "postgres"), "--version").Output()
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(out))
	if len(fields) < 3 {
		return ""
	}
	major, _, _ := strings.Cut(fields[2], ".")
	return major
}

// stopOrphan ends a server that outlived its supervisor (which was killed).
// The caller holds the folder's lock, so nobody uses that server.
func stopOrphan(c candidate, data string) {
	if _, err := os.Stat(filepath.Join(data, "postmaster.pid")); err != nil {
		return
	}
	_ = exec.CommandContext(context.Background(), filepath.Join(c.binaries, "bin", "pg_ctl"), "stop", "-w", "-m", "fast", "-D", data).Run()
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
