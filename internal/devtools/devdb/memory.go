package devdb

import (
	"os"
	"syscall"
)

const (
	// MemoryDir is where Linux keeps files in memory.
	MemoryDir = "/dev/shm"
	// A default max_wal_size of WAL, the data and some room.
	memoryNeeded = 4 << 30
)

// InMemory is the folder for data that need not last: in memory where there is enough of
// it, because the disk of a shared machine is slow (making a database took ten times as
// long) and the largest source of noise; else the system's temporary folder.
func InMemory() string {
	var s syscall.Statfs_t
	if err := syscall.Statfs(MemoryDir, &s); err == nil && s.Bavail*uint64(s.Bsize) >= memoryNeeded {
		return MemoryDir
	}
	return os.TempDir()
}
