// Package sespan has what the whole project shares: its version.
package sespan

import (
	_ "embed"
	"strings"
)

//go:embed VERSION
var version string

// Version is that of the program, the OpenAPI document, the packages and the wheel, by
// Semantic Versioning; with -dev between two releases.
func Version() string { return strings.TrimSpace(version) }

// Build is the version with the commit that a program was built from, where it is of no
// release.
func Build(commit string) string {
	if commit == "" || !strings.Contains(version, "-") {
		return Version()
	}
	return Version() + "+" + commit
}
