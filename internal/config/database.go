package config

import (
	"cmp"

	"github.com/alecthomas/kong"
)

// HintDatabaseURL says how SESPAN_DATABASE_URL is written.
const HintDatabaseURL = "write it as postgres://USER:PASSWORD@host:5432/database"

// Database is where Sespan lives: the site's own database.
type Database struct {
	EnvFile EnvFile `name:"env-file" group:"Database" placeholder:"FILE" help:"Read settings from this file, as init --env-file writes it; flags and the environment win over it."`
	URL     string  `name:"database-url" group:"Database" env:"SESPAN_DATABASE_URL" needed:"always" secret:"" placeholder:"URL" help:"postgres://user:password@host:5432/database of the site's database, or another form that libpq knows."`
	URLFile string  `name:"database-url-file" group:"Database" env:"SESPAN_DATABASE_URL_FILE" placeholder:"FILE" help:"File that holds the URL."`
	PastPooler
}

// PastPooler is the second address of a database that is reached through a pooler.
type PastPooler struct {
	DirectURL     string `name:"database-direct-url" group:"Database" env:"SESPAN_DATABASE_DIRECT_URL" secret:"" placeholder:"URL" help:"The same database without a transaction pooler between: serve listens there, all other commands work there; set it when the first URL goes through one. Not of the environment or a file where the first is a flag."`
	DirectURLFile string `name:"database-direct-url-file" group:"Database" env:"SESPAN_DATABASE_DIRECT_URL_FILE" placeholder:"FILE" help:"File that holds that URL."`
	Direct        string `kong:"-"` // past a pooler, if there is one: the address of all commands but serve
}

// AfterApply drops the second address of the environment: the address of a flag is another database's than the environment's, so
// its way past a pooler comes as a flag, too.
func (p *PastPooler) AfterApply(parsed *kong.Context) error {
	flags, file := flagsOf(parsed), envFileOf(parsed)
	given := map[string]bool{}
	for _, f := range flags {
		given[f.Name] = origin(parsed, f, file) == "flag"
	}
	first := given["database-url"] || given["database-url-file"] || given["dsn"]
	if first && !given["database-direct-url"] && !given["database-direct-url-file"] {
		p.DirectURL, p.DirectURLFile = "", ""
	}
	return nil
}

// Resolve reads the files and insists on a URL.
func (d *Database) Resolve() error {
	if err := required(&d.URL, d.URLFile, "SESPAN_DATABASE_URL", "set it to postgres://user:password@host:5432/database"); err != nil {
		return err
	}
	return d.ResolveDirect(d.URL)
}

// ResolveDirect reads the file; without a second address the first one is direct.
func (p *PastPooler) ResolveDirect(first string) error {
	if err := optionalSecret(&p.DirectURL, p.DirectURLFile, "SESPAN_DATABASE_DIRECT_URL"); err != nil {
		return err
	}
	p.Direct = cmp.Or(p.DirectURL, first)
	return nil
}

// Pooled tells whether the database is reached through a transaction pooler: then the
// direct URL is another one.
func (d *Database) Pooled() bool { return d.DirectURL != "" && d.DirectURL != d.URL }

// DirectVariable names the setting that Direct comes from.
func (p *PastPooler) DirectVariable() string {
	if p.DirectURL != "" {
		return "SESPAN_DATABASE_DIRECT_URL"
	}
	return "SESPAN_DATABASE_URL"
}
