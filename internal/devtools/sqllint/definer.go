package main

import (
	"regexp"
	"strings"
)

// pinned follows SECURITY DEFINER at once, so that a reader sees it, too. Temporary
// tables come last: what is written there under a name of ours is not found first.
const pinned = " SET search_path = pg_catalog, pg_temp"

var (
	definer = regexp.MustCompile(`(?i)\bSECURITY\s+DEFINER\b`)
	comment = regexp.MustCompile(`--.*`)
)

// allowed gives the lines that need no pin behind them, each with its reason.
func allowed() map[string]string {
	return map[string]string{
		"ALTER FUNCTION sespan.customer_update(bigint, boolean) SECURITY DEFINER;": "its path is pinned a line before, to that of the owner of the site's table; " +
			"TestUpdateBelongsToTheSite looks at it in the database",
	}
}

// unpinned gives the lines, from 1, where a function gets its owner's rights with the
// search_path of its caller. allow is told which exceptions were met.
func unpinned(text string, allow map[string]string, met map[string]bool) []int {
	var found []int
	n := 0
	for line := range strings.Lines(text) {
		n++
		code := comment.ReplaceAllString(strings.TrimRight(line, "\r\n"), "")
		for _, at := range definer.FindAllStringIndex(code, -1) {
			if strings.HasPrefix(code[at[1]:], pinned) {
				continue
			}
			if key := strings.TrimSpace(code); allow[key] != "" {
				met[key] = true
				continue
			}
			found = append(found, n)
		}
	}
	return found
}
