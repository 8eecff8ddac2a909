package httpapi

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/problem"
)

// docs/errors.md has a line for every slug, with its status, and none besides.
func TestTheErrorsPageHasEveryProblem(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/errors.md")
	require.NoError(t, err)
	_, page, found := bytes.Cut(page, []byte("\n| problem | status |"))
	require.True(t, found)
	page, _, found = bytes.Cut(page, []byte("\n\n"))
	require.True(t, found)
	shown := map[problem.Slug]int{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (\\d{3}) \\| [^|]+ \\| [^|]+ \\|$").FindAllSubmatch(page, -1) {
		status, err := strconv.Atoi(string(m[2]))
		require.NoError(t, err)
		shown[problem.Slug(m[1])] = status
	}
	answered := map[problem.Slug]int{}
	for slug, answer := range statusOf {
		answered[slug] = answer.status
	}
	assert.Equal(t, answered, shown)

	source, err := os.ReadFile("../problem/problem.go")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`Slug = "([a-z-]+)"`).FindAllSubmatch(source, -1) {
		assert.Contains(t, answered, problem.Slug(m[1]), "a slug without a status")
	}
}
