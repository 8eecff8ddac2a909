package cli

import (
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestComposeMonitoring(t *testing.T) {
	t.Parallel()
	c := loadCompose(t)
	var monitoring []string
	for name, s := range c.Services {
		if slices.Equal(s.Profiles, []string{"monitoring"}) {
			monitoring = append(monitoring, name)
			if !regexp.MustCompile(`:v?\d+\.\d+\.\d+$`).MatchString(s.Image) {
				t.Errorf("%s has the image %s, want one version", name, s.Image)
			}
		} else if len(s.Profiles) > 0 && !slices.Contains([]string{"rabbitmq", "kafka"}, s.Profiles[0]) {
			t.Errorf("%s is of the profiles %v", name, s.Profiles)
		}
	}
	if slices.Sort(monitoring); !slices.Equal(monitoring, []string{"grafana", "nginx", "prometheus"}) {
		t.Errorf("the profile monitoring has %v", monitoring)
	}
	if p := c.Services["grafana"].Ports; len(p) > 0 {
		t.Errorf("Grafana is published at %v, past nginx", p)
	}
	types, err := os.ReadFile(filepath.Join(root, "internal/devtools/dashboards/typescript/package.json"))
	if err != nil {
		t.Fatal(err)
	}
	_, version, _ := strings.Cut(c.Services["grafana"].Image, ":")
	if !strings.Contains(string(types), `"@grafana/schema": "`+version+`"`) {
		t.Errorf("Grafana is %s, which is not that of the types that the dashboards are checked with", version)
	}
}

// project gives the file of the project that a service sees at a path.
func (s service) project(t *testing.T, path string) string {
	t.Helper()
	for _, mount := range s.Volumes {
		parts := strings.Split(mount, ":")
		if rest, under := strings.CutPrefix(path, parts[1]+"/"); under && strings.HasPrefix(parts[0], "./") {
			found := filepath.Join(root, parts[0], rest)
			if _, err := os.Stat(found); err != nil {
				t.Errorf("nothing is mounted at %s: %v", path, err)
			}
			return found
		}
	}
	t.Errorf("%s is in no folder that is mounted", path)
	return os.DevNull
}

// Prometheus shares serve's network: prometheus.yml scrapes the loopback.
func TestComposePrometheus(t *testing.T) {
	t.Parallel()
	c := loadCompose(t)
	prometheus, sespan := c.Services["prometheus"], c.Services["sespan"]
	flags := map[string]string{}
	for _, argument := range prometheus.Command {
		name, value, _ := strings.Cut(argument, "=")
		flags[name] = value
	}
	config, err := os.ReadFile(prometheus.project(t, flags["--config.file"]))
	if err != nil {
		t.Fatal(err)
	}
	_, admin, _ := net.SplitHostPort(sespan.Environment["SESPAN_ADMIN_ADDR"])
	if prometheus.NetworkMode != "service:sespan" || !strings.Contains(string(config), `targets: ["127.0.0.1:`+admin+`"]`) {
		t.Errorf("in the network %q nothing is at the port %s", prometheus.NetworkMode, admin)
	}
	_, port, err := net.SplitHostPort(flags["--web.listen-address"])
	if want := "http://sespan:" + port; err != nil || port == admin || c.Services["grafana"].Environment["SESPAN_PROMETHEUS_URL"] != want {
		t.Errorf("Grafana does not ask %s (%v)", want, err)
	}
	help := prometheusHelp(t)
	for name := range flags {
		if !regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(name) + `=`).MatchString(help) {
			t.Errorf("Prometheus has no flag %s", name)
		}
	}
}

// prometheusHelp is what the Prometheus of the alerts' tests says of its flags; where none
// has been fetched, what version 3.5 says of those that are used.
func prometheusHelp(t *testing.T) string {
	t.Helper()
	for _, name := range []string{filepath.Join(root, ".cache/bin/prometheus"), "prometheus"} {
		if out, err := exec.CommandContext(t.Context(), name, "--help").CombinedOutput(); err == nil {
			return string(out)
		}
	}
	return "\n  --config.file=\n  --storage.tsdb.path=\n  --storage.tsdb.retention.time=\n  --web.listen-address=\n"
}

// grafanaINI gives the values of grafana.ini by the variables that stand for them.
func grafanaINI(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "grafana/grafana.ini"))
	if err != nil {
		t.Fatal(err)
	}
	values, section := map[string]string{}, ""
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if name, is := strings.CutPrefix(line, "["); is {
			section = strings.TrimSuffix(name, "]")
		} else if key, value, is := strings.Cut(line, " = "); is && !strings.HasPrefix(line, "#") {
			name := strings.NewReplacer(".", "_", "-", "_").Replace("GF_" + section + "_" + key)
			values[strings.ToUpper(name)] = value
		}
	}
	return values
}

