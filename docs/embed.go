// Package docs holds the pages that an alert sends people to, for those who have the
// binary and no checkout.
package docs

import "embed"

// Runbooks are the pages of runbooks/, one for each alert.
//
//go:embed runbooks/*.md
var Runbooks embed.FS
