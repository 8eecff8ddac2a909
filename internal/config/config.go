// Package config is the command line and the environment of Sespan: one kong
// struct, validated once. Every setting is a flag and a variable; a secret can
// also stand in a file that <VARIABLE>_FILE names. A wrong value stops the start
// with one line that names the variable and the mend.
package config

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// CLI is the command line.
type CLI struct {
	Init          Init             `cmd:"" help:"Set a database up: migrate, bind the customers, make a service key; prints the settings to paste."`
	Serve         Serve            `cmd:"" help:"Run the service: the HTTP API, the mail worker and the maintenance."`
	Migrate       Migrate          `cmd:"" help:"Create or change the schema sespan."`
	BindCustomers Bind             `cmd:"" help:"Bind the site's user table, so that Sespan finds its customers."`
	Unbind        Unbind           `cmd:"" help:"Let go of the site's user table (before the site's flush, or to uninstall)."`
	Keys          Keys             `cmd:"" help:"Make, list and revoke service keys."`
	Mail          Mail             `cmd:"" help:"Look at the mail queue and change it: status, why, retry, cancel, pause and more."`
	Doctor        Doctor           `cmd:"" help:"Check the database, the binding, the settings and the mail server."`
	Openapi       OpenAPI          `cmd:"" help:"Print the OpenAPI 3.1 document."`
	Inbox         Inbox            `cmd:"" help:"Run a development mail inbox: an SMTP server with a web page."`
	Demo          Demo             `cmd:"" help:"Run the whole demonstration: database, inbox, service and example shop."`
	Version       kong.VersionFlag `help:"Print the version."`
	Log           Log              `embed:"" prefix:"log-"`
}

// Log says how to log; the log goes to standard error.
type Log struct {
	Level  string `enum:"debug,info,warn,error" default:"info" env:"SESPAN_LOG_LEVEL" help:"debug, info, warn or error."`
	Format string `enum:"text,json" default:"text" env:"SESPAN_LOG_FORMAT" help:"text or json."`
}

// Database is where Sespan lives: the site's own database.
type Database struct {
	EnvFile EnvFile `name:"env-file" placeholder:"FILE" help:"Read settings from this file, as init --env-file writes it; flags and the environment win over it."`
	URL     string  `name:"database-url" env:"SESPAN_DATABASE_URL" placeholder:"URL" help:"postgres://user:password@host:5432/database of the site's database."`
	URLFile string  `name:"database-url-file" env:"SESPAN_DATABASE_URL_FILE" placeholder:"FILE" help:"File that holds the URL."`
}

// Resolve reads the file and insists on a URL.
func (d *Database) Resolve() error {
	return required(&d.URL, d.URLFile, "SESPAN_DATABASE_URL", "set it to postgres://user:password@host:5432/database")
}

// Roles is how the database roles are named.
type Roles struct {
	RolePrefix string `default:"sespan_" env:"SESPAN_ROLE_PREFIX" help:"Prefix of the database roles; roles are shared by all databases of a cluster."`
	NoRoles    bool   `env:"SESPAN_NO_ROLES" help:"Create no roles; print the SQL that a DBA runs instead."`
}

// Target is the user table to bind.
type Target struct {
	Table   string   `default:"public.auth_user" placeholder:"TABLE" help:"The site's user table, with its schema."`
	Columns []string `name:"column" sep:"none" placeholder:"NAME=COLUMN" help:"Bind a column by another name, such as phone_number=phone, or one of a related table: phone_number=public.profile.phone@user_id."`
}

// Init is the command init.
type Init struct {
	DSN     string `name:"dsn" env:"SESPAN_DATABASE_URL" required:"" placeholder:"URL" help:"The site's database, as a login that may create a schema and roles."`
	KeyName string `default:"django" help:"Name of the service key that is made."`
	KeyFile string `placeholder:"FILE" help:"Write the service key into this file instead of printing it; an existing file is kept."`
	URLFile string `placeholder:"FILE" help:"Write the database URL of the login that is made for serve into this file; an existing file is kept."`
	EnvFile string `placeholder:"FILE" help:"Write the settings of serve into this file instead of printing them; an existing file is kept."`
	JWKS    string `name:"jwks" env:"SESPAN_JWKS" default:"checkout.jwks.json" placeholder:"FILE" help:"Where manage.py sespan_init will write the site's public keys; only printed with the other settings."`

	SiteLogin string `placeholder:"LOGIN" help:"The site's own database login (USER in DATABASES): it gets the rights to enqueue mails and to show the staff pages. A superuser needs none."`
	SiteURL   string `name:"site-url" placeholder:"URL" help:"Where browsers find the site, such as https://shop.example; printed with the other settings."`
	CodePath  string `default:"/account/code/" help:"Path of the site's code page, which mails link to."`
	SMTPURL   string `name:"smtp-url" env:"SESPAN_SMTP_URL" placeholder:"URL" help:"The mail server, such as smtp://user:password@mail.example:587?tls=starttls; printed with the other settings."`
	MailFrom  string `name:"mail-from" env:"SESPAN_MAIL_FROM" placeholder:"ADDRESS" help:"Sender of mails that name none, such as Shop <no-reply@shop.example>; printed with the other settings."`
	Target
	Roles
}

