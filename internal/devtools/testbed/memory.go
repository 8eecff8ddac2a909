package testbed

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Resident gives the resident memory of the service in megabytes (VmRSS, proc(5)).
func (s *Service) Resident() (float64, error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(s.PID()) + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("no VmRSS of process %d", s.PID())
}
