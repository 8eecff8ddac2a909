package demo

import (
	"context"
	_ "embed" // the statements below
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/devdb"
)

//go:embed sql/login.sql
var loginSQL string

//go:embed sql/grants.sql
var grantsSQL string

// database is the demonstration's PostgreSQL.
type database struct {
	server *devdb.Server
	admin  string // superuser's URL of the server
	shop   string // superuser's URL of the shop's database
	site   string // the shop's own URL
}

func (b *database) stop() error { return b.server.Stop() }

// startDatabase starts PostgreSQL on kept data and makes the shop's login.
func (d *demo) startDatabase(ctx context.Context) error {
	folder, why, err := devdb.Folder(d.path("postgres"))
	if err != nil {
		return err
	}
	if why != "" {
		d.console.line(fmt.Sprintf("\n      the data is kept in %s, because %s", folder, why))
	}
	o := devdb.Options{Dir: folder, Port: d.ports.postgres}
	if d.Postgres == "installed" {
		if o.Version = newestInstalled(); o.Version == "" {
			return fmt.Errorf("no installed PostgreSQL was found under /usr/lib/postgresql; leave --postgres=installed out to use an embedded one")
		}
	}
	server, err := devdb.Start(ctx, o)
	if err != nil && d.Postgres == "auto" && newestInstalled() != "" {
		o.Version = newestInstalled()
		server, err = devdb.Start(ctx, o)
	}
	if err != nil {
		return err
	}
	d.database = &database{server: server, admin: server.URL("postgres"), shop: server.URL("shop")}
	d.ports.postgres = server.Port()
	site, err := url.Parse(d.database.shop)
	if err != nil {
		return err
	}
	site.User = url.UserPassword("shop", d.state.ShopPassword)
	d.database.site = site.String()
	return d.makeLogin(ctx)
}

// newestInstalled gives the folder of an installed server, "" for none.
func newestInstalled() string {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return ""
	}
	newest := filepath.Dir(filepath.Dir(found[len(found)-1]))
	if _, err := os.Stat(newest); err != nil {
		return ""
	}
	return newest
}

func (d *demo) makeLogin(ctx context.Context) error {
	return d.onDatabase(ctx, d.database.admin, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, loginSQL, d.state.ShopPassword)
		if err != nil {
			return err
		}
		statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, statement := range statements {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *demo) grantShop(ctx context.Context) error {
	return d.onDatabase(ctx, d.database.shop, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, grantsSQL)
		return err
	})
}

func (d *demo) onDatabase(ctx context.Context, url string, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // its work is done or its error is on its way
	return do(conn)
}
