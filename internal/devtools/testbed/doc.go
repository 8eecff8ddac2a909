// Package testbed is what the development tools run Sespan on: a PostgreSQL of its
// own with a migrated database and a thousand customers, set up as `sespan init`
// does, and processes of the real binary with a login and settings as on a site.
//
//	New ──► Env ──► Serve ──► Service (a `sespan serve`)
//	         │                   │
//	         └── Close stops ────┘ and removes the database
package testbed
