package app

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sespan/internal/access"
	"sespan/internal/devtools/pgtest"
)

// smallDisk is a disk of its own for a database: a tmpfs, a tablespace on it, and the
// file that fills it. Without a tablespace it is none: triggers of the tables that are
// written answer as a full disk does.
type smallDisk struct{ dir, tablespace string }

// newSmallDisk mounts it, where this process may mount.
func newSmallDisk(t *testing.T) *smallDisk {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "sespan-disk-") // the server's account may go there
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "size=64m"); err != nil {
		t.Logf("no disk of its own (%v): triggers stand for a full one", err)
		return &smallDisk{}
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	server := pgtest.EmptyDB(t)
	var data string
	if err := server.Pool.QueryRow(t.Context(), "SHOW data_directory").Scan(&data); err != nil {
		t.Fatal(err)
	}
	folder, d := filepath.Join(dir, "tables"), &smallDisk{dir, strings.Replace(server.Name, "test_", "disk_", 1)}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	var owner syscall.Stat_t
	if err := syscall.Stat(data, &owner); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(folder, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, "CREATE TABLESPACE "+d.tablespace+" LOCATION '"+folder+"'")
	t.Cleanup(func() { // the database on it is gone by then
		if _, err := server.Pool.Exec(context.Background(), "DROP TABLESPACE "+d.tablespace); err != nil {
			t.Error(err)
		}
	})
	return d
}

// fill leaves no room.
func (d *smallDisk) fill(t *testing.T, db *pgtest.DB) {
	t.Helper()
	if d.tablespace == "" {
		db.Exec(t, fullDisk)
		for _, table := range []string{"otp_challenge", "transaction_log", "api_log"} {
			db.Exec(t, "CREATE TRIGGER full_disk BEFORE INSERT ON sespan."+table+" FOR EACH STATEMENT EXECUTE FUNCTION public.full_disk()")
		}
		return
	}
	f, err := os.Create(filepath.Join(d.dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !strings.Contains(err.Error(), "no space left on device") {
		t.Fatal(err)
	}
}

func (d *smallDisk) makeRoom(t *testing.T, db *pgtest.DB) {
	t.Helper()
	if d.tablespace == "" {
		db.Exec(t, "DROP FUNCTION public.full_disk() CASCADE")
		return
	}
	if err := os.Remove(filepath.Join(d.dir, "ballast")); err != nil {
		t.Fatal(err)
	}
}

// written is a call that writes, what answers it, and the rows that prove it.
type written struct {
	path, body string // with the number of the call
	status     int
	proof      string
	answered   int
	refused    int
}

func writes() []*written {
	return []*written{
		{path: "/v1/otp", body: `{"email":"c%d@example.com","purpose":"login"}`, status: http.StatusAccepted, proof: "SELECT count(*) FROM sespan.otp_challenge"},
		{path: "/v1/transactions", body: `{"customer_id":1,"order_ref":"A-%d","transaction_amount":"100.00"}`, status: http.StatusCreated, proof: "SELECT count(*) FROM sespan.transaction_log"},
	}
}

// The disk of the database is full, for real: callers of what has to be written get 503 and
// nothing else, the process stays, and as soon as there is room all goes on; what was answered
// is there, and rows of the API log that are not are counted. (Where the disk of the WAL is
// full the server ends itself: the failure "the database is away".)
func TestFullDiskIsToldShownAndOver(t *testing.T) {
	t.Parallel()
	disk := newSmallDisk(t)
	db := inUse(t)
	pgtest.CheckCounts(t, db)
	db.Exec(t, "INSERT INTO public.auth_user (username, email, is_active) SELECT 'c' || i, 'c' || i || '@example.com', true FROM generate_series(1, 3000) i")
	b := &broken{running: &running{t: t, db: db}, admin: freeAddress(t)}
	if disk.tablespace != "" {
		b.elsewhere("ALTER DATABASE %I CONNECTION LIMIT 0") // nobody but the superuser, who is away
		b.elsewhere("ALTER DATABASE %I SET TABLESPACE " + disk.tablespace)
		b.elsewhere("ALTER DATABASE %I CONNECTION LIMIT -1")
	}
	b.running = serveWith(t, db, func(o *Options) { o.HealthEvery = 100 * time.Millisecond }, "--run=api", "--admin-addr="+b.admin)
	b.key = b.running.key(access.RoleService)
	calls, n := writes(), 0
	call := func() {
		n++
		for _, c := range calls {
			switch status := b.status(c.path, fmt.Sprintf(c.body, n)); status {
			case c.status:
				c.answered++
			case http.StatusServiceUnavailable:
				c.refused++
			default:
				t.Fatalf("%s is answered %d\n%s", c.path, status, b.tail())
			}
		}
	}
	call()
	disk.fill(t, db)
	b.wait("every call that writes is refused", func() bool {
		call()
		return calls[0].refused > 0 && calls[1].refused > 0
	})
	if v, _ := b.value(`sespan_http_requests_total{code="503",method="POST",request_type="OTP",route="/v1/otp"}`); v < 1 {
		t.Error("no metric shows it")
	}
	lost := `sespan_apilog_events_total{event="lost"}`
	b.wait("rows of the API log are lost", func() bool { v, _ := b.value(lost); return v > 0 })
	if !strings.Contains(b.log.String(), "No space left on device") {
		t.Error("the log does not say it")
	}
	b.looks(2)
	if answer := b.readyz(); !strings.Contains(answer, `"status":"ok"`) { // reads go on
		t.Errorf("/readyz: %s", answer)
	}
	disk.makeRoom(t, db)
	for _, c := range calls {
		c.refused = 0
	}
	for range 10 {
		call()
	}
	for _, c := range calls {
		if c.refused > 0 {
			t.Errorf("%s is refused after there was room", c.path)
		}
		if rows := b.count(c.proof); rows != c.answered {
			t.Errorf("%s: %d answered, %d rows", c.path, c.answered, rows)
		}
	}
	b.wait("each call has its row in the API log, or is counted as lost", func() bool {
		v, _ := b.value(lost)
		return b.count("SELECT count(*) FROM sespan.api_log")+int(v) == len(calls)*n
	})
}

func (b *broken) count(query string) (n int) {
	b.t.Helper()
	if err := b.db.Pool.QueryRow(b.t.Context(), query).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}
