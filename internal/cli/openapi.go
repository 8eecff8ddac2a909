package cli

import (
	"encoding/json"

	"sespan"
	"sespan/internal/httpapi"
)

// OpenAPI is the command openapi.
type OpenAPI struct{}

// Run prints the committed document; no commit is in its version, so that a build does
// not make it stale.
func (*OpenAPI) Run(e *Env) error {
	enc := json.NewEncoder(e.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(httpapi.Spec(sespan.Version()))
}
