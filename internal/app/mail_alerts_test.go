package app

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

var (
	metricOfARule = regexp.MustCompile(`\b(sespan_\w+)(?:\{([^}]*)\})?`)
	matcherOfIt   = regexp.MustCompile(`(\w+)(=~?)"([^"]*)"`)
	labelsOfARule = regexp.MustCompile(`by \(([^)]*)\)`)
	seriesScraped = regexp.MustCompile(`(?m)^(sespan_\w+)(?:\{(.*)\})? `)
)

// The alerts that ship watch what the worker really exports: each metric, each label
// and each value of it that they name is there as soon as the service runs.
func TestAlertsNameWhatTheWorkerExports(t *testing.T) {
	t.Parallel()
	var rules []byte
	for _, name := range []string{"sespan-mail.rules.yml", "sespan-api-log.rules.yml"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "grafana", "prometheus", name))
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, text...)
	}
	exported := scrape(t)
	named := metricOfARule.FindAllStringSubmatch(string(rules), -1)
	if len(named) < 14 {
		t.Fatalf("the rules name %d metrics: the test does not read them as it should", len(named))
	}
	for _, m := range named {
		found := false
		for _, series := range exported[m[1]] {
			found = found || matches(t, m[2], series)
		}
		if !found {
			t.Errorf("no series of the service matches %s", m[0])
		}
	}
	labels := ` job instance ` // Prometheus gives these
	for _, series := range exported {
		for _, s := range series {
			labels += regexp.MustCompile(`="[^"]*",?`).ReplaceAllString(s, " ")
		}
	}
	for _, by := range labelsOfARule.FindAllStringSubmatch(string(rules), -1) {
		for label := range strings.SplitSeq(by[1], ", ") {
			if !strings.Contains(" "+labels, " "+label+" ") {
				t.Errorf("no series has the label %s of %s", label, by[0])
			}
		}
	}
}

// scrape starts a service that sends mails and gives its series by metric.
func scrape(t *testing.T) map[string][]string {
	t.Helper()
	admin, relay := freeAddress(t), startMailServer(t, smtptest.Options{})
	serve(t, "--run=api,mail,maintenance", "--admin-addr="+admin, "--mail-from=shop@shop.example", "--smtp-url=smtp://"+relay.Address+"?tls=none")
	late := time.After(time.Minute)
	for tick := time.NewTicker(10 * time.Millisecond); ; { // the first look at the queue is on its way
		if exported := scrapeOnce(t, "http://"+admin+"/metrics"); len(exported["sespan_mail_queue"]) > 0 {
			return exported
		}
		select {
		case <-late:
			t.Fatal("the service exports no sespan_mail_queue")
		case <-tick.C:
		}
	}
}

func scrapeOnce(t *testing.T, url string) map[string][]string {
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
	page, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	exported := map[string][]string{}
	for _, s := range seriesScraped.FindAllStringSubmatch(string(page), -1) {
		exported[s[1]] = append(exported[s[1]], s[2])
	}
	return exported
}

// matches compares a selector's matchers with a series' labels.
func matches(t *testing.T, matchers, labels string) bool {
	t.Helper()
	for _, m := range matcherOfIt.FindAllStringSubmatch(matchers, -1) {
		value := m[3]
		if m[2] == "=" {
			value = regexp.QuoteMeta(value)
		}
		if !regexp.MustCompile(`(?:^|,)` + m[1] + `="(?:` + value + `)"`).MatchString(labels) {
			return false
		}
	}
	return true
}

// A mail that can never be sent is dead, with its reason in mail_dead, and raises the
// metric that the alert watches: also of a worker that starts only later. Once a
// person has seen to it the metric falls.
func TestDeadMailRaisesTheAlertsMetric(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	relay := startMailServer(t, smtptest.Options{Fault: func(at smtptest.Turn) smtptest.Fault {
		if at.Phase == smtptest.RCPT {
			return "550 5.1.1 no such user"
		}
		return smtptest.None
	}})
	enqueueTo(t, db, "retry", "nobody@b.co")
	deliverTo(t, db, nil, relay)
	deadline(t, db, "SELECT count(*) = 1 FROM sespan.mail_dead WHERE recipient = 'nobody@b.co' AND reason = 'rcpt_to' AND code = 550 AND reply LIKE '%no such user%'")

	reg := prometheus.NewRegistry()
	deliverTo(t, db, func(c *mail.WorkerConfig) { c.Metrics, c.DepthInterval = reg, impatience/8 }, relay)
	becomesDead(t, reg, 1)
	db.Exec(t, "SELECT sespan.mail_cancel(ARRAY(SELECT message_id FROM sespan.mail_dead), 'anna')")
	becomesDead(t, reg, 0)
}

// becomesDead looks until sespan_mail_queue{state="dead"} is n.
func becomesDead(t *testing.T, reg prometheus.Gatherer, n float64) {
	t.Helper()
	late := time.After(time.Minute)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		if v, known := deadGauge(t, reg); known && v == n {
			return
		}
		select {
		case <-late:
			t.Fatalf("the gauge of dead mails does not become %v", n)
		case <-tick.C:
		}
	}
}

func deadGauge(t *testing.T, reg prometheus.Gatherer) (v float64, known bool) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "sespan_mail_queue" && m.GetLabel()[0].GetValue() == "dead" {
				return m.GetGauge().GetValue(), true
			}
		}
	}
	return 0, false
}
