package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	mailFrom = "Toko Kopi Sespan <toko@example.com>"
	zone     = "Asia/Jakarta"
)

// shopEnv are the settings of the example shop.
func (d *demo) shopEnv() []string {
	return []string{
		"DATABASE_URL=" + d.database.site,
		"SECRET_KEY=" + d.state.SecretKey,
		"DEBUG=0", "HTTPS=0", "ALLOWED_HOSTS=127.0.0.1,localhost",
		"SESPAN_URL=" + link(d.ports.api, ""), "SESPAN_PUBLIC_URL=" + link(d.ports.api, ""),
		"SESPAN_KEY_FILE=" + d.path("service.key"),
		"SESPAN_SIGNING_KEY_FILE=" + d.path("checkout.pem"),
		"STATIC_ROOT=" + d.path("static"),
		"SHOP_ADMIN_PASSWORD=" + d.state.AdminPassword,
		"SHOP_ROLES_PASSWORD=" + d.state.RolesPassword,
		"TIME_ZONE=" + zone, "DEFAULT_FROM_EMAIL=" + mailFrom,
		"PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1",
	}
}

func (d *demo) shopFolder() string { return filepath.Join(d.Source, "example") }

// prepareShop makes what the site has before Sespan comes: tables, products, a
// member of staff, the key of the checkout tokens; once for each state of its code.
func (d *demo) prepareShop(ctx context.Context) error {
	want, err := d.sources()
	if err != nil {
		return err
	}
	stamp := d.path("shop.stamp")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == want { //nolint:gosec // our own file
		return nil
	}
	err = d.run(ctx, command{
		name: "prepare_shop", dir: d.shopFolder(),
		args: []string{d.python(), "manage.py", "prepare_shop"},
		// Sespan's service key does not exist yet.
		env: append(d.shopEnv(), "SESPAN_ENABLED=0", "SESPAN_KEY_FILE="),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(want), 0o600)
}

// sources is the state of the shop's and the bridge's files: names, sizes, times.
func (d *demo) sources() (string, error) {
	h := sha256.New()
	for _, dir := range []string{"src", "example"} {
		err := filepath.WalkDir(filepath.Join(d.Source, dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() {
				if name := entry.Name(); name == "__pycache__" || name == "tests" || strings.HasPrefix(name, ".") {
					return fs.SkipDir
				}
				return nil
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			fmt.Fprintf(h, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (d *demo) startShop(ctx context.Context) error {
	return d.start(ctx, command{
		name: "shop", dir: d.shopFolder(), env: d.shopEnv(),
		args: []string{
			d.python(), "-m", "gunicorn", "shop.wsgi", "--bind", address(d.ports.shop),
			"--workers", "2", "--threads", strconv.Itoa(4), "--graceful-timeout", "5", "--access-logfile", "-",
		},
	}, link(d.ports.shop, "/"))
}
