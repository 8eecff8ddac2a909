package docscommands

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The backups of a site, as the page for its developers says: what the site's own login is
// refused, a dump that can be restored, and a copy of the site alone.
func TestBackupsOfASite(t *testing.T) {
	t.Parallel()
	steps, err := Read(filepath.Join(root, "docs/django-operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	steps = slices.DeleteFunc(steps, func(s Step) bool { return s.Section != "Backups" })
	s := newSite(t)
	at, err := url.Parse(s.admin)
	if err != nil {
		t.Fatal(err)
	}
	s.Env = append(s.Env, "PGHOST="+at.Hostname(), "PGPORT="+at.Port())
	s.Places["PASSWORD '…'"] = "PASSWORD 'secret'"
	refused, looked := false, false
	s.Prepare = map[string]func(){
		"the site's login alone gets no dump": func() {
			s.init("shop", "sespan.env", "", " --watch")
			s.exec(s.admin, "SET ROLE shop; SELECT sespan.mail_enqueue(recipient => 'ani@example.com', subject => 'x', body_text => 'x')")
			printed, err := s.Command(t.Context(), "pg_dump --username=shop --file=refused.sql shop")
			refused = err != nil && strings.Contains(printed, "permission denied for table")
			if !refused {
				t.Errorf("pg_dump by the site's login: %v\n%s", err, printed)
			}
		},
		"the copies are whole": func() { s.copies(); looked = true },
	}
	if err := s.Run(t.Context(), steps); err != nil {
		t.Fatalf("docs/django-operations.md, %v", err)
	}
	if !refused || !looked {
		t.Error("the page has lost a mark")
	}
}

// init puts Sespan into a database, as docs/install.md does, and watches its customers.
func (s *site) init(database, settings, more, bind string) {
	s.t.Helper()
	address := "SESPAN_DATABASE_URL=" + s.server.URL(database)
	for _, command := range []string{
		"sespan init --table public.auth_user --site-login shop --key-file " + settings + ".key --env-file " + settings +
			" --smtp-url 'smtp://127.0.0.1:25?tls=none' --mail-from 'Shop <no-reply@shop.example>' --site-url http://127.0.0.1:8000" + more,
		"sespan bind-customers" + bind,
	} {
		if printed, err := s.Command(s.t.Context(), address+" "+command); err != nil {
			s.t.Fatalf("%s: %v\n%s", command, err, printed)
		}
	}
}

// copies looks at what was restored: the backup has both schemas of one moment and works,
// the copy of the site alone has its own tables, and Sespan comes into it as anywhere.
func (s *site) copies() {
	s.t.Helper()
	backup, alone := s.server.URL("shop_restored"), s.server.URL("shop_copy")
	users := "(SELECT count(*) = 2 AND count(*) FILTER (WHERE is_active) = 2 FROM public.auth_user)"
	s.until(backup, "the backup has the site and Sespan", users+" AND (SELECT count(*) = 1 FROM sespan.mail_message) AND sespan.customer_binding_state() = 'bound'")
	s.until(alone, "the copy has the site alone", users+" AND to_regnamespace('sespan') IS NULL AND (SELECT relacl IS NULL FROM pg_class WHERE oid = 'public.auth_user'::regclass)")
	s.init("shop_copy", "copy.env", " --role-prefix copy_", "") // on the same server
	s.until(alone, "Sespan is in the copy", "sespan.customer_binding_state() = 'bound'")
	raw, err := os.ReadFile(filepath.Join(s.Dir, "site.sql"))
	if err != nil || strings.Contains(string(raw), "sespan_service") {
		s.t.Errorf("the copy of the site names roles of Sespan: %v", err)
	}
}
