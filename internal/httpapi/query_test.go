package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sespan/internal/access"
)

// A filter that was given twice, or without a value, is refused: it would be no filter.
// The routes are those of the document, so that a new one is tried, too.
func TestEachParameterOnceAndWithAValue(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nil)
	key := s.key(access.RoleAdmin)
	tried := 0
	for path, item := range Spec("1").Paths {
		if item.Get == nil {
			continue
		}
		path = strings.NewReplacer("{response_id}", "01940000-0000-7000-8000-000000000000").Replace(path)
		for _, p := range item.Get.Parameters {
			if p.In != "query" || strings.Contains(path, "{") || strings.Contains(path, "/v1/keys") {
				continue
			}
			for _, query := range []string{p.Name + "=", p.Name + "=1&" + p.Name + "=1"} {
				got := s.call(http.MethodGet, path+"?"+query, "", "Authorization", "Bearer "+key)
				assert.Equal(t, http.StatusUnprocessableEntity, got.status, "%s?%s", path, query)
				assert.Contains(t, got.body, `"query.`+p.Name+`"`, "%s?%s", path, query)
				tried++
			}
		}
	}
	assert.Greater(t, tried, 40)
}