// Migrate is the command migrate.
type Migrate struct {
	Up   struct{} `cmd:"" help:"Apply the migrations that are missing, then roles and grants."`
	Down struct {
		Steps int  `default:"1" help:"How many migrations to take back."`
		Force bool `help:"Really drop tables and what they hold."`
	} `cmd:"" help:"Take migrations back."`
	Status struct{} `cmd:"" help:"Say which migrations are applied."`
	Database
	Roles
}

// Bind is the command bind-customers.
type Bind struct {
	Target
	Database
	Roles
}

// Unbind is the command unbind.
type Unbind struct{ Database }

// Keys is the command keys.
type Keys struct {
	Create struct {
		Role    string        `enum:"service,report,dashboard,admin" required:"" help:"service, report, dashboard or admin."`
		Name    string        `required:"" help:"Who uses the key; up to 100 characters."`
		Expires time.Duration `help:"Life of the key, such as 2160h; 0 is for ever."`
	} `cmd:"" help:"Make a key; prints only the key on standard output, once."`
	List   struct{} `cmd:"" help:"List the keys, never their secrets."`
	Revoke struct {
		ID string `arg:"" help:"The key's id: the 12 characters after sk_."`
	} `cmd:"" help:"Revoke a key; it stops working within seconds."`
	Database
}

// Doctor is the command doctor.
type Doctor struct{ Settings }

// OpenAPI is the command openapi.
type OpenAPI struct{}

// Inbox is the command inbox.
type Inbox struct {
	SMTPAddr string   `default:"127.0.0.1:1025" env:"SESPAN_INBOX_SMTP_ADDR" help:"Where mail is taken."`
	HTTPAddr string   `default:"127.0.0.1:8025" env:"SESPAN_INBOX_HTTP_ADDR" help:"Where the page is served."`
	Hosts    []string `env:"SESPAN_INBOX_HOSTS" placeholder:"NAME,…" help:"Further host names under which the page may be opened; addresses and localhost always work."`
	Keep     int      `default:"500" env:"SESPAN_INBOX_KEEP" help:"How many mails are kept, in memory only."`
}

// Demo is the command demo.
type Demo struct {
	Dir      string `default:".demo" env:"SESPAN_DEMO_DIR" help:"Where the demonstration keeps its data."`
	Source   string `default:"django_bridge" help:"The folder of the Django bridge and its example shop."`
	Postgres string `default:"auto" enum:"auto,embedded,installed" env:"SESPAN_DEMO_POSTGRES" help:"auto, embedded or installed."`
	Reset    bool   `help:"Start anew: removes the data of earlier demonstrations."`
	Port     int    `default:"8000" help:"Port of the shop; the others follow it. A busy one is replaced and said so."`
}

// Parse reads the arguments and the environment. It returns nil and prints help
// or the version where these were asked for.
func Parse(args []string, version string, stdout, stderr io.Writer, exit func(int)) (*CLI, *kong.Context, error) {
	cli := &CLI{}
	parser, err := kong.New(cli,
		kong.Name("sespan"),
		kong.Description("Sespan rides beside a Django site on the same PostgreSQL: e-mail codes, discount draws, an API log and a mail queue."),
		kong.UsageOnError(), kong.Writers(stdout, stderr), kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Vars{"version": version})
	if err != nil {
		return nil, nil, err
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return nil, nil, fmt.Errorf("%w (see sespan --help)", inWords(byVariable(parser.Model, err)))
	}
	return cli, ctx, nil
}

// inWords says what kong says of types and tokens for people who know neither.
func inWords(err error) error {
	text := strings.NewReplacer(
		`expected a valid 64 bit int but got `, `must be a whole number, not `, `expected int value but got "EOL" (<EOL>)`, `has no value`,
		`expected string value but got "EOL" (<EOL>)`, `has no value`,
	).Replace(err.Error())
	if text == err.Error() {
		return err
	}
	return errors.New(strings.Replace(text, ": ", " ", 1))
}

// byVariable names the variable in kong's complaint about a flag, as the value may
// have come from there.
func byVariable(model *kong.Application, err error) error {
	flag, rest, ok := strings.Cut(strings.TrimPrefix(err.Error(), "--"), " ")
	if !ok || !strings.HasPrefix(err.Error(), "--") {
		return err
	}
	flag = strings.TrimSuffix(flag, ":")
	flags := model.Flags
	for _, leaf := range model.Leaves(false) {
		flags = slices.Concat(flags, leaf.Flags)
	}
	i := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == flag && len(f.Envs) > 0 })
	if i < 0 {
		return err
	}
	return fmt.Errorf("%s (--%s) %s", flags[i].Envs[0], flag, rest)
}
