package app

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sespan/internal/access"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/devtools/smtptest"
)

// metric is one that is exported, or a line of docs/metrics.md.
type metric struct {
	kind   string
	labels map[string][]string // values, sorted
	open   map[string]bool     // of a line: labels whose values are no closed list
	from   string              // of a line: the parts that export it, or all
	broker bool                // of a line: only with a broker
}

const sectionOfTheBroker = "\n## The broker\n"

var (
	lineOfAMetric  = regexp.MustCompile("(?m)^\\| `(sespan_\\w+)` \\| (\\w+), [^|]+ \\| ([^|]+) \\| ([^|]+) \\| (.+) \\|$")
	groupOfMetrics = regexp.MustCompile("(?m)^- `(\\w+_)\\*`: ")
	labelOfALine   = regexp.MustCompile("^`(\\w+)`: (.+)$")
	valueOfALabel  = regexp.MustCompile("`([^`]+)`")
	typeExported   = regexp.MustCompile(`(?m)^# TYPE (\w+) (\w+)$`)
	labelExported  = regexp.MustCompile(`(\w+)="([^"]*)"`)
	partOfAFamily  = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// readMetricsPage reads the lines of docs/metrics.md.
func readMetricsPage(t *testing.T) (lines map[string]metric, groups []string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines = map[string]metric{}
	_, ofTheBroker, _ := strings.Cut(string(page), sectionOfTheBroker)
	ofTheBroker, _, _ = strings.Cut(ofTheBroker, "\n## ")
	for _, m := range lineOfAMetric.FindAllStringSubmatch(string(page), -1) {
		if _, twice := lines[m[1]]; twice {
			t.Errorf("%s has two lines", m[1])
		}
		line := metric{kind: m[2], labels: map[string][]string{}, open: map[string]bool{}, from: m[4], broker: strings.Contains(ofTheBroker, m[0])}
		for label := range strings.SplitSeq(m[3], "; ") {
			if label == "–" {
				continue
			}
			parts := labelOfALine.FindStringSubmatch(label)
			if parts == nil {
				t.Errorf("%s: the label %q is not written as `name`: values", m[1], label)
				continue
			}
			values := []string{}
			for _, v := range valueOfALabel.FindAllStringSubmatch(parts[2], -1) {
				values = append(values, v[1])
			}
			slices.Sort(values)
			line.labels[parts[1]] = values
			line.open[parts[1]] = strings.Trim(valueOfALabel.ReplaceAllString(parts[2], ""), ", ") != ""
		}
		lines[m[1]] = line
	}
	for _, g := range groupOfMetrics.FindAllStringSubmatch(string(page), -1) {
		groups = append(groups, g[1])
	}
	if rows := strings.Count(string(page), "\n| `sespan_"); rows != len(lines) || rows < 50 {
		t.Errorf("%d rows of metrics, %d of them in the form of the page", rows, len(lines))
	}
	return lines, groups
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readExported reads what a service exports.
func readExported(t *testing.T, admin string) map[string]metric {
	t.Helper()
	page := get(t, "http://"+admin+"/metrics")
	exported := map[string]metric{}
	for _, m := range typeExported.FindAllStringSubmatch(page, -1) {
		exported[m[1]] = metric{kind: m[2], labels: map[string][]string{}}
	}
	for _, s := range seriesScraped.FindAllStringSubmatch(page, -1) {
		m, known := exported[s[1]]
		if !known {
			m = exported[partOfAFamily.ReplaceAllString(s[1], "")]
		}
		for _, l := range labelExported.FindAllStringSubmatch(s[2], -1) {
			if l[1] != "le" && !slices.Contains(m.labels[l[1]], l[2]) {
				m.labels[l[1]] = append(m.labels[l[1]], l[2])
			}
		}
	}
	for _, m := range exported {
		for _, values := range m.labels {
			slices.Sort(values)
		}
	}
	return exported
}

// inUse prepares a database so that each metric has something to show: a tier with both
// budgets, and people that were compared.
func inUse(t *testing.T) *pgtest.DB {
	t.Helper()
	db := pgtest.NewDB(t)
	pgtest.AddCustomer(t, db, "sari@example.com", true)
	db.Exec(t, `SELECT sespan.tier_save(name => 'all', probability => 1, discount => 0.1, budget_uses => 10, budget_amount => 1000000);
		SELECT sespan.people_lock(), sespan.people_compare('{}')`)
	return db
}

// Each metric that is exported has its line in docs/metrics.md, with its type, its labels
// and their values, and each line its metric: of the whole service, and of each part alone.
func TestMetricsPageIsWhatIsExported(t *testing.T) { //nolint:tparallel // the services end with the test, before parallel subtests would begin
	t.Parallel()
	comparePage(t, "", "api,mail,maintenance", "api", "mail", "maintenance")
}

// With a broker there are some more, of the whole service and of each part that uses it.
func TestMetricsPageIsWhatIsExportedWithABroker(t *testing.T) { //nolint:tparallel // as above
	t.Parallel()
	comparePage(t, "kafka://"+startKafka(t), "api,mail,announce,maintenance", "mail", "announce")
}

func comparePage(t *testing.T, broker string, runs ...string) {
	t.Helper()
	lines, groups := readMetricsPage(t)
	if broker == "" {
		maps.DeleteFunc(lines, func(_ string, m metric) bool { return m.broker })
	}
	db, relay := inUse(t), startMailServer(t, smtptest.Options{})
	parts := map[string]string{}
	var whole *running
	for _, run := range runs {
		admin := freeAddress(t)
		s := serveOn(t, db, "--run="+run, "--admin-addr="+admin, "--mail-from=shop@shop.example", "--smtp-url=smtp://"+relay.Address+"?tls=none", "--broker-url="+broker)
		parts[run] = admin
		if whole == nil {
			whole = s
		}
	}
	use(t, whole)
	for run, admin := range parts {
		t.Run(run, func(t *testing.T) {
			exported := settledExport(t, admin, lines, run)
			compareMetrics(t, run, exported, lines, groups)
			page := get(t, "http://"+admin+"/metrics")
			has := regexp.MustCompile(`(?m)^sespan_schema_version (\d+)$`).FindStringSubmatch(page)
			wants := regexp.MustCompile(`(?m)^sespan_schema_version_wanted (\d+)$`).FindStringSubmatch(page)
			if has == nil || wants == nil || has[1] != wants[1] || has[1] == "0" {
				t.Errorf("the schema has version %q, the program wants %q", has, wants)
			}
		})
	}
}

// use makes calls that succeed and that fail.
func use(t *testing.T, s *running) {
	t.Helper()
	key := s.key(access.RoleService)
	for _, call := range []struct{ path, body string }{
		{"/v1/logins", `{"username":"sari","outcome":"success","ip":"192.0.2.7"}`},
		{"/v1/otp", `{"email":"sari@example.com","purpose":"login"}`},
		{"/v1/transactions", `{"order_ref":"A-1","transaction_amount":"100.00","customer_id":1}`},
		{"/v1/transactions", `{}`},
		{"/v1/nothing", `{}`},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.addr+call.path, strings.NewReader(call.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+key)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
}

// expectedOf are the lines that the parts export.
func expectedOf(run string, lines map[string]metric) map[string]metric {
	expected, parts := maps.Clone(lines), strings.Split(run, ",")
	maps.DeleteFunc(expected, func(_ string, m metric) bool {
		return m.from != "all" && !slices.ContainsFunc(strings.Split(m.from, ", "), func(part string) bool { return slices.Contains(parts, part) })
	})
	return expected
}

// settledExport scrapes until each expected metric is there; what is read from the
// database and the worker's queue comes with the first looks.
func settledExport(t *testing.T, admin string, lines map[string]metric, run string) map[string]metric {
	t.Helper()
	late := time.After(time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		exported, missing := readExported(t, admin), ""
		for name := range expectedOf(run, lines) {
			if m, there := exported[name]; !there || len(lines[name].labels) > 0 && len(m.labels) == 0 {
				missing = name
			}
		}
		if missing == "" {
			return exported
		}
		select {
		case <-late:
			t.Errorf("--run=%s does not export %s, which has a line", run, missing)
			return exported
		case <-tick.C:
		}
	}
}

func compareMetrics(t *testing.T, run string, exported, lines map[string]metric, groups []string) {
	t.Helper()
	expected := expectedOf(run, lines)
	for name, m := range exported {
		if slices.ContainsFunc(groups, func(g string) bool { return strings.HasPrefix(name, g) }) {
			continue
		}
		line, there := expected[name]
		if !there {
			t.Errorf("--run=%s exports %s, which has no line for it", run, name)
			continue
		}
		if line.kind != m.kind {
			t.Errorf("%s is a %s, its line says %s", name, m.kind, line.kind)
		}
		if got, want := slices.Sorted(maps.Keys(m.labels)), slices.Sorted(maps.Keys(line.labels)); !slices.Equal(got, want) {
			t.Errorf("%s has the labels %v, its line says %v", name, got, want)
		}
		for label, values := range m.labels {
			if err := compareValues(run, label, values, line); err != nil {
				t.Errorf("--run=%s: %s: %v", run, name, err)
			}
		}
	}
	for _, g := range groups {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(exported)), func(name string) bool { return strings.HasPrefix(name, g) }) {
			t.Errorf("nothing is exported of the group %s*", g)
		}
	}
}

// compareValues holds the values of a label against the closed list of its line. Pools and
// roles are those of the parts that run.
func compareValues(run, label string, values []string, line metric) error {
	if line.open[label] {
		return nil
	}
	want := line.labels[label]
	if label == "pool" || label == "role" {
		want = slices.DeleteFunc(slices.Clone(want), func(value string) bool {
			part := map[string]string{"log": "api", "draw": "api", "report": "api", "mail": "mail", "announce": "announce", "announcer": "announce", "consumer": "mail"}[value]
			return part != "" && !strings.Contains(run, part)
		})
	}
	if !slices.Equal(values, want) {
		return fmt.Errorf("the label %s has the values %v, its line says %v", label, values, want)
	}
	return nil
}
