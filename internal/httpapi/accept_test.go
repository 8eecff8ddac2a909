package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sespan/internal/access"
)

// Whatever Accept says, an answer comes: huma reads the header for errors, too.
func TestAcceptOfNoUse(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nil)
	key := s.key(access.RoleAdmin)
	for _, accept := range []string{";", ";;;,,,", ",", "a;", "a;q", ";q=,;", "*/*;q=0", "image/png", "text/html, */*;q=0.1", strings.Repeat(";,", 500)} {
		got := s.call(http.MethodGet, "/v1/tiers/0", "", "Authorization", "Bearer "+key, "Accept", accept)
		assert.Equal(t, http.StatusUnprocessableEntity, got.status, accept)
		assert.Equal(t, "application/problem+json", got.header.Get("Content-Type"), accept)
	}
}
