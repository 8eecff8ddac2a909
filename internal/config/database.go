package config

// HintDatabaseURL says how SESPAN_DATABASE_URL is written.
const HintDatabaseURL = "write it as postgres://USER:PASSWORD@host:5432/database"

// Database is where Sespan lives: the site's own database.
type Database struct {
	EnvFile EnvFile `name:"env-file" group:"Database" placeholder:"FILE" help:"Read settings from this file, as init --env-file writes it; flags and the environment win over it."`
	URL     string  `name:"database-url" group:"Database" env:"SESPAN_DATABASE_URL" needed:"always" secret:"" placeholder:"URL" help:"postgres://user:password@host:5432/database of the site's database."`
	URLFile string  `name:"database-url-file" group:"Database" env:"SESPAN_DATABASE_URL_FILE" placeholder:"FILE" help:"File that holds the URL."`
}

// Resolve reads the file and insists on a URL.
func (d *Database) Resolve() error {
	return required(&d.URL, d.URLFile, "SESPAN_DATABASE_URL", "set it to postgres://user:password@host:5432/database")
}