// Each variable of Grafana changes a line of grafana.ini, and each path is there.
func TestComposeGrafana(t *testing.T) {
	t.Parallel()
	c, ini := loadCompose(t), grafanaINI(t)
	grafana := c.Services["grafana"]
	env := maps.Clone(grafana.Environment)
	if got := grafana.project(t, env["GF_PATHS_CONFIG"]); got != filepath.Join(root, "grafana/grafana.ini") {
		t.Errorf("its settings are %s", got)
	}
	delete(env, "GF_PATHS_CONFIG")       // the image's own
	delete(env, "SESPAN_PROMETHEUS_URL") // that of the data source, see below
	for name, value := range env {
		if was, known := ini[name]; !known || was == value && name != "GF_PATHS_PROVISIONING" { // the image sets this one
			t.Errorf("%s=%s stands for nothing in grafana.ini, or for what it is (%q)", name, value, was)
		}
	}
	if home := ini["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]; filepath.Base(grafana.project(t, home)) != "overview.json" {
		t.Errorf("the home page is %s", home)
	}
	if jwks, shop := env["GF_AUTH_JWT_JWK_SET_FILE"], c.Services["shop"].Environment["SESPAN_SIGNING_KEY_FILE"]; jwks != shop+".jwks.json" ||
		jwks != c.Services["sespan"].Environment["SESPAN_JWKS"] {
		t.Errorf("its keys are %s, the shop signs with %s", jwks, shop)
	}
	published, _, _ := strings.Cut(strings.TrimPrefix(c.Services["nginx"].Ports[0], "127.0.0.1:"), ":")
	if u, err := url.Parse(env["GF_SERVER_ROOT_URL"]); err != nil || u.Port() != published || u.Path != "/grafana/" {
		t.Errorf("Grafana takes itself for %v, nginx is at %s", u, published)
	}
	provisioning := grafana.project(t, env["GF_PATHS_PROVISIONING"])
	provisioned(t, filepath.Join(provisioning, "datasources/sespan.yml"), "datasources", "url", "$SESPAN_PROMETHEUS_URL")
	options := provisioned(t, filepath.Join(provisioning, "dashboards/sespan.yml"), "providers", "type", "file")["options"].(map[string]any)
	if got := grafana.project(t, options["path"].(string)); got != filepath.Join(root, "grafana/dashboards") {
		t.Errorf("the dashboards are looked for in %s", got)
	}
}

// provisioned gives the one entry of a file of Grafana's provisioning.
func provisioned(t *testing.T, path, list, key, want string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]any{}
	if err := yaml.Unmarshal(raw, &content); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	entries, _ := content[list].([]any)
	if len(entries) != 1 || content["apiVersion"] != 1 {
		t.Fatalf("%s: %v", path, content)
	}
	entry := entries[0].(map[string]any)
	if entry[key] != want {
		t.Errorf("%s: %s is %v, want %s", path, key, entry[key], want)
	}
	return entry
}

// nginx runs with grafana/nginx.conf, in which each address of the example is another's.
func TestComposeNginx(t *testing.T) {
	t.Parallel()
	c := loadCompose(t)
	nginx := c.Services["nginx"]
	command := nginx.Command[len(nginx.Command)-1]
	raw, err := os.ReadFile(nginx.project(t, regexp.MustCompile(`/etc/sespan\S+`).FindString(command)))
	if err != nil {
		t.Fatal(err)
	}
	swaps := regexp.MustCompile(`-e 's/([^/]+)/([^/:]+):(\d+)/'`).FindAllStringSubmatch(command, -1)
	if len(swaps) != 3 {
		t.Fatalf("the command is %s", command)
	}
	for _, swap := range swaps {
		if strings.Count(string(raw), swap[1]) != 1 {
			t.Errorf("nginx.conf does not name %s once", swap[1])
		}
		if _, ok := c.Services[swap[2]]; !ok && !strings.HasSuffix(nginx.Ports[0], ":"+swap[3]) {
			t.Errorf("%s is no service, nor is %s published", swap[2], swap[3])
		}
	}
}

// The shop's variables are those of its own list.
func TestComposeShop(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(root, "django_bridge/example/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range loadCompose(t).Services {
		if s.Build == nil || s.Build.Dockerfile == "Dockerfile" {
			continue
		}
		for variable := range s.Environment {
			if !regexp.MustCompile(`(?m)^\|.*` + "`(" + variable + "|" + strings.TrimSuffix(variable, "_FILE") + ")`.*\\|").Match(raw) {
				t.Errorf("%s: the shop has no variable %s", name, variable)
			}
		}
	}
}
